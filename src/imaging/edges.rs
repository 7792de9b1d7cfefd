//! Moving and softening the edge of a mask, by exact Euclidean distances.
//!
//! A pixel of 128 and more is painted. Beyond the border of the picture nothing is known, so the border is no edge.

use image::{GrayImage, Luma};
use rayon::prelude::*;

/// From this value on, a pixel of a mask counts as painted.
/// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/image_processor.py> (`binarize`)
pub const PAINTED: u8 = 128;

/// Moves the edge outwards by `pixels`, or inwards where negative. The result is 0 and 255; by 0 nothing changes.
pub fn grown(mask: &GrayImage, pixels: i32) -> GrayImage {
    if pixels == 0 {
        return mask.clone();
    }
    let outwards = pixels > 0;
    let radius = pixels.unsigned_abs();
    let within = u64::from(radius) * u64::from(radius);
    let distances = squared_distances(mask, outwards, radius);
    let mut grown = GrayImage::new(mask.width(), mask.height());
    for (pixel, squared) in grown.iter_mut().zip(distances) {
        let is_painted = (u64::from(squared) <= within) == outwards;
        *pixel = if is_painted { 255 } else { 0 };
    }
    grown
}

/// How much of the new picture shows at each pixel: 0 none, 255 all.
///
/// Outside the mask always 0. Inside, a soft value counts from [`PAINTED`] on, and over a band of `feather` pixels along
/// the edge the new picture comes in gradually.
pub fn weights(mask: &GrayImage, feather: u32) -> GrayImage {
    let mut weights = mask.clone();
    for weight in weights.iter_mut() {
        let above = u32::from(weight.saturating_sub(PAINTED - 1));
        *weight = (above * 255 / u32::from(u8::MAX - PAINTED + 1)) as u8;
    }
    if feather == 0 {
        return weights;
    }
    let distances = squared_distances(mask, false, feather + 1);
    for (weight, squared) in weights.iter_mut().zip(distances) {
        let share = (squared as f32).sqrt() / (feather + 1) as f32;
        *weight = (*weight).min((share * 255.0).min(255.0) as u8);
    }
    weights
}

/// The smallest rectangle around all that is painted: left, top, width, height. `None` where nothing is.
pub fn bounds(mask: &GrayImage) -> Option<(u32, u32, u32, u32)> {
    let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
    for (x, y, Luma([value])) in mask.enumerate_pixels() {
        if *value >= PAINTED {
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x), bottom.max(y));
        }
    }
    (left <= right).then(|| (left, top, right - left + 1, bottom - top + 1))
}

/// Squared distances of every pixel, in their order, to the nearest that is painted, or that is not: exact up to `limit`
/// pixels, beyond it some larger number.
///
/// Meijster, Roerdink and Hesselink, "A general algorithm for computing distance transforms in linear time" (2000).
fn squared_distances(mask: &GrayImage, painted: bool, limit: u32) -> Vec<u32> {
    let width = mask.width() as usize;
    // One more than the limit stands for everything beyond it.
    let far = limit + 1;
    let is_target = |value: u8| (value >= PAINTED) == painted;
    let mut squared: Vec<u32> = Vec::with_capacity(mask.as_raw().len());
    // Along the columns: steps to the nearest target above, then also below.
    let mut steps = vec![far; width];
    for row in mask.as_raw().chunks_exact(width.max(1)) {
        for (step, value) in steps.iter_mut().zip(row) {
            let next = (*step + 1).min(far);
            *step = if is_target(*value) { 0 } else { next };
        }
        squared.extend_from_slice(&steps);
    }
    steps.fill(far);
    for row in squared.chunks_exact_mut(width.max(1)).rev() {
        for (step, place) in steps.iter_mut().zip(row) {
            *step = (*step + 1).min(far).min(*place);
            *place = *step;
        }
    }
    squared
        .par_chunks_exact_mut(width.max(1))
        .for_each_init(Envelope::default, |envelope, row| envelope.apply(row, far));
    squared
}

/// The lower envelope of the parabolas that stand on one row.
#[derive(Default)]
struct Envelope {
    /// The column of each parabola that is part of the envelope, and where its part begins.
    parts: Vec<(i64, i64)>,
    heights: Vec<i64>,
}

impl Envelope {
    /// Turns the vertical distances of a row, at most `far`, into squared distances in the plane.
    fn apply(&mut self, row: &mut [u32], far: u32) {
        if row.iter().all(|&steps| steps == far) {
            row.fill(far * far);
            return;
        }
        let heights = row.iter().map(|&steps| i64::from(steps) * i64::from(steps));
        self.heights.clear();
        self.heights.extend(heights);
        self.parts.clear();
        let heights = &self.heights;
        let at = |column: i64, x: i64| (x - column) * (x - column) + heights[column as usize];
        for column in 0..row.len() as i64 {
            let mut begins = 0;
            while let Some(&(last, since)) = self.parts.last() {
                if at(last, since) > at(column, since) {
                    self.parts.pop();
                    continue;
                }
                // The first place where the new parabola is below the last one.
                let rise = column * column - last * last + heights[column as usize]
                    - heights[last as usize];
                begins = 1 + rise.div_euclid(2 * (column - last));
                break;
            }
            if begins < row.len() as i64 {
                self.parts.push((column, begins));
            }
        }
        let mut part = self.parts.len().saturating_sub(1);
        for x in (0..row.len() as i64).rev() {
            while part > 0 && self.parts[part].1 > x {
                part -= 1;
            }
            let nearest = self.parts.get(part).map_or(0, |&(column, _)| at(column, x));
            row[x as usize] = u32::try_from(nearest).unwrap_or(u32::MAX);
        }
    }
}
