//! What is filled at once: closed outlines with smooth edges (rectangle, ellipse, lasso, polygon), and the bucket's areas.

use image::RgbaImage;

use crate::imaging::fit::size_of;
use crate::imaging::mask::ink::{Ink, Point};
use crate::imaging::mask::tiles::Tiles;

/// How many lines a pixel's row is divided into.
const LINES: usize = 8;

/// The outline of a rectangle between two opposite corners, on whole pixels.
pub fn rectangle(a: Point, b: Point) -> Vec<Point> {
    let (left, right) = (a.x.min(b.x).round(), a.x.max(b.x).round());
    let (top, bottom) = (a.y.min(b.y).round(), a.y.max(b.y).round());
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
    corners.map(|(x, y)| Point { x, y }).to_vec()
}

/// The outline of the ellipse that fills the rectangle between two opposite corners.
pub fn ellipse(a: Point, b: Point) -> Vec<Point> {
    let (x, y) = (f32::midpoint(a.x, b.x), f32::midpoint(a.y, b.y));
    let (across, down) = ((b.x - a.x).abs() / 2.0, (b.y - a.y).abs() / 2.0);
    // So many corners that the outline is nowhere farther than a hundredth of a pixel from the ellipse.
    let corners = (across.max(down).sqrt() * 24.0).clamp(16.0, 4096.0) as usize;
    let corner = |index: usize| {
        let angle = index as f32 / corners as f32 * std::f32::consts::TAU;
        Point::new(x + across * angle.cos(), y + down * angle.sin())
    };
    (0..corners).map(corner).collect()
}

/// One side of the outline that is not level.
#[derive(Clone, Copy)]
struct Side {
    top: Point,
    bottom: Point,
    /// 1 where the outline goes down, −1 where it goes up.
    direction: i32,
}

/// Fills the inside of the outline; a place is inside if the outline goes around it at least once.
pub(super) fn fill_outline(outline: &[Point], ink: Ink, tiles: &mut Tiles) {
    if outline.len() < 3 || !outline.iter().all(|point| point.is_finite()) {
        return;
    }
    let mut sides: Vec<Side> = outline
        .iter()
        .zip(outline.iter().cycle().skip(1))
        .filter(|(a, b)| a.y < b.y || b.y < a.y)
        .map(|(&a, &b)| {
            let (top, bottom, direction) = if a.y < b.y { (a, b, 1) } else { (b, a, -1) };
            Side {
                top,
                bottom,
                direction,
            }
        })
        .collect();
    sides.sort_by(|a, b| a.top.y.total_cmp(&b.top.y));
    let ends = sides.iter().map(|side| side.bottom.y);
    let (Some(first), Some(lowest)) = (sides.first(), ends.max_by(f32::total_cmp)) else {
        return;
    };
    let first = first.top.y.floor().max(0.0) as usize;
    let end = lowest.ceil().clamp(0.0, tiles.size.height as f32) as usize;
    let mut row = Row::new(tiles.size.width as usize);
    let mut waiting = sides.into_iter().peekable();
    let mut active: Vec<Side> = Vec::new();
    let mut crossings: Vec<(f32, i32)> = Vec::new();
    for y in first..end {
        for line in 0..LINES {
            let level = y as f32 + (line as f32 + 0.5) / LINES as f32;
            while let Some(side) = waiting.next_if(|side| side.top.y <= level) {
                active.push(side);
            }
            active.retain(|side| side.bottom.y > level);
            crossings.clear();
            crossings.extend(active.iter().map(|side| {
                let share = (level - side.top.y) / (side.bottom.y - side.top.y);
                let x = side.top.x + share * (side.bottom.x - side.top.x);
                (x, side.direction)
            }));
            crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut around = 0;
            let mut since = 0.0;
            for &(x, direction) in &crossings {
                let before = around;
                around += direction;
                if before == 0 {
                    since = x;
                } else if around == 0 {
                    row.add(since, x);
                }
            }
        }
        row.apply(y, ink, tiles);
    }
}

/// What is covered of one row of pixels.
struct Row {
    /// For each pixel, by how much its coverage differs from the one on its left, in lines; one more at the end.
    rise: Vec<f32>,
    /// For each pixel, what is to be added for it alone.
    extra: Vec<f32>,
    coverage: Vec<u8>,
    /// The pixels that have been touched: the first, and the one behind the last.
    touched: (usize, usize),
}

impl Row {
    fn new(width: usize) -> Self {
        Self {
            rise: vec![0.0; width + 1],
            extra: vec![0.0; width + 1],
            coverage: vec![0; width],
            touched: (width, 0),
        }
    }

    /// Adds the span of one line.
    fn add(&mut self, from: f32, to: f32) {
        let width = self.coverage.len();
        let (from, to) = (from.clamp(0.0, width as f32), to.clamp(0.0, width as f32));
        if to <= from {
            return;
        }
        let (first, last) = (from as usize, to as usize);
        // From the first pixel on all are covered, less what the first lacks on its left; from the last on none, plus
        // what the last has.
        self.rise[first] += 1.0;
        self.extra[first] -= from - first as f32;
        self.rise[last] -= 1.0;
        self.extra[last] += to - last as f32;
        let (start, end) = self.touched;
        self.touched = (start.min(first), end.max((last + 1).min(width)));
    }

    /// Applies what was added and begins anew.
    fn apply(&mut self, y: usize, ink: Ink, tiles: &mut Tiles) {
        let (first, end) = self.touched;
        if first < end {
            let mut lines = 0.0;
            for x in first..end {
                lines += self.rise[x];
                let share = (lines + self.extra[x]) / LINES as f32;
                self.coverage[x] = (share * 255.0).round().clamp(0.0, 255.0) as u8;
            }
            tiles.apply_run(first, y, &self.coverage[first..end], ink);
            let last = (end + 1).min(self.rise.len());
            self.rise[first..last].fill(0.0);
            self.extra[first..last].fill(0.0);
            self.touched = (self.coverage.len(), 0);
        }
    }
}

/// Fills the pixels that hang together with the one at `x`, `y` and differ from it by at most `tolerance` in every
/// channel.
pub(super) fn fill_area(
    picture: &RgbaImage,
    x: u32,
    y: u32,
    tolerance: u8,
    ink: Ink,
    tiles: &mut Tiles,
) {
    let size = size_of(picture);
    let wanted = picture.get_pixel_checked(x, y);
    let Some(wanted) = wanted.filter(|_| size == tiles.size) else {
        return;
    };
    let (width, height) = (size.width as usize, size.height as usize);
    let pixels = picture.as_raw();
    let is_alike = |index: usize| {
        let mut channels = pixels[index * 4..].iter().zip(wanted.0);
        channels.all(|(a, b)| a.abs_diff(b) <= tolerance)
    };
    let mut seen = vec![false; width * height];
    let mut seeds = vec![(x as usize, y as usize)];
    let full = vec![255; width];
    while let Some((x, y)) = seeds.pop() {
        let row = y * width;
        if seen[row + x] {
            continue;
        }
        let is_open = |x: &usize| !seen[row + x] && is_alike(row + x);
        let left = (0..x).rev().take_while(is_open).last().unwrap_or(x);
        let right = (x..width).take_while(is_open).last().unwrap_or(x) + 1;
        seen[row + left..row + right].fill(true);
        tiles.apply_run(left, y, &full[left..right], ink);
        let below = (y + 1 < height).then_some(y + 1);
        for y in y.checked_sub(1).into_iter().chain(below) {
            let row = y * width;
            let mut is_inside = false;
            for x in left..right {
                let is_open = !seen[row + x] && is_alike(row + x);
                if is_open && !is_inside {
                    seeds.push((x, y));
                }
                is_inside = is_open;
            }
        }
    }
}
