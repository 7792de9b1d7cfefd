//! Picture files and the record inside them.

use std::path::Path;

use flux_qfaces::imaging::{codec, read};
use flux_qfaces::schema::choices::{Encoding, Format};
use image::{Rgb, RgbImage};

const FORMATS: [Format; 3] = [Format::Webp, Format::Jpg, Format::Png];

/// A record with everything that could upset a container.
const RECORD: &str = "{\"prompt\":\"<b>ünïcode</b> & \\\"quotes\\\" 🙂 ]]> --\"}";

/// A smooth picture with some detail.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([
            (x * 3) as u8,
            (y * 5) as u8,
            ((x / 8 + y / 8) % 2 * 200) as u8,
        ])
    })
}

fn encode(format: Format, quality: u8, record: Option<&str>) -> Vec<u8> {
    codec::encode(&picture(80, 48), Encoding { format, quality }, record).unwrap()
}

/// The pixels of a file.
fn decode(file: &[u8]) -> Result<RgbImage, String> {
    let pixels = read::decode(file, Path::new("made"), true)?;
    Ok(read::opaque(&pixels, None))
}

#[test]
fn record_comes_back_from_every_format() {
    for format in FORMATS {
        let file = encode(format, 80, Some(RECORD));
        assert_eq!(
            codec::read_record(&file).as_deref(),
            Some(RECORD),
            "{format:?}"
        );
        let decoded = decode(&file).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (80, 48), "{format:?}");
    }
}

#[test]
fn record_can_be_left_out() {
    for format in FORMATS {
        let file = encode(format, 80, None);
        assert_eq!(codec::read_record(&file), None, "{format:?}");
        assert!(
            !file.windows(11).any(|window| window == b"flux-qfaces"),
            "{format:?}"
        );
    }
}

#[test]
fn same_input_gives_same_bytes() {
    for format in FORMATS {
        assert_eq!(
            encode(format, 80, Some(RECORD)),
            encode(format, 80, Some(RECORD)),
            "{format:?}"
        );
    }
}

#[test]
fn record_does_not_change_the_pixels() {
    for format in FORMATS {
        let pixels = |record| decode(&encode(format, 60, record)).unwrap();
        assert_eq!(pixels(None), pixels(Some(RECORD)), "{format:?}");
    }
}

#[test]
fn png_is_lossless_and_quality_matters_elsewhere() {
    let png = decode(&encode(Format::Png, 0, None)).unwrap();
    assert_eq!(png, picture(80, 48));
    for format in [Format::Webp, Format::Jpg] {
        let sizes: Vec<_> = [0, 50, 100]
            .into_iter()
            .map(|quality| encode(format, quality, None).len())
            .collect();
        assert!(
            sizes[0] < sizes[1] && sizes[1] < sizes[2],
            "{format:?}: {sizes:?}"
        );
    }
}

#[test]
fn header_tells_format_and_size() {
    for format in FORMATS {
        let header = codec::header(&encode(format, 80, Some(RECORD))).unwrap();
        assert_eq!(
            (header.format, header.width, header.height),
            (format.extension(), 80, 48)
        );
    }
}

#[test]
fn damaged_files_are_errors_and_never_panics() {
    for format in FORMATS {
        let file = encode(format, 80, Some(RECORD));
        for length in 0..file.len() {
            let _ = codec::read_record(&file[..length]);
            let _ = codec::header(&file[..length]);
        }
        let bare = encode(format, 80, None);
        assert!(decode(&bare[..bare.len() / 2]).is_err(), "{format:?}");
    }
    assert!(decode(b"<html>").is_err());
    assert!(decode(b"").is_err());
}

#[test]
fn record_too_long_for_jpeg_says_so() {
    let long = "x".repeat(70_000);
    let encoding = Encoding {
        format: Format::Jpg,
        quality: 80,
    };
    let error = codec::encode(&picture(16, 16), encoding, Some(&long)).unwrap_err();
    assert!(error.to_string().contains("too long for a JPEG"), "{error}");
    for format in [Format::Webp, Format::Png] {
        let file = codec::encode(
            &picture(16, 16),
            Encoding {
                format,
                quality: 80,
            },
            Some(&long),
        )
        .unwrap();
        assert_eq!(
            codec::read_record(&file).as_deref(),
            Some(long.as_str()),
            "{format:?}"
        );
    }
}
