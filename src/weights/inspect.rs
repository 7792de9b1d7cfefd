//! What a file of weights is, by its header: which parts of a model are in it, and under whose names.

use crate::schema::choices::Model;
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

/// The sizes of a FLUX.1 transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Features of the stream.
    pub width: usize,
    /// Features of an image token.
    pub token_features: usize,
    /// Double blocks.
    pub double_blocks: usize,
    /// Single blocks.
    pub single_blocks: usize,
    /// Whether it takes a guidance, as dev does.
    pub has_guidance: bool,
}

/// FLUX.1's sizes. <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/util.py>
const FLUX: (usize, usize, usize) = (3072, 19, 38);

impl Sizes {
    /// What people call a model of these sizes.
    pub fn model(self) -> String {
        let Self {
            width,
            double_blocks,
            single_blocks,
            ..
        } = self;
        let word = match (self.token_features, self.has_guidance) {
            (64, true) => "FLUX.1 dev",
            (64, false) => "FLUX.1 schnell",
            (128, _) => "FLUX.1 Canny or Depth",
            (384, _) => "FLUX.1 Fill",
            _ => "of the kind of FLUX.1",
        };
        if (width, double_blocks, single_blocks) == FLUX {
            word.to_owned()
        } else {
            format!("{word}, {width} features wide with {double_blocks} + {single_blocks} blocks")
        }
    }

    /// Which of the two models it runs as.
    pub fn runs_as(self) -> Model {
        if self.has_guidance {
            Model::Dev
        } else {
            Model::Schnell
        }
    }

    /// Why it cannot be used although it is of the family.
    pub fn obstacle(self) -> Option<&'static str> {
        match self.token_features {
            128 | 384 => Some(
                "its input is wider than that of dev and schnell: it needs a control picture or a mask, which this program does not give it",
            ),
            _ => None,
        }
    }
}

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

/// The sizes of the transformer in a file, where they can be told.
pub fn sizes(header: &Header, found: &Found) -> Option<Sizes> {
    let Found { names, prefix, .. } = found;
    let shape = |name: &str| Some(&header.tensors.get(&format!("{prefix}{name}"))?.shape);
    let count = |kind: &str| {
        let start = format!("{prefix}{kind}.");
        let numbers = header.tensors.keys().filter_map(|name| {
            let (number, _) = name.strip_prefix(&start)?.split_once('.')?;
            number.parse::<usize>().ok()
        });
        numbers.max().map_or(0, |last| last + 1)
    };
    let (double, single, image, guidance) = match names {
        Names::Diffusers => (
            "transformer_blocks",
            "single_transformer_blocks",
            "x_embedder.weight",
            "time_text_embed.guidance_embedder.linear_1.weight",
        ),
        _ => (
            "double_blocks",
            "single_blocks",
            "img_in.weight",
            "guidance_in.in_layer.weight",
        ),
    };
    let &[width, token_features, ..] = shape(image)?.as_slice() else {
        return None;
    };
    Some(Sizes {
        width,
        token_features,
        double_blocks: count(double),
        single_blocks: count(single),
        has_guidance: shape(guidance).is_some(),
    })
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
