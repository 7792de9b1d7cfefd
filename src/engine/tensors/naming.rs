//! How our names become those of a file.
//!
//! The transformer's tensors have BFL's names inside, the VAE's and the text encoders' those of diffusers and
//! transformers. Files have either, or llama.cpp's, and may have something in front of each.

use crate::engine::tensors::diffusers::{self, Source};
use crate::weights::header::Header;
use crate::weights::inspect::{self, Found, Names, Part};

/// The names of a part of a model in its files.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    pub(super) found: Found,
    /// Levels of the decoder, which BFL counts from the other end.
    levels: usize,
    /// Whether CLIP's names begin with `text_model.`.
    has_text_model: bool,
}

impl Naming {
    /// The naming of a part in files with these tensors. What has no known names is taken to have our own.
    pub(super) fn of(part: Part, header: &Header) -> Self {
        let mut parts = inspect::parts(header).into_iter();
        let found = parts.find(|found| found.part == part).unwrap_or(Found {
            part,
            names: Names::Diffusers,
            prefix: String::new(),
        });
        let prefix = &found.prefix;
        let up = format!("{prefix}decoder.up.");
        let levels = header.tensors.keys().filter_map(|name| {
            let (level, _) = name.strip_prefix(&up)?.split_once('.')?;
            level.parse::<usize>().ok()
        });
        let levels = levels.max().map_or(0, |last| last + 1);
        let text_model = format!("{prefix}text_model.");
        let mut names = header.tensors.keys();
        Self {
            levels,
            has_text_model: names.any(|name| name.starts_with(&text_model)),
            found,
        }
    }

    /// What makes up our tensor `name`.
    pub(super) fn source(&self, name: &str) -> Source {
        let mut source = match (self.found.part, self.found.names) {
            (Part::Transformer, Names::Diffusers) => diffusers::transformer(name),
            (Part::Vae, Names::Bfl) => vae(name, self.levels),
            (Part::T5, Names::LlamaCpp) => Source::of(t5(name)),
            (Part::Clip, _) if !self.has_text_model => {
                Source::of(name.strip_prefix("text_model.").unwrap_or(name))
            }
            _ => Source::of(name),
        };
        for part in &mut source.parts {
            part.insert_str(0, &self.found.prefix);
        }
        source
    }
}

/// Words of the VAE's names in diffusers and in BFL's files, where one stands for one.
/// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/loaders/single_file_utils.py>
/// (`convert_ldm_vae_checkpoint`)
const VAE_WORDS: [(&str, &str); 11] = [
    ("mid_block.resnets.0.", "mid.block_1."),
    ("mid_block.resnets.1.", "mid.block_2."),
    ("mid_block.attentions.0.group_norm.", "mid.attn_1.norm."),
    ("mid_block.attentions.0.to_q.", "mid.attn_1.q."),
    ("mid_block.attentions.0.to_k.", "mid.attn_1.k."),
    ("mid_block.attentions.0.to_v.", "mid.attn_1.v."),
    ("mid_block.attentions.0.to_out.0.", "mid.attn_1.proj_out."),
    ("conv_norm_out.", "norm_out."),
    ("conv_shortcut.", "nin_shortcut."),
    ("downsamplers.0.conv.", "downsample.conv."),
    ("upsamplers.0.conv.", "upsample.conv."),
];

/// BFL's name of a tensor of a VAE with so many levels.
fn vae(name: &str, levels: usize) -> Source {
    let mut theirs = name.replace(".resnets.", ".block.");
    // The middle has its blocks numbered in another way, and was caught by the line above.
    theirs = theirs.replace("mid_block.block.", "mid_block.resnets.");
    for (ours, words) in VAE_WORDS {
        theirs = theirs.replace(ours, words);
    }
    theirs = theirs.replace("down_blocks.", "down.");
    if let Some((before, rest)) = theirs.split_once("up_blocks.")
        && let Some((level, after)) = rest.split_once('.')
        && let Ok(level) = level.parse::<usize>()
    {
        // Diffusers counts from the coarsest level, BFL from the finest.
        let level = levels.saturating_sub(1 + level);
        theirs = format!("{before}up.{level}.{after}");
    }
    Source {
        is_convolution: theirs.contains("mid.attn_1."),
        ..Source::of(theirs)
    }
}

/// Modules of T5's blocks, and what llama.cpp calls them.
/// <https://github.com/ggml-org/llama.cpp/blob/b4500/gguf-py/gguf/tensor_mapping.py>
const T5_MODULES: [(&str, &str); 11] = [
    (
        "layer.0.SelfAttention.relative_attention_bias",
        "attn_rel_b",
    ),
    ("layer.0.SelfAttention.q", "attn_q"),
    ("layer.0.SelfAttention.k", "attn_k"),
    ("layer.0.SelfAttention.v", "attn_v"),
    ("layer.0.SelfAttention.o", "attn_o"),
    ("layer.0.layer_norm", "attn_norm"),
    ("layer.1.DenseReluDense.wi_0", "ffn_gate"),
    ("layer.1.DenseReluDense.wi_1", "ffn_up"),
    ("layer.1.DenseReluDense.wi", "ffn_up"),
    ("layer.1.DenseReluDense.wo", "ffn_down"),
    ("layer.1.layer_norm", "ffn_norm"),
];

/// llama.cpp's name of a tensor of T5.
fn t5(name: &str) -> String {
    let in_block = || {
        let (block, rest) = name.strip_prefix("encoder.block.")?.split_once('.')?;
        let (module, leaf) = rest.rsplit_once('.')?;
        let (_, theirs) = T5_MODULES.iter().find(|(ours, _)| *ours == module)?;
        Some(format!("enc.blk.{block}.{theirs}.{leaf}"))
    };
    match name {
        "shared.weight" => "token_embd.weight".to_owned(),
        "encoder.final_layer_norm.weight" => "enc.output_norm.weight".to_owned(),
        _ => in_block().unwrap_or_else(|| name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{t5, vae};

    #[test]
    fn names_of_the_vae_are_those_of_single_files() {
        for (ours, theirs) in [
            ("encoder.conv_in.weight", "encoder.conv_in.weight"),
            (
                "encoder.down_blocks.1.resnets.0.conv_shortcut.bias",
                "encoder.down.1.block.0.nin_shortcut.bias",
            ),
            (
                "encoder.down_blocks.2.downsamplers.0.conv.weight",
                "encoder.down.2.downsample.conv.weight",
            ),
            (
                "decoder.mid_block.resnets.1.norm2.weight",
                "decoder.mid.block_2.norm2.weight",
            ),
            (
                "decoder.mid_block.attentions.0.to_out.0.weight",
                "decoder.mid.attn_1.proj_out.weight",
            ),
            (
                "decoder.up_blocks.0.resnets.2.conv1.weight",
                "decoder.up.3.block.2.conv1.weight",
            ),
            (
                "decoder.up_blocks.2.upsamplers.0.conv.bias",
                "decoder.up.1.upsample.conv.bias",
            ),
            ("decoder.conv_norm_out.bias", "decoder.norm_out.bias"),
        ] {
            assert_eq!(vae(ours, 4).parts, [theirs], "{ours}");
        }
    }

    #[test]
    fn names_of_t5_are_those_of_llama_cpp() {
        for (ours, theirs) in [
            ("shared.weight", "token_embd.weight"),
            (
                "encoder.block.7.layer.1.DenseReluDense.wi_0.weight",
                "enc.blk.7.ffn_gate.weight",
            ),
            (
                "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                "enc.blk.0.attn_rel_b.weight",
            ),
            ("encoder.final_layer_norm.weight", "enc.output_norm.weight"),
        ] {
            assert_eq!(t5(ours), theirs);
        }
    }
}
