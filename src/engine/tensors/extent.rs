//! How much memory the tensors of a part take, told by their headers.

use std::collections::BTreeMap;

use crate::engine::compute::stored::{Precision, bytes_in_memory};
use crate::engine::tensors::component::Component;
use crate::weights::header::Entry;

/// Some tensors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Bytes in memory.
    pub(crate) bytes: u64,
    /// How many numbers.
    pub(crate) numbers: u64,
}

/// What stands before the number of a block in any layout.
const BLOCKS: [&str; 7] = [
    "single_transformer_blocks.",
    "transformer_blocks.",
    "double_blocks.",
    "single_blocks.",
    "encoder.block.",
    "enc.blk.",
    "encoder.layers.",
];

/// What tables are called of which only rows are read.
const TABLES: [&str; 4] = [
    "shared.weight",
    "embed_tokens.weight",
    "token_embd.weight",
    "token_embedding.weight",
];

impl Component {
    /// What is in each block whose name contains `kind`, or outside all blocks where that is `None`: the largest block where
    /// there are several.
    pub(crate) fn extent(&self, kind: Option<&[&str]>, precision: Precision) -> Extent {
        let mut blocks: BTreeMap<&str, Extent> = BTreeMap::new();
        for (own, entry) in self.own_tensors() {
            let block = block_of(own);
            let is_meant = match (kind, block) {
                (None, None) => !TABLES.iter().any(|table| own.ends_with(table)),
                (Some(kinds), Some((kind, _))) => kinds.contains(&kind),
                _ => false,
            };
            if is_meant {
                let extent = blocks.entry(block.map_or("", |(_, id)| id)).or_default();
                extent.numbers += numbers(entry);
                let precision = block.map_or(Precision::Stored, |_| precision);
                extent.bytes += bytes_in_memory(entry, precision, self.hardware());
            }
        }
        let largest = blocks.into_values().max_by_key(|extent| extent.bytes);
        largest.unwrap_or_default()
    }

    /// How many numbers are in all of its files' tensors.
    pub(crate) fn numbers(&self) -> u64 {
        self.own_tensors().map(|(_, entry)| numbers(entry)).sum()
    }
}

/// How many numbers a tensor has.
fn numbers(entry: &Entry) -> u64 {
    entry.shape.iter().product::<usize>() as u64
}

/// The block that a tensor is in: what kind of block, and its name with its number.
fn block_of(name: &str) -> Option<(&'static str, &str)> {
    BLOCKS.iter().find_map(|kind| {
        let start = name.find(kind)?;
        let is_whole = start == 0 || name[..start].ends_with('.');
        let rest = &name[start + kind.len()..];
        let length = rest.find('.')?;
        is_whole.then(|| (*kind, &name[..start + kind.len() + length]))
    })
}

#[cfg(test)]
mod tests {
    use super::block_of;

    #[test]
    fn blocks_are_told_by_their_names_in_every_layout() {
        for (block, tensor) in [
            ("double_blocks.18", "img_mlp.0.weight"),
            ("single_transformer_blocks.3", "norm.linear.bias"),
            ("transformer_blocks.0", "attn.to_q.weight"),
            ("encoder.block.2", "layer.0.layer_norm.weight"),
            ("enc.blk.2", "attn_q.weight"),
            ("text_model.encoder.layers.11", "mlp.fc1.bias"),
        ] {
            let name = format!("{block}.{tensor}");
            assert_eq!(block_of(&name).map(|(_, block)| block), Some(block));
        }
        assert_eq!(block_of("img_in.weight"), None);
    }
}
