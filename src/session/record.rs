//! How a picture was made: what is written into its file and read back from it.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::job::Outcome;
use crate::engine::lora::adapters::Applied;
use crate::imaging::{codec, prepare};
use crate::schema::choices::Fidelity;
use crate::schema::notes::Note;
use crate::schema::params::Params;
use crate::schema::reference::Reference;
use crate::schema::request::Request;
use crate::session::{inputs, stored};

/// This program and its version.
pub const PROGRAM: &str = concat!("flux-qfaces ", env!("CARGO_PKG_VERSION"));

/// The record of one picture. It holds nothing that differs from run to run, so that the same job gives the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The program that made it.
    pub program: String,
    /// The model that made it.
    pub model: String,
    /// Which picture of its job, counted from 0.
    pub index: usize,
    /// The seed that was used.
    pub seed: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Denoising steps that were run.
    pub steps: usize,
    /// Whose behaviour was wanted.
    pub fidelity: Fidelity,
    /// The inputs, with the seed filled in: giving them again makes the picture again. Files are named by their contents
    /// ([`inputs::reference`]).
    pub inputs: Map<String, Value>,
    /// The LoRAs that acted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loras: Vec<Applied>,
    /// The mask, if there was one: a grey PNG file in base64, in which white was repainted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    /// What was decided for the user.
    pub notes: Vec<Note>,
}

impl Record {
    /// The record of the first picture of a job. Reads the files of its inputs.
    pub fn new(params: &Params, request: &Request, outcome: &Outcome) -> Self {
        // A file that has gone since the job ran cannot be named by its contents, and its path is nobody's business.
        let by_contents = |path: &Option<PathBuf>| {
            let contents = fs::read(path.as_ref()?).ok()?;
            Some(PathBuf::from(inputs::reference(&contents)))
        };
        let mut inputs = Params {
            seed: Some(request.seed.into()),
            image: by_contents(&params.image),
            mask: by_contents(&params.mask),
            ..params.clone()
        };
        share_references(&mut inputs, request, &outcome.loras);
        let mask = params.mask.as_deref();
        Self {
            program: PROGRAM.to_owned(),
            model: outcome.model.clone(),
            index: 0,
            seed: request.seed,
            width: request.size.width,
            height: request.size.height,
            steps: outcome.steps,
            fidelity: request.fidelity,
            inputs: inputs.to_json(),
            loras: outcome.loras.clone(),
            mask: mask.and_then(|path| embedded(path, request.fidelity)),
            notes: outcome.notes.clone(),
        }
    }

    /// The record of another picture of the same job.
    #[must_use]
    pub fn of_picture(&self, index: usize) -> Self {
        Self {
            index,
            ..self.clone()
        }
    }

    /// The mask, as the file it was embedded as.
    pub fn mask_file(&self) -> Option<Vec<u8>> {
        BASE64.decode(self.mask.as_ref()?).ok()
    }

    /// The reference to the mask, if there was one.
    pub fn mask_reference(&self) -> Option<&str> {
        self.input("mask")
    }

    /// The reference to the starting picture, if there was one.
    pub fn image(&self) -> Option<&str> {
        self.input("image")
    }

    /// The same without the mask, for formats that have no room for it.
    #[must_use]
    pub fn without_mask(&self) -> Self {
        Self {
            mask: None,
            ..self.clone()
        }
    }

    /// The prompt; empty when there was none.
    pub fn prompt(&self) -> &str {
        self.input("prompt").unwrap_or_default()
    }

    /// The text of one input.
    fn input(&self, name: &str) -> Option<&str> {
        self.inputs.get(name)?.as_str()
    }

    /// The inputs, ready to be used again. Inputs that this version does not know are left out.
    pub fn params(&self) -> Params {
        stored::params(&self.inputs)
    }
}

/// Replaces the references to LoRAs by ones that tell nothing about this machine and hold no secrets: those that acted by
/// their contents, where nothing better is known of them.
fn share_references(inputs: &mut Params, request: &Request, applied: &[Applied]) {
    let share = |typed: &mut String| {
        let shared = Reference::parse(typed).ok().and_then(|reference| {
            let mut acting = request.loras.iter().zip(applied);
            let acted = acting.find(|(lora, _)| lora.reference == reference);
            let by_contents = acted.map(|(_, applied)| format!("sha256:{}", applied.sha256));
            let named = reference.lasting().or(by_contents);
            named.or_else(|| reference.shareable())
        });
        *typed = shared.unwrap_or_default();
    };
    let two = [&mut inputs.replicate_weights, &mut inputs.extra_lora];
    let more = inputs.more_loras.iter_mut().map(|more| &mut more.lora);
    two.into_iter().flatten().chain(more).for_each(share);
}

/// A mask's file as it is embedded.
fn embedded(path: &Path, fidelity: Fidelity) -> Option<String> {
    let mask = prepare::mask_file(path, fidelity).ok()?;
    Some(BASE64.encode(codec::encode_mask(&mask).ok()?))
}
