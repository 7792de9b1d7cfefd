//! The mask as a model: what each tool paints, and that every step can be taken back.

use flux_qfaces::imaging::mask::brush::{Brush, Dab};
use flux_qfaces::imaging::mask::ink::{Ink, Point};
use flux_qfaces::imaging::mask::tiles::TILE;
use flux_qfaces::imaging::mask::{Mask, shapes};
use flux_qfaces::schema::size::Size;
use image::{GrayImage, Rgba, RgbaImage};

const HARD: Brush = Brush {
    radius: 4.0,
    hardness: 1.0,
};

fn blank(width: u32, height: u32) -> Mask {
    Mask::new(Size { width, height })
}

fn dab(x: f32, y: f32) -> Dab {
    Dab {
        at: Point { x, y },
        pressure: 1.0,
    }
}

fn stroke(mask: &mut Mask, brush: Brush, ink: Ink, places: &[(f32, f32)]) {
    let mut places = places.iter().map(|&(x, y)| dab(x, y));
    mask.begin_stroke(brush, ink, places.next().unwrap());
    for place in places {
        mask.extend_stroke(place);
    }
    mask.end_stroke();
}

/// The mask as text: one digit a pixel, space for 0 and 9 for 255.
fn drawn(mask: &GrayImage) -> Vec<String> {
    mask.rows()
        .map(|row| {
            let line: String = row
                .map(|pixel| match u32::from(pixel.0[0]) * 9 / 255 {
                    0 if pixel.0[0] == 0 => ' ',
                    level => char::from_digit(level, 10).unwrap(),
                })
                .collect();
            line.trim_end().to_owned()
        })
        .collect()
}

#[track_caller]
fn check_drawn(mask: &Mask, expected: &[&str]) {
    let found = drawn(&mask.to_image());
    assert!(found == expected, "\n{}", found.join("\n"));
}

/// How much of each pixel a shape covers, by asking for many places in it.
fn sampled(width: u32, height: u32, is_inside: impl Fn(f32, f32) -> bool) -> GrayImage {
    const SAMPLES: u32 = 16;
    GrayImage::from_fn(width, height, |x, y| {
        let place = |pixel: u32, index: u32| pixel as f32 + (index as f32 + 0.5) / SAMPLES as f32;
        let hits = (0..SAMPLES)
            .flat_map(|row| (0..SAMPLES).map(move |column| (column, row)))
            .filter(|&(column, row)| is_inside(place(x, column), place(y, row)))
            .count() as u32;
        image::Luma([(hits * 255 / (SAMPLES * SAMPLES)) as u8])
    })
}

#[track_caller]
fn check_near(what: &str, ours: &GrayImage, expected: &GrayImage, tolerance: u8) {
    for ((x, y, ours), expected) in ours.enumerate_pixels().zip(expected.pixels()) {
        let apart = ours.0[0].abs_diff(expected.0[0]);
        assert!(
            apart <= tolerance,
            "{what} at {x}, {y}: {} is not {}",
            ours.0[0],
            expected.0[0]
        );
    }
}

#[test]
fn hard_brush_covers_a_disc() {
    let mut mask = blank(40, 30);
    stroke(&mut mask, HARD, Ink::Paint, &[(17.3, 12.8)]);
    let disc = sampled(40, 30, |x, y| (x - 17.3).hypot(y - 12.8) <= 4.0);
    check_near("disc", &mask.to_image(), &disc, 40);
}

#[test]
fn long_stroke_has_no_gap_at_any_speed() {
    let brush = Brush {
        radius: 9.0,
        hardness: 1.0,
    };
    let mut mask = blank(1000, 600);
    stroke(
        &mut mask,
        brush,
        Ink::Paint,
        &[(-50.0, 20.0), (1040.0, 580.0)],
    );
    let ((dx, dy), (px, py)) = ((1090.0f32, 560.0f32), (-50.0f32, 20.0f32));
    let line = sampled(1000, 600, |x, y| {
        ((x - px) * dy - (y - py) * dx).abs() / dx.hypot(dy) <= 9.0
    });
    check_near("line", &mask.to_image(), &line, 40);
}

#[test]
fn stroke_through_many_places_is_smooth_and_passes_near_them() {
    let brush = Brush {
        radius: 3.0,
        hardness: 1.0,
    };
    let mut mask = blank(300, 300);
    let circle: Vec<_> = (0..=12)
        .map(|step| {
            let angle = step as f32 / 12.0 * std::f32::consts::TAU;
            (150.0 + 100.0 * angle.cos(), 150.0 + 100.0 * angle.sin())
        })
        .collect();
    stroke(&mut mask, brush, Ink::Paint, &circle);
    // All around, the path stays near the circle: a polygon of twelve corners would be 3.4 px inside at its sides, and
    // the smooth path touches those sides.
    for degree in 0..360 {
        let angle = f32::to_radians(degree as f32);
        let painted = (93..=103).any(|radius| {
            let (x, y) = (
                150.0 + radius as f32 * angle.cos(),
                150.0 + radius as f32 * angle.sin(),
            );
            mask.get(x as u32, y as u32) > 200
        });
        assert!(painted, "gap at {degree}°");
    }
    assert_eq!(mask.get(150, 150), 0);
}

#[test]
fn golden_rasters_of_every_tool() {
    let mut mask = blank(24, 9);
    stroke(
        &mut mask,
        Brush {
            radius: 3.0,
            hardness: 0.0,
        },
        Ink::Paint,
        &[(5.0, 4.5), (18.0, 4.5)],
    );
    check_drawn(&mask, SOFT_LINE);

    let mut mask = blank(24, 9);
    mask.fill_outline(
        &shapes::rectangle(Point { x: 3.2, y: 1.4 }, Point { x: 20.6, y: 7.9 }),
        Ink::Paint,
    );
    mask.fill_outline(
        &shapes::ellipse(Point { x: 6.0, y: 2.0 }, Point { x: 18.0, y: 7.0 }),
        Ink::Erase,
    );
    check_drawn(&mask, RECTANGLE_LESS_ELLIPSE);

    let mut mask = blank(24, 9);
    let star = [
        (12.0, 0.0),
        (18.0, 9.0),
        (2.0, 3.0),
        (22.0, 3.0),
        (6.0, 9.0),
    ];
    let star: Vec<_> = star.into_iter().map(|(x, y)| Point { x, y }).collect();
    mask.fill_outline(&star, Ink::Paint);
    check_drawn(&mask, STAR);
}

const SOFT_LINE: &[&str] = &[
    "",
    "   00000000000000000",
    "  0133333333333333310",
    "  1467777777777777641",
    "  1589999999999999851",
    "  1467777777777777641",
    "  0133333333333333310",
    "   00000000000000000",
    "",
];
const RECTANGLE_LESS_ELLIPSE: &[&str] = &[
    "",
    "   999999999999999999",
    "   99997420  02479999",
    "   99940        04999",
    "   9990          0999",
    "   99940        04999",
    "   99997420  02479999",
    "   999999999999999999",
    "",
];
const STAR: &[&str] = &[
    "           33",
    "          0880",
    "          6996",
    "  15899999999999999851",
    "    0268999999998620",
    "       0799999970",
    "       3999889993",
    "      088620026880",
    "      430      034",
];

#[test]
fn outlines_cover_what_they_go_around() {
    let mut mask = blank(64, 48);
    mask.fill_outline(
        &shapes::ellipse(Point { x: 5.3, y: 3.9 }, Point { x: 58.1, y: 41.2 }),
        Ink::Paint,
    );
    let (cx, cy, rx, ry) = (31.7, 22.55, 26.4, 18.65);
    let expected = sampled(64, 48, |x, y| {
        ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) <= 1.0
    });
    check_near("ellipse", &mask.to_image(), &expected, 20);

    let mut mask = blank(64, 48);
    let corners = [(-20.0, 10.0), (50.0, -30.0), (90.0, 30.0), (10.3, 60.0)];
    let points: Vec<_> = corners.into_iter().map(|(x, y)| Point { x, y }).collect();
    mask.fill_outline(&points, Ink::Paint);
    let expected = sampled(64, 48, |x, y| {
        (0..4).all(|index| {
            let ((x1, y1), (x2, y2)) = (corners[index], corners[(index + 1) % 4]);
            (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) >= 0.0
        })
    });
    check_near(
        "outline beyond the picture",
        &mask.to_image(),
        &expected,
        20,
    );
}

#[test]
fn bucket_fills_like_colours_that_hang_together() {
    let picture = RgbaImage::from_fn(40, 30, |x, y| {
        let wall = x == 20 && y != 29;
        let far = x > 20 && y == 3;
        Rgba([
            if wall { 200 } else { 10 + (x % 3) as u8 },
            if far { 90 } else { 5 },
            0,
            255,
        ])
    });
    let mut mask = blank(40, 30);
    mask.fill_colour(&picture, 2, 2, 2, Ink::Paint);
    for (x, y, pixel) in mask.to_image().enumerate_pixels() {
        let is_wall = x == 20 && y != 29;
        let is_beyond = x > 20 && y <= 3;
        let expected = !(is_wall || is_beyond);
        assert_eq!(pixel.0[0] == 255, expected, "at {x}, {y}");
    }
    mask.fill_colour(&picture, 30, 10, 255, Ink::Erase);
    assert!(
        mask.is_blank(),
        "with the greatest tolerance everything is alike"
    );
    mask.fill_colour(&picture, 400, 10, 9, Ink::Paint);
    assert!(mask.is_blank(), "outside there is nothing to fill");
}

#[test]
fn eraser_takes_away_what_the_brush_gives() {
    let mut mask = blank(64, 64);
    let path = [(10.0, 10.0), (50.0, 50.0)];
    stroke(&mut mask, HARD, Ink::Paint, &path);
    let wider = Brush {
        radius: 6.0,
        hardness: 1.0,
    };
    stroke(&mut mask, wider, Ink::Erase, &path);
    assert!(mask.is_blank());
}

#[test]
fn pressure_makes_the_stroke_thinner() {
    let mut mask = blank(200, 60);
    let brush = Brush {
        radius: 20.0,
        hardness: 1.0,
    };
    mask.begin_stroke(
        brush,
        Ink::Paint,
        Dab {
            pressure: 0.1,
            ..dab(20.0, 30.0)
        },
    );
    mask.extend_stroke(dab(180.0, 30.0));
    mask.end_stroke();
    let height = |x: u32| (0..60).filter(|&y| mask.get(x, y) > 127).count();
    assert!(height(30) < 10, "{}", height(30));
    assert!(height(170) > 35, "{}", height(170));
    assert!((30..170).all(|x| height(x) <= height(x + 1) + 1));
}

#[test]
fn only_touched_tiles_change() {
    let mut mask = blank(4000, 4000);
    assert_eq!(mask.take_changed_tiles().len(), 32 * 32);
    stroke(
        &mut mask,
        HARD,
        Ink::Paint,
        &[(10.0, 10.0), (TILE as f32 - 10.0, 20.0)],
    );
    assert_eq!(mask.take_changed_tiles(), [(0, 0)]);
    assert_eq!(mask.take_changed_tiles(), []);
}

#[test]
fn a_stroke_is_one_step_and_a_blank_stroke_none() {
    let mut mask = blank(100, 100);
    stroke(
        &mut mask,
        HARD,
        Ink::Paint,
        &[(10.0, 10.0), (50.0, 20.0), (90.0, 90.0)],
    );
    let painted = mask.to_image();
    stroke(
        &mut mask,
        HARD,
        Ink::Paint,
        &[(-40.0, -40.0), (-50.0, 200.0)],
    );
    mask.undo();
    assert!(mask.is_blank(), "the stroke outside was no step");
    assert!(!mask.can_undo());
    mask.redo();
    assert_eq!(mask.to_image(), painted);
    mask.begin_stroke(HARD, Ink::Erase, dab(30.0, 15.0));
    mask.extend_stroke(dab(60.0, 40.0));
    mask.undo();
    assert_eq!(
        mask.to_image(),
        painted,
        "undo gives up a stroke that has not ended"
    );
    assert!(mask.can_undo());
}

/// Numbers that look random: the same every time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(below)) as u32
    }

    fn place(&mut self) -> (f32, f32) {
        (
            self.next(400) as f32 / 1.3 - 30.0,
            self.next(300) as f32 / 1.3 - 30.0,
        )
    }
}

/// Does something to the mask.
fn act(mask: &mut Mask, picture: &RgbaImage, random: &mut Random) {
    let ink = if random.next(3) == 0 {
        Ink::Erase
    } else {
        Ink::Paint
    };
    let brush = Brush {
        radius: random.next(40) as f32 / 2.0 + 0.5,
        hardness: random.next(5) as f32 / 4.0,
    };
    let points = |random: &mut Random, count: u32| -> Vec<(f32, f32)> {
        (0..count).map(|_| random.place()).collect()
    };
    let point = |(x, y): (f32, f32)| Point { x, y };
    match random.next(9) {
        0..=3 => {
            let count = random.next(6) + 1;
            let places = points(random, count);
            stroke(mask, brush, ink, &places);
        }
        4 => {
            let (a, b) = (random.place(), random.place());
            mask.fill_outline(&shapes::rectangle(point(a), point(b)), ink);
        }
        5 => {
            let (a, b) = (random.place(), random.place());
            mask.fill_outline(&shapes::ellipse(point(a), point(b)), ink);
        }
        6 => {
            let outline: Vec<_> = points(random, 7).into_iter().map(point).collect();
            mask.fill_outline(&outline, ink);
        }
        7 => mask.fill_colour(
            picture,
            random.next(260),
            random.next(200),
            random.next(60) as u8,
            ink,
        ),
        _ => match random.next(3) {
            0 => mask.invert(),
            1 => mask.clear(),
            _ => mask.fill(),
        },
    }
}

#[test]
fn undo_and_redo_are_exact_in_any_order_of_steps() {
    let picture = RgbaImage::from_fn(260, 200, |x, y| {
        Rgba([x as u8, y as u8, (x ^ y) as u8, 255])
    });
    for seed in 0..40 {
        let mut random = Random(seed);
        let mut mask = blank(260, 200);
        // What the mask was before each step that has changed it.
        let mut states = vec![mask.to_image()];
        for _ in 0..25 {
            act(&mut mask, &picture, &mut random);
            let now = mask.to_image();
            if Some(&now) != states.last() {
                states.push(now);
                assert!(
                    !mask.can_redo(),
                    "what was taken back is gone after another step"
                );
            }
            // Sometimes back and forth.
            if random.next(4) == 0 {
                let back = random.next(states.len() as u32) as usize;
                for step in 1..=back {
                    mask.undo();
                    assert_eq!(
                        mask.to_image(),
                        states[states.len() - 1 - step],
                        "seed {seed}"
                    );
                }
                if random.next(2) == 0 {
                    for step in (0..back).rev() {
                        mask.redo();
                        assert_eq!(mask.to_image(), states[states.len() - 1 - step]);
                    }
                } else {
                    states.truncate(states.len() - back);
                }
            }
        }
        let mut steps = 0;
        while mask.can_undo() {
            mask.undo();
            steps += 1;
        }
        assert!(mask.is_blank(), "seed {seed}");
        for _ in 0..steps {
            mask.redo();
        }
        assert_eq!(Some(&mask.to_image()), states.last(), "seed {seed}");
    }
}

#[test]
fn tiles_show_what_the_picture_of_the_mask_shows() {
    let mut mask = blank(300, 200);
    let mut random = Random(7);
    let picture = RgbaImage::new(300, 200);
    let mut shadow = GrayImage::new(300, 200);
    let mut pixels = vec![0; (TILE * TILE) as usize];
    for _ in 0..30 {
        act(&mut mask, &picture, &mut random);
        for (column, row) in mask.take_changed_tiles() {
            mask.copy_tile(column, row, &mut pixels);
            for (index, value) in pixels.iter().enumerate() {
                let (x, y) = (
                    column as u32 * TILE + index as u32 % TILE,
                    row as u32 * TILE + index as u32 / TILE,
                );
                if x < 300 && y < 200 {
                    shadow.put_pixel(x, y, image::Luma([*value]));
                }
            }
        }
        assert_eq!(shadow, mask.to_image());
    }
}

#[test]
fn many_strokes_stay_within_bounds_and_all_can_be_taken_back() {
    let mut mask = blank(4000, 4000);
    let soft = Brush {
        radius: 60.0,
        hardness: 0.3,
    };
    let mut random = Random(3);
    for _ in 0..300 {
        let places = [random.place(), random.place(), random.place()];
        let ink = if random.next(2) == 0 {
            Ink::Paint
        } else {
            Ink::Erase
        };
        stroke(
            &mut mask,
            soft,
            ink,
            &places.map(|(x, y)| (x * 12.0, y * 12.0)),
        );
    }
    assert!(mask.history_bytes() < 256 << 20, "{}", mask.history_bytes());
    println!("bytes per stroke: {}", mask.history_bytes() / 300);
    let mut steps = 0;
    while mask.can_undo() {
        mask.undo();
        steps += 1;
    }
    assert!(steps > 280, "{steps}");
    assert!(mask.is_blank());
}

#[test]
fn what_lies_outside_the_picture_is_no_change() {
    let mut mask = blank(100, 100);
    mask.fill();
    let corner = |x: f32, y: f32| Point { x, y };
    let rectangle = |a, b| shapes::rectangle(a, b);
    mask.fill_outline(
        &rectangle(corner(0.0, 0.0), corner(100.0, 100.0)),
        Ink::Erase,
    );
    mask.fill_outline(
        &rectangle(corner(10.0, 10.0), corner(20.0, 20.0)),
        Ink::Paint,
    );
    mask.undo();
    assert!(mask.is_blank());
    mask.clear();
    assert!(mask.can_redo(), "clearing what is blank is no step");
}

#[test]
fn a_mask_survives_being_a_picture() {
    let picture = GrayImage::from_fn(130, 140, |x, y| image::Luma([(x * y % 256) as u8]));
    let mut mask = Mask::from_image(&picture);
    assert_eq!(mask.to_image(), picture);
    assert!(!mask.can_undo(), "it begins with that picture");
    mask.replace(&GrayImage::new(130, 140));
    assert!(mask.is_blank());
    mask.undo();
    assert_eq!(mask.to_image(), picture);
}

#[test]
fn places_that_are_no_numbers_paint_nothing() {
    let mut mask = blank(50, 50);
    stroke(
        &mut mask,
        HARD,
        Ink::Paint,
        &[(f32::NAN, 3.0), (f32::INFINITY, 1.0)],
    );
    let outline = [f32::NAN, 1.0, 30.0].map(|x| Point { x, y: x });
    mask.fill_outline(&outline, Ink::Paint);
    assert!(mask.is_blank());
}
