//! Headers of GGUF files. <https://github.com/ggml-org/ggml/blob/v0.9.4/docs/gguf.md>

use std::collections::HashMap;

use crate::weights::header::{Entry, Format, Header};

/// What such a file begins with.
pub(super) const MAGIC: &[u8] = b"GGUF";

/// To what the places of tensors are rounded unless the file says otherwise.
const ALIGNMENT: usize = 32;

/// The most dimensions of a tensor; GGML itself has four, what pads convolutions of videos has five.
const MOST_DIMENSIONS: u32 = 8;

/// The most letters of a note that is kept.
const NOTE_LETTERS: usize = 1 << 16;

/// The most numbers of a list that is kept: shapes, not vocabularies.
const LIST_NUMBERS: u64 = 8;

/// Kinds of notes: a number, a text, and a list.
const U32: u32 = 4;
const TEXT: u32 = 8;
const LIST: u32 = 9;

/// Where the tool that made most GGUF files of image models keeps the shape of a tensor that it had to change.
/// <https://github.com/city96/ComfyUI-GGUF/blob/6ea2651/tools/convert.py>
const ORIGINAL_SHAPE: &str = "comfy.gguf.orig_shape.";

/// Parses a header, and checks that every tensor lies inside the file and fills whole blocks.
pub(super) fn parse(bytes: &[u8]) -> Result<Header, String> {
    let mut reader = Reader {
        bytes,
        at: MAGIC.len(),
    };
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(format!(
            "is a GGUF file of version {version}, of which only 2 and 3 can be read"
        ));
    }
    let (tensors, notes) = (reader.u64()?, reader.u64()?);
    let mut header = Header::default();
    let mut lists = HashMap::new();
    for _ in 0..notes {
        let key = reader.text()?;
        let kind = reader.u32()?;
        match reader.value(kind)? {
            Value::Text(text) if text.len() <= NOTE_LETTERS => {
                header.notes.insert(key, text);
            }
            Value::Numbers(numbers) => {
                lists.insert(key, numbers);
            }
            Value::Text(_) | Value::Skipped => {}
        }
    }
    let mut places = Vec::new();
    for _ in 0..tensors {
        places.push(reader.tensor(&lists)?);
    }
    let alignment = header.notes.get("general.alignment");
    let alignment = alignment.and_then(|text| text.parse().ok());
    let alignment = alignment.filter(|&size| size > 0).unwrap_or(ALIGNMENT);
    let data_start = reader.at.next_multiple_of(alignment);
    for (name, format, shape, offset) in places {
        let range = range_of(&name, format, &shape, data_start, offset)?;
        if range.end > bytes.len() {
            return Err(format!(
                "is cut short: it has {} bytes, and the tensor {name} ends at {}; its download or copy has to be completed",
                bytes.len(),
                range.end
            ));
        }
        let entry = Entry {
            format,
            shape,
            range,
        };
        header.tensors.insert(name, entry);
    }
    Ok(header)
}

/// The bytes of a tensor. Where the length of its format is not known, there are none.
fn range_of(
    name: &str,
    format: Format,
    shape: &[usize],
    data_start: usize,
    offset: u64,
) -> Result<std::ops::Range<usize>, String> {
    let range = || {
        let numbers = product(shape).filter(|&numbers| numbers > 0)?;
        let start = data_start.checked_add(usize::try_from(offset).ok()?)?;
        let bytes = if format.block().is_none() {
            0
        } else {
            // Blocks run along rows, so every row fills whole ones.
            let columns = shape.last().copied().unwrap_or(1);
            format.bytes(columns)?.checked_mul(numbers / columns)?
        };
        Some(start..start.checked_add(bytes)?)
    };
    range().ok_or_else(|| format!("is damaged: the tensor {name} has an impossible size"))
}

/// The numbers in a tensor of a shape.
fn product(shape: &[usize]) -> Option<usize> {
    let mut sides = shape.iter();
    sides.try_fold(1_usize, |all, &side| all.checked_mul(side))
}

/// A note's value, as far as it is of use.
enum Value {
    Text(String),
    Numbers(Vec<usize>),
    Skipped,
}

/// Reads along the header.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, length: u64) -> Result<&[u8], String> {
        let taken = usize::try_from(length).ok().and_then(|length| {
            let end = self.at.checked_add(length)?;
            let taken = self.bytes.get(self.at..end)?;
            self.at = end;
            Some(taken)
        });
        taken.ok_or_else(|| {
            "is cut short within its header: its download or copy has to be completed".to_owned()
        })
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut number = [0; N];
        number.copy_from_slice(self.take(N as u64)?);
        Ok(number)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.number()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.number()?))
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.u64()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// The value of a note of a kind.
    fn value(&mut self, kind: u32) -> Result<Value, String> {
        match kind {
            TEXT => Ok(Value::Text(self.text()?)),
            LIST => self.list(),
            U32 => Ok(Value::Text(self.u32()?.to_string())),
            _ => self.skip("note", kind, 1),
        }
    }

    /// Passes over so many values of a kind, which `what` is of.
    fn skip(&mut self, what: &str, kind: u32, count: u64) -> Result<Value, String> {
        let width = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            _ => {
                return Err(format!(
                    "is damaged, or newer than this program: it has a {what} of the kind {kind}"
                ));
            }
        };
        self.take(count.saturating_mul(width))?;
        Ok(Value::Skipped)
    }

    fn list(&mut self) -> Result<Value, String> {
        let (kind, count) = (self.u32()?, self.u64()?);
        if count <= LIST_NUMBERS && matches!(kind, 4 | 5 | 10 | 11) {
            let mut number = || match kind {
                4 | 5 => self.u32().map(|number| number as usize),
                _ => self.u64().map(|number| number as usize),
            };
            let numbers: Result<_, _> = (0..count).map(|_| number()).collect();
            return numbers.map(Value::Numbers);
        }
        // Lists of texts are vocabularies; lists of lists are not in any file of a model.
        if kind != TEXT {
            return self.skip("list", kind, count);
        }
        for _ in 0..count {
            let length = self.u64()?;
            self.take(length)?;
        }
        Ok(Value::Skipped)
    }

    /// A tensor: its name, format, shape, and place among the data.
    fn tensor(
        &mut self,
        lists: &HashMap<String, Vec<usize>>,
    ) -> Result<(String, Format, Vec<usize>, u64), String> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        if dimensions > MOST_DIMENSIONS {
            return Err(format!(
                "is damaged: the tensor {name} has {dimensions} dimensions"
            ));
        }
        let sides: Result<Vec<_>, _> = (0..dimensions).map(|_| self.u64()).collect();
        // GGML names the innermost dimension first.
        let mut shape: Vec<_> = sides?.into_iter().rev().map(|side| side as usize).collect();
        if let Some(original) = lists.get(&format!("{ORIGINAL_SHAPE}{name}"))
            && product(original) == product(&shape)
        {
            shape.clone_from(original);
        }
        let format = format_of(self.u32()?);
        Ok((name, format, shape, self.u64()?))
    }
}

/// <https://github.com/ggml-org/ggml/blob/v0.9.4/include/ggml.h> (`ggml_type`)
fn format_of(kind: u32) -> Format {
    match kind {
        0 => Format::F32,
        1 => Format::F16,
        2 => Format::Q4_0,
        3 => Format::Q4_1,
        6 => Format::Q5_0,
        7 => Format::Q5_1,
        8 => Format::Q8_0,
        10 => Format::Q2K,
        11 => Format::Q3K,
        12 => Format::Q4K,
        13 => Format::Q5K,
        14 => Format::Q6K,
        16 => Format::Other("IQ2_XXS"),
        17 => Format::Other("IQ2_XS"),
        18 => Format::Other("IQ3_XXS"),
        19 => Format::Other("IQ1_S"),
        20 => Format::Other("IQ4_NL"),
        21 => Format::Other("IQ3_S"),
        22 => Format::Other("IQ2_S"),
        23 => Format::Other("IQ4_XS"),
        24 => Format::Other("i8"),
        25 => Format::I16,
        26 => Format::I32,
        27 => Format::I64,
        28 => Format::F64,
        29 => Format::Other("IQ1_M"),
        30 => Format::BF16,
        34 => Format::Other("TQ1_0"),
        35 => Format::Other("TQ2_0"),
        39 => Format::Other("MXFP4"),
        _ => Format::Other("a newer GGUF format"),
    }
}
