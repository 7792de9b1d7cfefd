//! Painting on a mask of 4000 × 4000 pixels, frame by frame: `cargo bench --bench mask`.
//!
//! A frame is what the canvas does in one: it takes the pointer's places (a mouse of 1000 Hz gives 16 in a sixtieth of a
//! second) and copies the tiles that have changed for the graphics card. What the card needs is not in it.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program run by hand"
)]

use std::time::{Duration, Instant};

use flux_qfaces::imaging::edges;
use flux_qfaces::imaging::mask::brush::{Brush, Dab};
use flux_qfaces::imaging::mask::ink::{Ink, Point};
use flux_qfaces::imaging::mask::tiles::TILE;
use flux_qfaces::imaging::mask::{Mask, shapes};
use flux_qfaces::schema::size::Size;

/// Side of the mask in pixels.
const SIDE: u32 = 4000;

/// Frames of one long stroke.
const FRAMES: usize = 600;

/// Places of the pointer in a frame.
const PLACES: usize = 16;

/// A frame at 60 Hz.
const FRAME: Duration = Duration::from_micros(16_667);

fn main() {
    println!("| brush | hardness | pixels a frame | median | 99 % | longest | over 16.7 ms |");
    println!("|---|---|---|---|---|---|---|");
    for (width, hardness) in [
        (8.0, 1.0),
        (80.0, 1.0),
        (80.0, 0.3),
        (500.0, 1.0),
        (500.0, 0.3),
        (1024.0, 0.0),
    ] {
        for speed in [40.0, 400.0] {
            stroke(width, hardness, speed);
        }
    }
    println!();
    let mut mask = Mask::new(Size {
        width: SIDE,
        height: SIDE,
    });
    let corner = |place: f32| Point { x: place, y: place };
    time("ellipse over everything", || {
        mask.fill_outline(
            &shapes::ellipse(corner(0.0), corner(SIDE as f32)),
            Ink::Paint,
        );
    });
    time("undo of that", || mask.undo());
    time("redo of that", || mask.redo());
    time("invert", || mask.invert());
    let picture = mask.to_image();
    time("grow by 40", || drop(edges::grown(&picture, 40)));
    time("feather by 40", || drop(edges::weights(&picture, 40)));
}

/// Paints one long stroke that winds over the whole mask, `speed` pixels a frame.
fn stroke(width: f32, hardness: f32, speed: f32) {
    let mut mask = Mask::new(Size {
        width: SIDE,
        height: SIDE,
    });
    mask.take_changed_tiles();
    let brush = Brush {
        radius: width / 2.0,
        hardness,
    };
    // A curve that comes by everywhere, at an even speed.
    let place = |travelled: f32| {
        let half = SIDE as f32 / 2.0;
        let angle = travelled / 900.0;
        Dab {
            at: Point {
                x: half + half * 0.95 * (angle * 0.83).sin(),
                y: half + half * 0.95 * (angle * 0.61).cos(),
            },
            pressure: 1.0,
        }
    };
    let mut pixels = vec![0; (TILE * TILE) as usize];
    let mut frames = Vec::with_capacity(FRAMES);
    mask.begin_stroke(brush, Ink::Paint, place(0.0));
    for frame in 0..FRAMES {
        let started = Instant::now();
        for step in 1..=PLACES {
            let travelled = (frame as f32 + step as f32 / PLACES as f32) * speed;
            mask.extend_stroke(place(travelled));
        }
        let mut texels = 0u64;
        for (column, row) in mask.take_changed_tiles() {
            mask.copy_tile(column, row, &mut pixels);
            let colours: Vec<[u8; 4]> = pixels.iter().map(|value| [*value; 4]).collect();
            texels += u64::from(colours[0][0]);
        }
        std::hint::black_box(texels);
        frames.push(started.elapsed());
    }
    mask.end_stroke();
    frames.sort();
    let at = |share: f64| frames[((frames.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let late = frames.iter().filter(|frame| **frame > FRAME).count();
    println!(
        "| {width} px | {hardness} | {speed} | {:.2} ms | {:.2} ms | {:.2} ms | {late} of {FRAMES} |",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn time(what: &str, act: impl FnOnce()) {
    let started = Instant::now();
    act();
    println!("{what}: {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
}
