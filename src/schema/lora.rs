//! The LoRAs of a job: which act, and how strongly.

use serde::{Deserialize, Serialize};

use crate::schema::params::Params;
use crate::schema::quirks::{self, LoneExtraLora, LoraScales};
use crate::schema::reference::Reference;
use crate::schema::request::Circumstances;
use crate::schema::{Note, Problem};

/// The smallest and the largest scale.
pub const SCALES: (f64, f64) = (-1.0, 3.0);

/// A LoRA beyond the two of the contract, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MoreLora {
    /// The reference.
    pub lora: String,
    /// How strongly it acts.
    #[serde(default = "one")]
    pub scale: f64,
}

fn one() -> f64 {
    1.0
}

/// A LoRA that acts in a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// The input it was given in.
    pub field: &'static str,
    /// Where it is.
    pub reference: Reference,
    /// How strongly it acts, after all that the modes make of the scale.
    pub scale: f64,
    /// Whether it was asked for, rather than filled in.
    pub is_asked: bool,
}

/// The LoRAs that act, in the order of the inputs. Blank text counts as not given.
pub(super) fn resolve(
    params: &Params,
    circumstances: Circumstances<'_>,
    go_fast: bool,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) -> Vec<Lora> {
    let fidelity = circumstances.fidelity;
    let asked = LoraScales {
        main: given(params.replicate_weights.as_ref()).map(|_| params.lora_scale),
        extra: given(params.extra_lora.as_ref()).map(|_| params.extra_lora_scale),
    };
    let mut main =
        given(params.replicate_weights.as_ref()).map(|typed| ("replicate_weights", typed));
    let mut extra = given(params.extra_lora.as_ref()).map(|typed| ("extra_lora", typed));
    let mut scales = quirks::effective_lora_scales(fidelity, go_fast, asked);
    let mut is_asked = true;
    match (main, extra) {
        (None, Some(_)) => match quirks::lone_extra_lora(fidelity, go_fast) {
            LoneExtraLora::Applied => {}
            LoneExtraLora::Promoted => {
                main = extra.take();
                notes.push(Note::on(
                    "extra_lora",
                    "The extra LoRA acted as the main one, because there is no main one",
                ));
            }
            LoneExtraLora::Ignored => notes.push(Note::on(
                "extra_lora",
                "The extra LoRA was not used, because there is no main one",
            )),
        },
        (None, None) => {
            let own = quirks::default_weights(fidelity);
            if let Some(own) = own.filter(|_| !circumstances.is_flux_sized) {
                notes.push(Note::on(
                    "replicate_weights",
                    format!("Replicate would apply {own} here, which is made for FLUX.1 and not for this model"),
                ));
            } else if let Some(own) = own {
                main = Some(("replicate_weights", own));
                let asked = LoraScales {
                    main: Some(params.lora_scale),
                    extra: None,
                };
                scales = quirks::effective_lora_scales(fidelity, go_fast, asked);
                is_asked = false;
            }
        }
        _ => {}
    }
    let two = [(main, scales.main), (extra, scales.extra)];
    let mut loras = Vec::new();
    for ((field, typed), scale) in two
        .into_iter()
        .filter_map(|(given, scale)| given.zip(scale))
    {
        match Reference::parse(typed) {
            Ok(reference) => loras.push(Lora {
                field,
                reference,
                scale,
                is_asked,
            }),
            Err(message) => problems.push(Problem::new(field, message)),
        }
    }
    loras.extend(more(params, go_fast, problems).into_iter().filter(|_| {
        // What stands against the others is in `note_unused`, like every input beyond the contract.
        quirks::honours_extras(fidelity)
    }));
    loras
}

/// The LoRAs beyond the two of the contract.
fn more(params: &Params, go_fast: bool, problems: &mut Vec<Problem>) -> Vec<Lora> {
    let mut loras = Vec::new();
    for (index, MoreLora { lora, scale }) in params.more_loras.iter().enumerate() {
        let mut wrong = |message: String| {
            let message = format!("number {}: {message}", index + 1);
            problems.push(Problem::new("more_loras", message));
        };
        if !(SCALES.0..=SCALES.1).contains(scale) {
            let (least, most) = SCALES;
            wrong(format!("the scale must be {least} to {most}, not {scale}"));
        }
        if lora.trim().is_empty() {
            continue;
        }
        match Reference::parse(lora) {
            Ok(reference) => loras.push(Lora {
                field: "more_loras",
                reference,
                scale: quirks::boosted(go_fast, *scale),
                is_asked: true,
            }),
            Err(message) => wrong(message),
        }
    }
    loras
}

/// A reference that was given.
fn given(reference: Option<&String>) -> Option<&str> {
    reference
        .map(String::as_str)
        .filter(|text| !text.trim().is_empty())
}
