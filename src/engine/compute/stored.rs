//! Numbers as a file stores them: as an array, as rows of a matrix, and as rows in 8 bits.

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};

use crate::engine::compute::array::Array;
use crate::engine::compute::cpu::decode::{decode, encode_q8_0};
use crate::engine::compute::cpu::product::RowBytes;
use crate::engine::compute::hardware::Hardware;
use crate::engine::error::{Error, Result};
use crate::weights::bytes::Piece;
use crate::weights::header::{Entry, Format};

/// How precisely matrices are multiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// As precisely as the file stores them.
    #[default]
    Stored,
    /// In 8 bits, where the file has more: `go_fast`.
    EightBit,
}

/// Bits of a number of Q8_0, with its share of the scale.
const EIGHT_BITS: f32 = 8.5;

/// Numbers that are decoded at once while they are written in 8 bits.
const CHUNK_NUMBERS: usize = 1 << 16;

/// Returns the numbers in a file as an array where and as a device computes.
///
/// # Errors
/// When the bytes are not numbers of the format in this shape.
pub(crate) fn array(
    format: Format,
    bytes: &[u8],
    shape: &[usize],
    hardware: &Hardware,
) -> Result<Array> {
    if let Some(native) = native(format) {
        let tensor = Tensor::from_raw_buffer(bytes, native, shape, &hardware.device)?;
        return Ok(Array(tensor.to_dtype(hardware.dtype)?));
    }
    let mut numbers = vec![0.0; shape.iter().product()];
    if !decode(format, bytes, &mut numbers) {
        return Err(Error::compute(format!(
            "{} bytes are not a tensor of {shape:?}",
            bytes.len()
        )));
    }
    Array(Tensor::from_vec(numbers, shape, &Device::Cpu)?).on(hardware)
}

/// Rows of a matrix as a file stores them.
#[derive(Clone)]
pub(crate) struct StoredRows {
    /// The rows' bytes.
    pub(crate) bytes: Piece,
    /// The format of the numbers.
    pub(crate) format: Format,
    /// The factor on all numbers.
    pub(crate) scale: f32,
    /// How many rows.
    pub(crate) rows: usize,
}

impl StoredRows {
    /// The rows for the kernel.
    pub(super) fn borrowed(&self) -> RowBytes<'_> {
        RowBytes {
            bytes: &self.bytes,
            format: self.format,
            scale: self.scale,
            rows: self.rows,
        }
    }

    /// Decodes one row; `out` is as long as a row.
    pub(super) fn decode_row(&self, index: usize, out: &mut [f32]) {
        let length = self.bytes.len() / self.rows.max(1);
        let bytes = self.bytes.get(index * length..(index + 1) * length);
        decode(self.format, bytes.unwrap_or_default(), out);
        for number in out {
            *number *= self.scale;
        }
    }

    /// The same rows in Q8_0, where they have more bits and rows fill whole blocks.
    pub(crate) fn in_eight_bits(self) -> Self {
        let (block, _) = Format::Q8_0.block().unwrap_or((32, 34));
        let Some((_, width)) = self.format.block().filter(|(numbers, _)| *numbers == 1) else {
            return self;
        };
        let numbers = self.bytes.len() / width;
        let input = numbers / self.rows.max(1);
        if self.format.bits() <= EIGHT_BITS || !input.is_multiple_of(block) {
            return self;
        }
        let mut encoded = Vec::with_capacity(numbers / 32 * 34);
        let mut decoded = vec![0.0; CHUNK_NUMBERS.min(numbers)];
        for bytes in self.bytes.chunks(CHUNK_NUMBERS * width) {
            let decoded = &mut decoded[..bytes.len() / width];
            decode(self.format, bytes, decoded);
            encoded.extend(encode_q8_0(decoded));
        }
        Self {
            bytes: Piece::Owned(encoded.into()),
            format: Format::Q8_0,
            ..self
        }
    }
}

/// Rows of a matrix on a device that multiplies by the tensor library's operations.
#[derive(Clone)]
pub(super) struct DeviceRows {
    weight: DeviceWeight,
    scale: f32,
}

/// The numbers of such rows.
#[derive(Clone)]
enum DeviceWeight {
    /// `(rows, in)`, in the computation's precision or in 8 bits.
    Dense(Tensor),
    /// In the tensor library's own blocks.
    Blocks(QMatMul),
}

impl DeviceRows {
    /// Brings rows of `input` numbers to a device.
    pub(super) fn new(stored: &StoredRows, input: usize, hardware: &Hardware) -> Result<Self> {
        let StoredRows {
            bytes,
            format,
            scale,
            rows,
        } = stored;
        let dims = [*rows, input];
        let weight = if let Some(blocks) = blocks_of(*format, input) {
            let storage = QStorage::from_data(bytes[..].into(), &hardware.device, blocks)?;
            let tensor = QTensor::new(storage, &dims[..])?;
            DeviceWeight::Blocks(QMatMul::from_qtensor(tensor)?)
        } else if let (Format::F8E4M3, Some(native)) = (*format, native(*format)) {
            // 8 bits stay 8 bits until they are multiplied.
            let tensor = Tensor::from_raw_buffer(bytes, native, &dims, &hardware.device)?;
            DeviceWeight::Dense(tensor)
        } else {
            DeviceWeight::Dense(array(*format, bytes, &dims, hardware)?.0)
        };
        let scale = *scale;
        Ok(Self { weight, scale })
    }

    /// `x · Wᵀ`: `(l, in)` → `(l, rows)`
    pub(super) fn product(&self, x: &Array) -> Result<Array> {
        use candle_core::Module;
        let x = &x.0;
        let product = match &self.weight {
            DeviceWeight::Dense(weight) => x.matmul(&weight.to_dtype(x.dtype())?.t()?)?,
            // The library's own products take f32.
            DeviceWeight::Blocks(blocks) => blocks
                .forward(&x.to_dtype(DType::F32)?.contiguous()?)?
                .to_dtype(x.dtype())?,
        };
        self.scaled(product)
    }

    /// All of them in f32, `(rows, in)`.
    pub(super) fn whole(&self) -> Result<Array> {
        self.scaled(match &self.weight {
            DeviceWeight::Blocks(QMatMul::QTensor(tensor)) => {
                tensor.dequantize(&tensor.device())?
            }
            DeviceWeight::Dense(tensor)
            | DeviceWeight::Blocks(QMatMul::Tensor(tensor) | QMatMul::TensorF16(tensor)) => {
                tensor.to_dtype(DType::F32)?
            }
        })
    }

    fn scaled(&self, tensor: Tensor) -> Result<Array> {
        if (self.scale - 1.0).abs() < f32::EPSILON {
            return Ok(Array(tensor));
        }
        Array(tensor).scaled(f64::from(self.scale))
    }
}

/// Returns how many bytes a tensor of a file takes in memory.
pub(crate) fn bytes_in_memory(entry: &Entry, precision: Precision, hardware: &Hardware) -> u64 {
    let is_narrowed = precision == Precision::EightBit && entry.format.bits() > EIGHT_BITS;
    if let [rows, columns] = *entry.shape.as_slice() {
        if is_narrowed && let Some(row) = Format::Q8_0.bytes(columns) {
            return (row * rows) as u64;
        }
        let stays_narrow = hardware.multiplies_stored
            || entry.format == Format::F8E4M3
            || blocks_of(entry.format, columns).is_some();
        if stays_narrow {
            return entry.range.len() as u64;
        }
    }
    entry.shape.iter().product::<usize>() as u64 * hardware.number_bytes()
}

/// The tensor library's own name of a format, where it has it.
fn native(format: Format) -> Option<DType> {
    Some(match format {
        Format::F64 => DType::F64,
        Format::F32 => DType::F32,
        Format::F16 => DType::F16,
        Format::BF16 => DType::BF16,
        Format::F8E4M3 => DType::F8E4M3,
        _ => return None,
    })
}

/// The tensor library's own name of a format of blocks, if it multiplies rows of `input` numbers in it: some of its products
/// want pairs of blocks.
fn blocks_of(format: Format, input: usize) -> Option<GgmlDType> {
    Some(match format {
        _ if !input.is_multiple_of(64) => return None,
        Format::Q8_0 => GgmlDType::Q8_0,
        Format::Q5_0 => GgmlDType::Q5_0,
        Format::Q5_1 => GgmlDType::Q5_1,
        Format::Q4_0 => GgmlDType::Q4_0,
        Format::Q4_1 => GgmlDType::Q4_1,
        Format::Q6K => GgmlDType::Q6K,
        Format::Q5K => GgmlDType::Q5K,
        Format::Q4K => GgmlDType::Q4K,
        Format::Q3K => GgmlDType::Q3K,
        Format::Q2K => GgmlDType::Q2K,
        _ => return None,
    })
}
