//! What every tool works with: places in the image, and paint.

/// A place in the image, in pixels: right and down.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// From the left edge.
    pub x: f32,
    /// From the top edge.
    pub y: f32,
}

impl Point {
    pub(super) const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// Whether it is a place at all.
    pub(super) fn is_finite(self) -> bool {
        self.x.is_finite() && self.y.is_finite()
    }
}

/// What a tool does to the mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ink {
    /// Adds to it.
    #[default]
    Paint,
    /// Takes away from it.
    Erase,
}

impl Ink {
    /// Applies this ink to a pixel that the tool covers by `cover`.
    pub(super) fn apply(self, pixel: &mut u8, cover: u8) {
        *pixel = match self {
            Self::Paint => (*pixel).max(cover),
            Self::Erase => (*pixel).min(255 - cover),
        };
    }

    /// The value of a pixel that the tool covers wholly.
    pub(super) fn value(self) -> u8 {
        match self {
            Self::Paint => 255,
            Self::Erase => 0,
        }
    }
}
