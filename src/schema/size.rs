//! From aspect ratio and megapixels to pixels.

use serde::{Deserialize, Serialize};

/// The square side, in pixels, that the presets are drawn up for.
pub const REFERENCE_SIDE: u32 = 1024;

/// Every side is a multiple of this: the VAE's factor 8 times the 2×2 patches of the transformer.
pub const SIDE_STEP: u32 = 16;

/// The most pixels of a picture that is worked on; 512 MiB at 4 bytes each.
pub const MAX_PIXELS: u64 = 1 << 27;

/// Width and height of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {}", self.width, self.height)
    }
}

impl Size {
    /// A size in pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Whether a picture of this size fits another without distortion, but for the rounding of a side.
    pub fn has_shape_of(self, other: Self) -> bool {
        let cross = |one: u32, other: u32| i64::from(one) * i64::from(other);
        let sides = [self.width, self.height, other.width, other.height];
        let slack = sides.into_iter().max().map_or(0, i64::from);
        (cross(self.width, other.height) - cross(other.width, self.height)).abs() <= slack
    }

    /// How many pixels it has.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Applies `change` to both sides.
    #[must_use]
    pub fn map(self, change: impl Fn(u32) -> u32) -> Self {
        Self::new(change(self.width), change(self.height))
    }
}

/// Sizes at one megapixel. <https://github.com/replicate/cog-flux/blob/51e81e0/predict.py> (`ASPECT_RATIOS`)
const PRESETS: [(&str, Size); 11] = [
    ("1:1", Size::new(1024, 1024)),
    ("16:9", Size::new(1344, 768)),
    ("21:9", Size::new(1536, 640)),
    ("3:2", Size::new(1216, 832)),
    ("2:3", Size::new(832, 1216)),
    ("4:5", Size::new(896, 1088)),
    ("5:4", Size::new(1088, 896)),
    ("3:4", Size::new(896, 1152)),
    ("4:3", Size::new(1152, 896)),
    ("9:16", Size::new(768, 1344)),
    ("9:21", Size::new(640, 1536)),
];

/// The size of a named ratio at `megapixels` `1` or `0.25`; `None` for `custom` and for unknown names.
///
/// At 0.25 each side is halved: <https://github.com/replicate/cog-flux/blob/51e81e0/predict.py>
pub fn preset(aspect_ratio: &str, megapixels: &str) -> Option<Size> {
    let (_, size) = PRESETS.iter().find(|(name, _)| *name == aspect_ratio)?;
    match megapixels {
        "1" => Some(*size),
        "0.25" => Some(size.map(|side| side / 2)),
        _ => None,
    }
}

/// Scales a size of the schema to a model whose native square is `native_side` pixels.
///
/// A FLUX.1 checkpoint has 1024 and nothing changes. The demo model has 128: one scale for everything, sides rounded up
/// to a multiple of 16 afterwards.
pub fn for_model(size: Size, native_side: u32) -> Size {
    let scaled = |side: u32| {
        (u64::from(side) * u64::from(native_side)).div_ceil(u64::from(REFERENCE_SIDE)) as u32
    };
    size.map(|side| scaled(side).next_multiple_of(SIDE_STEP))
}
