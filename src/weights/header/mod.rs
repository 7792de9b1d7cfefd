//! What stands in the header of a file of tensors: names, shapes, number formats and places, and notes. No tensor is read.

mod gguf;
pub(super) mod parse;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// The header of a file of tensors.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// The tensors by name.
    pub tensors: BTreeMap<String, Entry>,
    /// What else the header says, such as who made the file.
    pub notes: HashMap<String, String>,
}

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How its numbers are written.
    pub format: Format,
    /// Its shape, the dimension whose numbers lie side by side last.
    pub shape: Vec<usize>,
    /// Its bytes in the file.
    pub range: Range<usize>,
}

/// How the numbers of a tensor are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// IEEE doubles.
    F64,
    /// IEEE singles.
    F32,
    /// IEEE halves.
    F16,
    /// The upper halves of singles.
    BF16,
    /// 8 bits with 4 of exponent.
    F8E4M3,
    /// 8 bits with 5 of exponent.
    F8E5M2,
    /// GGML's blocks of 32 numbers of 8 bits, with a scale.
    Q8_0,
    /// GGML's blocks of 32 numbers of 5 bits, with a scale.
    Q5_0,
    /// GGML's blocks of 32 numbers of 5 bits, with a scale and a least value.
    Q5_1,
    /// GGML's blocks of 32 numbers of 4 bits, with a scale.
    Q4_0,
    /// GGML's blocks of 32 numbers of 4 bits, with a scale and a least value.
    Q4_1,
    /// GGML's blocks of 256 numbers of 6 bits, with scales within.
    Q6K,
    /// GGML's blocks of 256 numbers of 5 bits, with scales and least values within.
    Q5K,
    /// GGML's blocks of 256 numbers of 4 bits, with scales and least values within.
    Q4K,
    /// GGML's blocks of 256 numbers of 3 bits, with scales within.
    Q3K,
    /// GGML's blocks of 256 numbers of 2 bits, with scales and least values within.
    Q2K,
    /// Whole numbers of 64 bits.
    I64,
    /// Whole numbers of 32 bits.
    I32,
    /// Whole numbers of 16 bits.
    I16,
    /// Whole numbers of 8 bits, without a sign.
    U8,
    /// Another one, by its name.
    Other(&'static str),
}

impl Format {
    /// What people call it, how many numbers make up a block, and the bytes of one; 0 where that is not known.
    fn facts(self) -> (&'static str, usize, usize) {
        match self {
            Self::F64 => ("f64", 1, 8),
            Self::F32 => ("f32", 1, 4),
            Self::F16 => ("f16", 1, 2),
            Self::BF16 => ("bf16", 1, 2),
            Self::F8E4M3 => ("fp8 (e4m3)", 1, 1),
            Self::F8E5M2 => ("fp8 (e5m2)", 1, 1),
            Self::Q8_0 => ("Q8_0", 32, 34),
            Self::Q5_0 => ("Q5_0", 32, 22),
            Self::Q5_1 => ("Q5_1", 32, 24),
            Self::Q4_0 => ("Q4_0", 32, 18),
            Self::Q4_1 => ("Q4_1", 32, 20),
            Self::Q6K => ("Q6_K", 256, 210),
            Self::Q5K => ("Q5_K", 256, 176),
            Self::Q4K => ("Q4_K", 256, 144),
            Self::Q3K => ("Q3_K", 256, 110),
            Self::Q2K => ("Q2_K", 256, 84),
            Self::I64 => ("i64", 1, 8),
            Self::I32 => ("i32", 1, 4),
            Self::I16 => ("i16", 1, 2),
            Self::U8 => ("u8", 1, 1),
            Self::Other(name) => (name, 0, 0),
        }
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        self.facts().0
    }

    /// How many numbers make up a block, and the bytes of one; `None` where that is not known.
    pub fn block(self) -> Option<(usize, usize)> {
        let (_, numbers, bytes) = self.facts();
        (numbers > 0).then_some((numbers, bytes))
    }

    /// The bytes of so many numbers; `None` where they do not fill whole blocks, or that is not known.
    pub fn bytes(self, numbers: usize) -> Option<usize> {
        let (block, bytes) = self.block()?;
        let whole = numbers.is_multiple_of(block);
        whole.then(|| (numbers / block).checked_mul(bytes))?
    }

    /// Whether weights can be in it.
    pub fn is_readable(self) -> bool {
        !matches!(
            self,
            Self::I64 | Self::I32 | Self::I16 | Self::U8 | Self::Other(_)
        )
    }

    /// Bits per number, as files are compared by.
    pub fn bits(self) -> f32 {
        let block = self.block();
        block.map_or(0.0, |(numbers, bytes)| 8.0 * bytes as f32 / numbers as f32)
    }
}

impl Header {
    /// The format that most bytes of the tensors whose names begin with `prefix` are in.
    pub fn main_format(&self, prefix: &str) -> Option<Format> {
        let mut bytes: BTreeMap<Format, usize> = BTreeMap::new();
        let all = self.tensors.iter();
        for (_, entry) in all.filter(|(name, _)| name.starts_with(prefix)) {
            *bytes.entry(entry.format).or_default() += entry.range.len();
        }
        let most = bytes.into_iter().max_by_key(|(_, bytes)| *bytes);
        most.map(|(format, _)| format)
    }
}
