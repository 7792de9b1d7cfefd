//! The tools of the canvas, and what can be set about them.

use egui::Key;

use crate::imaging::mask::ink::Ink;
use crate::session::settings::{Painting, Tool};
use crate::ui::icons;

/// The widest brush, in pixels.
pub(super) const WIDEST: f32 = 1024.0;

/// Every tool in the order of the bar, with its icon and its key.
pub(crate) const TOOLS: [(Tool, &str, Key); 9] = [
    (Tool::Brush, icons::BRUSH, Key::B),
    (Tool::Eraser, icons::ERASER, Key::E),
    (Tool::Rectangle, icons::RECTANGLE, Key::R),
    (Tool::Ellipse, icons::ELLIPSE, Key::O),
    (Tool::Lasso, icons::LASSO, Key::L),
    (Tool::Polygon, icons::POLYGON, Key::P),
    (Tool::Bucket, icons::BUCKET, Key::G),
    (Tool::Hand, icons::HAND, Key::H),
    (Tool::Crop, icons::CROP, Key::K),
];

/// Whether a tool paints with the brush.
pub(super) fn is_brush(tool: Tool) -> bool {
    matches!(tool, Tool::Brush | Tool::Eraser)
}

/// What a tool does to the mask when nothing else is held.
pub(super) fn ink(tool: Tool) -> Ink {
    if tool == Tool::Eraser {
        Ink::Erase
    } else {
        Ink::Paint
    }
}

/// Makes the brush as wide on a picture whose longest side is `longest` as it was on the last one, seen as a whole.
pub(super) fn fit_brush(painting: &mut Painting, longest: u32) {
    if painting.width == 0.0 || painting.width_for == 0 {
        painting.width = (longest as f32 / 16.0).round();
    } else if !painting.brush_keeps_size {
        painting.width *= longest as f32 / painting.width_for as f32;
    }
    painting.width = painting.width.clamp(1.0, WIDEST);
    painting.width_for = longest;
}

/// Makes the brush wider or narrower by a number of notches.
pub(super) fn widen(painting: &mut Painting, notches: f32) {
    // An eighth of the width, but a whole pixel at least.
    let change = (painting.width * 0.125).max(1.0);
    painting.width = (painting.width + change * notches).clamp(1.0, WIDEST);
}

/// Makes the edge of the brush harder or softer.
pub(super) fn harden(painting: &mut Painting, by: f32) {
    painting.hardness = ((painting.hardness + by) * 20.0).round().clamp(0.0, 20.0) / 20.0;
}

/// Switches between brush and eraser.
pub(super) fn swap(painting: &mut Painting) {
    painting.tool = if painting.tool == Tool::Brush {
        Tool::Eraser
    } else {
        Tool::Brush
    };
}
