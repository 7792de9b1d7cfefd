//! Picture files: PNG, JPEG and lossy WebP, each with an optional record of how the picture was made.
//!
//! The record is text. PNG holds it in an iTXt chunk, JPEG and WebP in an XMP packet with one property in a namespace of
//! our own; other programs keep such packets when they copy a picture. The form is that of the XMP specification, part 1,
//! section 7: <https://github.com/adobe/XMP-Toolkit-SDK/blob/main/docs/XMPSpecificationPart1.pdf>

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{
    ExtendedColorType, GenericImageView, GrayImage, ImageEncoder, ImageFormat, ImageReader,
    RgbImage, RgbaImage,
};
use img_parts::Bytes;
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::WebP;

use crate::schema::choices::{Encoding, Format};

/// The keyword of our iTXt chunk.
const PNG_KEYWORD: &str = "flux-qfaces";

/// The namespace of our XMP property, and what stands around the escaped record in a packet.
const XMP_NAMESPACE: &str = "https://github.com/flux-qfaces/flux-qfaces/ns/1.0/";
const XMP_OPENING: &str = "<fq:record>";
const XMP_CLOSING: &str = "</fq:record>";

/// The characters that XML escapes, in the order in which they are escaped.
const ESCAPES: [(&str, &str); 3] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")];

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
    let endings = reader.format().map(ImageFormat::extensions_str);
    let format = endings.and_then(|endings| endings.first().copied());
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
            let mut chunks = reader.info().utf8_text.iter();
            let ours = chunks.find(|chunk| chunk.keyword == PNG_KEYWORD)?;
            ours.get_text().ok()
        }
        ImageFormat::Jpeg => {
            let jpeg = Jpeg::from_bytes(Bytes::copy_from_slice(file)).ok()?;
            let mut segments = jpeg.segments_by_marker(markers::APP1);
            segments.find_map(|segment| {
                xmp_record(segment.contents().strip_prefix(JPEG_XMP_SIGNATURE)?)
            })
        }
        ImageFormat::WebP => {
            let webp = WebP::from_bytes(Bytes::copy_from_slice(file)).ok()?;
            xmp_record(webp.chunk_by_id(*b"XMP ")?.content().data()?)
        }
        _ => None,
    }
}

/// PNG with the record in an iTXt chunk before the pixels.
fn encode_png(picture: &RgbImage, record: Option<&str>) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    let mut encoder = png_encoder(&mut file, picture, png::ColorType::Rgb);
    if let Some(record) = record {
        let added = encoder.add_itxt_chunk(PNG_KEYWORD.to_owned(), record.to_owned());
        added.map_err(writing)?;
    }
    write_png(encoder, picture.as_raw())?;
    Ok(file)
}

/// A starting picture as a PNG file, with its transparency.
///
/// # Errors
/// When the encoder fails.
pub fn encode_input(picture: &RgbaImage) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    let mut encoder = png_encoder(&mut file, picture, png::ColorType::Rgba);
    encoder.set_compression(png::Compression::Fast);
    write_png(encoder, picture.as_raw())?;
    Ok(file)
}

/// A mask as a grey PNG file; with one bit a pixel where it is black and white.
///
/// # Errors
/// When the encoder fails.
pub fn encode_mask(mask: &GrayImage) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    let mut encoder = png_encoder(&mut file, mask, png::ColorType::Grayscale);
    if mask.iter().all(|pixel| matches!(pixel, 0 | 255)) {
        encoder.set_depth(png::BitDepth::One);
        let lines = mask.as_raw().chunks_exact(mask.width().max(1) as usize);
        let byte = |pixels: &[u8]| {
            let bits = pixels.iter().enumerate();
            bits.fold(0, |byte, (place, pixel)| byte | (pixel & 1) << (7 - place))
        };
        let bits: Vec<u8> = lines.flat_map(|line| line.chunks(8).map(byte)).collect();
        write_png(encoder, &bits)?;
    } else {
        write_png(encoder, mask.as_raw())?;
    }
    Ok(file)
}

/// An encoder of 8 bits a channel.
fn png_encoder<'a>(
    file: &'a mut Vec<u8>,
    picture: &impl GenericImageView,
    color: png::ColorType,
) -> png::Encoder<'static, &'a mut Vec<u8>> {
    let mut encoder = png::Encoder::new(file, picture.width(), picture.height());
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
}

fn write_png(encoder: png::Encoder<'_, &mut Vec<u8>>, samples: &[u8]) -> Result<(), Error> {
    let mut writer = encoder.write_header().map_err(writing)?;
    writer.write_image_data(samples).map_err(writing)?;
    writer.finish().map_err(writing)
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
    let contents = [JPEG_XMP_SIGNATURE, xmp_packet(record).as_bytes()].concat();
    if contents.len() > JPEG_SEGMENT_LIMIT {
        return Err(Error::RecordTooLong(record.len()));
    }
    let mut jpeg = Jpeg::from_bytes(file.into()).map_err(writing)?;
    // Readers expect the JFIF header first.
    let position = usize::from(!jpeg.segments().is_empty());
    let segment = JpegSegment::new_with_contents(markers::APP1, contents.into());
    jpeg.segments_mut().insert(position, segment);
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
    let chunk = |id: &[u8; 4], data: Vec<u8>| RiffChunk::new(*id, RiffContent::Data(data.into()));
    let chunks = webp.chunks_mut();
    chunks.insert(0, chunk(b"VP8X", vp8x(picture)));
    chunks.push(chunk(b"XMP ", xmp_packet(record).into_bytes()));
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

/// Wraps `record` in an XMP packet.
fn xmp_packet(record: &str) -> String {
    let escape = |text: String, (plain, escaped)| text.replace(plain, escaped);
    let record = ESCAPES.into_iter().fold(record.to_owned(), escape);
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
         <rdf:Description rdf:about=\"\" xmlns:fq=\"{XMP_NAMESPACE}\">{XMP_OPENING}{record}{XMP_CLOSING}</rdf:Description>\
         </rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>"
    )
}

/// The record in an XMP packet of ours; `None` for the packets of other programs.
fn xmp_record(packet: &[u8]) -> Option<String> {
    let (_, rest) = std::str::from_utf8(packet).ok()?.split_once(XMP_OPENING)?;
    let (record, _) = rest.split_once(XMP_CLOSING)?;
    let unescape = |text: String, (plain, escaped)| text.replace(escaped, plain);
    Some(ESCAPES.into_iter().rev().fold(record.to_owned(), unescape))
}
