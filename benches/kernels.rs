//! The engine's kernels against the tensor library's operations, as ratios within one run: `cargo bench --bench kernels`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program run by hand"
)]

use std::time::Instant;

use candle_core::{DType, Device, Module, Tensor};

use flux_qfaces::engine::compute::array::Array;
use flux_qfaces::engine::compute::conv::conv2d;
use flux_qfaces::engine::compute::norm::GroupNorm;

/// Runs of each side; they alternate, so that both see the same machine.
const RUNS: usize = 9;

fn main() {
    let device = Device::Cpu;
    let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &device).unwrap();
    for (channels, side) in [(64, 32), (64, 64), (32, 128), (128, 256)] {
        let (x, weight, bias) = (
            random(&[1, channels, side, side]),
            random(&[channels, channels, 3, 3]),
            random(&[channels]),
        );
        let library_bias = bias.reshape((1, channels, 1, 1)).unwrap();
        compare(
            &format!("3×3 convolution, {channels} channels at {side} × {side}"),
            || conv2d(&ours(&x), &ours(&weight), &ours(&bias), 1, 1).unwrap(),
            || {
                x.conv2d(&weight, 1, 1, 1, 1)
                    .unwrap()
                    .broadcast_add(&library_bias)
                    .unwrap()
            },
        );
        let ones = Tensor::ones(channels, DType::F32, &device).unwrap();
        let library =
            candle_nn::GroupNorm::new(ones.clone(), bias.clone(), channels, 4, 1e-6).unwrap();
        compare(
            &format!("group norm with SiLU, {channels} channels at {side} × {side}"),
            || {
                GroupNorm {
                    groups: 4,
                    eps: 1e-6,
                    silu: true,
                }
                .forward(&ours(&x), &ours(&ones), &ours(&bias))
                .unwrap()
            },
            || library.forward(&x).unwrap().silu().unwrap(),
        );
    }
}

/// A tensor as the engine's operations take it; its numbers are not copied.
fn ours(tensor: &Tensor) -> Array {
    tensor.clone().into()
}

/// Milliseconds that one run takes.
fn time<T>(run: impl Fn() -> T) -> f64 {
    let started = Instant::now();
    std::hint::black_box(run());
    started.elapsed().as_secs_f64() * 1e3
}

/// Prints the median times of both sides and their ratio.
fn compare(what: &str, ours: impl Fn() -> Array, theirs: impl Fn() -> Tensor) {
    let (mut our_times, mut their_times): (Vec<_>, Vec<_>) =
        (0..RUNS).map(|_| (time(&ours), time(&theirs))).unzip();
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let (ours, theirs) = (median(&mut our_times), median(&mut their_times));
    println!(
        "{what}: {ours:.2} ms, library {theirs:.2} ms, {:.1} times as fast",
        theirs / ours
    );
}
