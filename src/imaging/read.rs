//! Picture files of any kind → 8-bit pixels, upright. What a file says of its size is checked before it is decoded.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage};

use crate::imaging::text;
use crate::schema::circumstances::{Look, PictureFacts};
use crate::schema::params::Params;
use crate::schema::size::{MAX_PIXELS, Size};
use crate::text::first_line;

/// The endings of picture files that can be read.
pub const EXTENSIONS: [&str; 8] = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];

/// The longest side of a picture that is decoded, in pixels.
const MAX_SIDE: u32 = 32_768;

/// The longest file that is read.
const MAX_BYTES: u64 = 2 << 30;

/// The most bytes that a PNG file's rows, profiles and texts may take; the latter can unpack to a thousand times their
/// length.
const MAX_PNG_EXTRAS: u64 = 64 << 20;

/// What the file says of itself; the pixels are not decoded.
///
/// # Errors
/// One sentence, when the file cannot be read, is no picture, or is too large to be decoded.
pub fn look(path: &Path) -> Look {
    let file = open_file(path)?;
    contained(path, || Ok(open(BufReader::new(file))?.facts))
}

/// What the files of the input pictures say of themselves.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    /// The starting picture's.
    pub image: Option<Look>,
    /// The mask's.
    pub mask: Option<Look>,
}

impl Looks {
    /// Looks at the files that `params` name.
    pub fn at(params: &Params) -> Self {
        let at = |path: &Option<PathBuf>| path.as_deref().map(look);
        Self {
            image: at(&params.image),
            mask: at(&params.mask),
        }
    }
}

/// Decodes the file. The first frame of an animation; more than 8 bits a channel are rounded to 8.
///
/// With `upright` the orientation that the file states is applied.
///
/// # Errors
/// One sentence, as [`look`]; also when the file is damaged.
pub fn pixels(path: &Path, upright: bool) -> Result<RgbaImage, String> {
    let mut file = Vec::new();
    let read = open_file(path)?.read_to_end(&mut file);
    read.map_err(|error| text::of_file(text::unreadable(&error), &name(path)))?;
    decode(&file, path, upright)
}

/// Decodes a file that is in memory; `path` is only for messages.
///
/// # Errors
/// One sentence, as [`pixels`].
pub fn decode(file: &[u8], path: &Path, upright: bool) -> Result<RgbaImage, String> {
    contained(path, || decode_upright(file, upright))
}

/// The file, if it is one that can be read into memory.
fn open_file(path: &Path) -> Result<File, String> {
    let refused = |what: String| text::of_file(what, &name(path));
    let unreadable = |error| match elsewhere(path) {
        Some(sentence) => sentence.to_owned(),
        None => refused(text::unreadable(&error)),
    };
    let data = std::fs::metadata(path).map_err(unreadable)?;
    if !data.is_file() {
        return Err(refused(text::NOT_A_FILE.to_owned()));
    }
    if data.len() > MAX_BYTES {
        return Err(refused(text::longer_than(MAX_BYTES >> 30)));
    }
    File::open(path).map_err(unreadable)
}

/// Says of a path that is none what it is instead.
fn elsewhere(path: &Path) -> Option<&'static str> {
    let path = path.to_str()?;
    if path.starts_with("sha256:") {
        return Some(text::NAMED_BY_CONTENTS);
    }
    let elsewhere = ["http://", "https://", "data:"]
        .iter()
        .any(|start| path.starts_with(start));
    elsewhere.then_some(text::NOT_ON_THIS_MACHINE)
}

/// Runs a decoder, and names the file in what it says. One that panics has met a file that is damaged in a way it did not
/// expect.
fn contained<T>(path: &Path, act: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act))
        .unwrap_or_else(|_| Err(text::damaged(text::DECODER_GAVE_UP)))
        .map_err(|what| text::of_file(what, &name(path)))
}

fn decode_upright(file: &[u8], upright: bool) -> Result<RgbaImage, String> {
    let opened = open(Cursor::new(file))?;
    if opened.format == ImageFormat::Jpeg && !jpeg_is_complete(file) {
        return Err(text::damaged(text::CUT_SHORT));
    }
    let mut picture = DynamicImage::from_decoder(opened.decoder)
        .map_err(|error| text::damaged(&first_line(&error)))?;
    if upright {
        picture.apply_orientation(opened.orientation);
    }
    Ok(picture.into_rgba8())
}

/// A picture without its transparency: composited over the grey `backdrop`, or with its alpha channel dropped.
pub fn opaque(picture: &RgbaImage, backdrop: Option<u8>) -> RgbImage {
    let mut pixels = Vec::with_capacity(picture.as_raw().len() / 4 * 3);
    for &image::Rgba([r, g, b, alpha]) in picture.pixels() {
        pixels.extend([r, g, b].map(|channel| match backdrop {
            Some(behind) => blended(behind, channel, alpha),
            None => channel,
        }));
    }
    RgbImage::from_raw(picture.width(), picture.height(), pixels).unwrap_or_default()
}

/// A channel between two values; the weight 255 is all new.
pub(super) fn blended(old: u8, new: u8, weight: u8) -> u8 {
    let weight = u32::from(weight);
    ((u32::from(old) * (255 - weight) + u32::from(new) * weight + 127) / 255) as u8
}

/// A file whose header has been read and found acceptable.
struct Opened<'a> {
    decoder: Box<dyn ImageDecoder + 'a>,
    facts: PictureFacts,
    orientation: Orientation,
    format: ImageFormat,
}

/// Reads the header and checks the size.
fn open<'a>(source: impl BufRead + Seek + 'a) -> Result<Opened<'a>, String> {
    let mut reader = ImageReader::new(source)
        .with_guessed_format()
        .map_err(|error| text::unreadable(&error))?;
    let format = match reader.format() {
        None => return Err(text::NOT_AN_IMAGE.to_owned()),
        Some(ImageFormat::Avif) => return Err(text::AVIF.to_owned()),
        Some(format) => format,
    };
    // The sides are checked below, where they can be named. All but PNG count pixels among what they ask for.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(match format {
        ImageFormat::Png => MAX_PNG_EXTRAS,
        _ => 8 * MAX_PIXELS,
    });
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| match error {
        image::ImageError::Unsupported(_) => text::NOT_AN_IMAGE.to_owned(),
        other => text::damaged(&first_line(&other)),
    })?;
    let (width, height) = decoder.dimensions();
    let stored = Size::new(width, height);
    // Up to 16 bits a channel.
    let is_heavy = decoder.total_bytes() > 8 * MAX_PIXELS;
    if width.max(height) > MAX_SIDE || stored.pixels() > MAX_PIXELS || is_heavy {
        return Err(text::too_large(stored, MAX_SIDE));
    }
    if stored.pixels() == 0 {
        return Err(text::NO_PIXELS.to_owned());
    }
    // A damaged orientation is none.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // <https://www.cipa.jp/std/documents/e/DC-008-2012_E.pdf>, tag 274: from 5 on the sides are swapped.
    let turned = orientation.to_exif() >= 5;
    Ok(Opened {
        decoder: Box::new(decoder),
        facts: PictureFacts { stored, turned },
        orientation,
        format,
    })
}

/// Whether a JPEG file has its end. The decoder fills what is missing with grey and says nothing.
fn jpeg_is_complete(file: &[u8]) -> bool {
    /// Start of image, end of image, start of scan, a marker without a meaning, and the restart markers.
    /// <https://www.w3.org/Graphics/JPEG/itu-t81.pdf>, table B.1
    const SOI: u8 = 0xD8;
    const EOI: u8 = 0xD9;
    const SOS: u8 = 0xDA;
    const TEM: u8 = 0x01;
    const RST: std::ops::RangeInclusive<u8> = 0xD0..=0xD7;
    let mut at = 0;
    while let Some(&[prefix, marker]) = file.get(at..at + 2).and_then(<[u8]>::first_chunk) {
        match (prefix, marker) {
            (0xFF, EOI) => return true,
            (0xFF, 0xFF) => at += 1,
            (0xFF, SOI | TEM) => at += 2,
            (0xFF, marker) if RST.contains(&marker) => at += 2,
            (0xFF, _) => {
                let length = file.get(at + 2..at + 4).and_then(<[u8]>::first_chunk);
                let Some(length) = length.map(|bytes| u16::from_be_bytes(*bytes)) else {
                    return false;
                };
                at += 2 + usize::from(length);
                if marker == SOS {
                    // Compressed data, in which 0xFF is followed by 0 or a restart marker.
                    let data = file.get(at..).unwrap_or_default();
                    let ends = data.windows(2).position(|pair| {
                        pair[0] == 0xFF
                            && pair[1] != 0
                            && pair[1] != 0xFF
                            && !RST.contains(&pair[1])
                    });
                    let Some(ends) = ends else { return false };
                    at += ends;
                }
            }
            _ => at += 1,
        }
    }
    false
}

/// The name of a file, without its folder.
pub fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
