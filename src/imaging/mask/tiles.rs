//! The pixels of a mask in squares, each either of one value or with its pixels, and what they were before a change.

use std::collections::HashMap;

use image::{GrayImage, Luma};
use rayon::prelude::*;

use crate::imaging::mask::ink::Ink;
use crate::schema::size::Size;

/// Side of a tile in pixels.
pub const TILE: u32 = 128;

/// The same as a length of slices.
const SIDE: usize = TILE as usize;

/// From this many tiles on it pays to change them at the same time.
const MANY: usize = 8;

/// Pixels of a tile.
const AREA: usize = SIDE * SIDE;

/// One square of a mask. Tiles at the far edges reach over the picture; what lies outside is never looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tile {
    /// Every pixel has this value.
    Plain(u8),
    /// Row by row.
    Pixels(Box<[u8]>),
}

impl Tile {
    /// Its pixels, for writing.
    fn pixels_mut(&mut self) -> &mut [u8] {
        if let Self::Plain(value) = *self {
            *self = Self::Pixels(vec![value; AREA].into_boxed_slice());
        }
        match self {
            Self::Pixels(pixels) => pixels,
            Self::Plain(_) => &mut [],
        }
    }

    fn get(&self, index: usize) -> u8 {
        match self {
            Self::Plain(value) => *value,
            Self::Pixels(pixels) => pixels.get(index).copied().unwrap_or_default(),
        }
    }

    /// Lets what is inside go on outside, so that only what is inside decides whether a tile is plain or has changed.
    fn continued(&mut self, width: usize, height: usize) {
        let Self::Pixels(pixels) = self else { return };
        if (width, height) == (SIDE, SIDE) {
            return;
        }
        for line in pixels.chunks_exact_mut(SIDE).take(height) {
            let last = line[width - 1];
            line[width..].fill(last);
        }
        let last = (height - 1) * SIDE;
        for line in height..SIDE {
            pixels.copy_within(last..last + SIDE, line * SIDE);
        }
    }

    /// The same as a plain tile, if it is one.
    fn simplified(&mut self) {
        if let Self::Pixels(pixels) = self
            && let Some(first) = pixels.first().copied()
            && pixels.iter().all(|pixel| *pixel == first)
        {
            *self = Self::Plain(first);
        }
    }
}

/// Tiles as they were before a change, by their place.
pub(super) type Before = Vec<(usize, Tile)>;

/// All tiles of a mask.
#[derive(Debug)]
pub(super) struct Tiles {
    pub(super) size: Size,
    columns: usize,
    all: Vec<Tile>,
    /// What tiles were before the change that is under way.
    before: HashMap<usize, Tile>,
    /// Which tiles have changed since they were last asked for.
    changed: Vec<bool>,
}

impl Tiles {
    /// Tiles on which nothing is painted.
    pub(super) fn new(size: Size) -> Self {
        let count = |side: u32| side.div_ceil(TILE) as usize;
        let (columns, rows) = (count(size.width), count(size.height));
        Self {
            size,
            columns,
            all: vec![Tile::Plain(0); columns * rows],
            before: HashMap::new(),
            changed: vec![true; columns * rows],
        }
    }

    pub(super) fn get(&self, x: u32, y: u32) -> u8 {
        if x >= self.size.width || y >= self.size.height {
            return 0;
        }
        let (tile, index) = self.place(x as usize, y as usize);
        self.all[tile].get(index)
    }

    /// The tile of a pixel, and its place in it.
    fn place(&self, x: usize, y: usize) -> (usize, usize) {
        let tile = y / SIDE * self.columns + x / SIDE;
        (tile, y % SIDE * SIDE + x % SIDE)
    }

    pub(super) fn is_blank(&self) -> bool {
        self.all.iter().enumerate().all(|(index, tile)| match tile {
            Tile::Plain(value) => *value == 0,
            // What lies outside the picture does not count.
            Tile::Pixels(pixels) => {
                let (width, height) = self.inside(index);
                let mut lines = pixels.chunks_exact(SIDE).take(height);
                lines.all(|line| line[..width].iter().all(|pixel| *pixel == 0))
            }
        })
    }

    /// How many columns and rows of a tile lie in the picture.
    fn inside(&self, index: usize) -> (usize, usize) {
        let inside = |first: usize, side: u32| (side as usize - first * SIDE).min(SIDE);
        (
            inside(index % self.columns, self.size.width),
            inside(index / self.columns, self.size.height),
        )
    }

    pub(super) fn take_changed(&mut self) -> Vec<(usize, usize)> {
        let place = |index: usize| (index % self.columns, index / self.columns);
        let changed = (0..self.all.len()).filter(|index| self.changed[*index]);
        let taken = changed.map(place).collect();
        self.changed.fill(false);
        taken
    }

    pub(super) fn copy_tile(&self, column: usize, row: usize, pixels: &mut [u8]) {
        match self.all.get(row * self.columns + column) {
            None => {}
            Some(Tile::Plain(value)) => pixels.fill(*value),
            Some(Tile::Pixels(own)) => pixels
                .iter_mut()
                .zip(own)
                .for_each(|(to, from)| *to = *from),
        }
    }

    pub(super) fn to_image(&self) -> GrayImage {
        let mut image = GrayImage::new(self.size.width, self.size.height);
        let width = self.size.width as usize;
        for (y, line) in image.chunks_exact_mut(width.max(1)).enumerate() {
            for (column, part) in line.chunks_mut(SIDE).enumerate() {
                let (tile, start) = self.place(column * SIDE, y);
                match &self.all[tile] {
                    Tile::Plain(value) => part.fill(*value),
                    Tile::Pixels(pixels) => {
                        part.copy_from_slice(&pixels[start..start + part.len()]);
                    }
                }
            }
        }
        image
    }

    /// Takes a picture of the same size over.
    pub(super) fn load(&mut self, picture: &GrayImage) {
        for index in 0..self.all.len() {
            let (left, top) = (index % self.columns * SIDE, index / self.columns * SIDE);
            let pixels = self.tile_mut(index).pixels_mut();
            for (y, line) in pixels.chunks_exact_mut(SIDE).enumerate() {
                for (x, pixel) in line.iter_mut().enumerate() {
                    let found = picture.get_pixel_checked((left + x) as u32, (top + y) as u32);
                    // What is outside is filled in when the change is committed.
                    if let Some(Luma([value])) = found {
                        *pixel = *value;
                    }
                }
            }
        }
    }

    /// Gives every pixel the same value.
    pub(super) fn fill(&mut self, value: u8) {
        for index in 0..self.all.len() {
            self.set_plain(index, value);
        }
    }

    /// Turns every value round.
    pub(super) fn invert(&mut self) {
        for index in 0..self.all.len() {
            match self.tile_mut(index) {
                Tile::Plain(value) => *value = 255 - *value,
                Tile::Pixels(pixels) => pixels.iter_mut().for_each(|pixel| *pixel = 255 - *pixel),
            }
        }
    }

    /// A tile, for writing: remembered as it was, and marked as changed.
    fn tile_mut(&mut self, index: usize) -> &mut Tile {
        let tile = &mut self.all[index];
        self.before.entry(index).or_insert_with(|| tile.clone());
        self.changed[index] = true;
        tile
    }

    /// The tiles, as columns and rows, that a rectangle of pixels touches, cut to the picture.
    pub(super) fn touched(
        &self,
        left: f32,
        top: f32,
        right: f32,
        bottom: f32,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let range = |from: f32, to: f32, pixels: u32| {
            let end = pixels.div_ceil(TILE) as usize;
            let tile = |place: f32| (place.max(0.0) / TILE as f32) as usize;
            if to < 0.0 || from > pixels as f32 || from.is_nan() || to.is_nan() {
                0..0
            } else {
                tile(from).min(end)..tile(to).saturating_add(1).min(end)
            }
        };
        let columns = range(left, right, self.size.width);
        range(top, bottom, self.size.height)
            .flat_map(move |row| columns.clone().map(move |column| (column, row)))
    }

    /// Paints or erases a whole tile.
    pub(super) fn flood_tile(&mut self, column: usize, row: usize, ink: Ink) {
        let index = row * self.columns + column;
        self.set_plain(index, ink.value());
    }

    /// Gives every pixel of a tile the same value.
    fn set_plain(&mut self, index: usize, value: u8) {
        if self.all[index] != Tile::Plain(value) {
            *self.tile_mut(index) = Tile::Plain(value);
        }
    }

    /// Changes the pixels of some tiles, which are named as columns and rows in the order they lie in. `change` gets the
    /// place of a tile and its pixels row by row, [`TILE`] a row; many tiles are changed at the same time.
    pub(super) fn edit_tiles(
        &mut self,
        places: &[(usize, usize)],
        change: impl Fn((usize, usize), &mut [u8]) + Sync,
    ) {
        let mut picked = Vec::with_capacity(places.len());
        for &(column, row) in places {
            self.tile_mut(row * self.columns + column);
        }
        let (mut rest, mut passed) = (&mut self.all[..], 0);
        for &(column, row) in places {
            let index = row * self.columns + column;
            let tail = std::mem::take(&mut rest).split_at_mut(index - passed).1;
            if let Some((tile, tail)) = tail.split_first_mut() {
                picked.push(((column, row), tile));
                rest = tail;
            }
            passed = index + 1;
        }
        let change = |(place, tile): ((usize, usize), &mut Tile)| change(place, tile.pixels_mut());
        if picked.len() < MANY {
            picked.into_iter().for_each(change);
        } else {
            picked.into_par_iter().for_each(change);
        }
    }

    /// Applies a run of coverage, which begins at pixel `left` of row `y`, with `ink`.
    pub(super) fn apply_run(&mut self, left: usize, y: usize, coverage: &[u8], ink: Ink) {
        if y >= self.size.height as usize {
            return;
        }
        let right = (left + coverage.len()).min(self.size.width as usize);
        let mut x = left;
        while x < right {
            let (tile, start) = self.place(x, y);
            let end = ((x / SIDE + 1) * SIDE).min(right);
            let run = &coverage[x - left..end - left];
            if run.iter().any(|cover| *cover > 0) {
                let pixels = self.tile_mut(tile).pixels_mut();
                for (pixel, cover) in pixels[start..].iter_mut().zip(run) {
                    ink.apply(pixel, *cover);
                }
            }
            x = end;
        }
    }

    /// Ends a change: what the changed tiles were before.
    pub(super) fn commit(&mut self) -> Before {
        let mut before: Before = self.before.drain().collect();
        for (index, _) in &before {
            let (width, height) = self.inside(*index);
            let tile = &mut self.all[*index];
            tile.continued(width, height);
            tile.simplified();
        }
        before.retain(|(index, tile)| self.all[*index] != *tile);
        before.sort_by_key(|(index, _)| *index);
        before
    }

    /// Gives up the change that is under way.
    pub(super) fn roll_back(&mut self) {
        let before = self.before.drain().collect();
        self.exchange(before);
    }

    /// Puts tiles in place and returns those that were there.
    pub(super) fn exchange(&mut self, tiles: Before) -> Before {
        let exchange = |(index, tile): (usize, Tile)| {
            self.changed[index] = true;
            (index, std::mem::replace(&mut self.all[index], tile))
        };
        tiles.into_iter().map(exchange).collect()
    }
}
