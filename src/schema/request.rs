//! A job that can be run, and the one way to get there from what was typed.

use std::fmt::Display;

use crate::schema::choices::{Encoding, Fidelity, Format, Model};
use crate::schema::circumstances::Circumstances;
use crate::schema::field::{Field, Kind};
use crate::schema::fields::{self, EXTRAS};
use crate::schema::lora::{self, Lora};
use crate::schema::notes::{Findings, Note, Problem};
use crate::schema::params::Params;
use crate::schema::quirks;
use crate::schema::size::{self, REFERENCE_SIDE, Size};
use crate::schema::start::{self, Start};
use crate::schema::text;

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
        let mut findings = Findings::default();
        let problems = fields::all().filter_map(|field| out_of_limits(field, params));
        findings.problems.extend(problems);

        let start = start::resolve(params, circumstances, &mut findings);
        let custom = params.aspect_ratio == "custom";
        let go_fast =
            params.go_fast && quirks::go_fast_honoured(fidelity, params.image.is_some(), custom);
        let loras = lora::resolve(params, circumstances, go_fast, &mut findings);
        if params.go_fast && !go_fast {
            findings.note("go_fast", text::FULL_PRECISION);
        }
        note_unused(params, fidelity, &loras, &mut findings);
        let (start, size) = match start {
            Some((start, size)) => (Some(start), Some(size)),
            None if params.image.is_some() => (None, None),
            None => (None, own_size(params, circumstances, &mut findings)),
        };
        if params.image.is_some() && quirks::needs_custom_sides_with_image(fidelity) {
            check_custom_sides(params, &mut findings);
        }
        let seed = seed(params, circumstances, &mut findings);
        let model = Model::named(&params.model);
        let format = Format::named(&params.output_format);

        let Findings { problems, notes } = findings;
        // An unknown word is already among the problems, so a `None` here always comes with one.
        let (Some(size), Some(seed), Some(model), Some(format), []) =
            (size, seed, model, format, &problems[..])
        else {
            return Err(problems);
        };
        Ok(Self {
            prompt: params.prompt.clone().unwrap_or_default(),
            size,
            model,
            num_outputs: params.num_outputs as usize,
            steps: params.num_inference_steps as usize,
            start,
            guidance: quirks::acting_guidance(model == Model::Schnell, params.guidance_scale),
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
}

/// The problem with a value that is missing, unknown or out of its limits.
fn out_of_limits(field: &Field, params: &Params) -> Option<Problem> {
    fn outside<T: PartialOrd + Display>(value: &T, min: T, max: T) -> Option<String> {
        (!(min..=max).contains(value)).then(|| value.to_string())
    }
    let given = match field.kind {
        Kind::Text(access) if (access.get)(params).is_none() => {
            return Some(Problem::new(field.name, text::MISSING));
        }
        Kind::Choice { access, choices } => {
            let word = (access.get)(params).as_str();
            let given = (!choices.contains(&word)).then(|| format!("'{}'", word.escape_debug()))?;
            let message = text::expected(&text::quoted(choices), given);
            return Some(Problem::new(field.name, message));
        }
        Kind::Integer { access, min, max } => outside((access.get)(params), min, max)?,
        Kind::OptionalInteger { access, limits } => {
            let (value, (min, max)) = (access.get)(params).as_ref().zip(limits)?;
            outside(value, min, max)?
        }
        Kind::Number { access, min, max } => outside((access.get)(params), min, max)?,
        _ => return None,
    };
    let message = text::expected(&field.range_text()?, given);
    Some(Problem::new(field.name, message))
}

/// A note for each wish that the other inputs or the mode make void. A mask has its own rule.
fn note_unused(params: &Params, fidelity: Fidelity, loras: &[Lora], findings: &mut Findings) {
    // The scale of a main LoRA that was filled in acts.
    let is_filled_in =
        |field: &Field| field.name == "lora_scale" && loras.iter().any(|lora| !lora.is_asked);
    let has_own_rule = |field: &Field| field.name == "mask" || is_filled_in(field);
    for field in fields::all().filter(|field| !has_own_rule(field) && !field.is_default(params)) {
        let beyond = EXTRAS.iter().any(|extra| extra.name == field.name);
        let is_unknown = beyond && !quirks::honours_extras(fidelity);
        let why = (field.unused)(params).or(is_unknown.then_some(text::UNKNOWN_TO_REPLICATE));
        if let Some(why) = why {
            findings.note(field.name, text::unused(field.name, why));
        }
    }
}

/// The size of a job from noise alone.
fn own_size(
    params: &Params,
    circumstances: Circumstances<'_>,
    findings: &mut Findings,
) -> Option<Size> {
    let asked = asked_size(params, findings)?;
    let native = circumstances.native_side;
    let size = size::for_model(asked, native);
    if native != REFERENCE_SIDE {
        let scaled = text::scaled(native, asked, size);
        findings.notes.push(Note::general(scaled));
    }
    Some(size)
}

/// The size asked for, in pixels of the schema: a preset, or a custom size with its sides rounded up.
fn asked_size(params: &Params, findings: &mut Findings) -> Option<Size> {
    if params.aspect_ratio != "custom" {
        return size::preset(&params.aspect_ratio, &params.megapixels);
    }
    check_custom_sides(params, findings);
    // Beyond 16 bits the limits have already been spoken of, and the arithmetic below cannot overflow.
    let side = |typed: i128| u16::try_from(typed).ok().map(u32::from);
    let typed = Size::new(side(params.width?)?, side(params.height?)?);
    let rounded = typed.map(quirks::round_side);
    if rounded != typed {
        let rounded = text::rounded(typed, rounded);
        findings.notes.push(Note::general(rounded));
    }
    Some(rounded)
}

/// A problem for each side that the aspect ratio `custom` lacks.
fn check_custom_sides(params: &Params, findings: &mut Findings) {
    for (field, side) in [("width", params.width), ("height", params.height)] {
        // The reference fails with a raw type error, which helps nobody.
        if params.aspect_ratio == "custom" && side.is_none() {
            findings.problem(field, text::CUSTOM_SIDE_MISSING);
        }
    }
}

/// The seed that will be used.
fn seed(params: &Params, circumstances: Circumstances<'_>, findings: &mut Findings) -> Option<u64> {
    let fresh = quirks::fresh_seed(circumstances.fidelity, circumstances.random);
    let Some(asked) = params.seed else {
        return Some(fresh);
    };
    if asked < 0 {
        findings.note("seed", text::negative_seed(asked));
        return Some(fresh);
    }
    let seed = u64::try_from(asked).ok();
    if seed.is_none() {
        findings.problem("seed", text::expected(&text::at_most(u64::MAX), asked));
    }
    seed
}
