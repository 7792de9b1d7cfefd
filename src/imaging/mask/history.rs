//! Undo and redo: what tiles were before each step, packed. Masks pack well, so that in practice no step is forgotten;
//! what bounds the memory is their size, not their number.

use std::collections::VecDeque;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::imaging::mask::tiles::{Before, TILE, Tile, Tiles};

/// The most bytes of packed tiles that are kept; beyond it the oldest steps are forgotten.
const MOST_BYTES: usize = 256 << 20;

/// A tile that nobody looks at.
enum Packed {
    Plain(u8),
    /// Pairs of a length less one and a value.
    Runs(Box<[u8]>),
    /// Deflated, where runs would take much.
    Deflated(Box<[u8]>),
}

/// Runs longer than this share of a tile are deflated instead, which takes more time.
const LONG_RUNS: usize = (TILE * TILE) as usize / 8;

impl Packed {
    fn new(tile: Tile) -> Self {
        let pixels = match tile {
            Tile::Plain(value) => return Self::Plain(value),
            Tile::Pixels(pixels) => pixels,
        };
        let mut runs = Vec::new();
        let mut rest = &pixels[..];
        while let Some(value) = rest.first() {
            let same = rest.iter().take_while(|pixel| *pixel == value);
            let length = same.take(256).count();
            runs.extend([(length - 1) as u8, *value]);
            rest = &rest[length..];
        }
        if runs.len() <= LONG_RUNS {
            return Self::Runs(runs.into_boxed_slice());
        }
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
        match deflated.write_all(&pixels).and_then(|()| deflated.finish()) {
            Ok(deflated) => Self::Deflated(deflated.into_boxed_slice()),
            // Writing into memory does not fail.
            Err(_) => Self::Runs(runs.into_boxed_slice()),
        }
    }

    fn unpack(self) -> Tile {
        let mut pixels = Vec::with_capacity((TILE * TILE) as usize);
        match self {
            Self::Plain(value) => return Tile::Plain(value),
            Self::Deflated(deflated) => {
                // What this file has deflated it inflates.
                let _ = DeflateDecoder::new(&deflated[..]).read_to_end(&mut pixels);
            }
            Self::Runs(runs) => {
                for pair in runs.chunks_exact(2) {
                    pixels.resize(pixels.len() + usize::from(pair[0]) + 1, pair[1]);
                }
            }
        }
        Tile::Pixels(pixels.into_boxed_slice())
    }

    fn bytes(&self) -> usize {
        let contents = match self {
            Self::Plain(_) => 0,
            Self::Runs(bytes) | Self::Deflated(bytes) => bytes.len(),
        };
        contents + size_of::<(usize, Self)>()
    }
}

/// What a step has replaced.
pub(super) struct Step {
    tiles: Vec<(usize, Packed)>,
    bytes: usize,
}

impl Step {
    fn new(before: Before) -> Self {
        let packed = |(index, tile)| (index, Packed::new(tile));
        let tiles: Vec<_> = before.into_iter().map(packed).collect();
        let bytes = tiles.iter().map(|(_, tile)| tile.bytes()).sum();
        Self { tiles, bytes }
    }

    /// Puts the tiles back; returns the step that takes this back again.
    fn swap(self, tiles: &mut Tiles) -> Self {
        let unpacked = |(index, tile): (usize, Packed)| (index, tile.unpack());
        Self::new(tiles.exchange(self.tiles.into_iter().map(unpacked).collect()))
    }
}

/// The steps that can be taken back, and those that were.
#[derive(Default)]
pub(super) struct History {
    pub(super) done: VecDeque<Step>,
    pub(super) undone: Vec<Step>,
}

impl History {
    /// Keeps a step. One that has changed nothing is none.
    pub(super) fn push(&mut self, before: Before) {
        if before.is_empty() {
            return;
        }
        self.undone.clear();
        self.done.push_back(Step::new(before));
        while self.bytes() > MOST_BYTES && self.done.len() > 1 {
            self.done.pop_front();
        }
    }

    pub(super) fn undo(&mut self, tiles: &mut Tiles) {
        if let Some(step) = self.done.pop_back() {
            self.undone.push(step.swap(tiles));
        }
    }

    pub(super) fn redo(&mut self, tiles: &mut Tiles) {
        if let Some(step) = self.undone.pop() {
            self.done.push_back(step.swap(tiles));
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let steps = self.done.iter().chain(&self.undone);
        steps.map(|step| step.bytes).sum()
    }
}
