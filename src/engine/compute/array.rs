//! Arrays of numbers, which models compute with, and the plain operations on them.
//!
//! An array is a tensor of the tensor library. Nothing above [`compute`](super) knows that: another kind of array, such as a
//! buffer of a graphics card, will be another form of this one type. Operations broadcast as NumPy's do.

use std::ops::Deref;

use candle_core::{CpuStorage, D, DType, Device, Storage, Tensor};

use crate::engine::compute::hardware::Hardware;
use crate::engine::error::{Error, Result};

/// An array of numbers on a device. Cloning it copies no numbers.
#[derive(Clone, Debug)]
pub struct Array(pub(super) Tensor);

impl From<Tensor> for Array {
    fn from(tensor: Tensor) -> Self {
        Self(tensor)
    }
}

/// Making arrays, and reading them.
impl Array {
    /// Returns an array of these numbers, in f32.
    ///
    /// # Errors
    /// When `shape` stands for another count of numbers.
    pub fn new(numbers: Vec<f32>, shape: impl AsRef<[usize]>, hardware: &Hardware) -> Result<Self> {
        let tensor = Tensor::from_vec(numbers, shape.as_ref(), &hardware.device)?;
        Ok(Self(tensor))
    }

    /// Returns zeros where and as `self` is.
    pub(crate) fn zeros(&self, shape: impl AsRef<[usize]>) -> Result<Self> {
        let (dtype, device) = (self.0.dtype(), self.0.device());
        Ok(Self(Tensor::zeros(shape.as_ref(), dtype, device)?))
    }

    /// Returns an array of these numbers where and as `self` is.
    pub(crate) fn like(&self, numbers: Vec<f32>, shape: impl AsRef<[usize]>) -> Result<Self> {
        let tensor = Tensor::from_vec(numbers, shape.as_ref(), &Device::Cpu)?;
        let tensor = tensor.to_dtype(self.0.dtype())?;
        Ok(Self(tensor.to_device(self.0.device())?))
    }

    /// Copies all numbers out, in order, as f32.
    ///
    /// # Errors
    /// When the device fails.
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        Ok(self.0.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?)
    }

    /// The length of each dimension.
    pub fn dims(&self) -> &[usize] {
        self.0.dims()
    }

    /// The lengths of exactly `N` dimensions.
    ///
    /// # Errors
    /// When there are more or fewer.
    pub fn shape<const N: usize>(&self) -> Result<[usize; N]> {
        let dims = self.dims();
        <[usize; N]>::try_from(dims)
            .map_err(|_| Error::compute(format!("an array of {dims:?} must have {N} dimensions")))
    }

    pub(crate) fn dim(&self, dim: usize) -> Result<usize> {
        Ok(self.0.dim(dim)?)
    }

    /// The length of the last dimension.
    pub(crate) fn width(&self) -> Result<usize> {
        Ok(self.0.dim(D::Minus1)?)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.elem_count()
    }

    /// Returns `true` if every number is finite.
    pub(crate) fn is_finite(&self) -> Result<bool> {
        let sum = self.0.to_dtype(DType::F32)?.abs()?.sum_all()?;
        Ok(sum.to_scalar::<f32>()?.is_finite())
    }
}

/// Precision and place.
impl Array {
    pub(crate) fn to_f32(&self) -> Result<Self> {
        Ok(Self(self.0.to_dtype(DType::F32)?))
    }

    /// The same numbers in the precision of `other`.
    pub(crate) fn in_precision_of(&self, other: &Self) -> Result<Self> {
        Ok(Self(self.0.to_dtype(other.0.dtype())?))
    }

    /// The same numbers where and as a device computes.
    ///
    /// # Errors
    /// When the device has no memory left.
    pub fn on(&self, hardware: &Hardware) -> Result<Self> {
        // Narrowed before it goes to the device, where memory is scarcer.
        let tensor = self.0.to_dtype(hardware.dtype)?;
        Ok(Self(tensor.to_device(&hardware.device)?))
    }

    /// The same numbers on the device of `hardware`, in their own precision.
    pub(crate) fn at(&self, hardware: &Hardware) -> Result<Self> {
        Ok(Self(self.0.to_device(&hardware.device)?))
    }
}

/// Shape.
impl Array {
    pub(crate) fn reshape(&self, shape: impl AsRef<[usize]>) -> Result<Self> {
        Ok(Self(self.0.reshape(shape.as_ref())?))
    }

    pub(crate) fn flatten(&self) -> Result<Self> {
        Ok(Self(self.0.flatten_all()?))
    }

    pub(crate) fn permute(&self, dims: impl AsRef<[usize]>) -> Result<Self> {
        Ok(Self(self.0.permute(dims.as_ref())?))
    }

    pub(crate) fn transpose(&self, dim1: usize, dim2: usize) -> Result<Self> {
        Ok(Self(self.0.transpose(dim1, dim2)?))
    }

    /// The same array with its numbers in order in memory.
    pub(crate) fn contiguous(&self) -> Result<Self> {
        Ok(Self(self.0.contiguous()?))
    }

    /// `length` places along a dimension, from `start` on.
    pub(crate) fn narrow(&self, dim: usize, start: usize, length: usize) -> Result<Self> {
        Ok(Self(self.0.narrow(dim, start, length)?))
    }

    /// `count` equal pieces along a dimension.
    pub(crate) fn pieces(&self, count: usize, dim: usize) -> Result<Vec<Self>> {
        let length = self.dim(dim)? / count;
        let pieces = (0..count).map(|i| self.narrow(dim, i * length, length));
        pieces.collect()
    }

    /// `N` equal pieces along a dimension.
    pub(crate) fn split<const N: usize>(&self, dim: usize) -> Result<[Self; N]> {
        let pieces = self.pieces(N, dim)?;
        <[Self; N]>::try_from(pieces).map_err(|_| Error::compute("an array cannot be split"))
    }

    /// Arrays one after the other along a dimension.
    pub(crate) fn cat<A: std::borrow::Borrow<Self>>(arrays: &[A], dim: usize) -> Result<Self> {
        match arrays {
            [only] => Ok(only.borrow().clone()),
            several => {
                let tensors: Vec<_> = several.iter().map(|array| &array.borrow().0).collect();
                Ok(Self(Tensor::cat(&tensors, dim)?))
            }
        }
    }

    /// The two halves of the first dimension the other way round.
    pub(crate) fn with_halves_swapped(&self) -> Result<Self> {
        let [first, second] = self.split(0)?;
        Self::cat(&[second, first], 0)
    }

    pub(crate) fn unsqueeze(&self, dim: usize) -> Result<Self> {
        Ok(Self(self.0.unsqueeze(dim)?))
    }

    pub(crate) fn squeeze(&self, dim: usize) -> Result<Self> {
        Ok(Self(self.0.squeeze(dim)?))
    }

    /// Zeros around a dimension.
    pub(crate) fn padded(&self, dim: usize, before: usize, after: usize) -> Result<Self> {
        Ok(Self(self.0.pad_with_zeros(dim, before, after)?))
    }

    /// Every place of the last two dimensions as a square of 2 × 2.
    pub(crate) fn doubled(&self) -> Result<Self> {
        let [_, _, h, w] = self.shape()?;
        Ok(Self(self.0.upsample_nearest2d(2 * h, 2 * w)?))
    }

    /// The rows of these numbers: `(rows, features)` → `(ids, features)`.
    pub(crate) fn rows(&self, ids: &[u32]) -> Result<Self> {
        let ids = Tensor::new(ids, self.0.device())?;
        Ok(Self(self.0.embedding(&ids)?))
    }
}

/// Arithmetic.
impl Array {
    pub(crate) fn plus(&self, other: &Self) -> Result<Self> {
        Ok(Self(self.0.broadcast_add(&other.0)?))
    }

    /// `self · other`, number by number.
    pub(crate) fn times(&self, other: &Self) -> Result<Self> {
        Ok(Self(self.0.broadcast_mul(&other.0)?))
    }

    /// `self / other`, number by number.
    pub(crate) fn over(&self, other: &Self) -> Result<Self> {
        Ok(Self(self.0.broadcast_div(&other.0)?))
    }

    pub(crate) fn scaled(&self, factor: f64) -> Result<Self> {
        Ok(Self((&self.0 * factor)?))
    }

    pub(crate) fn shifted(&self, summand: f64) -> Result<Self> {
        Ok(Self((&self.0 + summand)?))
    }

    /// `1 − self`
    pub(crate) fn complement(&self) -> Result<Self> {
        Ok(Self((1.0 - &self.0)?))
    }

    /// Every number within bounds.
    pub(crate) fn clamped(&self, least: f32, most: f32) -> Result<Self> {
        Ok(Self(self.0.clamp(least, most)?))
    }

    pub(crate) fn exp(&self) -> Result<Self> {
        Ok(Self(self.0.exp()?))
    }

    pub(crate) fn squared(&self) -> Result<Self> {
        Ok(Self(self.0.sqr()?))
    }

    pub(crate) fn root(&self) -> Result<Self> {
        Ok(Self(self.0.sqrt()?))
    }

    /// The sum along a dimension, which then is gone.
    pub(crate) fn sum(&self, dim: usize) -> Result<Self> {
        Ok(Self(self.0.sum(dim)?))
    }

    pub(crate) fn matmul(&self, other: &Self) -> Result<Self> {
        Ok(Self(self.0.matmul(&other.0)?))
    }

    /// `self · otherᵀ` for matrices: `(l, in)` and `(out, in)` → `(l, out)`.
    pub(crate) fn matmul_transposed(&self, other: &Self) -> Result<Self> {
        Ok(Self(self.0.matmul(&other.0.t()?)?))
    }
}

/// Kernels' access.
impl Array {
    /// Returns `true` if our own kernels support this array: f32 on the CPU.
    pub(super) fn suits_kernels(&self) -> bool {
        self.0.device().is_cpu() && self.0.dtype() == DType::F32
    }

    /// Returns `true` for an array on the CPU in another precision than f32, such as bf16.
    pub(super) fn is_narrow_on_cpu(&self) -> bool {
        self.0.device().is_cpu() && self.0.dtype() != DType::F32
    }

    /// An array of numbers that a kernel has made, on the CPU.
    pub(super) fn of_kernel(numbers: Vec<f32>, shape: impl AsRef<[usize]>) -> Result<Self> {
        let tensor = Tensor::from_vec(numbers, shape.as_ref(), &Device::Cpu)?;
        Ok(Self(tensor))
    }

    /// The numbers of a contiguous array in f32 on the CPU, for a kernel to read.
    pub(super) fn numbers(&self) -> Result<impl Deref<Target = [f32]> + '_> {
        let (storage, layout) = self.0.storage_and_layout();
        let range = layout.contiguous_offsets();
        match (&*storage, range) {
            (Storage::Cpu(CpuStorage::F32(_)), Some(range)) => Ok(Numbers { storage, range }),
            _ => Err(Error::compute(
                "a kernel wants contiguous f32 numbers on the CPU",
            )),
        }
    }
}

/// The numbers of an array while a kernel reads them.
struct Numbers<S> {
    storage: S,
    range: (usize, usize),
}

impl<S: Deref<Target = Storage>> Deref for Numbers<S> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(numbers)) => {
                let (start, end) = self.range;
                numbers.get(start..end).unwrap_or_default()
            }
            _ => &[],
        }
    }
}
