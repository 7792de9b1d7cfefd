//! The choices that a job is made of, each as a type.

use serde::{Deserialize, Serialize};

/// Whose behaviour is wanted where the reference is odd; see [`quirks`](crate::schema::quirks).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fidelity {
    /// What the inputs' descriptions promise.
    #[default]
    Corrected,
    /// What the reference really does on Replicate.
    AsReplicate,
}

/// Which FLUX.1 model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// Guidance-distilled, 28 steps or so, with a resolution-dependent shift of the schedule.
    Dev,
    /// Step-distilled, 4 steps, no guidance, no shift.
    Schnell,
}

impl Model {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Dev, Self::Schnell];

    /// The model called `name` in the contract.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.name() == name)
    }

    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Schnell => "schnell",
        }
    }

    /// The most T5 tokens it was trained with. <https://github.com/replicate/cog-flux/blob/51e81e0/diffusers_predictor.py>
    pub fn max_t5_tokens(self) -> usize {
        match self {
            Self::Dev => 512,
            Self::Schnell => 256,
        }
    }
}

/// The format of an image file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Lossy WebP.
    Webp,
    /// JPEG.
    Jpg,
    /// PNG; quality does not apply.
    Png,
}

impl Format {
    /// The format called `name` in the contract.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut all = [Self::Webp, Self::Jpg, Self::Png].into_iter();
        all.find(|format| format.extension() == name)
    }

    /// The ending of the file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Webp => "webp",
            Self::Jpg => "jpg",
            Self::Png => "png",
        }
    }

    /// The longest side that a file of this format can have, in pixels, where it has a limit.
    pub(super) fn longest_side(self) -> Option<u32> {
        match self {
            // <https://developers.google.com/speed/webp/faq#what_is_the_maximum_size_a_webp_image_can_be>
            Self::Webp => Some(16_383),
            // Sides have 16 bits.
            Self::Jpg => Some(65_535),
            Self::Png => None,
        }
    }
}

/// How an image is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    /// The file format.
    pub format: Format,
    /// 0 to 100; not used for PNG.
    pub quality: u8,
}
