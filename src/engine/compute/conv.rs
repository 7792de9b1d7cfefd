//! Convolution with a square kernel.

use crate::engine::compute::array::Array;
use crate::engine::compute::cpu::conv::Places;
use crate::engine::error::{Error, Result};

/// Convolves `x`, `(b, c, h, w)`, with `weight`, `(o, c, k, k)`, and adds `bias`, `(o)`. Zeros surround the input.
///
/// # Errors
/// When the shapes do not fit one another.
pub fn conv2d(
    x: &Array,
    weight: &Array,
    bias: &Array,
    padding: usize,
    stride: usize,
) -> Result<Array> {
    if x.is_narrow_on_cpu() {
        // The library convolves in f32 only there.
        let wide = conv2d(
            &x.to_f32()?,
            &weight.to_f32()?,
            &bias.to_f32()?,
            padding,
            stride,
        )?;
        return wide.in_precision_of(x);
    }
    if !x.suits_kernels() {
        let product = x.0.conv2d(&weight.0, padding, stride, 1, 1)?;
        return Array(product).plus(&bias.reshape([1, bias.count(), 1, 1])?);
    }
    let (x_shape, weight_shape) = (x.shape::<4>()?, weight.shape::<4>()?);
    let places = Places::new(x_shape, weight_shape, padding, stride)
        .filter(|_| bias.count() == weight_shape[0])
        .ok_or_else(|| {
            Error::compute(format!(
                "a convolution of {weight_shape:?} does not fit an input of {x_shape:?}"
            ))
        })?;
    let (x, weight, bias) = (x.contiguous()?, weight.contiguous()?, bias.contiguous()?);
    let numbers = places.convolve(&x.numbers()?, &weight.numbers()?, &bias.numbers()?);
    let shape = [
        x_shape[0],
        weight_shape[0],
        places.out_height,
        places.out_width,
    ];
    Array::of_kernel(numbers, shape)
}
