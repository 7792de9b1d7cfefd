//! The glyphs of the icon font (Phosphor, `assets/fonts/make.sh`), and the window's own icon.

use egui::IconData;

pub(super) const RESET: &str = "\u{e038}";
pub(super) const OPEN: &str = "\u{e5de}";
pub(super) const DOWN: &str = "\u{e136}";
pub(super) const RIGHT: &str = "\u{e13a}";
pub(super) const UP: &str = "\u{e13c}";
pub(super) const DONE: &str = "\u{e184}";
pub(super) const SEED: &str = "\u{e198}";
pub(super) const COPY: &str = "\u{e1ca}";
pub(super) const DICE: &str = "\u{e1ee}";
pub(super) const FOLDER: &str = "\u{e256}";
pub(super) const SETTINGS: &str = "\u{e272}";
pub(super) const PICTURE: &str = "\u{e2ca}";
pub(super) const BROKEN: &str = "\u{e7a8}";
pub(super) const INFO: &str = "\u{e2ce}";
pub(super) const KEYBOARD: &str = "\u{e2d8}";
pub(super) const QUEUE: &str = "\u{e2f4}";
pub(super) const PAUSE: &str = "\u{e39e}";
pub(super) const PLAY: &str = "\u{e3d0}";
pub(super) const STOPPED: &str = "\u{e3de}";
pub(super) const HELP: &str = "\u{e3e8}";
pub(super) const RANDOM: &str = "\u{e422}";
pub(super) const PANELS: &str = "\u{ec24}";
pub(super) const SMILE: &str = "\u{e436}";
pub(super) const GENERATE: &str = "\u{e6a2}";
pub(super) const CLEAR: &str = "\u{e4a6}";
pub(super) const ERROR: &str = "\u{e4e2}";
pub(super) const CLOSE: &str = "\u{e4f6}";
pub(super) const WAITING: &str = "\u{e2b2}";
pub(super) const FIT: &str = "\u{e0a2}";
pub(super) const USE: &str = "\u{e434}";
pub(super) const BRUSH: &str = "\u{e6f0}";
pub(super) const ERASER: &str = "\u{e21e}";
pub(super) const RECTANGLE: &str = "\u{e3f0}";
pub(super) const ELLIPSE: &str = "\u{e18a}";
pub(super) const LASSO: &str = "\u{edc6}";
pub(super) const POLYGON: &str = "\u{e6d0}";
pub(super) const BUCKET: &str = "\u{e392}";
pub(super) const HAND: &str = "\u{e298}";
pub(super) const CROP: &str = "\u{e1d4}";
pub(super) const UNDO: &str = "\u{e08a}";
pub(super) const REDO: &str = "\u{e08c}";
pub(super) const INVERT: &str = "\u{e744}";
pub(super) const FILL: &str = "\u{e746}";
pub(super) const UNFILL: &str = "\u{e69e}";
pub(super) const FROM_ALPHA: &str = "\u{e18c}";
pub(super) const TURN_LEFT: &str = "\u{e038}";
pub(super) const TURN_RIGHT: &str = "\u{e036}";
pub(super) const EYE: &str = "\u{e220}";
pub(super) const EYE_CLOSED: &str = "\u{e224}";
pub(super) const SAVE: &str = "\u{e248}";
pub(super) const PASTE: &str = "\u{e196}";
pub(super) const COMPARE: &str = "\u{e870}";
pub(super) const MASK: &str = "\u{e9f4}";
pub(super) const RECENT: &str = "\u{e19a}";
pub(super) const ADD: &str = "\u{e3d4}";
pub(super) const EDIT: &str = "\u{e3b4}";
pub(super) const DOWNLOAD: &str = "\u{e20c}";

/// Side of the window's icon, in pixels.
const SIDE: u32 = 128;

/// The window's icon: a smiling green face with round glasses.
pub(super) fn window() -> IconData {
    let mut rgba = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let at = |pixels: u32| (pixels as f32 + 0.5) / SIDE as f32;
            rgba.extend_from_slice(&face(at(x), at(y)));
        }
    }
    IconData {
        rgba,
        width: SIDE,
        height: SIDE,
    }
}

/// The colour of the icon at a point; both coordinates run from 0 to 1.
fn face(x: f32, y: f32) -> [u8; 4] {
    const SKIN: [f32; 3] = [64.0, 200.0, 145.0];
    const INK: [f32; 3] = [12.0, 52.0, 40.0];
    const WHITE: [f32; 3] = [255.0; 3];
    let distance = |cx: f32, cy: f32| (x - cx).hypot(y - cy);
    let mut colour = SKIN;
    // How much of a pixel lies inside a shape whose edge is `depth` away.
    let cover = |depth: f32| (depth * SIDE as f32 + 0.5).clamp(0.0, 1.0);
    let mut paint = |ink: [f32; 3], depth: f32| {
        let cover = cover(depth);
        for (channel, ink) in colour.iter_mut().zip(ink) {
            *channel += (ink - *channel) * cover;
        }
    };
    for eye in [0.33, 0.67] {
        paint(INK, 0.145 - distance(eye, 0.43));
        paint(WHITE, 0.112 - distance(eye, 0.43));
        paint(INK, 0.042 - distance(eye, 0.44));
    }
    paint(INK, (0.018 - (y - 0.41).abs()).min(0.045 - (x - 0.5).abs()));
    // The mouth is the lower part of a ring.
    let ring = 0.024 - (distance(0.5, 0.56) - 0.2).abs();
    paint(INK, ring.min(y - 0.65));
    let [r, g, b] = colour.map(|channel| channel as u8);
    [r, g, b, (cover(0.48 - distance(0.5, 0.5)) * 255.0) as u8]
}
