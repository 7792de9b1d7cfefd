//! What a person can do with pictures that come in: drop, paint, repaint, compare.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Event, Key, Modifiers, PointerButton, Pos2, Rect, Role, pos2, vec2};
use egui_kittest::kittest::{Queryable, by};
use flux_qfaces::imaging::edges;
use flux_qfaces::schema::start::Start;
use image::{GrayImage, Luma, Rgba, RgbaImage};

use crate::support::desk::{Desk, Dropped};
use crate::support::fake::Script;

/// Writes a picture of 96 × 64 pixels whose left half is red.
fn picture(desk: &Desk, name: &str) -> PathBuf {
    let path = desk.folder.path().join(name);
    let picture = RgbaImage::from_fn(96, 64, |x, y| {
        let red = if x < 48 { 230 } else { 20 };
        Rgba([red, (y * 2) as u8, 60, 255])
    });
    picture.save(&path).unwrap();
    path
}

impl Desk {
    /// The desk with a picture on the canvas.
    fn with_picture(script: &Script) -> (Self, PathBuf) {
        Self::open(script).and_picture()
    }

    fn and_picture(mut self) -> (Self, PathBuf) {
        let path = self.bring("picture.png");
        (self, path)
    }

    /// Drops a picture of this name where it becomes the starting picture.
    fn bring(&mut self, name: &str) -> PathBuf {
        let path = picture(self, name);
        self.drop_file(&path, Some(pos2(200.0, 400.0)));
        self.until("the canvas", Self::has_canvas);
        path
    }

    fn has_canvas(&self) -> bool {
        self.harness
            .query(by().role(Role::Image).label("Canvas"))
            .is_some()
    }

    /// Where a place of the fitted picture is on the screen; both run from 0 to 1.
    fn on_canvas(&self, x: f32, y: f32) -> Pos2 {
        let place = self.control(Role::Image, "Canvas").rect();
        let zoom = (place.width() / 96.0).min(place.height() / 64.0);
        let picture = Rect::from_center_size(place.center(), vec2(96.0, 64.0) * zoom);
        picture.min + vec2(x, y) * picture.size()
    }

    fn button(&mut self, at: Pos2, button: PointerButton, pressed: bool, modifiers: Modifiers) {
        self.harness.event(Event::PointerButton {
            pos: at,
            button,
            pressed,
            modifiers,
        });
        self.harness.step();
    }

    /// Drags with a button from place to place.
    fn drag(&mut self, button: PointerButton, modifiers: Modifiers, places: &[(f32, f32)]) {
        let places: Vec<_> = places.iter().map(|&(x, y)| self.on_canvas(x, y)).collect();
        self.harness.event(Event::PointerMoved(places[0]));
        self.harness.step();
        self.button(places[0], button, true, modifiers);
        for at in &places {
            self.harness.event(Event::PointerMoved(*at));
            self.harness.step();
        }
        self.button(*places.last().unwrap(), button, false, modifiers);
        self.settle();
    }

    /// Paints in the left half and keeps the button down; returns where the pointer is.
    fn begin_stroke(&mut self) -> Pos2 {
        let (start, end) = (self.on_canvas(0.1, 0.5), self.on_canvas(0.3, 0.5));
        self.harness.event(Event::PointerMoved(start));
        self.button(start, PointerButton::Primary, true, Modifiers::NONE);
        self.harness.event(Event::PointerMoved(end));
        self.harness.step();
        end
    }

    fn paint(&mut self, places: &[(f32, f32)]) {
        self.drag(PointerButton::Primary, Modifiers::NONE, places);
    }

    /// What the button that generates is called now.
    fn verb(&self) -> &'static str {
        [
            "Generate",
            "Refine",
            "Refine the mask",
            "Fill the mask anew",
        ]
        .into_iter()
        .find(|verb| {
            let button = by().role(Role::Button).label(verb);
            self.harness.query(button).is_some()
        })
        .unwrap()
    }

    /// Presses Generate and returns what reached the generator.
    fn generate(&mut self, script: &Script) -> Option<Start> {
        let count = self.pictures();
        let verb = self.verb();
        self.press(verb);
        self.until("a picture", |desk| desk.pictures() == count + 1);
        script.requests().last().unwrap().start.clone()
    }

    /// Presses Generate and returns the mask that reached the generator.
    fn mask(&mut self, script: &Script) -> Option<GrayImage> {
        let path = self.generate(script)?.repaint?.mask?;
        Some(image::open(path).unwrap().to_luma8())
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle();
    }
}

/// How many pixels are painted in the left and in the right half.
fn halves(mask: &GrayImage) -> (usize, usize) {
    let painted = |left: bool| {
        mask.enumerate_pixels()
            .filter(|(x, _, pixel)| (*x < 48) == left && pixel.0[0] >= 128)
            .count()
    };
    (painted(true), painted(false))
}

#[test]
fn a_dropped_picture_is_painted_on_and_the_mask_stays_for_the_next_try() {
    let script = Script::new();
    let (mut desk, path) = Desk::with_picture(&script);
    assert_eq!(desk.session().settings().params.image, Some(path.clone()));
    desk.paint(&[(0.1, 0.5), (0.3, 0.5), (0.4, 0.6)]);
    let first = desk.mask(&script).unwrap();
    assert_eq!(first.dimensions(), (96, 64));
    let (left, right) = halves(&first);
    assert!(left > 100 && right == 0, "{left} {right}");
    assert!(first.get_pixel(19, 32).0[0] == 255, "where the pointer was");
    assert_eq!(first.get_pixel(90, 5).0[0], 0);

    desk.type_prompt("something else");
    let second = desk.mask(&script).unwrap();
    assert_eq!(first, second, "the mask is still there");
    assert_eq!(script.requests()[1].prompt, "something else");
    let start = script.requests()[1].start.clone().unwrap();
    assert_eq!(start.image, path);
}

#[test]
fn one_stroke_is_one_step_and_keys_take_it_back() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    desk.paint(&[(0.1, 0.2), (0.2, 0.3), (0.3, 0.2)]);
    desk.paint(&[(0.7, 0.2), (0.8, 0.3), (0.9, 0.2)]);
    desk.key(Modifiers::COMMAND, Key::Z);
    let mask = desk.mask(&script).unwrap();
    assert!(halves(&mask).0 > 0 && halves(&mask).1 == 0);
    desk.click(Role::RadioButton, "Canvas");
    desk.key(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::Z);
    let both = desk.mask(&script).unwrap();
    assert!(halves(&both).0 > 0 && halves(&both).1 > 0);
    desk.click(Role::RadioButton, "Canvas");
    desk.press("Clear the mask");
    assert_eq!(desk.mask(&script), None, "a blank mask is none");
    assert!(desk.session().settings().params.mask.is_none());
}

#[test]
fn right_button_and_alt_erase() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    desk.press("Fill the mask");
    desk.drag(
        PointerButton::Secondary,
        Modifiers::NONE,
        &[(0.1, 0.5), (0.4, 0.5)],
    );
    let mask = desk.mask(&script).unwrap();
    assert!(halves(&mask).0 < 48 * 64 && halves(&mask).1 == 48 * 64);
    desk.click(Role::RadioButton, "Canvas");
    desk.harness.event(Event::ModifiersChanged(Modifiers::ALT));
    desk.drag(
        PointerButton::Primary,
        Modifiers::ALT,
        &[(0.6, 0.5), (0.9, 0.5)],
    );
    desk.harness.event(Event::ModifiersChanged(Modifiers::NONE));
    let mask = desk.mask(&script).unwrap();
    assert!(halves(&mask).1 < 48 * 64);
}

#[test]
fn shapes_fill_what_they_go_around() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    desk.key(Modifiers::NONE, Key::R);
    desk.paint(&[(0.25, 0.25), (0.5, 0.75)]);
    let mask = desk.mask(&script).unwrap();
    for (x, y, pixel) in mask.enumerate_pixels() {
        let inside = (24..48).contains(&x) && (16..48).contains(&y);
        assert_eq!(pixel.0[0] == 255, inside, "at {x}, {y}");
    }
    desk.click(Role::RadioButton, "Canvas");
    desk.press("Clear the mask");
    desk.press("Polygon");
    for (x, y) in [(0.1, 0.1), (0.4, 0.1), (0.4, 0.9)] {
        desk.paint(&[(x, y)]);
    }
    desk.key(Modifiers::NONE, Key::Enter);
    let (left, right) = halves(&desk.mask(&script).unwrap());
    let expected = 0.3 * 96.0 * 0.8 * 64.0 / 2.0;
    assert!(
        (left as f32 - expected).abs() < 40.0 && right == 0,
        "{left}"
    );
    desk.click(Role::RadioButton, "Canvas");
    desk.press("Clear the mask");
    desk.press("Bucket");
    desk.paint(&[(0.8, 0.5)]);
    let (left, right) = halves(&desk.mask(&script).unwrap());
    assert!(
        left == 0 && right > 500,
        "the colour ends in the middle: {left} {right}"
    );
}

#[test]
fn shift_draws_straight_from_where_the_last_stroke_ended() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    desk.paint(&[(0.1, 0.1)]);
    desk.harness
        .event(Event::ModifiersChanged(Modifiers::SHIFT));
    desk.drag(PointerButton::Primary, Modifiers::SHIFT, &[(0.9, 0.9)]);
    desk.harness.event(Event::ModifiersChanged(Modifiers::NONE));
    let mask = desk.mask(&script).unwrap();
    for step in 1..10 {
        let (x, y) = (96 * step / 10, 64 * step / 10);
        assert!(mask.get_pixel(x, y).0[0] > 200, "at {x}, {y}");
    }
}

#[test]
fn brackets_and_x_change_the_brush() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    desk.paint(&[(0.2, 0.5)]);
    let small = halves(&desk.mask(&script).unwrap()).0;
    desk.click(Role::RadioButton, "Canvas");
    for _ in 0..8 {
        desk.key(Modifiers::NONE, Key::CloseBracket);
    }
    desk.paint(&[(0.8, 0.5)]);
    let large = halves(&desk.mask(&script).unwrap()).1;
    assert!(large > 2 * small, "{large} {small}");
    desk.click(Role::RadioButton, "Canvas");
    desk.key(Modifiers::NONE, Key::X);
    desk.paint(&[(0.8, 0.5)]);
    let (left, right) = halves(&desk.mask(&script).unwrap());
    assert_eq!((left, right), (small, 0), "X takes the eraser");
}

#[test]
fn the_wheel_zooms_at_the_pointer_and_painting_follows() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    let at = desk.on_canvas(0.25, 0.5);
    desk.harness.event(Event::PointerMoved(at));
    desk.harness.step();
    desk.harness.event(Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        source: egui::MouseWheelSource::Wheel,
        delta: vec2(0.0, 400.0),
        phase: egui::TouchPhase::Move,
        modifiers: Modifiers::NONE,
    });
    desk.harness.run_steps(30);
    desk.button(at, PointerButton::Primary, true, Modifiers::NONE);
    desk.button(at, PointerButton::Primary, false, Modifiers::NONE);
    desk.settle();
    let mask = desk.mask(&script).unwrap();
    assert!(
        mask.get_pixel(24, 32).0[0] > 200,
        "the pixel under the pointer stayed there"
    );
}

#[test]
fn a_drop_without_a_pointer_asks_what_it_is() {
    let mut desk = Desk::open(&Script::new());
    let path = picture(&desk, "picture.png");
    desk.drop_file(&path, None);
    assert!(!desk.has_canvas());
    desk.harness.run_steps(60);
    assert!(desk.shows("Starting picture"));
    desk.press("Starting picture");
    desk.until("the canvas", Desk::has_canvas);
}

#[test]
fn a_mask_is_dropped_on_its_place() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    let path = desk.folder.path().join("mask.png");
    let mask = GrayImage::from_fn(96, 64, |x, _| Luma([if x >= 48 { 255 } else { 0 }]));
    mask.save(&path).unwrap();
    desk.drop_file(&path, Some(pos2(640.0, 400.0)));
    assert_eq!(desk.mask(&script).unwrap(), mask);
    desk.click(Role::RadioButton, "Canvas");
    desk.key(Modifiers::SHIFT, Key::V);
    assert_eq!(halves(&desk.mask(&script).unwrap()), (48 * 64, 0));
}

#[test]
fn what_cannot_be_read_is_said_and_changes_nothing() {
    let script = Script::new();
    let (mut desk, path) = Desk::with_picture(&script);
    desk.paint(&[(0.2, 0.5), (0.3, 0.5)]);
    let broken = desk.folder.path().join("broken.png");
    std::fs::write(&broken, b"no picture").unwrap();
    desk.drop_file(&broken, Some(pos2(200.0, 400.0)));
    assert!(desk.shows("The picture is not a picture that can be read"));
    desk.drop_file(&broken, Some(pos2(640.0, 400.0)));
    assert!(desk.shows("The mask is not a picture that can be read"));
    desk.drop_file(&broken, Some(pos2(1100.0, 400.0)));
    assert!(desk.shows("broken.png does not say how it was made"));
    assert_eq!(desk.session().settings().params.image, Some(path));
    assert!(
        halves(&desk.mask(&script).unwrap()).0 > 0,
        "what was painted stays"
    );
}

#[test]
fn a_picture_that_is_gone_is_said_beside_its_field() {
    let script = Script::new();
    let (mut desk, path) = Desk::with_picture(&script);
    std::fs::remove_file(path).unwrap();
    desk.settle();
    assert!(desk.is_disabled(Role::Button, desk.verb()));
    assert!(desk.shows("Cannot be read"));
    assert!(desk.shows("Needs a change: Starting picture"));
}

#[test]
fn the_mask_of_a_result_is_edited_again() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    desk.paint(&[(0.1, 0.5), (0.4, 0.5)]);
    let first = desk.mask(&script).unwrap();
    desk.bring("other.png");
    assert_eq!(desk.mask(&script), None, "another picture has no mask yet");
    let newest_with_mask = desk.session().gallery.entries()[1].clone();
    let record = newest_with_mask.record.clone().unwrap();
    assert!(record.mask.is_some());
    desk.click(
        Role::ListBoxOption,
        &format!("Picture {}", newest_with_mask.file_name()),
    );
    desk.press("Edit this mask again");
    desk.until("the canvas", Desk::has_canvas);
    desk.paint(&[(0.7, 0.5), (0.8, 0.5)]);
    let again = desk.mask(&script).unwrap();
    assert_eq!(halves(&again).0, halves(&first).0);
    assert!(halves(&again).1 > 0, "and painted on");
}

#[test]
fn a_record_has_no_path() {
    let script = Script::new();
    let (mut desk, path) = Desk::with_picture(&script);
    desk.paint(&[(0.1, 0.5), (0.4, 0.5)]);
    desk.mask(&script).unwrap();
    let file = std::fs::read(&desk.session().gallery.entries()[0].path).unwrap();
    let text = flux_qfaces::imaging::codec::read_record(&file).unwrap();
    let folder = desk.folder.path().to_str().unwrap();
    assert!(!text.contains(folder), "{text}");
    assert!(
        !text.contains(path.file_name().unwrap().to_str().unwrap()),
        "{text}"
    );
    assert!(text.contains("sha256:"), "{text}");
}

#[test]
fn a_result_becomes_the_next_starting_picture() {
    let script = Script::new();
    let mut desk = Desk::open(&script);
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    let entry = desk.session().gallery.entries()[0].clone();
    desk.press("Use as starting picture");
    desk.until("the canvas", Desk::has_canvas);
    let start = desk.generate(&script).unwrap();
    assert_eq!(start.image, entry.path);
    assert!(start.repaint.is_none());
}

#[test]
fn turning_and_cropping_make_a_new_picture_and_keep_the_mask() {
    let script = Script::new();
    let (mut desk, path) = Desk::with_picture(&script);
    desk.paint(&[(0.1, 0.5), (0.4, 0.5)]);
    let before = desk.mask(&script).unwrap();
    desk.click(Role::RadioButton, "Canvas");
    desk.press("Turn right");
    desk.until("the turned picture", |desk| {
        desk.session().settings().params.image.as_ref() != Some(&path)
    });
    desk.until("the canvas", Desk::has_canvas);
    let turned = desk.mask(&script).unwrap();
    assert_eq!(turned, image::imageops::rotate90(&before));
    let size = script.requests().last().unwrap().size;
    assert_eq!((size.width, size.height), (64, 96));

    desk.click(Role::RadioButton, "Canvas");
    desk.press("Turn left");
    desk.until("turned back", |desk| {
        desk.has_canvas() && {
            let image = desk.session().settings().params.image.as_ref().unwrap();
            image::image_dimensions(image).unwrap() == (96, 64)
        }
    });
    desk.press("Crop the picture");
    desk.paint(&[(0.0, 0.0), (0.5, 1.0)]);
    desk.key(Modifiers::NONE, Key::Enter);
    desk.until("the part", |desk| {
        desk.has_canvas() && {
            let image = desk.session().settings().params.image.as_ref().unwrap();
            image::image_dimensions(image).unwrap() == (48, 64)
        }
    });
    let part = desk.mask(&script).unwrap();
    let expected = image::imageops::crop_imm(&before, 0, 0, 48, 64).to_image();
    assert_eq!(part, expected);
}

#[test]
fn a_result_is_compared_with_its_starting_picture() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    desk.generate(&script);
    desk.press("Compare with the starting picture (hold C to see only that)");
    desk.until("the comparison", |desk| {
        desk.harness
            .query(by().role(Role::Slider).label("Before and after"))
            .is_some()
    });
}

#[test]
fn a_mask_without_a_picture_asks_for_one() {
    let (mut desk, _) = Desk::open_tall(&Script::new()).and_picture();
    desk.paint(&[(0.1, 0.5), (0.4, 0.5)]);
    desk.harness.run_steps(100);
    desk.press("Reset Starting picture");
    assert!(desk.shows("Needs a starting picture"));
    assert!(desk.is_disabled(Role::Button, desk.verb()));
    desk.press("Reset Mask");
    assert!(!desk.is_disabled(Role::Button, desk.verb()));
}

#[test]
fn the_button_says_what_it_does() {
    let (mut desk, _) = Desk::open_tall(&Script::new()).and_picture();
    assert_eq!(desk.verb(), "Refine");
    desk.paint(&[(0.1, 0.5), (0.4, 0.5)]);
    desk.until("the mask is kept", |desk| desk.verb() == "Refine the mask");
    desk.type_into(Role::TextInput, "Prompt strength", "1");
    assert_eq!(desk.verb(), "Fill the mask anew");
}

#[test]
fn a_stroke_ends_when_its_release_is_not_seen() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    let end = desk.begin_stroke();
    // The results come in front, and the button goes up over them.
    desk.key(Modifiers::NONE, Key::Num1);
    desk.button(end, PointerButton::Primary, false, Modifiers::NONE);
    desk.key(Modifiers::NONE, Key::Num2);
    desk.harness
        .event(Event::PointerMoved(desk.on_canvas(0.9, 0.5)));
    desk.settle();
    let mask = desk.mask(&script).unwrap();
    assert!(
        halves(&mask).0 > 0 && halves(&mask).1 == 0,
        "nothing is painted without a button"
    );

    // A second press of the same button: its release was lost outside the window. The first stroke ends, a new one begins.
    desk.click(Role::RadioButton, "Canvas");
    let at = desk.on_canvas(0.6, 0.5);
    desk.harness.event(Event::PointerMoved(at));
    for pressed in [true, true, false] {
        desk.button(at, PointerButton::Primary, pressed, Modifiers::NONE);
    }
    let elsewhere = desk.on_canvas(0.9, 0.2);
    desk.harness.event(Event::PointerMoved(elsewhere));
    desk.settle();
    let mask = desk.mask(&script).unwrap();
    assert!(halves(&mask).1 > 0);
    assert_eq!(mask.get_pixel(86, 13).0[0], 0, "no button is held any more");
}

#[test]
fn a_job_gets_the_stroke_that_is_still_being_painted() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    desk.begin_stroke();
    desk.harness
        .key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    desk.until("a picture", |desk| desk.pictures() == 1);
    let start = script.requests()[0].start.clone().unwrap();
    let mask = image::open(start.repaint.unwrap().mask.unwrap()).unwrap();
    assert!(halves(&mask.to_luma8()).0 > 0);
}

#[test]
fn space_moves_the_picture_in_the_middle_of_a_polygon() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    desk.press("Polygon");
    for (x, y) in [(0.1, 0.1), (0.4, 0.1)] {
        desk.paint(&[(x, y)]);
    }
    let zoom = desk.on_canvas(1.0, 0.0).x - desk.on_canvas(0.0, 0.0).x;
    desk.harness.key_down(Key::Space);
    desk.paint(&[(0.5, 0.5), (0.6, 0.5)]);
    desk.harness.key_up(Key::Space);
    desk.settle();
    // The picture has moved a tenth of its width to the right.
    let corner = desk.on_canvas(0.4, 0.9) + vec2(zoom * 0.1, 0.0);
    desk.harness.event(Event::PointerMoved(corner));
    desk.button(corner, PointerButton::Primary, true, Modifiers::NONE);
    desk.button(corner, PointerButton::Primary, false, Modifiers::NONE);
    desk.key(Modifiers::NONE, Key::Enter);
    let mask = desk.mask(&script).unwrap();
    let (left, right) = halves(&mask);
    let expected = 0.3 * 96.0 * 0.8 * 64.0 / 2.0;
    assert!(
        (left as f32 - expected).abs() < 50.0 && right == 0,
        "{left} {right}"
    );
    let (first, _, width, _) = edges::bounds(&mask).unwrap();
    assert!(
        first + width <= 40,
        "its corners are where they were clicked"
    );
}

#[test]
fn esc_ends_the_question_what_was_dropped() {
    let script = Script::new();
    let (mut desk, path) = Desk::with_picture(&script);
    let other = picture(&desk, "other.png");
    desk.drop_file(&other, None);
    desk.harness.run_steps(60);
    assert!(desk.shows("What is it?"));
    desk.key(Modifiers::NONE, Key::Escape);
    assert!(!desk.shows("What is it?"));
    assert_eq!(desk.session().settings().params.image, Some(path));
}

#[test]
fn several_files_become_a_job_each() {
    let script = Script::new();
    let mut desk = Desk::open(&script);
    let paths: Vec<_> = ["one.png", "two.png", "three.png"]
        .map(|name| picture(&desk, name))
        .into();
    for path in &paths {
        let files = &mut desk.harness.input_mut().dropped_files;
        files.push(Arc::new(Dropped(path.clone())));
    }
    desk.harness.event(Event::PointerMoved(pos2(1000.0, 400.0)));
    desk.harness.step();
    desk.harness.input_mut().dropped_files.clear();
    desk.until("three pictures", |desk| desk.pictures() == 3);
    let started: Vec<_> = script
        .requests()
        .into_iter()
        .map(|request| request.start.unwrap().image)
        .collect();
    assert_eq!(started, paths);
}

#[test]
fn a_pasted_path_is_taken_and_other_text_is_not() {
    let script = Script::new();
    let mut desk = Desk::open(&script);
    let path = picture(&desk, "a picture.png");
    desk.key(Modifiers::NONE, Key::Escape);
    desk.harness.event(Event::Paste("no path".to_owned()));
    desk.settle();
    assert!(desk.shows("neither the path of a picture"));
    let address = format!("file://{}", path.to_str().unwrap().replace(' ', "%20"));
    desk.harness.event(Event::Paste(address));
    desk.until("the canvas", Desk::has_canvas);
    assert_eq!(desk.session().settings().params.image, Some(path));
}

#[test]
fn another_mode_keeps_what_was_painted() {
    let script = Script::new();
    let (mut desk, _) = Desk::with_picture(&script);
    desk.paint(&[(0.1, 0.5), (0.4, 0.5)]);
    desk.set_behaviour("As Replicate");
    desk.until("the canvas", Desk::has_canvas);
    assert!(halves(&desk.mask(&script).unwrap()).0 > 0);
}

#[test]
fn a_picture_that_was_changed_by_another_program_is_read_again() {
    let script = Script::new();
    let (mut desk, path) = Desk::with_picture(&script);
    desk.paint(&[(0.1, 0.5), (0.4, 0.5)]);
    RgbaImage::from_pixel(64, 96, Rgba([1, 2, 3, 255]))
        .save(&path)
        .unwrap();
    desk.harness.run_steps(200);
    desk.until("the canvas", Desk::has_canvas);
    let mask = desk.mask(&script).unwrap();
    assert_eq!(
        mask.dimensions(),
        (64, 96),
        "the mask lies on what is there now"
    );
}

#[test]
fn a_picture_that_was_replaced_comes_back_with_its_mask() {
    let script = Script::new();
    let (mut desk, path) = Desk::with_picture(&script);
    desk.paint(&[(0.1, 0.5), (0.4, 0.5)]);
    let before = desk.mask(&script).unwrap();
    desk.bring("other.png");
    assert_eq!(desk.mask(&script), None);
    desk.click(Role::RadioButton, "Canvas");
    desk.press("Undo");
    desk.until("the canvas", Desk::has_canvas);
    assert_eq!(desk.session().settings().params.image, Some(path));
    assert_eq!(desk.mask(&script), Some(before));
}
