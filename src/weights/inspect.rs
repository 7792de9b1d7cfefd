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
    /// The parts without which there is no picture.
    pub const NEEDED: [Self; 4] = [Self::Transformer, Self::Vae, Self::Clip, Self::T5];

    /// The folder that it has in a model in the layout of diffusers. The classifier has none there; this is ours.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::Vae => "vae",
            Self::Clip => "text_encoder",
            Self::T5 => "text_encoder_2",
            Self::SafetyChecker => "safety_checker",
            Self::SafetyClassifier => "safety_classifier",
        }
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::Vae => "VAE",
            Self::Clip => "CLIP text encoder",
            Self::T5 => "T5 text encoder",
            Self::SafetyChecker => "safety checker",
            Self::SafetyClassifier => "safety classifier",
        }
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

/// Names that only one part has, whose they are, and what of the name belongs to the prefix.
const TELLTALES: [(Part, Names, &str); 11] = [
    (
        Part::Transformer,
        Names::Bfl,
        "double_blocks.0.img_attn.qkv.weight",
    ),
    (
        Part::Transformer,
        Names::Diffusers,
        "transformer_blocks.0.attn.add_q_proj.weight",
    ),
    (Part::Vae, Names::Bfl, "decoder.mid.block_1.norm1.weight"),
    (
        Part::Vae,
        Names::Diffusers,
        "decoder.mid_block.resnets.0.norm1.weight",
    ),
    (
        Part::Clip,
        Names::Diffusers,
        "text_model.embeddings.token_embedding.weight",
    ),
    (
        Part::Clip,
        Names::Diffusers,
        "embeddings.token_embedding.weight",
    ),
    (
        Part::T5,
        Names::Diffusers,
        "encoder.block.0.layer.0.SelfAttention.q.weight",
    ),
    (Part::T5, Names::LlamaCpp, "enc.blk.0.attn_q.weight"),
    (
        Part::SafetyChecker,
        Names::Diffusers,
        "special_care_embeds_weights",
    ),
    (
        Part::SafetyClassifier,
        Names::Diffusers,
        "vit.embeddings.cls_token",
    ),
    // A transformer whose first double block was renamed by nobody, but that lacks it, as models without any do.
    (
        Part::Transformer,
        Names::Bfl,
        "single_blocks.0.linear1.weight",
    ),
];

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
    let mut found: Vec<Found> = Vec::new();
    for (part, names, tail) in TELLTALES {
        if found.iter().any(|other| other.part == part) {
            continue;
        }
        let prefix = header
            .tensors
            .keys()
            .find_map(|name| name.strip_suffix(tail))
            .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'));
        // The safety checker has a vision model, and the classifier is one: neither has the text encoder's names.
        if let Some(prefix) = prefix {
            found.push(Found {
                part,
                names,
                prefix: prefix.to_owned(),
            });
        }
    }
    found
}

/// The layers outside the blocks that a transformer under BFL's names lacks.
pub fn missing_outside(header: &Header, found: &Found) -> Vec<&'static str> {
    if found.part != Part::Transformer || found.names != Names::Bfl {
        return Vec::new();
    }
    let is_missing = |name: &&str| {
        !header
            .tensors
            .contains_key(&format!("{}{name}", found.prefix))
    };
    let missing = OUTSIDE.into_iter().filter(is_missing);
    missing.collect()
}

/// Why the tensors of a part cannot be read, if they are in a format that is not known here.
pub fn unreadable(header: &Header, found: &Found) -> Option<Format> {
    let own = |name: &str| name.starts_with(&found.prefix) && name.ends_with(".weight");
    let mut weights = header.tensors.iter().filter(|(name, _)| own(name));
    weights
        .find(|(_, entry)| !entry.format.is_readable())
        .map(|(_, entry)| entry.format)
}

/// What a file is in which there is no part of a FLUX.1 model, or another model's besides: "an SDXL checkpoint".
pub fn foreign(header: &Header) -> Option<&'static str> {
    let has = |word: &&str| header.tensors.keys().any(|name| name.contains(word));
    let row = FAMILIES.iter().find(|(words, _)| words.iter().any(has));
    row.map(|(_, family)| *family)
}
