//! What a job asks of the memory, and what may be given to it.

use serde::Serialize;

use crate::schema::size::Size;

/// Which text encoders stay in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoders {
    /// Both, all of the time.
    Both,
    /// Both while a prompt is encoded.
    WhileEncoding,
    /// CLIP while a prompt is encoded, and of T5 one layer after the other.
    #[default]
    OneLayer,
}

/// What a job asks for, as far as memory goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// The picture's size.
    pub size: Size,
    /// Tokens of the prompt that T5 reads.
    pub text_tokens: usize,
    /// Denoising steps of one picture.
    pub steps: usize,
    /// Pictures.
    pub pictures: usize,
    /// Whether the prompt's encoding is at hand.
    pub knows_prompt: bool,
    /// Bytes of the safety checker that looks at the pictures; 0 where none does.
    pub checker: u64,
}

/// The memory that a job may take, and how fast the device is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The most bytes that the process may hold; `None` where nothing limits it.
    pub bytes: Option<u64>,
    /// What the process holds before any model is in it.
    pub base: u64,
    /// Multiplications and additions per second.
    pub operations: f64,
    /// Bytes per second that a file is read with.
    pub reading: f64,
}

impl Load {
    /// Image tokens: a latent patch each.
    pub(super) fn image_tokens(&self, factor: u64) -> u64 {
        let patch = 2 * factor.max(1);
        u64::from(self.size.width) / patch * (u64::from(self.size.height) / patch)
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.size.width) * u64::from(self.size.height)
    }
}
