//! The tools of the canvas, what can be set about them, and what the hand does with them.

use egui::{Key, PointerButton, Pos2, Rect, TouchId};

use crate::imaging::mask::ink::{Ink, Point};
use crate::imaging::mask::shapes;
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
    match tool {
        Tool::Eraser => Ink::Erase,
        _ => Ink::Paint,
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
    painting.tool = match painting.tool {
        Tool::Brush => Tool::Eraser,
        _ => Tool::Brush,
    };
}

/// The outline of what a tool drags from one corner to another: an ellipse or a rectangle.
pub(super) fn outline(tool: Tool, from: Point, to: Point) -> Vec<Point> {
    if tool == Tool::Ellipse {
        shapes::ellipse(from, to)
    } else {
        shapes::rectangle(from, to)
    }
}

/// What is being done.
#[derive(Clone, Debug, Default)]
pub(super) enum Gesture {
    #[default]
    Idle,
    /// The mask is in a stroke.
    Stroke,
    /// A rectangle is dragged; for an ellipse the one around it.
    Span { from: Point, to: Point, ink: Ink },
    /// An outline is drawn, or clicked corner by corner.
    Outline { points: Vec<Point>, ink: Ink },
    /// A part to cut out is chosen and waits to be confirmed.
    Chosen { from: Point, to: Point },
    /// The tip of the brush is changed: sideways its width, up and down its hardness.
    Tip { from: Pos2, before: Painting },
}

/// What is known of the pointer.
#[derive(Debug, Default)]
pub(super) struct Pointer {
    /// Where it was last.
    pub(super) at: Option<Pos2>,
    /// The button that is held for the gesture.
    pub(super) button: Option<PointerButton>,
    /// The button that is held to move the picture, which may be in the middle of a gesture.
    pub(super) pan: Option<PointerButton>,
    /// The pen or finger that touches, and how hard it presses if it tells.
    pub(super) touch: Option<(TouchId, Option<f32>)>,
    /// Where the canvas was when the button went down: what happens around it must not move the picture meanwhile.
    pub(super) place: Option<Rect>,
}

impl Pointer {
    pub(super) fn is_held(&self) -> bool {
        self.button.is_some() || self.pan.is_some()
    }

    /// Whether the picture is being moved.
    pub(super) fn pans(&self) -> bool {
        self.pan.is_some()
    }

    /// Where the canvas is taken to be, while it is drawn at `now`.
    pub(super) fn place(&self, now: Rect) -> Rect {
        self.place.filter(|_| self.is_held()).unwrap_or(now)
    }
}

/// The other ink.
pub(super) fn turned(ink: Ink) -> Ink {
    match ink {
        Ink::Paint => Ink::Erase,
        Ink::Erase => Ink::Paint,
    }
}

/// The corner that makes a square with `from`, in the direction of `to`.
pub(super) fn equal_sides(from: Point, to: Point) -> Point {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let side = dx.abs().max(dy.abs());
    let (x, y) = (from.x + side.copysign(dx), from.y + side.copysign(dy));
    Point { x, y }
}

/// The place nearest to `to` that lies level, upright or at 45° from `from`.
pub(super) fn straightened(from: Point, to: Point) -> Point {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let eighth = std::f32::consts::FRAC_PI_4;
    let angle = (dy.atan2(dx) / eighth).round() * eighth;
    let (sin, cos) = angle.sin_cos();
    let length = dx * cos + dy * sin;
    let (x, y) = (from.x + length * cos, from.y + length * sin);
    Point { x, y }
}
