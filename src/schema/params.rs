//! What somebody typed: one value per input, always representable, maybe wrong.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The smallest and the largest scale of a LoRA.
pub const SCALES: (f64, f64) = (-1.0, 3.0);

/// A LoRA beyond the two of the contract, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MoreLora {
    /// The reference.
    pub lora: String,
    /// How strongly it acts.
    #[serde(default = "full_scale")]
    pub scale: f64,
}

fn full_scale() -> f64 {
    1.0
}

/// The inputs as given: the 21 of the contract, then those beyond it. See [`fields::all`](crate::schema::fields::all) for meanings, limits and defaults.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    missing_docs,
    reason = "each field is documented by its row in the table"
)]
pub struct Params {
    pub prompt: Option<String>,
    pub image: Option<PathBuf>,
    pub mask: Option<PathBuf>,
    pub aspect_ratio: String,
    pub height: Option<i128>,
    pub width: Option<i128>,
    pub prompt_strength: f64,
    pub model: String,
    pub num_outputs: i64,
    pub num_inference_steps: i64,
    pub guidance_scale: f64,
    pub seed: Option<i128>,
    pub output_format: String,
    pub output_quality: i64,
    pub disable_safety_checker: bool,
    pub go_fast: bool,
    pub megapixels: String,
    pub replicate_weights: Option<String>,
    pub lora_scale: f64,
    pub extra_lora: Option<String>,
    pub extra_lora_scale: f64,
    pub more_loras: Vec<MoreLora>,
    pub grow: i64,
    pub feather: i64,
    pub crop_to_mask: bool,
    pub crop_margin: i64,
    pub extend_left: i64,
    pub extend_top: i64,
    pub extend_right: i64,
    pub extend_bottom: i64,
}

impl Params {
    /// Inputs of which none has a value, not even its default.
    pub(super) fn blank() -> Self {
        Self {
            prompt: None,
            image: None,
            mask: None,
            aspect_ratio: String::new(),
            height: None,
            width: None,
            prompt_strength: 0.0,
            model: String::new(),
            num_outputs: 0,
            num_inference_steps: 0,
            guidance_scale: 0.0,
            seed: None,
            output_format: String::new(),
            output_quality: 0,
            disable_safety_checker: false,
            go_fast: false,
            megapixels: String::new(),
            replicate_weights: None,
            lora_scale: 0.0,
            extra_lora: None,
            extra_lora_scale: 0.0,
            more_loras: Vec::new(),
            grow: 0,
            feather: 0,
            crop_to_mask: false,
            crop_margin: 0,
            extend_left: 0,
            extend_top: 0,
            extend_right: 0,
            extend_bottom: 0,
        }
    }

    /// The main LoRA, where one is given; blank text counts as none.
    pub fn main_lora(&self) -> Option<&str> {
        given(self.replicate_weights.as_deref())
    }

    /// The extra LoRA, where one is given; blank text counts as none.
    pub fn extra_lora(&self) -> Option<&str> {
        given(self.extra_lora.as_deref())
    }

    /// Puts a reference to a LoRA into a place: 0 is the main one, 1 the extra one, and those beyond follow.
    pub fn set_lora(&mut self, place: usize, reference: String) {
        match place {
            0 => self.replicate_weights = Some(reference),
            1 => self.extra_lora = Some(reference),
            _ => match self.more_loras.get_mut(place - 2) {
                Some(more) => more.lora = reference,
                None => self.more_loras.push(MoreLora {
                    lora: reference,
                    scale: full_scale(),
                }),
            },
        }
    }

    /// Keeps the LoRAs for which `keep` says so of what is typed, without the white space around it.
    pub fn retain_loras(&mut self, keep: impl Fn(&str) -> bool) {
        for typed in [&mut self.replicate_weights, &mut self.extra_lora] {
            typed.take_if(|typed| !keep(typed.trim()));
        }
        self.more_loras.retain(|more| keep(more.lora.trim()));
    }

    /// What is typed for LoRAs, place by place, each with the input that it stands in; blank where there is none.
    pub fn loras(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let two = [
            ("replicate_weights", &self.replicate_weights),
            ("extra_lora", &self.extra_lora),
        ];
        let two = two.map(|(field, typed)| (field, typed.as_deref().unwrap_or_default().trim()));
        let more = self.more_loras.iter();
        two.into_iter()
            .chain(more.map(|more| ("more_loras", more.lora.trim())))
    }

    /// The first place for a LoRA that is empty.
    pub fn free_lora_place(&self) -> usize {
        let mut all = self.loras();
        let free = all.position(|(_, typed)| typed.is_empty());
        free.unwrap_or(2 + self.more_loras.len())
    }
}

/// The text, unless it is blank.
fn given(typed: Option<&str>) -> Option<&str> {
    typed.filter(|typed| !typed.trim().is_empty())
}
