//! Every sentence that this layer says, apart from the errors of [`codec`](crate::imaging::codec).
//!
//! What is said of a file continues the name of its input and is followed by the name of the file.

use std::fmt::Display;

use crate::schema::size::{MAX_PIXELS, Size};

// Files that cannot be read.
pub(super) const NOT_A_FILE: &str = "is not a file";
pub(super) const NOT_AN_IMAGE: &str =
    "is not a picture that can be read (PNG, JPEG, WebP, GIF, BMP or TIFF)";
pub(super) const AVIF: &str = "is an AVIF file, which cannot be read yet: save it as PNG";
pub(super) const NO_PIXELS: &str = "has no pixels";
pub(super) const DECODER_GAVE_UP: &str = "its decoder gave up";
pub(super) const CUT_SHORT: &str = "the file is cut short";

pub(super) fn damaged(reason: &str) -> String {
    format!("is damaged ({reason})")
}

pub(super) fn unreadable(error: &std::io::Error) -> String {
    format!("cannot be read ({error})")
}

pub(super) fn longer_than(gib: u64) -> String {
    format!("is larger than {gib} GiB")
}

pub(super) fn too_large(size: Size, most: u32) -> String {
    let megapixels = MAX_PIXELS / 1_000_000;
    format!("is too large ({size} px): {most} px a side and {megapixels} megapixels are the most")
}

pub(super) fn of_file(what: impl Display, name: &str) -> String {
    format!("{what}: {name}")
}

// What stands where the path of a file should.
pub(super) const NAMED_BY_CONTENTS: &str =
    "is named by its contents, as in a record: give the path of the file";
pub(super) const NOT_ON_THIS_MACHINE: &str =
    "must be a file on this machine: save the picture and give its path";

// The starting image and its mask.
pub(super) const CHANGED: &str = "has another size than when the job was made: start the job again";
pub(super) const MASK_EMPTY: &str =
    "The mask is empty: nothing was repainted. White is repainted, black is kept";
pub(super) const MASK_TOO_FINE: &str = "Parts of the mask are too fine for the model, which works in cells of 8 px, and were not repainted: grow the mask";
