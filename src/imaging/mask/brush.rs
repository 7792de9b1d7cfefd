//! Brush and eraser: round, with a soft or hard edge, along a smooth path.
//!
//! The path is a chain of short straight pieces, each drawn as what a disc covers while it moves along: there are no
//! single dabs and so no gaps. Where pieces overlap the greater coverage counts, so that a stroke over itself stays as
//! it is.

use crate::imaging::mask::ink::{Ink, Point};
use crate::imaging::mask::tiles::{TILE, Tiles};

/// The tip of a brush.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brush {
    /// Half its width, in pixels.
    pub radius: f32,
    /// The part of the radius that paints fully, 0 to 1; from there on the edge fades. At 1 only the last pixel does.
    pub hardness: f32,
}

/// A place the pointer has been at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dab {
    /// Where.
    pub at: Point,
    /// How much of the brush's radius the pressure there gives, 0 to 1.
    pub pressure: f32,
}

/// A stroke that has begun.
pub(super) struct Stroke {
    brush: Brush,
    ink: Ink,
    /// The last place of the pointer that has become part of the path.
    last: Dab,
    /// Where the path has been drawn to: half-way between the last two places of the path.
    drawn: Dab,
    /// The last place of the pointer.
    tail: Dab,
}

/// How far apart the places of a path are at least, as a part of the brush's radius: for a hard brush, and what is added
/// for a soft one. What a large brush does between nearer places cannot be seen, but takes its time.
const SPACING: (f32, f32) = (0.08, 0.12);

impl Stroke {
    /// Begins a stroke with one dab.
    pub(super) fn begin(brush: Brush, ink: Ink, dab: Dab, tiles: &mut Tiles) -> Self {
        line(brush, ink, dab, dab, tiles);
        Self {
            brush,
            ink,
            last: dab,
            drawn: dab,
            tail: dab,
        }
    }

    /// Draws on, up to half-way to `next`: from middle to middle of the pointer's places on a parabola that touches the
    /// lines between them.
    pub(super) fn extend(&mut self, next: Dab, tiles: &mut Tiles) {
        if !next.at.is_finite() {
            return;
        }
        self.tail = next;
        let spacing = SPACING.0 + SPACING.1 * (1.0 - self.brush.hardness);
        if distance(self.last.at, next.at) < self.brush.radius * spacing {
            return;
        }
        let middle = between(self.last, next, 0.5);
        let (from, bend) = (self.drawn, self.last);
        let length = distance(from.at, bend.at) + distance(bend.at, middle.at);
        // Pieces so short that the corners between them are far below a pixel; under a wide brush a little more is not seen.
        let bow = distance(between(from, middle, 0.5).at, bend.at);
        let unseen = 1.0 + self.brush.radius * 0.02;
        let pieces = ((bow * 2.0 / unseen).sqrt().ceil()).clamp(1.0, length.max(1.0)) as usize;
        let mut start = from;
        for piece in 1..=pieces {
            let t = piece as f32 / pieces as f32;
            let end = between(between(from, bend, t), between(bend, middle, t), t);
            line(self.brush, self.ink, start, end, tiles);
            start = end;
        }
        self.drawn = middle;
        self.last = next;
    }

    /// Draws the rest, up to the last place of the pointer.
    pub(super) fn finish(self, tiles: &mut Tiles) {
        line(self.brush, self.ink, self.drawn, self.last, tiles);
        line(self.brush, self.ink, self.last, self.tail, tiles);
    }
}

/// Draws what the brush covers on a straight way.
fn line(brush: Brush, ink: Ink, from: Dab, to: Dab, tiles: &mut Tiles) {
    if !(from.at.is_finite() && to.at.is_finite()) {
        return;
    }
    // Where the pressure changes, the way is cut into pieces of one radius each.
    let change = (from.pressure - to.pressure).abs() * brush.radius;
    let pieces = (change.ceil()).clamp(1.0, 64.0) as usize;
    let share = |piece: usize| piece as f32 / pieces as f32;
    for piece in 0..pieces {
        let [a, b] = [piece, piece + 1].map(|piece| between(from, to, share(piece)));
        let radius = brush.radius * f32::midpoint(a.pressure, b.pressure);
        Capsule::new(a.at, b.at, radius, brush.hardness).draw(ink, tiles);
    }
}

/// A dab on the way from one to another.
fn between(a: Dab, b: Dab, t: f32) -> Dab {
    let mix = |a: f32, b: f32| a + (b - a) * t;
    Dab {
        at: Point::new(mix(a.at.x, b.at.x), mix(a.at.y, b.at.y)),
        pressure: mix(a.pressure, b.pressure),
    }
}

fn distance(a: Point, b: Point) -> f32 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// What a disc covers while it moves along a straight line.
struct Capsule {
    a: Point,
    b: Point,
    /// Up to this distance from the line everything is covered.
    inner: f32,
    /// From this distance on nothing is.
    outer: f32,
    soft: bool,
}

impl Capsule {
    fn new(a: Point, b: Point, radius: f32, hardness: f32) -> Self {
        let radius = radius.max(0.5);
        Self {
            a,
            b,
            inner: (radius * hardness.clamp(0.0, 1.0) - 0.5).max(0.0),
            outer: radius + 0.5,
            soft: hardness < 1.0,
        }
    }

    /// Paints or erases it.
    fn draw(&self, ink: Ink, tiles: &mut Tiles) {
        let (a, b, outer) = (self.a, self.b, self.outer);
        let (left, right) = (a.x.min(b.x) - outer, a.x.max(b.x) + outer);
        let (top, bottom) = (a.y.min(b.y) - outer, a.y.max(b.y) + outer);
        let side = TILE as f32;
        let half_diagonal = side * std::f32::consts::FRAC_1_SQRT_2;
        // A place in the tile of a column and row; 1, 1 is its far corner.
        let place_in = |(column, row): (usize, usize), (x, y): (f32, f32)| {
            Point::new((column as f32 + x) * side, (row as f32 + y) * side)
        };
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)];
        let mut crossed = Vec::new();
        for tile in tiles.touched(left, top, right, bottom) {
            let distance = |part| self.distance(place_in(tile, part));
            // It is convex: with all corners all of the tile is inside.
            if corners.into_iter().all(|part| distance(part) <= self.inner) {
                tiles.flood_tile(tile.0, tile.1, ink);
            } else if distance((0.5, 0.5)) <= outer + half_diagonal {
                crossed.push(tile);
            }
        }
        tiles.edit_tiles(&crossed, |tile, pixels| {
            self.draw_in(place_in(tile, (0.0, 0.0)), ink, pixels);
        });
    }

    /// Paints or erases its part of one tile, whose top left corner is `corner`.
    fn draw_in(&self, corner: Point, ink: Ink, pixels: &mut [u8]) {
        let side = TILE as usize;
        // From a span of places to the pixels whose middles are in it.
        let columns = |(from, to): (f32, f32)| {
            let first = (from - corner.x - 0.5).ceil().clamp(0.0, side as f32) as usize;
            let end = ((to - corner.x - 0.5).floor() + 1.0).clamp(0.0, side as f32) as usize;
            (first, end.max(first))
        };
        for (y, line) in pixels.chunks_exact_mut(side).enumerate() {
            let y = corner.y + y as f32 + 0.5;
            let Some(touched) = self.span(y, self.outer) else {
                continue;
            };
            let (first, end) = columns(touched);
            // The middle of the row is covered fully and needs no distances.
            let (full_first, full_end) = match self.span(y, self.inner) {
                Some(full) => {
                    let (from, to) = columns(full);
                    (from.clamp(first, end), to.clamp(first, end))
                }
                None => (end, end),
            };
            for pixel in &mut line[full_first..full_end.max(full_first)] {
                ink.apply(pixel, 255);
            }
            for (from, to) in [(first, full_first), (full_end.max(full_first), end)] {
                let place = Point::new(corner.x + from as f32 + 0.5, y);
                let coverage = self.coverage(place, to.saturating_sub(from));
                for (pixel, cover) in line[from..to.max(from)].iter_mut().zip(coverage) {
                    ink.apply(pixel, cover);
                }
            }
        }
    }

    /// How much is covered of each of the `count` pixels that begin with the one around `place` and go to the right.
    ///
    /// Plain arithmetic without branches, which the compiler turns into vector instructions.
    fn coverage(&self, place: Point, count: usize) -> [u8; TILE as usize] {
        let (dx, dy) = (self.b.x - self.a.x, self.b.y - self.a.y);
        let squared = dx * dx + dy * dy;
        // A line without length is its first end.
        let per_length = if squared > 0.0 { 1.0 / squared } else { 0.0 };
        let (px, py) = (place.x - self.a.x, place.y - self.a.y);
        let per_fade = 1.0 / (self.outer - self.inner);
        let mut coverage = [0; TILE as usize];
        for (index, cover) in coverage.iter_mut().take(count).enumerate() {
            let px = px + index as f32;
            let along = ((px * dx + py * dy) * per_length).clamp(0.0, 1.0);
            let (x, y) = (px - along * dx, py - along * dy);
            let distance = (x * x + y * y).sqrt();
            let t = ((self.outer - distance) * per_fade).clamp(0.0, 1.0);
            let share = if self.soft {
                t * t * (3.0 - 2.0 * t)
            } else {
                t
            };
            *cover = (share * 255.0 + 0.5) as i32 as u8;
        }
        coverage
    }

    /// How far a place is from the line.
    fn distance(&self, place: Point) -> f32 {
        let (dx, dy) = (self.b.x - self.a.x, self.b.y - self.a.y);
        let (px, py) = (place.x - self.a.x, place.y - self.a.y);
        let squared = dx * dx + dy * dy;
        let t = if squared > 0.0 {
            ((px * dx + py * dy) / squared).clamp(0.0, 1.0)
        } else {
            0.0
        };
        (px - t * dx).hypot(py - t * dy)
    }

    /// Where the row at height `y` is at most `radius` away from the line; it is one span, since the shape is convex.
    fn span(&self, y: f32, radius: f32) -> Option<(f32, f32)> {
        let (a, b) = (self.a, self.b);
        let mut span: Option<(f32, f32)> = None;
        let mut include = |x: f32| {
            let (from, to) = span.unwrap_or((x, x));
            span = Some((from.min(x), to.max(x)));
        };
        for end in [a, b] {
            let up = y - end.y;
            if up.abs() <= radius {
                let half = (radius * radius - up * up).sqrt();
                include(end.x - half);
                include(end.x + half);
            }
        }
        let length = distance(a, b);
        if length > 0.0 {
            let (nx, ny) = ((b.y - a.y) / length * radius, (a.x - b.x) / length * radius);
            let corners = [
                (a.x + nx, a.y + ny),
                (b.x + nx, b.y + ny),
                (b.x - nx, b.y - ny),
                (a.x - nx, a.y - ny),
            ];
            for (index, &(x1, y1)) in corners.iter().enumerate() {
                let (x2, y2) = corners[(index + 1) % corners.len()];
                if (y1 <= y) != (y2 <= y) {
                    include(x1 + (y - y1) / (y2 - y1) * (x2 - x1));
                }
            }
        }
        span
    }
}
