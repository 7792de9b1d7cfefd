//! What a hand paints: a mask as a model without a toolkit.
//!
//! All places are in pixels of the picture, with the origin at its top left corner; the middle of the first pixel is at
//! 0.5, 0.5. A pixel is 0 where nothing is painted and 255 where all is; in between lie soft edges. The mask consists of
//! tiles, so that a stroke costs what it touches and no more, and every operation is one step of its history. [`brush`]
//! and [`shapes`] are the tools.

pub mod brush;
mod history;
pub mod ink;
pub mod shapes;
pub mod tiles;

use image::{GrayImage, RgbaImage};

use crate::imaging::fit::size_of;
use crate::imaging::mask::brush::{Brush, Dab, Stroke};
use crate::imaging::mask::history::History;
use crate::imaging::mask::ink::{Ink, Point};
use crate::imaging::mask::tiles::Tiles;
use crate::schema::size::Size;

/// A mask that is being painted.
pub struct Mask {
    tiles: Tiles,
    history: History,
    stroke: Option<Stroke>,
    /// Counts changes.
    version: u64,
}

impl Mask {
    /// A mask on which nothing is painted.
    pub fn new(size: Size) -> Self {
        Self {
            tiles: Tiles::new(size),
            history: History::default(),
            stroke: None,
            version: 0,
        }
    }

    /// A mask that looks like `picture`; white is painted.
    pub fn from_image(picture: &GrayImage) -> Self {
        let mut mask = Self::new(size_of(picture));
        mask.tiles.load(picture);
        mask.tiles.commit();
        mask
    }

    /// The mask as a picture; white is painted.
    pub fn to_image(&self) -> GrayImage {
        self.tiles.to_image()
    }

    /// Its size, that of the picture.
    pub fn size(&self) -> Size {
        self.tiles.size
    }

    /// How much of a pixel is painted; 0 outside the picture.
    pub fn get(&self, x: u32, y: u32) -> u8 {
        self.tiles.get(x, y)
    }

    /// Whether nothing is painted at all.
    pub fn is_blank(&self) -> bool {
        self.tiles.is_blank()
    }

    /// A number that is another one after every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The tiles that have changed since the last call, as columns and rows.
    pub fn take_changed_tiles(&mut self) -> Vec<(usize, usize)> {
        self.tiles.take_changed()
    }

    /// Copies a tile into `pixels`, [`TILE`](tiles::TILE) × [`TILE`](tiles::TILE) of them row by row. What lies outside the picture is arbitrary.
    pub fn copy_tile(&self, column: usize, row: usize, pixels: &mut [u8]) {
        self.tiles.copy_tile(column, row, pixels);
    }

    /// Begins a stroke with a dab of the brush. A stroke that has not ended is ended first.
    pub fn begin_stroke(&mut self, brush: Brush, ink: Ink, dab: Dab) {
        self.end_stroke();
        self.stroke = Some(Stroke::begin(brush, ink, dab, &mut self.tiles));
        self.version += 1;
    }

    /// Leads the stroke on. The path between is smooth and without gaps, however far the next place is.
    pub fn extend_stroke(&mut self, dab: Dab) {
        if let Some(stroke) = &mut self.stroke {
            stroke.extend(dab, &mut self.tiles);
            self.version += 1;
        }
    }

    /// Ends the stroke, which becomes one step of the history.
    pub fn end_stroke(&mut self) {
        if let Some(stroke) = self.stroke.take() {
            stroke.finish(&mut self.tiles);
            self.step();
        }
    }

    /// Whether a stroke has begun and not ended.
    pub fn is_in_stroke(&self) -> bool {
        self.stroke.is_some()
    }

    /// Fills the inside of a closed outline. Where the outline crosses itself, all that it goes around is inside.
    pub fn fill_outline(&mut self, outline: &[Point], ink: Ink) {
        self.change(|tiles| shapes::fill_outline(outline, ink, tiles));
    }

    /// Fills the area around a pixel of `picture` whose colours differ from that pixel's by at most `tolerance` in every
    /// channel.
    pub fn fill_colour(&mut self, picture: &RgbaImage, x: u32, y: u32, tolerance: u8, ink: Ink) {
        self.change(|tiles| shapes::fill_area(picture, x, y, tolerance, ink, tiles));
    }

    /// Paints everything.
    pub fn fill(&mut self) {
        self.change(|tiles| tiles.fill(255));
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.change(|tiles| tiles.fill(0));
    }

    /// Paints what is not painted, and the reverse.
    pub fn invert(&mut self) {
        self.change(Tiles::invert);
    }

    /// Takes another mask over, of the same size.
    pub fn replace(&mut self, picture: &GrayImage) {
        self.change(|tiles| {
            if size_of(picture) == tiles.size {
                tiles.load(picture);
            }
        });
    }

    /// Makes one change, as one step of the history.
    fn change(&mut self, change: impl FnOnce(&mut Tiles)) {
        self.end_stroke();
        change(&mut self.tiles);
        self.step();
    }

    /// Takes the last step back; a stroke that has not ended is given up instead.
    pub fn undo(&mut self) {
        if self.stroke.take().is_some() {
            self.tiles.roll_back();
        } else {
            self.history.undo(&mut self.tiles);
        }
        self.version += 1;
    }

    /// Does again what was taken back last.
    pub fn redo(&mut self) {
        self.end_stroke();
        self.history.redo(&mut self.tiles);
        self.version += 1;
    }

    /// Whether there is a step to take back.
    pub fn can_undo(&self) -> bool {
        self.stroke.is_some() || !self.history.done.is_empty()
    }

    /// Whether there is a step to do again.
    pub fn can_redo(&self) -> bool {
        !self.history.undone.is_empty()
    }

    /// Bytes that the history holds.
    pub fn history_bytes(&self) -> usize {
        self.history.bytes()
    }

    /// Makes what has changed since the last step one step of the history.
    fn step(&mut self) {
        let before = self.tiles.commit();
        self.history.push(before);
        self.version += 1;
    }
}
