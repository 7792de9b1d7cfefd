//! What a job starts from besides noise: a picture, a mask, and the size that follows from them.

use std::path::PathBuf;

use crate::schema::extras::MAX_EXTEND;
use crate::schema::params::Params;
use crate::schema::quirks;
use crate::schema::request::Circumstances;
use crate::schema::size::{MAX_PIXELS, Size};
use crate::schema::{Fidelity, Note, Problem};

/// What the file of an input picture says of itself before it is decoded.
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
            Size {
                width: self.stored.height,
                height: self.stored.width,
            }
        } else {
            self.stored
        }
    }
}

/// What a look at an input picture's file has given: facts, or in one sentence why it cannot be used.
pub type Look = Result<PictureFacts, String>;

/// The picture a job starts from.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Its file.
    pub image: PathBuf,
    /// How many steps of the schedule are skipped; the others run.
    pub first_step: usize,
    /// What is added around it first.
    pub extend: Extend,
    /// Its size with that, before it is fitted.
    pub whole: Size,
    /// What of it is repainted; `None` means all of it.
    pub repaint: Option<Repaint>,
}

/// Pixels added on each side of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extend {
    /// On the left.
    pub left: u32,
    /// Above.
    pub top: u32,
    /// On the right.
    pub right: u32,
    /// Below.
    pub bottom: u32,
}

impl Extend {
    /// What `params` add, where that acts.
    pub fn of(params: &Params, fidelity: Fidelity) -> Self {
        if !quirks::honours_extras(fidelity) {
            return Self::default();
        }
        // What is beyond the limits is a problem already, and must only not upset the arithmetic.
        let side = |pixels: i64| pixels.clamp(0, MAX_EXTEND) as u32;
        Self {
            left: side(params.extend_left),
            top: side(params.extend_top),
            right: side(params.extend_right),
            bottom: side(params.extend_bottom),
        }
    }

    /// Whether nothing is added.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// The size of a picture of `size` with it.
    pub fn around(self, size: Size) -> Size {
        Size {
            width: size.width + self.left + self.right,
            height: size.height + self.top + self.bottom,
        }
    }
}

/// What of a picture is repainted: what a mask says, and what an extension adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaint {
    /// The mask's file; without it only the extension is repainted.
    pub mask: Option<PathBuf>,
    /// Pixels of the result by which the mask's edge moves outwards, or inwards where negative.
    pub grow: i32,
    /// Pixels of the result over which old and new are blended, inside the mask's edge.
    pub feather: u32,
    /// Whether only the surroundings of the mask go through the model.
    pub crop: Option<Crop>,
    /// Whether only a mask is given, as the reference knows it, and nothing beyond the contract is asked for.
    pub is_plain: bool,
    /// Whether pixels outside the mask come back byte for byte.
    pub restore: bool,
}

/// How the surroundings of a mask are cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// Pixels around the mask that the model sees at least.
    pub margin: u32,
    /// Side in pixels of the square that the model draws best.
    pub native_side: u32,
}

impl Crop {
    /// What `params` ask for, where that acts.
    pub fn of(params: &Params, fidelity: Fidelity, native_side: u32) -> Option<Self> {
        let asked = params.crop_to_mask && quirks::honours_extras(fidelity);
        asked.then(|| Self {
            margin: u32::try_from(params.crop_margin).unwrap_or_default(),
            native_side,
        })
    }
}

/// The start of the job that `params` describe, with the size of its pictures; `None` for a job from noise alone.
///
/// Problems and notes are added to the lists; with a problem the result does not matter.
pub(super) fn resolve(
    params: &Params,
    circumstances: Circumstances<'_>,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) -> Option<(Start, Size)> {
    let fidelity = circumstances.fidelity;
    let Some(image) = &params.image else {
        if params.mask.is_some() {
            match quirks::mask_without_image(fidelity) {
                Ok(note) => notes.push(note),
                Err(problem) => problems.push(problem),
            }
        }
        return None;
    };
    if params.prompt_strength == 0.0 {
        match quirks::zero_prompt_strength(fidelity) {
            Ok(note) => notes.push(note),
            Err(problem) => problems.push(problem),
        }
    }
    let mut size_of = |field, look| Some(looked_at(field, look, problems)?.size(fidelity));
    let image_size = size_of("image", circumstances.image);
    let mask_size = match params.mask {
        Some(_) => size_of("mask", circumstances.mask),
        None => None,
    };
    let image_size = image_size?;
    if mask_size.is_some_and(|mask_size| !mask_size.has_shape_of(image_size)) {
        notes.extend(quirks::stretched_mask_note(fidelity));
    }

    let extend = Extend::of(params, fidelity);
    let whole = extend.around(image_size);
    if !extend.is_nothing() && whole.pixels() > MAX_PIXELS {
        problems.push(Problem::new(
            "extend_left",
            format!(
                "makes the picture too large, together with the other sides ({whole} px): {} megapixels are the most",
                MAX_PIXELS / 1_000_000
            ),
        ));
    }
    let repaint = repaint(params, circumstances, extend);
    let size = if repaint
        .as_ref()
        .is_some_and(|repaint| repaint.crop.is_some())
    {
        whole
    } else {
        quirks::fitted_size(whole, circumstances.native_side)
    };
    if size != whole {
        notes.push(Note::on(
            "image",
            format!("The starting picture of {whole} px was fitted to {size} px"),
        ));
    }
    if repaint.as_ref().is_some_and(|repaint| repaint.restore) && params.output_format != "png" {
        let message = format!(
            "A {} file changes every pixel a little: choose png to keep those outside the mask exactly",
            params.output_format
        );
        notes.push(Note::on("output_format", message));
    }
    if let Some(problem) = too_long_for_format(params, size) {
        problems.push(problem);
    }
    let steps = usize::try_from(params.num_inference_steps).unwrap_or_default();
    let start = Start {
        image: image.clone(),
        first_step: quirks::first_step(steps, params.prompt_strength),
        extend,
        whole,
        repaint,
    };
    Some((start, size))
}

/// The facts about the input picture `field`, or a problem with it.
fn looked_at(
    field: &str,
    look: Option<&Look>,
    problems: &mut Vec<Problem>,
) -> Option<PictureFacts> {
    match look {
        Some(Ok(facts)) => Some(*facts),
        Some(Err(sentence)) => {
            problems.push(Problem::new(field, sentence.clone()));
            None
        }
        None => {
            problems.push(Problem::new(
                field,
                "could not be looked at: choose it again",
            ));
            None
        }
    }
}

/// What of the picture is repainted.
fn repaint(params: &Params, circumstances: Circumstances<'_>, extend: Extend) -> Option<Repaint> {
    if params.mask.is_none() && extend.is_nothing() {
        return None;
    }
    let extras = quirks::honours_extras(circumstances.fidelity);
    Some(Repaint {
        mask: params.mask.clone(),
        grow: if extras { params.grow as i32 } else { 0 },
        feather: if extras { params.feather as u32 } else { 0 },
        crop: Crop::of(params, circumstances.fidelity, circumstances.native_side),
        is_plain: !extras
            || (params.grow, params.feather, params.crop_to_mask) == (0, 0, false)
                && extend.is_nothing(),
        restore: quirks::restores_unmasked_pixels(circumstances.fidelity),
    })
}

/// The problem with a picture that its format cannot hold, found before the work instead of after it.
fn too_long_for_format(params: &Params, size: Size) -> Option<Problem> {
    // WebP: <https://developers.google.com/speed/webp/faq#what_is_the_maximum_size_a_webp_image_can_be>; JPEG has 16 bits.
    let limit = match params.output_format.as_str() {
        "webp" => 16_383,
        "jpg" => 65_535,
        _ => return None,
    };
    (size.width.max(size.height) > limit).then(|| {
        Problem::new(
            "output_format",
            format!("holds at most {limit} px a side, and the result has {size}: choose png"),
        )
    })
}
