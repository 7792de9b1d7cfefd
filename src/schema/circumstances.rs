//! What has to be known besides the inputs to turn them into a job.

use crate::schema::choices::Fidelity;
use crate::schema::quirks;
use crate::schema::size::{REFERENCE_SIDE, Size};

/// What the file of an input image says of itself before it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureFacts {
    /// Its size as stored.
    pub stored: Size,
    /// Whether its EXIF orientation swaps the sides.
    pub turned: bool,
}

impl PictureFacts {
    /// The size as it is worked on: upright, or as stored where the orientation is ignored.
    pub fn size(&self, fidelity: Fidelity) -> Size {
        if self.turned && quirks::applies_exif_orientation(fidelity) {
            Size::new(self.stored.height, self.stored.width)
        } else {
            self.stored
        }
    }
}

/// What a look at an input image's file has given: facts, or in one sentence why it cannot be used.
pub type Look = Result<PictureFacts, String>;

/// What [`Request::resolve`](crate::schema::request::Request::resolve) needs to know besides the inputs.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Whose behaviour is wanted.
    pub fidelity: Fidelity,
    /// Side in pixels of the square that the model draws best; 1024 for FLUX.1.
    pub native_side: u32,
    /// Whether the model is as wide as FLUX.1, so that the fine-tune's own LoRA can fit it.
    pub is_flux_sized: bool,
    /// Random bits, for a seed if none is given.
    pub random: u64,
    /// What the starting image's file says, where one is given.
    pub image: Option<&'a Look>,
    /// What the mask's file says, where one is given.
    pub mask: Option<&'a Look>,
}

impl Default for Circumstances<'_> {
    fn default() -> Self {
        Self {
            fidelity: Fidelity::default(),
            native_side: REFERENCE_SIDE,
            is_flux_sized: false,
            random: 0,
            image: None,
            mask: None,
        }
    }
}
