//! A job that can be run, and the one way to get there from what was typed.

use serde::{Deserialize, Serialize};

use crate::schema::extras::EXTRAS;
use crate::schema::fields::{self, Field, Kind};
use crate::schema::lora::{self, Lora};
use crate::schema::params::{Params, quoted};
use crate::schema::quirks;
use crate::schema::size::{self, REFERENCE_SIDE, Size};
use crate::schema::start::{self, Look, Start};
use crate::schema::{Fidelity, Note, Problem};

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

    /// The model of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.name() == name)
    }

    /// The most T5 tokens it was trained with. <https://github.com/replicate/cog-flux/blob/51e81e0/diffusers_predictor.py>
    pub fn max_t5_tokens(self) -> usize {
        match self {
            Self::Dev => 512,
            Self::Schnell => 256,
        }
    }

    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Schnell => "schnell",
        }
    }
}

/// The format of a picture file.
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
    /// The ending of the file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Webp => "webp",
            Self::Jpg => "jpg",
            Self::Png => "png",
        }
    }
}

/// How a picture is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    /// The file format.
    pub format: Format,
    /// 0 to 100; not used for PNG.
    pub quality: u8,
}

/// A job that can be run: size decided, seed fixed, everything within its limits. Nothing below validates again.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What the picture shows; may be empty.
    pub prompt: String,
    /// Size of the finished picture. Both sides are multiples of 16, except where a part of a starting picture is
    /// repainted at full resolution.
    pub size: Size,
    /// Which model runs.
    pub model: Model,
    /// Number of pictures, 1 to 4.
    pub num_outputs: usize,
    /// Denoising steps of the whole schedule, 1 to 50.
    pub steps: usize,
    /// The picture it starts from; without one it starts from noise.
    pub start: Option<Start>,
    /// Distilled guidance, 0 to 10; the default under schnell, which has none.
    pub guidance: f64,
    /// The seed of the noise.
    pub seed: u64,
    /// Whether the transformer's blocks run in 8 bits.
    pub go_fast: bool,
    /// The LoRAs that act.
    pub loras: Vec<Lora>,
    /// How the pictures are written.
    pub encoding: Encoding,
    /// Whether finished pictures are to be checked.
    pub safety_checked: bool,
    /// Whose behaviour is wanted.
    pub fidelity: Fidelity,
    /// What was decided on the way.
    pub notes: Vec<Note>,
}

/// What [`Request::resolve`] needs to know besides the inputs.
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
    /// What the starting picture's file says, where one is given.
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

impl Request {
    /// The denoising steps that run for each picture.
    pub fn running_steps(&self) -> usize {
        let skipped = self.start.as_ref().map_or(0, |start| start.first_step);
        self.steps.saturating_sub(skipped)
    }

    /// Turns inputs into a job.
    ///
    /// # Errors
    /// Every problem with every input, never only the first. For example numbers out of their limits, a custom size
    /// without its sides, a picture that cannot be read, or an input that this version cannot serve yet.
    pub fn resolve(
        params: &Params,
        circumstances: Circumstances<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let fidelity = circumstances.fidelity;
        let mut problems: Vec<_> = fields::all()
            .filter_map(|field| out_of_limits(field, params))
            .collect();
        let mut notes = Vec::new();

        let start = start::resolve(params, circumstances, &mut problems, &mut notes);
        let go_fast = params.go_fast && goes_fast(params, fidelity);
        let loras = lora::resolve(params, circumstances, go_fast, &mut problems, &mut notes);
        note_speed(params, fidelity, &mut notes);
        note_unused(params, fidelity, &loras, &mut notes);
        let (start, size) = match start {
            Some((start, size)) => (Some(start), Some(size)),
            None if params.image.is_some() => (None, None),
            None => (
                None,
                own_size(params, circumstances, &mut problems, &mut notes),
            ),
        };
        if params.image.is_some() && quirks::needs_custom_sides_with_image(fidelity) {
            check_custom_sides(params, &mut problems);
        }
        let seed = seed(params, circumstances, &mut problems, &mut notes);
        let model = Model::named(&params.model);
        let format = format(&params.output_format);

        // An unknown word is already among the problems, so a `None` here always comes with one.
        match (size, seed, model, format) {
            (Some(size), Some(seed), Some(model), Some(format)) if problems.is_empty() => {
                Ok(Self {
                    prompt: params.prompt.clone().unwrap_or_default(),
                    size,
                    model,
                    num_outputs: params.num_outputs as usize,
                    steps: params.num_inference_steps as usize,
                    start,
                    guidance: quirks::acting_guidance(
                        model == Model::Schnell,
                        params.guidance_scale,
                    ),
                    seed,
                    go_fast,
                    loras,
                    encoding: Encoding {
                        format,
                        quality: params.output_quality as u8,
                    },
                    safety_checked: !params.disable_safety_checker,
                    fidelity,
                    notes,
                })
            }
            _ => Err(problems),
        }
    }
}

/// The problem with a value that is missing, unknown or out of its limits.
fn out_of_limits(field: &Field, params: &Params) -> Option<Problem> {
    let unless = |inside: bool, value: &dyn std::fmt::Display| {
        let range = field.range_text().unwrap_or_default();
        (!inside).then(|| Problem::new(field.name, format!("must be {range}, not {value}")))
    };
    match field.kind {
        Kind::Text(access) if (access.get)(params).is_none() => {
            Some(Problem::new(field.name, "must be given"))
        }
        Kind::Choice {
            access, choices, ..
        } => {
            let value = (access.get)(params);
            (!choices.contains(&value.as_str())).then(|| {
                Problem::new(
                    field.name,
                    format!(
                        "must be {}, not '{}'",
                        quoted(choices),
                        value.escape_debug()
                    ),
                )
            })
        }
        Kind::Integer {
            access, min, max, ..
        } => {
            let value = (access.get)(params);
            unless((min..=max).contains(value), value)
        }
        Kind::OptionalInteger {
            access,
            limits: Some((min, max)),
        } => {
            let value = (access.get)(params).as_ref()?;
            unless((min..=max).contains(value), value)
        }
        Kind::Number {
            access, min, max, ..
        } => {
            let value = (access.get)(params);
            unless((min..=max).contains(value), value)
        }
        _ => None,
    }
}

/// Whether a wish for `go_fast` is honoured.
fn goes_fast(params: &Params, fidelity: Fidelity) -> bool {
    quirks::go_fast_honoured(
        fidelity,
        params.image.is_some(),
        params.aspect_ratio == "custom",
    )
}

/// Says when a wish for `go_fast` is not honoured.
fn note_speed(params: &Params, fidelity: Fidelity, notes: &mut Vec<Note>) {
    if params.go_fast && !goes_fast(params, fidelity) {
        notes.push(Note::on(
            "go_fast",
            "Ran in full precision, as Replicate does with a starting picture or a custom size",
        ));
    }
}

/// Why the input `name` does not act as the other inputs stand; `None` when it acts.
pub fn why_unused(name: &str, params: &Params) -> Option<&'static str> {
    let custom = params.aspect_ratio == "custom";
    let has_image = params.image.is_some();
    let masks = params.mask.is_some()
        || [
            params.extend_left,
            params.extend_top,
            params.extend_right,
            params.extend_bottom,
        ] != [0; 4];
    let blank =
        |reference: &Option<String>| reference.as_ref().is_none_or(|text| text.trim().is_empty());
    let (void, why) = match name {
        "aspect_ratio" | "width" | "height" | "megapixels" if has_image => {
            (true, "the size is that of the starting picture")
        }
        "width" | "height" => (!custom, "it acts only with aspect_ratio 'custom'"),
        "megapixels" => (custom, "it does not act with aspect_ratio 'custom'"),
        "mask" | "prompt_strength" | "extend_left" | "extend_top" | "extend_right"
        | "extend_bottom" => (!has_image, "it acts only with a starting picture"),
        "grow" | "feather" | "crop_to_mask" | "crop_margin" if !(has_image && masks) => {
            (true, "it acts only with a mask")
        }
        "crop_margin" => (
            !params.crop_to_mask,
            "it acts only when inpainting at full resolution",
        ),
        "guidance_scale" => (params.model == "schnell", "schnell has no guidance"),
        "output_quality" => (params.output_format == "png", "it does not act on png"),
        "lora_scale" => (blank(&params.replicate_weights), "there is no main LoRA"),
        "extra_lora_scale" => (blank(&params.extra_lora), "there is no extra LoRA"),
        _ => return None,
    };
    void.then_some(why)
}

/// A note for each wish that the other inputs or the mode make void. A mask has its own rule.
fn note_unused(params: &Params, fidelity: Fidelity, loras: &[Lora], notes: &mut Vec<Note>) {
    // The scale of a main LoRA that was filled in acts.
    let is_filled_in =
        |field: &Field| field.name == "lora_scale" && loras.iter().any(|lora| !lora.is_asked);
    let has_own_rule = |field: &Field| field.name == "mask" || is_filled_in(field);
    for field in fields::all().filter(|field| !has_own_rule(field) && !field.is_default(params)) {
        let beyond = EXTRAS.iter().any(|extra| extra.name == field.name);
        let why = why_unused(field.name, params).or_else(|| {
            (beyond && !quirks::honours_extras(fidelity)).then_some("Replicate has nothing like it")
        });
        if let Some(why) = why {
            notes.push(Note::on(
                field.name,
                format!("{} was not used: {why}", field.name),
            ));
        }
    }
}

/// The size of a job from noise alone.
fn own_size(
    params: &Params,
    circumstances: Circumstances<'_>,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) -> Option<Size> {
    let asked = asked_size(params, problems, notes)?;
    let native = circumstances.native_side;
    let size = size::for_model(asked, native);
    if native != REFERENCE_SIDE {
        notes.push(Note::general(format!(
            "This model draws at {native} × {native}: {asked} was scaled to {size} px"
        )));
    }
    Some(size)
}

/// The size asked for, in pixels of the schema: a preset, or a custom size with its sides rounded up.
fn asked_size(params: &Params, problems: &mut Vec<Problem>, notes: &mut Vec<Note>) -> Option<Size> {
    if params.aspect_ratio != "custom" {
        return size::preset(&params.aspect_ratio, &params.megapixels);
    }
    check_custom_sides(params, problems);
    // Beyond 16 bits the limits have already been spoken of, and the arithmetic below cannot overflow.
    let side = |typed: i128| u16::try_from(typed).ok().map(u32::from);
    let typed = Size {
        width: side(params.width?)?,
        height: side(params.height?)?,
    };
    let rounded = typed.map(quirks::round_side);
    if rounded != typed {
        notes.push(Note::general(format!(
            "{typed} was rounded up to {rounded} px, so that both sides are multiples of 16"
        )));
    }
    Some(rounded)
}

/// A problem for each side that the aspect ratio `custom` lacks.
fn check_custom_sides(params: &Params, problems: &mut Vec<Problem>) {
    for (field, side) in [("width", params.width), ("height", params.height)] {
        if params.aspect_ratio == "custom" && side.is_none() {
            problems.push(quirks::custom_side_missing(field));
        }
    }
}

/// The seed that will be used.
fn seed(
    params: &Params,
    circumstances: Circumstances<'_>,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) -> Option<u64> {
    let fresh = quirks::fresh_seed(circumstances.fidelity, circumstances.random);
    let Some(asked) = params.seed else {
        return Some(fresh);
    };
    if let Some(note) = quirks::negative_seed_note(asked) {
        notes.push(note);
        return Some(fresh);
    }
    let seed = u64::try_from(asked).ok();
    if seed.is_none() {
        problems.push(Problem::new(
            "seed",
            format!("must be at most {}, not {asked}", u64::MAX),
        ));
    }
    seed
}

/// The format of this name.
fn format(name: &str) -> Option<Format> {
    [Format::Webp, Format::Jpg, Format::Png]
        .into_iter()
        .find(|format| format.extension() == name)
}
