//! What diffusers and transformers call the tensors that we know by BFL's names.
//!
//! Names of both sides: <https://github.com/huggingface/diffusers/blob/v0.32.2/scripts/convert_flux_to_diffusers.py>

/// The tensors of a file that make up one of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Names in the file. Several are put below one another along the first dimension.
    pub parts: Vec<String>,
    /// Whether the two halves of the first dimension stand the other way round in the file.
    pub halves_swapped: bool,
    /// Whether a linear layer may stand in the file as a convolution with a kernel of one place.
    pub is_convolution: bool,
}

impl Source {
    /// The tensor of this name.
    pub fn of(name: impl Into<String>) -> Self {
        Self {
            parts: vec![name.into()],
            ..Self::default()
        }
    }
}

/// BFL's modules outside the blocks.
const TOP: [(&str, &str); 4] = [
    ("img_in", "x_embedder"),
    ("txt_in", "context_embedder"),
    ("final_layer.linear", "proj_out"),
    ("final_layer.adaLN_modulation.1", "norm_out.linear"),
];

/// BFL's modules of the steering vector, and diffusers' in `time_text_embed`.
const EMBEDDERS: [(&str, &str); 6] = [
    ("time_in.in_layer", "timestep_embedder.linear_1"),
    ("time_in.out_layer", "timestep_embedder.linear_2"),
    ("vector_in.in_layer", "text_embedder.linear_1"),
    ("vector_in.out_layer", "text_embedder.linear_2"),
    ("guidance_in.in_layer", "guidance_embedder.linear_1"),
    ("guidance_in.out_layer", "guidance_embedder.linear_2"),
];

/// BFL's modules of a double block, each with the diffusers modules that stand below one another in it.
const DOUBLE: [(&str, &[&str]); 14] = [
    ("img_mod.lin", &["norm1.linear"]),
    ("txt_mod.lin", &["norm1_context.linear"]),
    ("img_attn.qkv", &["attn.to_q", "attn.to_k", "attn.to_v"]),
    (
        "txt_attn.qkv",
        &["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"],
    ),
    ("img_attn.norm.query_norm", &["attn.norm_q"]),
    ("img_attn.norm.key_norm", &["attn.norm_k"]),
    ("txt_attn.norm.query_norm", &["attn.norm_added_q"]),
    ("txt_attn.norm.key_norm", &["attn.norm_added_k"]),
    ("img_attn.proj", &["attn.to_out.0"]),
    ("txt_attn.proj", &["attn.to_add_out"]),
    ("img_mlp.0", &["ff.net.0.proj"]),
    ("img_mlp.2", &["ff.net.2"]),
    ("txt_mlp.0", &["ff_context.net.0.proj"]),
    ("txt_mlp.2", &["ff_context.net.2"]),
];

/// BFL's modules of a single block.
const SINGLE: [(&str, &[&str]); 5] = [
    ("modulation.lin", &["norm.linear"]),
    (
        "linear1",
        &["attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"],
    ),
    ("linear2", &["proj_out"]),
    ("norm.query_norm", &["attn.norm_q"]),
    ("norm.key_norm", &["attn.norm_k"]),
];

/// Where a tensor of the transformer, by BFL's name, stands in diffusers' files.
pub fn transformer(name: &str) -> Source {
    let Some((module, leaf)) = name.rsplit_once('.') else {
        return Source::of(name);
    };
    // BFL calls the weight of a norm `scale`.
    let leaf = if leaf == "scale" { "weight" } else { leaf };
    if let Some((_, theirs)) = TOP.iter().find(|(ours, _)| *ours == module) {
        // BFL's last layer has its shift first, diffusers' its scale.
        return Source {
            halves_swapped: *theirs == "norm_out.linear",
            ..Source::of(format!("{theirs}.{leaf}"))
        };
    }
    if let Some((_, theirs)) = EMBEDDERS.iter().find(|(ours, _)| *ours == module) {
        return Source::of(format!("time_text_embed.{theirs}.{leaf}"));
    }
    let in_block = |kind: &str, table: &[(&str, &[&str])], theirs: &str| {
        let (block, module) = module.strip_prefix(kind)?.split_once('.')?;
        let (_, modules) = table.iter().find(|(ours, _)| *ours == module)?;
        let parts = modules.iter();
        let parts = parts.map(|module| format!("{theirs}.{block}.{module}.{leaf}"));
        Some(Source {
            parts: parts.collect(),
            ..Source::default()
        })
    };
    in_block("double_blocks.", &DOUBLE, "transformer_blocks")
        .or_else(|| in_block("single_blocks.", &SINGLE, "single_transformer_blocks"))
        .unwrap_or_else(|| Source::of(name))
}

/// Our names of every layer of a transformer with so many blocks that has a counterpart in diffusers, norms included.
pub fn modules(double_blocks: usize, single_blocks: usize) -> Vec<String> {
    let outside = TOP.iter().chain(&EMBEDDERS);
    let mut modules: Vec<_> = outside.map(|(ours, _)| (*ours).to_owned()).collect();
    for i in 0..double_blocks {
        modules.extend(DOUBLE.map(|(ours, _)| format!("double_blocks.{i}.{ours}")));
    }
    for i in 0..single_blocks {
        modules.extend(SINGLE.map(|(ours, _)| format!("single_blocks.{i}.{ours}")));
    }
    modules
}
