//! The engine's own kernels against the tensor library's operations on the same input.

use candle_core::{Device, Module, Tensor};
use candle_nn::GroupNorm as Reference;

use flux_qfaces::engine::compute::array::Array;
use flux_qfaces::engine::compute::conv::conv2d;
use flux_qfaces::engine::compute::norm::GroupNorm;
use flux_qfaces::engine::pipeline::noise::Draws;

use crate::support::reference_data::check;

/// Numbers that depend on nothing but the shape.
fn random(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    Tensor::from_vec(
        Draws::new(count as u64).normals(count).collect::<Vec<_>>(),
        shape,
        &Device::Cpu,
    )
    .unwrap()
}

/// A tensor as the engine's operations take it.
fn ours(tensor: &Tensor) -> Array {
    tensor.clone().into()
}

#[test]
fn convolution_equals_the_library() {
    for (b, c, o, h, w, k, padding, stride) in [
        (1, 3, 8, 16, 16, 3, 1, 1),
        (2, 5, 7, 9, 13, 3, 1, 1),
        (1, 8, 8, 17, 15, 3, 0, 2),
        (1, 8, 4, 12, 12, 3, 1, 2),
        (2, 16, 3, 5, 4, 1, 0, 1),
        (1, 4, 4, 3, 3, 3, 0, 1),
        (1, 2, 2, 1, 1, 3, 1, 1),
        (1, 64, 32, 96, 80, 3, 1, 1),
    ] {
        let (x, weight, bias) = (random(&[b, c, h, w]), random(&[o, c, k, k]), random(&[o]));
        let made = conv2d(&ours(&x), &ours(&weight), &ours(&bias), padding, stride).unwrap();
        let theirs = x.conv2d(&weight, padding, stride, 1, 1).unwrap();
        let theirs = theirs
            .broadcast_add(&bias.reshape((1, o, 1, 1)).unwrap())
            .unwrap();
        check(
            &format!("{c} to {o} at {h} × {w}, kernel {k}"),
            &made,
            &theirs,
            1e-6,
        );
    }
}

#[test]
fn convolution_takes_input_that_is_not_contiguous() {
    let (x, weight, bias) = (random(&[1, 4, 6, 8]), random(&[2, 4, 3, 3]), random(&[2]));
    let turned = x.transpose(2, 3).unwrap();
    let made = conv2d(&ours(&turned), &ours(&weight), &ours(&bias), 1, 1).unwrap();
    let theirs = conv2d(
        &ours(&turned.contiguous().unwrap()),
        &ours(&weight),
        &ours(&bias),
        1,
        1,
    )
    .unwrap();
    check("turned input", &made, &theirs, 0.0);
}

#[test]
fn convolution_of_the_wrong_shape_is_an_error() {
    let (x, bias) = (ours(&random(&[1, 4, 6, 8])), ours(&random(&[2])));
    for (weight, padding) in [([2, 3, 3, 3], 1), ([3, 4, 3, 3], 1), ([2, 4, 9, 9], 0)] {
        assert!(conv2d(&x, &ours(&random(&weight)), &bias, padding, 1).is_err());
    }
}

#[test]
fn group_norm_equals_the_library() {
    for (b, c, h, w, groups) in [
        (1, 8, 4, 4, 4),
        (2, 32, 9, 7, 8),
        (1, 6, 1, 1, 2),
        (1, 16, 40, 33, 1),
    ] {
        // Far from the origin, so that a careless variance would show.
        let x = (random(&[b, c, h, w]) + 20.0).unwrap();
        let (weight, bias) = (random(&[c]), random(&[c]));
        let reference = Reference::new(weight.clone(), bias.clone(), c, groups, 1e-6).unwrap();
        let plain = reference.forward(&x).unwrap();
        for silu in [false, true] {
            let made = GroupNorm {
                groups,
                eps: 1e-6,
                silu,
            }
            .forward(&ours(&x), &ours(&weight), &ours(&bias))
            .unwrap();
            let theirs = if silu {
                plain.silu().unwrap()
            } else {
                plain.clone()
            };
            check(
                &format!("{c} channels in {groups} groups, silu {silu}"),
                &made,
                &theirs,
                1e-5,
            );
        }
    }
}

#[test]
fn group_norm_of_channels_that_do_not_divide_is_an_error() {
    let norm = GroupNorm {
        groups: 3,
        eps: 1e-6,
        silu: false,
    };
    assert!(
        norm.forward(
            &ours(&random(&[1, 8, 2, 2])),
            &ours(&random(&[8])),
            &ours(&random(&[8]))
        )
        .is_err()
    );
}
