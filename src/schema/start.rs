//! What a job starts from besides noise: a picture, a mask, and the size that follows from them.

use std::path::PathBuf;

use crate::schema::choices::{Fidelity, Format};
use crate::schema::circumstances::{Circumstances, Look, PictureFacts};
use crate::schema::fields::MAX_EXTEND;
use crate::schema::notes::Findings;
use crate::schema::params::Params;
use crate::schema::quirks;
use crate::schema::size::{MAX_PIXELS, Size};
use crate::schema::text;

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
        Size::new(
            size.width + self.left + self.right,
            size.height + self.top + self.bottom,
        )
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
/// With a problem among the findings the result does not matter.
pub(super) fn resolve(
    params: &Params,
    circumstances: Circumstances<'_>,
    findings: &mut Findings,
) -> Option<(Start, Size)> {
    let fidelity = circumstances.fidelity;
    let Some(image) = &params.image else {
        if params.mask.is_some() {
            findings.add(quirks::mask_without_image(fidelity));
        }
        return None;
    };
    if params.prompt_strength == 0.0 {
        findings.add(quirks::zero_prompt_strength(fidelity));
    }
    let mut size_of = |field, look| Some(looked_at(field, look, findings)?.size(fidelity));
    let image_size = size_of("image", circumstances.image);
    let mask = params.mask.as_ref();
    let mask_size = mask.and_then(|_| size_of("mask", circumstances.mask));
    let image_size = image_size?;
    if mask_size.is_some_and(|mask_size| !mask_size.has_shape_of(image_size)) {
        findings.notes.extend(quirks::stretched_mask_note(fidelity));
    }

    let extend = Extend::of(params, fidelity);
    let whole = extend.around(image_size);
    if !extend.is_nothing() && whole.pixels() > MAX_PIXELS {
        findings.problem("extend_left", text::too_large(whole));
    }
    let repaint = repaint(params, circumstances, extend);
    let size = match &repaint {
        Some(Repaint { crop: Some(_), .. }) => whole,
        _ => quirks::fitted_size(whole, circumstances.native_side),
    };
    if size != whole {
        findings.note("image", text::fitted(whole, size));
    }
    let is_restored = repaint.as_ref().is_some_and(|repaint| repaint.restore);
    check_format(params, size, is_restored, findings);
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
fn looked_at(field: &str, look: Option<&Look>, findings: &mut Findings) -> Option<PictureFacts> {
    match look {
        Some(Ok(facts)) => return Some(*facts),
        Some(Err(sentence)) => findings.problem(field, sentence.clone()),
        None => findings.problem(field, text::NOT_LOOKED_AT),
    }
    None
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

/// Finds what a file of the format cannot do for the result: keep pixels as they are, or hold sides so long, which is
/// better said before the work than after it.
fn check_format(params: &Params, size: Size, is_restored: bool, findings: &mut Findings) {
    if is_restored && params.output_format != "png" {
        findings.note("output_format", text::lossy(&params.output_format));
    }
    let longest = Format::named(&params.output_format).and_then(Format::longest_side);
    if let Some(limit) = longest.filter(|limit| size.width.max(size.height) > *limit) {
        findings.problem("output_format", text::too_long_for_format(limit, size));
    }
}
