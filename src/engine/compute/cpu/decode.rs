//! Weights as files have them, as f32 numbers, and the way back to Q8_0.
//!
//! GGML's blocks are described by <https://github.com/ggml-org/ggml/blob/v0.9.4/src/ggml-quants.c> (`dequantize_row_…`).
//! Letters: d a block's scale, m what is taken away or added, both halves; q the numbers.

use std::sync::OnceLock;

use half::{bf16, f16};

use crate::weights::header::Format;

/// Decodes whole blocks of a format into as many numbers. Returns `false`, and leaves `out` alone, when the format is not one
/// of weights or the lengths do not fit.
pub fn decode(format: Format, bytes: &[u8], out: &mut [f32]) -> bool {
    if !format.is_readable() || format.bytes(out.len()) != Some(bytes.len()) {
        return false;
    }
    match format {
        Format::F64 => each(bytes, out, |bytes| f64::from_le_bytes(*bytes) as f32),
        Format::F32 => each(bytes, out, |bytes| f32::from_le_bytes(*bytes)),
        Format::F16 => each(bytes, out, |bytes| half_of(*bytes)),
        Format::BF16 => each(bytes, out, |bytes| bf16::from_le_bytes(*bytes).to_f32()),
        Format::F8E4M3 => each(bytes, out, |[byte]| e4m3()[usize::from(*byte)]),
        // The upper half of a half.
        Format::F8E5M2 => each(bytes, out, |[byte]| f16::from_le_bytes([0, *byte]).to_f32()),
        Format::Q8_0 => blocks(bytes, out, q8_0),
        Format::Q5_0 => blocks(bytes, out, q5_0),
        Format::Q5_1 => blocks(bytes, out, q5_1),
        Format::Q4_0 => blocks(bytes, out, q4_0),
        Format::Q4_1 => blocks(bytes, out, q4_1),
        Format::Q6K => blocks(bytes, out, q6_k),
        Format::Q5K => blocks(bytes, out, q5_k),
        Format::Q4K => blocks(bytes, out, q4_k),
        Format::Q3K => blocks(bytes, out, q3_k),
        Format::Q2K => blocks(bytes, out, q2_k),
        Format::I64 | Format::I32 | Format::I16 | Format::U8 | Format::Other(_) => return false,
    }
    true
}

/// Numbers as blocks of Q8_0, whole ones: the greatest number of a block becomes 127 or −127.
///
/// Rounds as the reference does: <https://github.com/ggml-org/ggml/blob/v0.9.4/src/ggml-quants.c> (`quantize_row_q8_0_ref`)
pub fn encode_q8_0(numbers: &[f32]) -> Vec<u8> {
    let (blocks, _) = numbers.as_chunks::<32>();
    let mut bytes = Vec::with_capacity(blocks.len() * 34);
    for block in blocks {
        let greatest = block.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let scale = greatest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        bytes.extend(f16::from_f32(scale).to_le_bytes());
        bytes.extend(block.map(|x| ((x * inverse).round() as i8) as u8));
    }
    bytes
}

/// Decodes numbers of `N` bytes.
fn each<const N: usize>(bytes: &[u8], out: &mut [f32], number: impl Fn(&[u8; N]) -> f32) {
    let (numbers, _) = bytes.as_chunks::<N>();
    for (from, to) in numbers.iter().zip(out) {
        *to = number(from);
    }
}

/// Decodes blocks of `N` bytes with `M` numbers.
fn blocks<const N: usize, const M: usize>(
    bytes: &[u8],
    out: &mut [f32],
    block: impl Fn(&[u8; N], &mut [f32; M]),
) {
    let (from, _) = bytes.as_chunks::<N>();
    let (to, _) = out.as_chunks_mut::<M>();
    for (from, to) in from.iter().zip(to) {
        block(from, to);
    }
}

fn half_of(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}

/// All numbers of 8 bits with 4 of exponent, without infinities; 0x7f is not a number.
/// <https://arxiv.org/abs/2209.05433> (table 1)
fn e4m3() -> &'static [f32; 256] {
    static TABLE: OnceLock<[f32; 256]> = OnceLock::new();
    TABLE.get_or_init(|| {
        std::array::from_fn(|byte| {
            let (exponent, mantissa) = ((byte >> 3) & 0xf, (byte & 7) as f32);
            let size = match (exponent, byte & 7) {
                (0xf, 7) => f32::NAN,
                (0, _) => mantissa / 8.0 * 2.0_f32.powi(-6),
                _ => (1.0 + mantissa / 8.0) * 2.0_f32.powi(exponent as i32 - 7),
            };
            if byte & 0x80 == 0 { size } else { -size }
        })
    })
}

fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let [d0, d1, q @ ..] = block;
    let d = half_of([*d0, *d1]);
    for (out, q) in out.iter_mut().zip(q) {
        *out = f32::from(*q as i8) * d;
    }
}

fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let [d0, d1, q @ ..] = block;
    let d = half_of([*d0, *d1]);
    for (i, q) in q.iter().enumerate() {
        out[i] = (f32::from(q & 0xf) - 8.0) * d;
        out[i + 16] = (f32::from(q >> 4) - 8.0) * d;
    }
}

fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let [d0, d1, m0, m1, q @ ..] = block;
    let (d, m) = (half_of([*d0, *d1]), half_of([*m0, *m1]));
    for (i, q) in q.iter().enumerate() {
        out[i] = f32::from(q & 0xf) * d + m;
        out[i + 16] = f32::from(q >> 4) * d + m;
    }
}

/// The 5-bit numbers of a block: four bits in `q`, the fifth of all in `high`.
fn five_bits(high: [u8; 4], q: &[u8; 16]) -> [u8; 32] {
    let high = u32::from_le_bytes(high);
    std::array::from_fn(|i| {
        let low = if i < 16 { q[i] & 0xf } else { q[i - 16] >> 4 };
        low | ((((high >> i) & 1) as u8) << 4)
    })
}

fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let [d0, d1, h0, h1, h2, h3, q @ ..] = block;
    let d = half_of([*d0, *d1]);
    for (out, q) in out.iter_mut().zip(five_bits([*h0, *h1, *h2, *h3], q)) {
        *out = (f32::from(q) - 16.0) * d;
    }
}

fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let [d0, d1, m0, m1, h0, h1, h2, h3, q @ ..] = block;
    let (d, m) = (half_of([*d0, *d1]), half_of([*m0, *m1]));
    for (out, q) in out.iter_mut().zip(five_bits([*h0, *h1, *h2, *h3], q)) {
        *out = f32::from(q) * d + m;
    }
}

/// The eight scales and eight least values of a block of Q4_K or Q5_K, 6 bits each.
fn six_bits(packed: &[u8; 12]) -> [(f32, f32); 8] {
    std::array::from_fn(|i| {
        let (scale, least) = if i < 4 {
            (packed[i] & 63, packed[i + 4] & 63)
        } else {
            (
                (packed[i + 4] & 0xf) | ((packed[i - 4] >> 6) << 4),
                (packed[i + 4] >> 4) | ((packed[i] >> 6) << 4),
            )
        };
        (f32::from(scale), f32::from(least))
    })
}

fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let [d0, d1, m0, m1, rest @ ..] = block;
    let (d, m) = (half_of([*d0, *d1]), half_of([*m0, *m1]));
    let (Some(packed), Some(q)) = (rest.first_chunk::<12>(), rest.last_chunk::<128>()) else {
        return;
    };
    let scales = six_bits(packed);
    let (groups, _) = out.as_chunks_mut::<64>();
    let (q, _) = q.as_chunks::<32>();
    for ((group, q), scales) in groups.iter_mut().zip(q).zip(scales.as_chunks::<2>().0) {
        let [(scale1, least1), (scale2, least2)] = *scales;
        let (d1, m1, d2, m2) = (d * scale1, m * least1, d * scale2, m * least2);
        let (low, high) = group.split_at_mut(32);
        for ((low, high), q) in low.iter_mut().zip(high).zip(q) {
            *low = d1 * f32::from(q & 0xf) - m1;
            *high = d2 * f32::from(q >> 4) - m2;
        }
    }
}

fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let [d0, d1, m0, m1, rest @ ..] = block;
    let (d, m) = (half_of([*d0, *d1]), half_of([*m0, *m1]));
    let (Some((packed, rest)), Some(q)) =
        (rest.split_first_chunk::<12>(), rest.last_chunk::<128>())
    else {
        return;
    };
    let Some(fifths) = rest.first_chunk::<32>() else {
        return;
    };
    let scales = six_bits(packed);
    let (groups, _) = out.as_chunks_mut::<64>();
    let (q, _) = q.as_chunks::<32>();
    let each = groups.iter_mut().zip(q).zip(scales.as_chunks::<2>().0);
    for (i, ((group, q), scales)) in each.enumerate() {
        let [(scale1, least1), (scale2, least2)] = *scales;
        let (d1, m1, d2, m2) = (d * scale1, m * least1, d * scale2, m * least2);
        let (low, high) = group.split_at_mut(32);
        let numbers = low.iter_mut().zip(high).zip(q).zip(fifths);
        for (((low, high), q), fifth) in numbers {
            let bit = |place: usize| ((fifth >> place) & 1) << 4;
            *low = d1 * f32::from((q & 0xf) | bit(2 * i)) - m1;
            *high = d2 * f32::from((q >> 4) | bit(2 * i + 1)) - m2;
        }
    }
}

fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let (low, rest) = block.split_at(128);
    let (high, rest) = rest.split_at(64);
    let (scales, d) = rest.split_at(16);
    let Some(d) = d.first_chunk::<2>().copied().map(half_of) else {
        return;
    };
    let (halves, _) = out.as_chunks_mut::<128>();
    let parts = low
        .as_chunks::<64>()
        .0
        .iter()
        .zip(high.as_chunks::<32>().0)
        .zip(scales.as_chunks::<8>().0);
    for (out, ((low, high), scales)) in halves.iter_mut().zip(parts) {
        let scale = |i: usize| d * f32::from(scales[i] as i8);
        for i in 0..32 {
            let number =
                |low: u8, shift: usize| f32::from(low | (((high[i] >> shift) & 3) << 4)) - 32.0;
            let half = i / 16;
            out[i] = scale(half) * number(low[i] & 0xf, 0);
            out[i + 32] = scale(half + 2) * number(low[i + 32] & 0xf, 2);
            out[i + 64] = scale(half + 4) * number(low[i] >> 4, 4);
            out[i + 96] = scale(half + 6) * number(low[i + 32] >> 4, 6);
        }
    }
}

fn q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let (thirds, rest) = block.split_at(32);
    let (q, rest) = rest.split_at(64);
    let (packed, d) = rest.split_at(12);
    let Some(d) = d.first_chunk::<2>().copied().map(half_of) else {
        return;
    };
    // Sixteen scales of 6 bits: four low bits of each in the first eight bytes, two high bits in the last four.
    let scale = |i: usize| {
        let low = if i < 8 {
            packed[i] & 0xf
        } else {
            packed[i - 8] >> 4
        };
        let high = (packed[8 + i % 4] >> (2 * (i / 4))) & 3;
        d * (f32::from(low | (high << 4)) - 32.0)
    };
    for (group, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        // Two halves of 128 numbers, each of four groups of 32 in which the shift grows.
        let (half, within) = (group / 8, group % 8);
        let (shift, side) = (within / 2, within % 2);
        let scale = scale(group);
        for (i, out) in out.iter_mut().enumerate() {
            let place = 16 * side + i;
            let low = f32::from((q[32 * half + place] >> (2 * shift)) & 3);
            let has_third = (thirds[place] >> (4 * half + shift)) & 1 == 1;
            *out = scale * (low - if has_third { 0.0 } else { 4.0 });
        }
    }
}

fn q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (scales, rest) = block.split_at(16);
    let (q, rest) = rest.split_at(64);
    let &[d0, d1, m0, m1] = rest else {
        return;
    };
    let (d, m) = (half_of([d0, d1]), half_of([m0, m1]));
    for (group, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (half, within) = (group / 8, group % 8);
        let (shift, side) = (within / 2, within % 2);
        let (scale, least) = (
            d * f32::from(scales[group] & 0xf),
            m * f32::from(scales[group] >> 4),
        );
        for (i, out) in out.iter_mut().enumerate() {
            let q = (q[32 * half + 16 * side + i] >> (2 * shift)) & 3;
            *out = scale * f32::from(q) - least;
        }
    }
}
