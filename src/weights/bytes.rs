//! The bytes of files: inside the program, or mapped into memory.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};

use crate::weights::error::Error;

/// The bytes of a file: inside the program, or mapped into memory.
pub enum Contents {
    /// Part of the program, or nothing: a file without bytes cannot be mapped.
    Embedded(&'static [u8]),
    /// A file, read by the system page by page as it is used.
    Mapped {
        /// All of it.
        map: Mmap,
        /// The file, for maps of pieces.
        file: File,
    },
}

impl Contents {
    /// Maps a file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let opened = File::open(path).and_then(|file| {
            let length = file.metadata()?.len();
            if length == 0 {
                return Ok(Self::Embedded(&[]));
            }
            let map = map(&file, 0..length as usize)?;
            Ok(Self::Mapped { map, file })
        });
        opened.map_err(Error::unreadable(path))
    }

    /// Some of the bytes, with a map of their own: the memory that reading them takes is given back with the piece.
    ///
    /// # Errors
    /// When the file has no such bytes, or the system has no room for another map.
    pub fn piece(&self, range: Range<usize>) -> io::Result<Piece> {
        let outside = || io::Error::from(io::ErrorKind::UnexpectedEof);
        match self {
            _ if range.is_empty() => Ok(Piece::Embedded(&[])),
            Self::Embedded(bytes) => bytes.get(range).map(Piece::Embedded).ok_or_else(outside),
            Self::Mapped { map: whole, .. } if range.end > whole.len() => Err(outside()),
            Self::Mapped { file, .. } => Ok(Piece::Mapped(Arc::new(map(file, range)?))),
        }
    }
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Embedded(bytes) => bytes,
            Self::Mapped { map, .. } => map,
        }
    }
}

/// Some bytes of a file, or bytes that were made from them. Cheap to clone.
#[derive(Clone)]
pub enum Piece {
    /// Part of the program.
    Embedded(&'static [u8]),
    /// A piece of a file, read by the system page by page as it is used.
    Mapped(Arc<Mmap>),
    /// In memory.
    Owned(Arc<[u8]>),
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Embedded(bytes) => bytes,
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// Maps some bytes of a file, which must be there.
#[allow(unsafe_code, reason = "memory maps are one of the named exceptions")]
fn map(file: &File, range: Range<usize>) -> io::Result<Mmap> {
    let mut options = MmapOptions::new();
    options.offset(range.start as u64).len(range.len());
    // SAFETY: the map is read-only and private. A file that another program truncates while it is mapped would end
    // this one, as with every program that maps weights; model files are not written in place by anything we know of.
    unsafe { options.map(file) }
}
