//! A matrix of weights in the form in which it is multiplied.
//!
//! On the CPU it stays as the file has it, in 4 or 8 or 16 bits, in the memory map: the kernel decodes a few rows at a time.
//! On a GPU it is a tensor of the device, in the precision of the computation or, where the file has fewer bits, in those.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{D, DType, Device, Module, Result, Tensor};

use crate::engine::checkpoint::Precision;
use crate::engine::checkpoint::file::{native, to_tensor};
use crate::engine::device::Hardware;
use crate::engine::kernels::decode::{decode, encode_q8_0};
use crate::engine::kernels::product::{Product, Rows};
use crate::weights::bytes::Piece;
use crate::weights::header::{Entry, Format};

/// Weights from `in` to `out` features: `(out, in)`. They are never changed once loaded.
#[derive(Clone)]
pub(crate) struct Matrix {
    input: usize,
    output: usize,
    /// Its rows, in order.
    pieces: Vec<Part>,
}

/// Rows of a matrix as a file has them.
pub(super) struct Stored {
    pub(super) bytes: Piece,
    pub(super) format: Format,
    /// What the numbers are multiplied by.
    pub(super) scale: f32,
    pub(super) rows: usize,
}

/// Rows of a matrix that are multiplied together.
#[derive(Clone)]
struct Part {
    data: Data,
    rows: usize,
    /// What the numbers are multiplied by.
    scale: f32,
}

/// The numbers of some rows.
#[derive(Clone)]
enum Data {
    /// As the file has them.
    Stored { bytes: Piece, format: Format },
    /// On the device, `(rows, in)`, in the computation's precision or in 8 bits.
    Dense(Tensor),
    /// On the device, in the tensor library's own blocks.
    Blocks(Arc<QMatMul>),
}

impl Matrix {
    /// A matrix of rows that a file has.
    ///
    /// # Errors
    /// When the device has no memory left.
    pub(super) fn of_stored(
        stored: Vec<Stored>,
        input: usize,
        hardware: &Hardware,
    ) -> Result<Self> {
        let output = stored.iter().map(|stored| stored.rows).sum();
        let parts = stored.into_iter().map(|stored| {
            let Stored {
                bytes,
                format,
                scale,
                rows,
            } = stored;
            let data = if hardware.multiplies_stored() {
                Data::Stored { bytes, format }
            } else {
                on_device(&bytes, format, (rows, input), hardware)?
            };
            Ok(Part { data, rows, scale })
        });
        Ok(Self {
            input,
            output,
            pieces: parts.collect::<Result<_>>()?,
        })
    }

    /// Features that go in.
    pub(crate) fn input(&self) -> usize {
        self.input
    }

    /// Features that come out.
    pub(crate) fn output(&self) -> usize {
        self.output
    }

    /// `x · Wᵀ`: `(l, in)` → `(l, out)`
    pub(crate) fn product(&self, x: &Tensor) -> Result<Tensor> {
        if let Some(pieces) = self.stored() {
            let product = Product {
                pieces,
                input: self.input,
            };
            return x.contiguous()?.apply_op1_no_bwd(&product);
        }
        let products = self.pieces.iter().map(|part| part.product(x));
        let products = products.collect::<Result<Vec<_>>>()?;
        match products.as_slice() {
            [only] => Ok(only.clone()),
            several => Tensor::cat(several, D::Minus1),
        }
    }

    /// All of it, `(out, in)`, in f32: for what cannot be done piece by piece.
    pub(crate) fn whole(&self) -> Result<Tensor> {
        let pieces = self.pieces.iter().map(|part| part.whole(self.input));
        Tensor::cat(&pieces.collect::<Result<Vec<_>>>()?, 0)
    }

    /// Some rows, as a table is looked up: `(ids, in)`, in the computation's precision.
    pub(crate) fn rows(&self, ids: &[u32], hardware: &Hardware) -> Result<Tensor> {
        let Hardware { device, dtype } = hardware;
        let Some(pieces) = self.stored() else {
            return self
                .whole()?
                .embedding(&Tensor::new(ids, device)?)?
                .to_dtype(*dtype);
        };
        let mut numbers = vec![0.0; ids.len() * self.input];
        for (id, row) in ids.iter().zip(numbers.chunks_mut(self.input.max(1))) {
            let mut index = *id as usize;
            for piece in &pieces {
                if index >= piece.rows {
                    index -= piece.rows;
                    continue;
                }
                let length = piece.bytes.len() / piece.rows;
                let bytes = &piece.bytes[index * length..(index + 1) * length];
                decode(piece.format, bytes, row);
                for number in row {
                    *number *= piece.scale;
                }
                break;
            }
            if *id as usize >= self.output {
                candle_core::bail!("a table of {} rows has no row {id}", self.output);
            }
        }
        Tensor::from_vec(numbers, (ids.len(), self.input), &Device::Cpu)?
            .to_dtype(*dtype)?
            .to_device(device)
    }

    /// Its rows as the file has them, where the kernel multiplies those.
    fn stored(&self) -> Option<Vec<Rows<'_>>> {
        let pieces = self.pieces.iter().map(|part| match &part.data {
            Data::Stored { bytes, format } => Some(Rows {
                bytes,
                format: *format,
                scale: part.scale,
                rows: part.rows,
            }),
            Data::Dense(_) | Data::Blocks(_) => None,
        });
        pieces.collect()
    }
}

impl Part {
    fn product(&self, x: &Tensor) -> Result<Tensor> {
        let product = match &self.data {
            Data::Dense(weight) => x.matmul(&weight.to_dtype(x.dtype())?.t()?)?,
            // The library's own products take f32.
            Data::Blocks(blocks) => blocks
                .forward(&x.to_dtype(DType::F32)?.contiguous()?)?
                .to_dtype(x.dtype())?,
            Data::Stored { .. } => {
                x.matmul(&self.whole(x.dim(D::Minus1)?)?.to_dtype(x.dtype())?.t()?)?
            }
        };
        scaled(
            product,
            if matches!(self.data, Data::Stored { .. }) {
                1.0
            } else {
                self.scale
            },
        )
    }

    fn whole(&self, input: usize) -> Result<Tensor> {
        let whole = match &self.data {
            Data::Dense(weight) => weight.to_dtype(DType::F32)?,
            Data::Blocks(blocks) => match blocks.as_ref() {
                QMatMul::QTensor(tensor) => tensor.dequantize(&tensor.device())?,
                QMatMul::Tensor(tensor) | QMatMul::TensorF16(tensor) => {
                    tensor.to_dtype(DType::F32)?
                }
            },
            Data::Stored { bytes, format } => {
                to_tensor(*format, bytes, &[self.rows, input], &Hardware::cpu())?
            }
        };
        scaled(whole, self.scale)
    }
}

fn scaled(tensor: Tensor, scale: f32) -> Result<Tensor> {
    if (scale - 1.0).abs() < f32::EPSILON {
        return Ok(tensor);
    }
    tensor * f64::from(scale)
}

/// Rows of a file on a GPU.
fn on_device(
    bytes: &[u8],
    format: Format,
    shape: (usize, usize),
    hardware: &Hardware,
) -> Result<Data> {
    let dims = [shape.0, shape.1];
    if let Some(blocks) = blocks_of(format) {
        let storage = QStorage::from_data(bytes.into(), &hardware.device, blocks)?;
        let tensor = QTensor::new(storage, shape)?;
        return Ok(Data::Blocks(Arc::new(QMatMul::from_qtensor(tensor)?)));
    }
    // 8 bits stay 8 bits until they are multiplied.
    if let (Format::F8E4M3, Some(native)) = (format, native(format)) {
        return Tensor::from_raw_buffer(bytes, native, &dims, &hardware.device).map(Data::Dense);
    }
    to_tensor(format, bytes, &dims, hardware).map(Data::Dense)
}

/// Bytes that a tensor of a file takes in memory.
pub(super) fn in_memory(entry: &Entry, precision: Precision, hardware: &Hardware) -> u64 {
    let numbers: usize = entry.shape.iter().product();
    let is_matrix = entry.shape.len() == 2;
    let stays_narrow = hardware.multiplies_stored()
        || entry.format == Format::F8E4M3
        || blocks_of(entry.format).is_some();
    let is_narrowed = precision == Precision::EightBit && entry.format.bits() > EIGHT_BITS;
    if let [rows, columns] = *entry.shape.as_slice()
        && is_narrowed
        && let Some(row) = Format::Q8_0.bytes(columns)
    {
        return (row * rows) as u64;
    }
    if is_matrix && stays_narrow {
        entry.range.len() as u64
    } else {
        (numbers * hardware.dtype.size_in_bytes()) as u64
    }
}

/// The tensor library's own name of a format of blocks.
fn blocks_of(format: Format) -> Option<GgmlDType> {
    Some(match format {
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

/// Numbers that are decoded at once while they are written in 8 bits.
const CHUNK_NUMBERS: usize = 1 << 16;

/// Bits of a number of Q8_0, with its share of the scale.
const EIGHT_BITS: f32 = 8.5;

impl Stored {
    /// The same rows in Q8_0, where they have more bits and rows fill whole blocks.
    pub(super) fn in_eight_bits(self) -> Self {
        let (block, _) = Format::Q8_0.block().unwrap_or((32, 34));
        let Some((_, width)) = self.format.block().filter(|(numbers, _)| *numbers == 1) else {
            return self;
        };
        let input = self.bytes.len() / width / self.rows.max(1);
        if self.format.bits() <= EIGHT_BITS || !input.is_multiple_of(block) {
            return self;
        }
        let numbers = self.bytes.len() / width;
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
