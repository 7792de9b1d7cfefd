//! A matrix of weights in the form in which it is multiplied.
//!
//! On the CPU it stays as the file stores it, in 4 or 8 or 16 bits, in the memory map: the kernel decodes a few rows at a
//! time. On other devices it is copied there, in the precision of the computation or, where the file has fewer bits, in those.

use crate::engine::compute::array::Array;
use crate::engine::compute::cpu::product::{RowBytes, product};
use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::stored::{DeviceRows, StoredRows};
use crate::engine::error::{Error, Result};

/// Weights from `in` to `out` features: `(out, in)`. They are never changed once loaded.
#[derive(Clone)]
pub(crate) struct Matrix {
    input: usize,
    output: usize,
    data: Data,
    hardware: Hardware,
}

/// The rows of a matrix, in order, in one piece or several.
#[derive(Clone)]
enum Data {
    Stored(Vec<StoredRows>),
    OnDevice(Vec<DeviceRows>),
}

impl Matrix {
    /// A matrix of rows of `input` numbers in a file.
    ///
    /// # Errors
    /// When the device has no memory left.
    pub(crate) fn new(stored: Vec<StoredRows>, input: usize, hardware: &Hardware) -> Result<Self> {
        let output = stored.iter().map(|piece| piece.rows).sum();
        let data = if hardware.multiplies_stored {
            Data::Stored(stored)
        } else {
            let pieces = stored.iter();
            let pieces = pieces.map(|piece| DeviceRows::new(piece, input, hardware));
            Data::OnDevice(pieces.collect::<Result<_>>()?)
        };
        Ok(Self {
            input,
            output,
            data,
            hardware: hardware.clone(),
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

    /// Where it is multiplied.
    pub(crate) fn hardware(&self) -> &Hardware {
        &self.hardware
    }

    /// `x · Wᵀ + bias`: `(l, in)` → `(l, out)`, with `(out)` for the bias.
    pub(crate) fn product(&self, x: &Array, bias: Option<&Array>) -> Result<Array> {
        let product = match &self.data {
            Data::Stored(pieces) => {
                let [l, input] = x.shape()?;
                if input != self.input {
                    let wanted = self.input;
                    return Err(Error::compute(format!(
                        "{input} features do not fit weights for {wanted}"
                    )));
                }
                let rows: Vec<RowBytes<'_>> = pieces.iter().map(StoredRows::borrowed).collect();
                let x = x.contiguous()?;
                let numbers = product(&x.numbers()?, &rows, input)?;
                Array::of_kernel(numbers, [l, self.output])?
            }
            Data::OnDevice(pieces) => {
                let products = pieces.iter().map(|piece| piece.product(x));
                Array::cat(&products.collect::<Result<Vec<_>>>()?, 1)?
            }
        };
        match bias {
            Some(bias) => product.plus(bias),
            None => Ok(product),
        }
    }

    /// All of it, `(out, in)`, in f32: for what cannot be done piece by piece.
    pub(crate) fn whole(&self) -> Result<Array> {
        match &self.data {
            Data::Stored(pieces) => self.decoded(pieces, 0..self.output),
            Data::OnDevice(pieces) => {
                let pieces = pieces.iter().map(DeviceRows::whole);
                Array::cat(&pieces.collect::<Result<Vec<_>>>()?, 0)
            }
        }
    }

    /// Some rows, as a table is looked up: `(ids, in)`, in the computation's precision.
    pub(crate) fn rows(&self, ids: &[u32]) -> Result<Array> {
        match &self.data {
            Data::Stored(pieces) => self.decoded(pieces, ids.iter().map(|id| *id as usize)),
            Data::OnDevice(_) => self.whole()?.rows(ids)?.on(&self.hardware),
        }
    }

    /// Decodes the rows at `indices` from the file.
    fn decoded(
        &self,
        pieces: &[StoredRows],
        indices: impl ExactSizeIterator<Item = usize>,
    ) -> Result<Array> {
        let count = indices.len();
        let mut numbers = vec![0.0; count * self.input];
        for (index, row) in indices.zip(numbers.chunks_exact_mut(self.input.max(1))) {
            let mut first = 0;
            let piece = pieces.iter().find(|piece| {
                first += piece.rows;
                index < first
            });
            let output = self.output;
            let piece = piece.ok_or_else(|| {
                Error::compute(format!("a table of {output} rows has no row {index}"))
            })?;
            piece.decode_row(index + piece.rows - first, row);
        }
        Array::new(numbers, [count, self.input], &self.hardware)
    }
}
