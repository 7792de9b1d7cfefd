//! Resampling, to the last bit as Pillow does it, because the reference fits its input pictures with Pillow.

use image::{GenericImageView, GrayImage, ImageBuffer, Pixel, RgbImage};
use rayon::prelude::*;

use crate::schema::size::Size;

/// Bits behind the point of a filter's weights.
/// <https://github.com/python-pillow/Pillow/blob/11.3.0/src/libImaging/Resample.c> (`PRECISION_BITS`)
const PRECISION: u32 = 32 - 8 - 2;

/// One half, with [`PRECISION`] bits behind the point.
const HALF: i32 = 1 << (PRECISION - 1);

/// What weighs old pixels by their distance from a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// A triangle.
    Bilinear,
    /// The cubic spline with a = −0.5.
    Bicubic,
    /// The Lanczos window of width 3.
    Lanczos,
}

/// The size of a picture.
pub fn size_of(picture: &impl GenericImageView) -> Size {
    let (width, height) = picture.dimensions();
    Size { width, height }
}

/// Scales a picture with the Lanczos filter, as the reference fits its input pictures.
pub fn lanczos(picture: &RgbImage, to: Size) -> RgbImage {
    resample(picture, to, Filter::Lanczos)
}

/// Scales a picture with a filter, each side on its own. No side is 0.
///
/// First along the rows, then along the columns, with 8 bits in between; a side that stays is not filtered.
/// <https://github.com/python-pillow/Pillow/blob/11.3.0/src/libImaging/Resample.c> (`ImagingResampleInner`)
pub fn resample(picture: &RgbImage, to: Size, filter: Filter) -> RgbImage {
    const CHANNELS: usize = 3;
    let from = size_of(picture);
    let narrowed = if from.width == to.width {
        picture.clone()
    } else {
        let taps = taps(filter, from.width, to.width);
        let row = to.width as usize * CHANNELS;
        let mut pixels = vec![0; row * from.height as usize];
        let source = picture.as_raw().as_slice();
        let lines = source.par_chunks(from.width as usize * CHANNELS);
        pixels
            .par_chunks_mut(row)
            .zip(lines)
            .for_each(|(out, line)| {
                for (taps, out) in taps.iter().zip(out.chunks_exact_mut(CHANNELS)) {
                    let mut sums = [HALF; CHANNELS];
                    let pixels = line[taps.first * CHANNELS..].chunks_exact(CHANNELS);
                    for (weight, pixel) in taps.weights.iter().zip(pixels) {
                        add(&mut sums, *weight, pixel);
                    }
                    settle(out, &sums);
                }
            });
        RgbImage::from_raw(to.width, from.height, pixels).unwrap_or_default()
    };
    if from.height == to.height {
        return narrowed;
    }
    let taps = taps(filter, from.height, to.height);
    let row = to.width as usize * CHANNELS;
    let mut pixels = vec![0; row * to.height as usize];
    let source = narrowed.as_raw().as_slice();
    pixels
        .par_chunks_mut(row)
        .zip(&taps)
        .for_each(|(out, taps)| {
            let mut sums = vec![HALF; row];
            let lines = source[taps.first * row..].chunks_exact(row);
            for (weight, line) in taps.weights.iter().zip(lines) {
                add(&mut sums, *weight, line);
            }
            settle(out, &sums);
        });
    RgbImage::from_raw(to.width, to.height, pixels).unwrap_or_default()
}

/// Scales a picture by taking the pixel under the middle of each new one.
///
/// <https://github.com/python-pillow/Pillow/blob/11.3.0/src/libImaging/Geometry.c> (`ImagingScaleAffine`)
pub fn nearest<P: Pixel>(
    picture: &ImageBuffer<P, Vec<P::Subpixel>>,
    to: Size,
) -> ImageBuffer<P, Vec<P::Subpixel>> {
    let from = size_of(picture);
    let (columns, rows) = (places(from.width, to.width), places(from.height, to.height));
    ImageBuffer::from_fn(to.width, to.height, |x, y| {
        *picture.get_pixel(columns[x as usize], rows[y as usize])
    })
}

/// How bright each pixel is.
///
/// <https://github.com/python-pillow/Pillow/blob/11.3.0/src/libImaging/Convert.c> (`L24`)
pub fn luminance(picture: &RgbImage) -> GrayImage {
    let grey = |[r, g, b]: [u8; 3]| {
        let sum = u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000;
        (sum >> 16) as u8
    };
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        image::Luma([grey(picture.get_pixel(x, y).0)])
    })
}

/// Where each new pixel is taken from. The place is added up, as in Pillow, and so are its roundings.
fn places(from: u32, to: u32) -> Vec<u32> {
    let step = f64::from(from) / f64::from(to);
    let places = std::iter::successors(Some(step * 0.5), |place| Some(place + step));
    let taken = places.map(|place| (place as u32).min(from - 1));
    taken.take(to as usize).collect()
}

/// The weights that make one new pixel out of a run of old ones.
struct Taps {
    /// The first old pixel.
    first: usize,
    /// Fixed-point weights with [`PRECISION`] bits behind the point.
    weights: Vec<i32>,
}

/// Adds weighted old pixels to sums.
fn add(sums: &mut [i32], weight: i32, values: &[u8]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += weight * i32::from(*value);
    }
}

/// Turns sums that began at [`HALF`] into new pixels: rounded, and kept within 8 bits.
fn settle(pixels: &mut [u8], sums: &[i32]) {
    for (pixel, sum) in pixels.iter_mut().zip(sums) {
        *pixel = (sum >> PRECISION).clamp(0, 255) as u8;
    }
}

/// The weights for every new pixel along one side.
///
/// <https://github.com/python-pillow/Pillow/blob/11.3.0/src/libImaging/Resample.c> (`precompute_coeffs`,
/// `normalize_coeffs_8bpc`)
fn taps(filter: Filter, from: u32, to: u32) -> Vec<Taps> {
    let scale = f64::from(from) / f64::from(to);
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    let taps = |place: u32| {
        let middle = (f64::from(place) + 0.5) * scale;
        let first = ((middle - support + 0.5) as i64).max(0);
        let last = ((middle + support + 0.5) as i64).min(i64::from(from));
        let weights: Vec<f64> = (first..last)
            .map(|tap| filter.weight((tap as f64 - middle + 0.5) * (1.0 / stretch)))
            .collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: f64| {
            let weight = if sum == 0.0 { weight } else { weight / sum };
            (weight * f64::from(1u32 << PRECISION) + 0.5f64.copysign(weight)) as i32
        };
        Taps {
            first: first as usize,
            weights: weights.into_iter().map(fixed).collect(),
        }
    };
    (0..to).map(taps).collect()
}

impl Filter {
    /// Half its width, in pixels of the coarser picture.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight at a distance.
    ///
    /// <https://github.com/python-pillow/Pillow/blob/11.3.0/src/libImaging/Resample.c> (`bilinear_filter`,
    /// `bicubic_filter`, `lanczos_filter`)
    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        match self {
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Bicubic => match x.abs() {
                x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
                x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
                _ => 0.0,
            },
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else {
        let x = x * std::f64::consts::PI;
        x.sin() / x
    }
}
