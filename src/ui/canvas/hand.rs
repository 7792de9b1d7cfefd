//! What the hand is doing on the canvas.

use egui::{PointerButton, Pos2, Rect, TouchId};

use crate::imaging::mask::ink::{Ink, Point};
use crate::session::settings::Painting;

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
    /// Whether a button is held.
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
    Point {
        x: from.x + side.copysign(dx),
        y: from.y + side.copysign(dy),
    }
}

/// The place nearest to `to` that lies level, upright or at 45° from `from`.
pub(super) fn straightened(from: Point, to: Point) -> Point {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let eighth = std::f32::consts::FRAC_PI_4;
    let angle = (dy.atan2(dx) / eighth).round() * eighth;
    let length = dx * angle.cos() + dy * angle.sin();
    Point {
        x: from.x + length * angle.cos(),
        y: from.y + length * angle.sin(),
    }
}
