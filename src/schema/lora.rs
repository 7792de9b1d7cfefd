//! The LoRAs of a job: which act, and how strongly.

use crate::schema::circumstances::Circumstances;
use crate::schema::notes::Findings;
use crate::schema::params::{MoreLora, Params, SCALES};
use crate::schema::quirks;
use crate::schema::reference::Reference;
use crate::schema::text;

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
    findings: &mut Findings,
) -> Vec<Lora> {
    let fidelity = circumstances.fidelity;
    let mut main = params.main_lora().map(|typed| ("replicate_weights", typed));
    let mut extra = params.extra_lora().map(|typed| ("extra_lora", typed));
    let is_asked = main.is_some() || extra.is_some();
    if !is_asked {
        main = filled_in(circumstances, findings).map(|own| ("replicate_weights", own));
    }
    let asked = [
        main.map(|_| params.lora_scale),
        extra.map(|_| params.extra_lora_scale),
    ];
    let scales = quirks::effective_lora_scales(fidelity, go_fast, asked);
    match (main, extra, scales) {
        (None, Some(_), [Some(_), None]) => {
            main = extra.take();
            findings.note("extra_lora", text::EXTRA_LORA_PROMOTED);
        }
        (None, Some(_), [None, None]) => findings.note("extra_lora", text::EXTRA_LORA_IGNORED),
        _ => {}
    }
    let mut loras = Vec::new();
    for (given, scale) in [main, extra].into_iter().zip(scales) {
        let Some(((field, typed), scale)) = given.zip(scale) else {
            continue;
        };
        match Reference::parse(typed) {
            Ok(reference) => loras.push(Lora {
                field,
                reference,
                scale,
                is_asked,
            }),
            Err(message) => findings.problem(field, message),
        }
    }
    let more = more(params, go_fast, findings);
    // What stands against the others is said for every input beyond the contract in one place.
    if quirks::honours_extras(fidelity) {
        loras.extend(more);
    }
    loras
}

/// The main LoRA that is filled in where none is asked for.
fn filled_in(circumstances: Circumstances<'_>, findings: &mut Findings) -> Option<&'static str> {
    let own = quirks::default_weights(circumstances.fidelity)?;
    if !circumstances.is_flux_sized {
        findings.note("replicate_weights", text::own_lora_does_not_fit(own));
        return None;
    }
    Some(own)
}

/// The LoRAs beyond the two of the contract.
fn more(params: &Params, go_fast: bool, findings: &mut Findings) -> Vec<Lora> {
    let mut loras = Vec::new();
    for (index, MoreLora { lora, scale }) in params.more_loras.iter().enumerate() {
        let mut wrong =
            |message: &str| findings.problem("more_loras", text::numbered(index + 1, message));
        if !(SCALES.0..=SCALES.1).contains(scale) {
            wrong(&text::scale_out_of_range(SCALES, *scale));
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
            Err(message) => wrong(&message),
        }
    }
    loras
}
