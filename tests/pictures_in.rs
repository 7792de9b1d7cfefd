//! Pictures that come in: files of many kinds, fitting, and the way to the model and back.

use std::path::Path;

use flux_qfaces::imaging::prepare::Prepared;
use flux_qfaces::imaging::{edges, fit, prepare, read};
use flux_qfaces::schema::choices::Fidelity;
use flux_qfaces::schema::circumstances::Circumstances;
use flux_qfaces::schema::params::Params;
use flux_qfaces::schema::quirks;
use flux_qfaces::schema::request::Request;
use flux_qfaces::schema::size::Size;
use image::{GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::reference_data::data;

fn cases(folder: &str) -> Value {
    let text = std::fs::read(data(folder).join("cases.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn list(cases: &Value, key: &str) -> Vec<Value> {
    cases[key].as_array().unwrap().clone()
}

fn size(value: &Value) -> Size {
    let side = |index: usize| value[index].as_u64().unwrap() as u32;
    Size {
        width: side(0),
        height: side(1),
    }
}

/// Compares a way to scale with what Pillow has made.
fn check_fitting(list_name: &str, scale: impl Fn(&RgbImage, Size) -> RgbImage) {
    for case in list(&cases("fitting"), list_name) {
        let open = |key: &str| {
            let path = data("fitting").join(case[key].as_str().unwrap());
            image::open(path).unwrap().to_rgb8()
        };
        let (from, to) = (open("from"), open("to"));
        let ours = scale(&from, fit::size_of(&to));
        assert!(ours == to, "{list_name} {}", case["name"]);
    }
}

#[test]
fn lanczos_equals_pillow_to_the_last_bit() {
    check_fitting("lanczos", fit::lanczos);
}

#[test]
fn nearest_equals_pillow_to_the_last_bit() {
    check_fitting("nearest", fit::nearest);
}

#[test]
fn fitted_sizes_equal_the_reference() {
    for case in list(&cases("fitting"), "sizes") {
        let (from, to) = (size(&case["from"]), size(&case["to"]));
        let ours = quirks::fitted_size(from, 1024);
        // The reference fails where a side vanishes; here it has the least that can be drawn.
        let to = to.map(|side| side.max(16));
        assert_eq!(ours, to, "{from}");
    }
}

#[test]
fn every_format_comes_out_right() {
    for case in list(&cases("formats"), "pictures") {
        let file = case["file"].as_str().unwrap();
        let path = data("formats").join(file);
        if file == "avif.avif" {
            let sentence = read::look(&path).unwrap_err();
            assert!(sentence.contains("AVIF"), "{sentence}");
            continue;
        }
        let expected = case["rounded"]
            .as_str()
            .or(case["expected"].as_str())
            .unwrap();
        let expected = image::open(data("formats").join(expected))
            .unwrap()
            .to_rgba8();
        let ours = read::pixels(&path, true).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(ours.dimensions(), expected.dimensions(), "{file}");
        let facts = read::look(&path).unwrap();
        assert_eq!(
            facts.size(Fidelity::Corrected),
            fit::size_of(&ours),
            "{file}: the header tells the size upright"
        );
        // Decoders of lossy formats may round differently; wrong colours would be far off.
        let tolerance = if case["tolerance"] == "lossy" { 6 } else { 0 };
        let differs = |(ours, theirs): &(&Rgba<u8>, &Rgba<u8>)| {
            let visible = ours[3] > 0 || theirs[3] > 0;
            visible
                && ours
                    .0
                    .iter()
                    .zip(theirs.0)
                    .any(|(a, b)| a.abs_diff(b) > tolerance)
        };
        let wrong = ours.pixels().zip(expected.pixels()).filter(differs).count();
        assert_eq!(wrong, 0, "{file}: pixels that differ");
    }
}

#[test]
fn what_cannot_be_read_gets_one_sentence() {
    let found = |file: &str, part: &str| {
        let sentence = read::pixels(&data("formats").join(file), true).unwrap_err();
        assert!(sentence.contains(part), "{file}: {sentence}");
        assert!(sentence.contains(file), "{file}: {sentence}");
        assert!(
            !sentence.contains('\n') && !sentence.ends_with('.'),
            "{sentence}"
        );
    };
    found("cut.png", "is damaged");
    found("cut.jpg", "cut short");
    found("frame.webp", "is damaged");
    found("huge-empty.png", "is too large (60000 × 60000 px)");
    found("huge.png", "is too large (20000 × 20000 px)");
    found("text.png", "is not a picture");
    found("empty.png", "is not a picture");
    found("gone.png", "cannot be read");
    let sentence = read::look(Path::new("https://example.com/a.png")).unwrap_err();
    assert!(sentence.contains("on this machine"), "{sentence}");
}

#[test]
fn jpeg_files_are_damaged_wherever_they_are_cut() {
    let file = std::fs::read(data("formats").join("jpeg-420.jpg")).unwrap();
    let decode = |bytes: &[u8]| read::decode(bytes, Path::new("a.jpg"), true);
    assert!(decode(&file).is_ok());
    for length in 0..file.len() - 1 {
        assert!(decode(&file[..length]).is_err(), "cut after {length} bytes");
    }
}

#[test]
fn transparency_follows_the_mode() {
    let pixel = RgbaImage::from_pixel(1, 1, Rgba([200, 0, 100, 51]));
    let seen = |backdrop| read::opaque(&pixel, backdrop).get_pixel(0, 0).0;
    assert_eq!(seen(None), [200, 0, 100]);
    assert_eq!(seen(Some(255)), [244, 204, 224]);
    assert_eq!(seen(Some(0)), [40, 0, 20]);
}

/// A picture in which every pixel is different from its neighbours.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([
            (x * 37 % 251) as u8,
            (y * 53 % 241) as u8,
            ((x + y) * 11) as u8,
        ])
    })
}

/// A mask whose painted part is a rectangle.
fn mask(size: (u32, u32), left: u32, top: u32, width: u32, height: u32) -> GrayImage {
    GrayImage::from_fn(size.0, size.1, |x, y| {
        let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
        Luma([if inside { 255 } else { 0 }])
    })
}

/// Files of a job, and the inputs that name them.
struct Files {
    _folder: TempDir,
    params: Params,
}

impl Files {
    fn new(picture: &RgbImage, mask: Option<&GrayImage>) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        picture.save(path("picture.png")).unwrap();
        let mask = mask.map(|mask| {
            mask.save(path("mask.png")).unwrap();
            path("mask.png")
        });
        let params = Params {
            prompt: Some(String::new()),
            image: Some(path("picture.png")),
            mask,
            output_format: "png".to_owned(),
            ..Params::default()
        };
        Self {
            _folder: folder,
            params,
        }
    }

    fn request(&self, native_side: u32) -> Request {
        let looks = read::Looks::at(&self.params);
        let circumstances = Circumstances {
            native_side,
            image: looks.image.as_ref(),
            mask: looks.mask.as_ref(),
            ..Circumstances::default()
        };
        Request::resolve(&self.params, circumstances).unwrap()
    }

    fn prepared(&self, native_side: u32) -> (Request, Prepared) {
        let request = self.request(native_side);
        let prepared = Prepared::read(request.start.as_ref().unwrap(), &request)
            .unwrap_or_else(|problem| panic!("{problem}"));
        (request, prepared)
    }
}

/// What the model would make: one colour.
fn made(size: Size) -> RgbImage {
    RgbImage::from_pixel(size.width, size.height, Rgb([1, 2, 3]))
}

/// Fails unless what is painted has the model's colour and the rest is as it was.
#[track_caller]
fn check_repainted(finished: &RgbImage, picture: &RgbImage, mask: &GrayImage) {
    assert_eq!(finished.dimensions(), picture.dimensions());
    for (x, y, pixel) in finished.enumerate_pixels() {
        let expected = if mask.get_pixel(x, y).0[0] == 255 {
            Rgb([1, 2, 3])
        } else {
            *picture.get_pixel(x, y)
        };
        assert_eq!(*pixel, expected, "at {x}, {y}");
    }
}

#[test]
fn outside_the_mask_every_pixel_comes_back() {
    let (picture, mask) = (picture(96, 64), mask((96, 64), 21, 13, 30, 27));
    let files = Files::new(&picture, Some(&mask));
    let (request, prepared) = files.prepared(1024);
    assert_eq!(
        request.size,
        Size {
            width: 96,
            height: 64
        }
    );
    let finished = prepared.finish(made(prepared.size()));
    check_repainted(&finished, &picture, &mask);
}

#[test]
fn feather_blends_inside_the_mask_only() {
    let (picture, mask) = (picture(96, 64), mask((96, 64), 16, 16, 40, 32));
    let mut files = Files::new(&picture, Some(&mask));
    files.params.feather = 7;
    let (_, prepared) = files.prepared(1024);
    let finished = prepared.finish(made(prepared.size()));
    for (x, y, pixel) in finished.enumerate_pixels() {
        if mask.get_pixel(x, y).0[0] == 0 {
            assert_eq!(pixel, picture.get_pixel(x, y), "outside at {x}, {y}");
        }
    }
    let weights = edges::weights(&mask, 7);
    for (x, y, Luma([weight])) in weights.enumerate_pixels() {
        let (old, share) = (picture.get_pixel(x, y).0, f32::from(*weight) / 255.0);
        for (channel, (old, new)) in old.into_iter().zip([1.0, 2.0, 3.0]).enumerate() {
            let blended = f32::from(old) + (new - f32::from(old)) * share;
            let found = f32::from(finished.get_pixel(x, y).0[channel]);
            assert!(
                (found - blended).abs() <= 0.51,
                "{found} is not {blended} at {x}, {y}"
            );
        }
    }
    let line: Vec<u8> = (15..25).map(|x| weights.get_pixel(x, 30).0[0]).collect();
    assert_eq!(line, [0, 31, 63, 95, 127, 159, 191, 223, 255, 255]);
    assert_eq!(
        *finished.get_pixel(35, 31),
        Rgb([1, 2, 3]),
        "the middle is new"
    );
}

#[test]
fn grow_moves_the_edge_by_the_distance() {
    let small = mask((64, 64), 30, 30, 4, 4);
    for pixels in [-2, -1, 1, 5, 9] {
        let grown = edges::grown(&small, pixels);
        let distance = |x: u32, y: u32, painted: bool| {
            small
                .enumerate_pixels()
                .filter(|(_, _, pixel)| (pixel.0[0] >= 128) == painted)
                .map(|(ox, oy, _)| ox.abs_diff(x).pow(2) + oy.abs_diff(y).pow(2))
                .min()
                .unwrap()
        };
        for (x, y, pixel) in grown.enumerate_pixels() {
            let square = (pixels * pixels) as u32;
            let expected = if pixels > 0 {
                distance(x, y, true) <= square
            } else {
                distance(x, y, false) > square
            };
            assert_eq!(pixel.0[0] == 255, expected, "by {pixels} at {x}, {y}");
        }
    }
}

#[test]
fn the_border_of_the_picture_is_no_edge() {
    let all = GrayImage::from_pixel(40, 24, Luma([255]));
    assert_eq!(edges::grown(&all, -5), all);
    assert_eq!(edges::weights(&all, 9), all);
    let none = GrayImage::new(40, 24);
    assert_eq!(edges::grown(&none, 5), none);
    assert_eq!(edges::weights(&none, 9), none);
}

#[test]
fn grey_counts_from_the_middle_on() {
    let ramp = GrayImage::from_fn(256, 1, |x, _| Luma([x as u8]));
    let weights = edges::weights(&ramp, 0);
    assert!(weights.as_raw()[..128].iter().all(|weight| *weight == 0));
    assert!(weights.as_raw()[128..].is_sorted());
    assert_eq!(weights.as_raw()[255], 255);
}

#[test]
fn full_resolution_keeps_the_size_and_every_pixel_outside() {
    let (picture, mask) = (picture(700, 500), mask((700, 500), 600, 40, 31, 57));
    let mut files = Files::new(&picture, Some(&mask));
    files.params.crop_to_mask = true;
    files.params.crop_margin = 20;
    let (request, prepared) = files.prepared(128);
    assert_eq!(
        request.size,
        Size {
            width: 700,
            height: 500
        }
    );
    let work = prepared.size();
    assert!(
        work.width % 16 == 0 && work.height % 16 == 0 && work.width < work.height,
        "{work}"
    );
    let pixels = work.width * work.height;
    assert!((12_000..20_000).contains(&pixels), "{work}");
    let finished = prepared.finish(made(work));
    check_repainted(&finished, &picture, &mask);
}

#[test]
fn the_window_holds_the_mask_wherever_it_is() {
    for (left, top, width, height) in [
        (0, 0, 1, 1),
        (299, 199, 1, 1),
        (0, 90, 300, 3),
        (140, 0, 3, 200),
        (0, 0, 300, 200),
        (200, 5, 90, 20),
    ] {
        let mask = mask((300, 200), left, top, width, height);
        let mut files = Files::new(&picture(300, 200), Some(&mask));
        files.params.crop_to_mask = true;
        let (_, prepared) = files.prepared(128);
        let finished = prepared.finish(made(prepared.size()));
        let repainted = finished
            .pixels()
            .filter(|pixel| **pixel == Rgb([1, 2, 3]))
            .count();
        assert_eq!(repainted as u32, width * height, "{left} {top}");
    }
}

#[test]
fn the_model_sees_the_window_undistorted() {
    for (size, part) in [
        ((6000, 1000), (0, 400, 6000, 20)),
        ((3000, 1000), (0, 0, 3000, 1000)),
        ((400, 2000), (100, 0, 50, 2000)),
        ((900, 900), (300, 300, 40, 90)),
    ] {
        let painted = mask(size, part.0, part.1, part.2, part.3);
        let mut files = Files::new(&picture(size.0, size.1), Some(&painted));
        files.params.crop_to_mask = true;
        let (request, prepared) = files.prepared(1024);
        let repaint = request.start.unwrap().repaint.unwrap();
        let (_, _, window) = prepare::window_of(&painted, repaint.crop.unwrap());
        let work = prepared.size();
        let shape = |size: Size| f64::from(size.width) / f64::from(size.height);
        let distortion = shape(window) / shape(work);
        assert!((0.94..1.06).contains(&distortion), "{window} as {work}");
    }
}

#[test]
fn what_is_added_is_repainted_up_to_its_edge() {
    let mut files = Files::new(&picture(100, 64), None);
    files.params.extend_right = 44;
    let (_, prepared) = files.prepared(1024);
    // The picture ends in the middle of a cell, which is repainted as a whole.
    assert_eq!(prepared.mask.unwrap().get_pixel(96, 10).0[0], 255);
}

#[test]
fn extending_makes_room_that_is_repainted() {
    let picture = picture(64, 48);
    let mut files = Files::new(&picture, None);
    files.params.extend_left = 32;
    files.params.extend_bottom = 16;
    let (request, prepared) = files.prepared(1024);
    assert_eq!(
        request.size,
        Size {
            width: 96,
            height: 64
        }
    );
    let finished = prepared.finish(made(prepared.size()));
    for (x, y, pixel) in finished.enumerate_pixels() {
        let expected = if x >= 32 && y < 48 {
            *picture.get_pixel(x - 32, y)
        } else {
            Rgb([1, 2, 3])
        };
        assert_eq!(*pixel, expected, "at {x}, {y}");
    }
    assert_eq!(
        prepared.picture.get_pixel(0, 10),
        picture.get_pixel(0, 10),
        "the room begins with the colours of the border"
    );
}

#[test]
fn as_replicate_nothing_is_put_back() {
    let (picture, mask) = (picture(64, 64), mask((64, 64), 16, 16, 16, 16));
    let files = Files::new(&picture, Some(&mask));
    let looks = read::Looks::at(&files.params);
    let circumstances = Circumstances {
        fidelity: Fidelity::AsReplicate,
        image: looks.image.as_ref(),
        mask: looks.mask.as_ref(),
        ..Circumstances::default()
    };
    let request = Request::resolve(&files.params, circumstances).unwrap();
    let prepared =
        Prepared::read(request.start.as_ref().unwrap(), &request).unwrap_or_else(|_| panic!());
    assert_eq!(prepared.finish(made(request.size)), made(request.size));
}

#[test]
fn masks_that_do_little_are_spoken_of() {
    let note = |mask: &GrayImage| {
        let files = Files::new(&picture(64, 64), Some(mask));
        let (_, prepared) = files.prepared(1024);
        prepared
            .notes
            .first()
            .map(|note| note.message.clone())
            .unwrap_or_default()
    };
    assert!(note(&mask((64, 64), 0, 0, 0, 0)).contains("is empty"));
    assert!(note(&mask((64, 64), 33, 33, 3, 3)).contains("too fine"));
    assert_eq!(note(&mask((64, 64), 13, 9, 30, 30)), "");
}

#[test]
fn a_picture_that_has_changed_since_is_a_problem() {
    let files = Files::new(&picture(64, 64), None);
    let request = files.request(1024);
    picture(80, 64)
        .save(files.params.image.as_ref().unwrap())
        .unwrap();
    let problem = Prepared::read(request.start.as_ref().unwrap(), &request)
        .err()
        .unwrap();
    assert_eq!(problem.field, "image");
    std::fs::remove_file(files.params.image.as_ref().unwrap()).unwrap();
    let problem = Prepared::read(request.start.as_ref().unwrap(), &request)
        .err()
        .unwrap();
    assert!(problem.message.contains("cannot be read"), "{problem}");
}

#[test]
fn damaged_files_of_every_format_are_refused_or_read_but_nothing_breaks() {
    let mut state = 7u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut refused = 0;
    for case in list(&cases("formats"), "pictures") {
        let name = case["file"].as_str().unwrap();
        let whole = std::fs::read(data("formats").join(name)).unwrap();
        for _ in 0..150 {
            let mut file = whole.clone();
            for _ in 0..=next(6) {
                let at = next(file.len());
                file[at] = match next(3) {
                    0 => next(256) as u8,
                    1 => 0xFF,
                    _ => file[at] ^ (1 << next(8)),
                };
            }
            if next(4) == 0 {
                file.truncate(next(file.len()) + 1);
            }
            if let Err(sentence) = read::decode(&file, Path::new(name), true) {
                assert!(!sentence.contains('\n'), "{sentence}");
                refused += 1;
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}
