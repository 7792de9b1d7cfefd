//! What a file of weights is, by its header: which parts of a model are in it, and under whose names.

use crate::weights::header::{Format, Header};

/// A part of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// What turns noise into latents.
    Transformer,
    /// What turns latents into pixels, and back.
    Vae,
    /// The text encoder that makes one vector of a prompt.
    Clip,
    /// The text encoder that makes a vector of each token.
    T5,
    /// What looks for pictures that are to be withheld.
    SafetyChecker,
    /// What has the last word on them.
    SafetyClassifier,
}

impl Part {
    /// Every part, the transformer first.
    pub(super) const ALL: [Self; 6] = [
        Self::Transformer,
        Self::Vae,
        Self::Clip,
        Self::T5,
        Self::SafetyChecker,
        Self::SafetyClassifier,
    ];

    /// Its folder in a model in the layout of diffusers, and what people call it.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Transformer => ("transformer", "transformer"),
            Self::Vae => ("vae", "VAE"),
            Self::Clip => ("text_encoder", "CLIP text encoder"),
            Self::T5 => ("text_encoder_2", "T5 text encoder"),
            Self::SafetyChecker => ("safety_checker", "safety checker"),
            // The layout has none; this is ours.
            Self::SafetyClassifier => ("safety_classifier", "safety classifier"),
        }
    }

    /// The folder that it has in a model in the layout of diffusers.
    pub fn folder(self) -> &'static str {
        self.names().0
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        self.names().1
    }

    /// Whether there is no picture without it.
    pub(super) fn is_needed(self) -> bool {
        !matches!(self, Self::SafetyChecker | Self::SafetyClassifier)
    }
}

/// Whose names the tensors of a part have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Names {
    /// Black Forest Labs': those of single files and of most GGUF files.
    Bfl,
    /// Those of diffusers and transformers.
    Diffusers,
    /// Those of llama.cpp, which has a T5.
    LlamaCpp,
}

/// A part of a model in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which part.
    pub part: Part,
    /// Whose names its tensors have.
    pub names: Names,
    /// What stands before each of the names.
    pub prefix: String,
}

/// Ends of names that only one part has, by whose names they are.
fn telltales(part: Part) -> &'static [(Names, &'static str)] {
    use Names::{Bfl, Diffusers, LlamaCpp};
    match part {
        Part::Transformer => &[
            (Bfl, "double_blocks.0.img_attn.qkv.weight"),
            (Diffusers, "transformer_blocks.0.attn.add_q_proj.weight"),
            // That of a model without double blocks.
            (Bfl, "single_blocks.0.linear1.weight"),
        ],
        Part::Vae => &[
            (Bfl, "decoder.mid.block_1.norm1.weight"),
            (Diffusers, "decoder.mid_block.resnets.0.norm1.weight"),
        ],
        Part::Clip => &[
            (Diffusers, "text_model.embeddings.token_embedding.weight"),
            (Diffusers, "embeddings.token_embedding.weight"),
        ],
        Part::T5 => &[
            (Diffusers, "encoder.block.0.layer.0.SelfAttention.q.weight"),
            (LlamaCpp, "enc.blk.0.attn_q.weight"),
        ],
        Part::SafetyChecker => &[(Diffusers, "special_care_embeds_weights")],
        Part::SafetyClassifier => &[(Diffusers, "vit.embeddings.cls_token")],
    }
}

/// The layers outside the blocks, which some converters have left out.
const OUTSIDE: [&str; 5] = [
    "img_in.weight",
    "txt_in.weight",
    "time_in.in_layer.weight",
    "vector_in.in_layer.weight",
    "final_layer.linear.weight",
];

/// Parts of names, and the family in which one of them occurs. The first row that fits counts.
const FAMILIES: [(&[&str], &str); 16] = [
    (
        &["quant_state.bitsandbytes", ".absmax"],
        "a model quantised by bitsandbytes (NF4), which cannot be read here: take a GGUF file, such as Q4_K_S",
    ),
    (
        &[".qweight", ".wscales"],
        "a model quantised by Nunchaku (SVDQuant), which cannot be read here: take a GGUF file, such as Q4_K_S",
    ),
    (&["lora_A", "lora_down", ".lokr_w1", ".hada_w1_a"], "a LoRA"),
    (&["distilled_guidance_layer"], "a Chroma model"),
    (&["double_stream_modulation_img"], "a FLUX.2 model"),
    (&["individual_token_refiner"], "a HunyuanVideo model"),
    (&["img_mlp.net", "img_mod.1."], "a Qwen-Image model"),
    (&["redux_up", "redux_down"], "the Redux adapter of FLUX.1"),
    (&["controlnet_", "control_model."], "a ControlNet"),
    (&["joint_blocks"], "a Stable Diffusion 3 model"),
    (
        &["conditioner.embedders.1", "label_emb"],
        "an SDXL checkpoint",
    ),
    (
        &[
            "cond_stage_model",
            "input_blocks.",
            "down_blocks.0.attentions",
        ],
        "a Stable Diffusion checkpoint",
    ),
    (&["cap_embedder", "context_refiner"], "a Lumina model"),
    (
        &["cross_attn.norm_q", "condition_embedder.time_embedder"],
        "a Wan model",
    ),
    (&["resblocks."], "an OpenCLIP text encoder"),
    (&["model.layers.0."], "a language model"),
];

/// The parts of a model that are in a file.
pub fn parts(header: &Header) -> Vec<Found> {
    let prefix_of = |tail: &str| {
        let mut names = header.tensors.keys();
        let prefix = names.find_map(|name| name.strip_suffix(tail))?;
        (prefix.is_empty() || prefix.ends_with('.')).then_some(prefix)
    };
    let found = |part: Part| {
        telltales(part).iter().find_map(|(names, tail)| {
            Some(Found {
                part,
                names: *names,
                prefix: prefix_of(tail)?.to_owned(),
            })
        })
    };
    Part::ALL.into_iter().filter_map(found).collect()
}

/// The layers outside the blocks that a transformer under BFL's names lacks.
pub(super) fn missing_outside(header: &Header, found: &Found) -> Vec<&'static str> {
    if found.part != Part::Transformer || found.names != Names::Bfl {
        return Vec::new();
    }
    let full = |name: &str| format!("{}{name}", found.prefix);
    let is_missing = |name: &&str| !header.tensors.contains_key(&full(name));
    OUTSIDE.into_iter().filter(is_missing).collect()
}

/// Why the tensors of a part cannot be read, if they are in a format that is not known here.
pub(super) fn unreadable(header: &Header, found: &Found) -> Option<Format> {
    let own = |name: &str| name.starts_with(&found.prefix) && name.ends_with(".weight");
    let weights = header.tensors.iter().filter(|(name, _)| own(name));
    let mut formats = weights.map(|(_, entry)| entry.format);
    formats.find(|format| !format.is_readable())
}

/// What a file is in which there is no part of a FLUX.1 model, or another model's besides: "an SDXL checkpoint".
pub(super) fn foreign(header: &Header) -> Option<&'static str> {
    let has = |word: &&str| header.tensors.keys().any(|name| name.contains(word));
    let row = FAMILIES.iter().find(|(words, _)| words.iter().any(has));
    row.map(|(_, family)| *family)
}
