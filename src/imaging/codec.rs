//! Picture files: PNG, JPEG and lossy WebP, each with an optional record of how the picture was made.
//!
//! The record is text. PNG holds it in an iTXt chunk, JPEG and WebP in an XMP packet.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{
    ExtendedColorType, GrayImage, ImageEncoder, ImageFormat, ImageReader, RgbImage, RgbaImage,
};
use img_parts::Bytes;
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::WebP;

use crate::imaging::xmp;
use crate::schema::choices::{Encoding, Format};

/// The keyword of our iTXt chunk.
const PNG_KEYWORD: &str = "flux-qfaces";

/// What XMP packets in JPEG begin with (XMP specification part 3, section 1.1.3).
const JPEG_XMP_SIGNATURE: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// The most bytes an APP1 segment can hold: a 16-bit length that counts itself.
const JPEG_SEGMENT_LIMIT: usize = 65_533;

/// Flag bits of the VP8X chunk: an XMP chunk follows.
/// <https://developers.google.com/speed/webp/docs/riff_container#extended_file_format>
const VP8X_HAS_XMP: u8 = 0b0000_0100;

/// Why a picture could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The encoder or decoder failed.
    #[error("the picture could not be {0}: {1}")]
    Codec(&'static str, String),
    /// The record does not fit into the format.
    #[error(
        "the record of {0} bytes is too long for a JPEG file: use webp or png, or leave the record out"
    )]
    RecordTooLong(usize),
}

/// Encodes `picture` as a file, with `record` inside if there is one.
///
/// The same input gives the same bytes.
///
/// # Errors
/// When an encoder fails, for example for a side too long for its format, or when the record is too long for JPEG.
pub fn encode(
    picture: &RgbImage,
    encoding: Encoding,
    record: Option<&str>,
) -> Result<Vec<u8>, Error> {
    match encoding.format {
        Format::Png => encode_png(picture, record),
        Format::Jpg => encode_jpeg(picture, encoding.quality, record),
        Format::Webp => encode_webp(picture, encoding.quality, record),
    }
}

/// What the first bytes of a picture file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The usual ending of its format.
    pub format: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Reads the header of a picture file without decoding the picture.
///
/// # Errors
/// When the bytes are not a picture.
pub fn header(file: &[u8]) -> Result<Header, Error> {
    let reader = ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(reading)?;
    let format = reader
        .format()
        .and_then(|format| format.extensions_str().first().copied());
    let (width, height) = reader.into_dimensions().map_err(reading)?;
    Ok(Header {
        format: format.unwrap_or("unknown"),
        width,
        height,
    })
}

/// The record inside a picture file; `None` when it has none of ours.
pub fn read_record(file: &[u8]) -> Option<String> {
    match image::guess_format(file).ok()? {
        ImageFormat::Png => {
            let mut decoder = png::Decoder::new(Cursor::new(file));
            decoder.set_ignore_text_chunk(false);
            let reader = decoder.read_info().ok()?;
            let chunk = reader
                .info()
                .utf8_text
                .iter()
                .find(|chunk| chunk.keyword == PNG_KEYWORD)?;
            chunk.get_text().ok()
        }
        ImageFormat::Jpeg => {
            let jpeg = Jpeg::from_bytes(Bytes::copy_from_slice(file)).ok()?;
            let mut segments = jpeg.segments_by_marker(markers::APP1);
            segments.find_map(|segment| {
                xmp::record(segment.contents().strip_prefix(JPEG_XMP_SIGNATURE)?)
            })
        }
        ImageFormat::WebP => {
            let webp = WebP::from_bytes(Bytes::copy_from_slice(file)).ok()?;
            xmp::record(webp.chunk_by_id(*b"XMP ")?.content().data()?)
        }
        _ => None,
    }
}

/// PNG with the record in an iTXt chunk before the pixels.
fn encode_png(picture: &RgbImage, record: Option<&str>) -> Result<Vec<u8>, Error> {
    write_png(picture.dimensions(), picture.as_raw(), |encoder| {
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        match record {
            Some(record) => encoder.add_itxt_chunk(PNG_KEYWORD.to_owned(), record.to_owned()),
            None => Ok(()),
        }
    })
}

/// A PNG file of samples in the layout that `set_up` gives the encoder.
fn write_png(
    (width, height): (u32, u32),
    samples: &[u8],
    set_up: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>) -> Result<(), png::EncodingError>,
) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    set_up(&mut encoder).map_err(writing)?;
    let mut writer = encoder.write_header().map_err(writing)?;
    writer.write_image_data(samples).map_err(writing)?;
    writer.finish().map_err(writing)?;
    Ok(file)
}

/// A starting picture as a PNG file, with its transparency.
///
/// # Errors
/// When the encoder fails.
pub fn encode_input(picture: &RgbaImage) -> Result<Vec<u8>, Error> {
    write_png(picture.dimensions(), picture.as_raw(), |encoder| {
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        Ok(())
    })
}

/// A mask as a grey PNG file; with one bit a pixel where it is black and white.
///
/// # Errors
/// When the encoder fails.
pub fn encode_mask(mask: &GrayImage) -> Result<Vec<u8>, Error> {
    let is_hard = mask.iter().all(|pixel| matches!(pixel, 0 | 255));
    let (depth, bits) = if is_hard {
        let lines = mask.as_raw().chunks_exact(mask.width().max(1) as usize);
        let byte = |pixels: &[u8]| {
            let bits = pixels.iter().enumerate();
            bits.fold(0, |byte, (place, pixel)| byte | (pixel & 1) << (7 - place))
        };
        let bits = lines.flat_map(|line| line.chunks(8).map(byte)).collect();
        (png::BitDepth::One, bits)
    } else {
        (png::BitDepth::Eight, mask.as_raw().clone())
    };
    write_png(mask.dimensions(), &bits, |encoder| {
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(depth);
        Ok(())
    })
}

/// JPEG with the record in an XMP segment behind the header.
fn encode_jpeg(picture: &RgbImage, quality: u8, record: Option<&str>) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    // The encoder's scale begins at 1, the contract's at 0.
    JpegEncoder::new_with_quality(&mut file, quality.max(1))
        .write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            ExtendedColorType::Rgb8,
        )
        .map_err(writing)?;
    let Some(record) = record else {
        return Ok(file);
    };
    let contents = [JPEG_XMP_SIGNATURE, xmp::packet(record).as_bytes()].concat();
    if contents.len() > JPEG_SEGMENT_LIMIT {
        return Err(Error::RecordTooLong(record.len()));
    }
    let mut jpeg = Jpeg::from_bytes(file.into()).map_err(writing)?;
    // Readers expect the JFIF header first.
    let position = usize::from(!jpeg.segments().is_empty());
    jpeg.segments_mut().insert(
        position,
        JpegSegment::new_with_contents(markers::APP1, contents.into()),
    );
    Ok(jpeg.encoder().bytes().to_vec())
}

/// Lossy WebP; with a record, in the extended form with an XMP chunk at the end.
fn encode_webp(picture: &RgbImage, quality: u8, record: Option<&str>) -> Result<Vec<u8>, Error> {
    let encoder = webp::Encoder::from_rgb(picture.as_raw(), picture.width(), picture.height());
    let simple = encoder
        .encode_simple(false, f32::from(quality))
        .map_err(|error| Error::Codec("written", format!("{error:?}")))?;
    let Some(record) = record else {
        return Ok(simple.to_vec());
    };
    let mut webp = WebP::from_bytes(Bytes::copy_from_slice(&simple)).map_err(writing)?;
    let chunks = webp.chunks_mut();
    chunks.insert(
        0,
        RiffChunk::new(*b"VP8X", RiffContent::Data(vp8x(picture).into())),
    );
    chunks.push(RiffChunk::new(
        *b"XMP ",
        RiffContent::Data(xmp::packet(record).into()),
    ));
    Ok(webp.encoder().bytes().to_vec())
}

/// The ten bytes of a VP8X chunk for a picture with XMP and nothing else: flags, then both sides less one, 24 bits each.
fn vp8x(picture: &RgbImage) -> Vec<u8> {
    let mut data = vec![VP8X_HAS_XMP, 0, 0, 0];
    for side in [picture.width(), picture.height()] {
        data.extend_from_slice(&(side - 1).to_le_bytes()[..3]);
    }
    data
}

/// Turns an encoder's error into ours.
fn writing(error: impl std::fmt::Display) -> Error {
    Error::Codec("written", error.to_string())
}

/// Turns a decoder's error into ours.
fn reading(error: impl std::fmt::Display) -> Error {
    Error::Codec("read", error.to_string())
}
