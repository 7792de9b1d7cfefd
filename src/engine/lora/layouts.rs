//! What the world calls the layers of FLUX.1 and its text encoders, and the parts of a LoRA on them, as data.
//!
//! A tensor's name is a prefix, a layer in one of a few naming schemes, and an ending that says which part of the change it
//! is: `lora_unet_` `double_blocks_0_img_attn_qkv` `.lora_down.weight`. Schemes with underscores join the words of a name
//! with `_`, so that it cannot be split again: it is looked up whole ([`Targets`](super::targets::Targets)).

use Part::{Clip, T5, Transformer};

/// The part of a model that a layer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The transformer.
    Transformer,
    /// The first text encoder.
    Clip,
    /// The second text encoder.
    T5,
}

/// A way of naming layers.
pub struct Scheme {
    /// Who names them so, for people.
    pub name: &'static str,
    /// What stands in front of the layer.
    pub prefix: &'static str,
    /// Whose layers they are.
    pub part: Part,
    /// A name must have one of these in it; any name will do where there are none.
    pub marks: &'static [&'static str],
}

/// Makes a row of [`SCHEMES`].
const fn scheme(
    name: &'static str,
    prefix: &'static str,
    part: Part,
    marks: &'static [&'static str],
) -> Scheme {
    Scheme {
        name,
        prefix,
        part,
        marks,
    }
}

/// Every scheme; where several fit a name, the first that leads to a layer counts.
///
/// The prefixes are those of [diffusers](https://github.com/huggingface/diffusers/blob/v0.35.1/src/diffusers/loaders/lora_conversion_utils.py),
/// [ComfyUI](https://github.com/comfyanonymous/ComfyUI/blob/v0.3.40/comfy/lora.py),
/// [sd-scripts](https://github.com/kohya-ss/sd-scripts), [OneTrainer](https://github.com/Nerogar/OneTrainer) and
/// [LyCORIS](https://github.com/KohakuBlueleaf/LyCORIS).
pub static SCHEMES: [Scheme; 25] = [
    scheme("diffusers", "transformer.", Transformer, &[]),
    scheme("ComfyUI", "diffusion_model.", Transformer, &[]),
    scheme("ComfyUI", "model.diffusion_model.", Transformer, &[]),
    scheme("PEFT", "base_model.model.", Transformer, &[]),
    scheme("PEFT", "base_model.model.transformer.", Transformer, &[]),
    scheme("PEFT", "transformer.base_model.model.", Transformer, &[]),
    scheme("PEFT", "unet.base_model.model.", Transformer, &[]),
    scheme("kohya", "lora_unet_", Transformer, &[]),
    scheme("OneTrainer", "lora_transformer_", Transformer, &[]),
    scheme("LyCORIS", "lycoris_", Transformer, &[]),
    scheme("LyCORIS", "lycoris__", Transformer, &[]),
    scheme("diffusers", "text_encoder.", Clip, &[]),
    scheme("diffusers", "text_encoder_2.", T5, &[]),
    scheme("kohya", "lora_te1_", Clip, &[]),
    scheme("kohya", "lora_te_", Clip, &[]),
    scheme("kohya", "lora_te2_", T5, &[]),
    scheme("OneTrainer", "lora_te3_", T5, &[]),
    scheme("OneTrainer", "clip_l.", Clip, &[]),
    scheme("OneTrainer", "t5.", T5, &[]),
    scheme("ComfyUI", "text_encoders.clip_l.transformer.", Clip, &[]),
    scheme("ComfyUI", "text_encoders.t5xxl.transformer.", T5, &[]),
    scheme("XLabs", "", Transformer, &["processor"]),
    scheme("DiffSynth-Studio", "", Transformer, &DIFFSYNTH_MARKS),
    scheme("diffusers", "", Transformer, &DIFFUSERS_MARKS),
    scheme("BFL", "", Transformer, &[]),
];

/// What tells DiffSynth-Studio's names from BFL's.
const DIFFSYNTH_MARKS: [&str; 7] = [
    ".attn.a_to_",
    ".attn.b_to_",
    ".ff_a.",
    ".ff_b.",
    ".norm1_",
    ".to_qkv_mlp",
    ".norm.linear",
];

/// What tells diffusers' names from BFL's.
const DIFFUSERS_MARKS: [&str; 5] = [
    "transformer_blocks",
    "x_embedder",
    "context_embedder",
    "time_text_embed",
    "norm_out",
];

/// What a tensor is of the change to its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `A`, `(r, in)`.
    Down,
    /// `B`, `(out, r)`.
    Up,
    /// Added to the layer's bias, `(out)`.
    UpBias,
    /// The numerator of the factor on the change; its denominator is the rank.
    Alpha,
    /// DoRA of PEFT: the length of each row, `(out)`.
    Magnitude,
    /// DoRA of LyCORIS: the length of each row, `(out, 1)`, or of each column, `(1, in)`.
    DoraScale,
    /// LoHa: `(out, r)`.
    HadamardUp1,
    /// LoHa: `(r, in)`.
    HadamardDown1,
    /// LoHa: `(out, r)`.
    HadamardUp2,
    /// LoHa: `(r, in)`.
    HadamardDown2,
    /// LoKr: the left factor, or its halves `(a, r)` and `(r, b)`.
    Left,
    /// See [`Role::Left`].
    LeftUp,
    /// See [`Role::Left`].
    LeftDown,
    /// LoKr: the right factor, or its halves.
    Right,
    /// See [`Role::Right`].
    RightUp,
    /// See [`Role::Right`].
    RightDown,
    /// The whole change of a weight.
    Difference,
    /// The whole change of a bias.
    BiasDifference,
    /// The new scale of a norm, in place of the model's.
    Replacement,
}

/// The endings of names. Where one ends with another, the longer counts.
pub const ENDINGS: [(&str, Role); 34] = [
    (".lora_A.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora_B.bias", Role::UpBias),
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".lora_up.bias", Role::UpBias),
    (".lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    (".lora_linear_layer.down.weight", Role::Down),
    (".lora_linear_layer.up.weight", Role::Up),
    (".lora_A", Role::Down),
    (".lora_B", Role::Up),
    (".down.weight", Role::Down),
    (".up.weight", Role::Up),
    (".alpha", Role::Alpha),
    (".lora_magnitude_vector", Role::Magnitude),
    (".lora_magnitude_vector.weight", Role::Magnitude),
    (".magnitude", Role::Magnitude),
    (".dora_scale", Role::DoraScale),
    (".hada_w1_a", Role::HadamardUp1),
    (".hada_w1_b", Role::HadamardDown1),
    (".hada_w2_a", Role::HadamardUp2),
    (".hada_w2_b", Role::HadamardDown2),
    (".lokr_w1", Role::Left),
    (".lokr_w1_a", Role::LeftUp),
    (".lokr_w1_b", Role::LeftDown),
    (".lokr_w2", Role::Right),
    (".lokr_w2_a", Role::RightUp),
    (".lokr_w2_b", Role::RightDown),
    (".diff", Role::Difference),
    (".diff_b", Role::BiasDifference),
    (".w_norm", Role::Difference),
    (".scale", Role::Replacement),
    (".set_weight", Role::Replacement),
];

/// Names of the whole layers of a double block besides those of BFL and diffusers: ours, and theirs with the block's number
/// for `{}`.
///
/// Queries, keys and values in one are met where diffusers' layers were fused before training. `blocks` are
/// [DiffSynth-Studio](https://github.com/modelscope/DiffSynth-Studio/blob/1f8f14a/diffsynth/lora/flux_lora.py)'s, where a is
/// the picture and b the text; `ff.linear1` is [mflux](https://github.com/filipstrand/mflux)'; `processor` is
/// [XLabs](https://github.com/XLabs-AI/x-flux/blob/47495425/src/flux/modules/layers.py)' (`DoubleStreamBlockLoraProcessor`).
pub const DOUBLE_ALIASES: [(&str, &str); 20] = [
    ("img_attn.qkv", "transformer_blocks.{}.attn.to_qkv"),
    ("txt_attn.qkv", "transformer_blocks.{}.attn.to_added_qkv"),
    ("img_attn.qkv", "blocks.{}.attn.a_to_qkv"),
    ("txt_attn.qkv", "blocks.{}.attn.b_to_qkv"),
    ("img_attn.proj", "blocks.{}.attn.a_to_out"),
    ("txt_attn.proj", "blocks.{}.attn.b_to_out"),
    ("img_mlp.0", "blocks.{}.ff_a.0"),
    ("img_mlp.2", "blocks.{}.ff_a.2"),
    ("txt_mlp.0", "blocks.{}.ff_b.0"),
    ("txt_mlp.2", "blocks.{}.ff_b.2"),
    ("img_mod.lin", "blocks.{}.norm1_a.linear"),
    ("txt_mod.lin", "blocks.{}.norm1_b.linear"),
    ("img_mlp.0", "transformer_blocks.{}.ff.linear1"),
    ("img_mlp.2", "transformer_blocks.{}.ff.linear2"),
    ("txt_mlp.0", "transformer_blocks.{}.ff_context.linear1"),
    ("txt_mlp.2", "transformer_blocks.{}.ff_context.linear2"),
    ("img_attn.qkv", "double_blocks.{}.processor.qkv_lora1"),
    ("txt_attn.qkv", "double_blocks.{}.processor.qkv_lora2"),
    ("img_attn.proj", "double_blocks.{}.processor.proj_lora1"),
    ("txt_attn.proj", "double_blocks.{}.processor.proj_lora2"),
];

/// See [`DOUBLE_ALIASES`]; of a single block.
pub const SINGLE_ALIASES: [(&str, &str); 4] = [
    ("linear1", "single_blocks.{}.to_qkv_mlp"),
    ("linear2", "single_blocks.{}.proj_out"),
    ("modulation.lin", "single_blocks.{}.norm.linear"),
    ("linear2", "single_blocks.{}.processor.proj_lora"),
];

/// See [`DOUBLE_ALIASES`]; outside the blocks.
pub const OTHER_ALIASES: [(&str, &str); 1] = [("img_in", "img_in.proj")];

/// Names of the first rows of `linear1` in a single block, those of queries, keys and values.
pub const QKV_ALIASES: [&str; 3] = [
    "single_blocks.{}.processor.qkv_lora",
    "single_blocks.{}.linear1_qkv",
    "single_transformer_blocks.{}.attn.to_qkv",
];

/// A name without the name of the adapter that PEFT puts between a part and its ending, and that:
/// `x.lora_A.default.weight`.
pub fn without_adapter(name: &str) -> (String, Option<&str>) {
    for part in [".lora_A.", ".lora_B.", ".lora_magnitude_vector."] {
        let Some((layer, rest)) = name.split_once(part) else {
            continue;
        };
        let part = part.trim_end_matches('.');
        return match rest.split_once('.') {
            Some((adapter, ending)) => (format!("{layer}{part}.{ending}"), Some(adapter)),
            None if rest == "weight" || rest == "bias" => (name.to_owned(), None),
            None => (format!("{layer}{part}"), Some(rest)),
        };
    }
    (name.to_owned(), None)
}

/// Splits a tensor's name into its layer, as the file calls it, and its role.
pub fn split(name: &str) -> Option<(&str, Role)> {
    let ends_with = |ending: &&(&str, Role)| name.ends_with(ending.0);
    let (ending, role) = ENDINGS
        .iter()
        .filter(ends_with)
        .max_by_key(|(ending, _)| ending.len())?;
    Some((name.strip_suffix(ending)?, *role))
}

#[cfg(test)]
mod tests {
    use super::{Role, split, without_adapter};

    #[test]
    fn the_longest_ending_counts() {
        for (name, layer, role) in [
            ("a.b.lora.down.weight", "a.b", Role::Down),
            ("a.qkv_lora1.down.weight", "a.qkv_lora1", Role::Down),
            ("a.lora_A.weight", "a", Role::Down),
            ("lora_unet_x.alpha", "lora_unet_x", Role::Alpha),
            ("a.lokr_w2_a", "a", Role::RightUp),
            ("a.diff_b", "a", Role::BiasDifference),
        ] {
            assert_eq!(split(name), Some((layer, role)), "{name}");
        }
        assert_eq!(split("a.weight"), None);
    }

    #[test]
    fn the_name_of_an_adapter_does_not_count() {
        for (name, plain, adapter) in [
            ("a.lora_A.mine_0.weight", "a.lora_A.weight", Some("mine_0")),
            ("a.lora_B.mine.bias", "a.lora_B.bias", Some("mine")),
            (
                "a.lora_magnitude_vector.default.weight",
                "a.lora_magnitude_vector.weight",
                Some("default"),
            ),
            (
                "a.lora_magnitude_vector.default",
                "a.lora_magnitude_vector",
                Some("default"),
            ),
            ("a.lora_A.weight", "a.lora_A.weight", None),
            ("a.lora_A", "a.lora_A", None),
        ] {
            assert_eq!(without_adapter(name), (plain.to_owned(), adapter), "{name}");
        }
    }
}
