//! The bucket: fills the area of like colours around a pixel.

use image::RgbaImage;

use crate::imaging::fit::size_of;
use crate::imaging::mask::ink::Ink;
use crate::imaging::mask::tiles::Tiles;

/// Fills the pixels that hang together with the one at `x`, `y` and differ from it by at most `tolerance` in every
/// channel.
pub(super) fn fill(
    picture: &RgbaImage,
    x: u32,
    y: u32,
    tolerance: u8,
    ink: Ink,
    tiles: &mut Tiles,
) {
    let size = size_of(picture);
    let wanted = picture.get_pixel_checked(x, y);
    let Some(wanted) = wanted.filter(|_| size == tiles.size) else {
        return;
    };
    let (width, height) = (size.width as usize, size.height as usize);
    let pixels = picture.as_raw();
    let is_alike = |index: usize| {
        let mut channels = pixels[index * 4..].iter().zip(wanted.0);
        channels.all(|(a, b)| a.abs_diff(b) <= tolerance)
    };
    let mut seen = vec![false; width * height];
    let mut seeds = vec![(x as usize, y as usize)];
    let full = vec![255; width];
    while let Some((x, y)) = seeds.pop() {
        let row = y * width;
        if seen[row + x] {
            continue;
        }
        let is_open = |x: &usize| !seen[row + x] && is_alike(row + x);
        let left = (0..x).rev().take_while(is_open).last().unwrap_or(x);
        let right = (x..width).take_while(is_open).last().unwrap_or(x) + 1;
        seen[row + left..row + right].fill(true);
        tiles.apply_run(left, y, &full[left..right], ink);
        let below = (y + 1 < height).then_some(y + 1);
        for y in y.checked_sub(1).into_iter().chain(below) {
            let row = y * width;
            let mut is_inside = false;
            for x in left..right {
                let is_open = !seen[row + x] && is_alike(row + x);
                if is_open && !is_inside {
                    seeds.push((x, y));
                }
                is_inside = is_open;
            }
        }
    }
}
