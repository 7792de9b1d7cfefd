//! Numbers and foreign words in the form that people read.

use std::fmt::Display;
use std::path::Path;

/// Declares sentences: their name, what is filled in, and their words.
macro_rules! sentences {
    ($($(#[$doc:meta])* $name:ident($($part:ident),+) = $words:literal;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name($($part: impl std::fmt::Display),+) -> String {
            format!($words)
        }
    )*};
}

/// A number of bytes in the decimal units that download pages use: "40 kB", "335 MB", "9.8 GB".
pub fn size_text(bytes: u64) -> String {
    let (size, unit) = match bytes {
        0..100_000 => (bytes as f64 / 1e3, "kB"),
        100_000..1_000_000_000 => (bytes as f64 / 1e6, "MB"),
        _ => return format!("{:.1} GB", bytes as f64 / 1e9),
    };
    if size < 9.5 {
        format!("{size:.1} {unit}")
    } else {
        format!("{size:.0} {unit}")
    }
}

/// A rough number of seconds: "40 s", "52 min", "6 h".
pub fn duration_text(seconds: f64) -> String {
    match seconds.round() as u64 {
        secs @ 0..=90 => format!("{} s", secs.max(1)),
        secs @ 91..=5400 => format!("{} min", secs.div_ceil(60)),
        secs => format!("{} h", secs.div_ceil(3600)),
    }
}

/// What another library says of an error, as far as it fits into a sentence: its first line.
pub fn first_line(error: &impl Display) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Words in a row: "a, b and c"; `None` when there are none.
pub fn in_a_row(words: &[String]) -> Option<String> {
    let (last, rest) = words.split_last()?;
    Some(if rest.is_empty() {
        last.clone()
    } else {
        format!("{} and {last}", rest.join(", "))
    })
}

/// Whether a word is a SHA-256 in hexadecimal.
pub fn is_sha256(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The last part of a path.
pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{duration_text, size_text};

    #[test]
    fn numbers_have_two_or_three_digits() {
        for (number, text) in [
            (400, "0.4 kB"),
            (40_000, "40 kB"),
            (400_000, "0.4 MB"),
            (335_000_000, "335 MB"),
            (11_700_000_000, "11.7 GB"),
        ] {
            assert_eq!(size_text(number), text);
        }
        for (seconds, text) in [
            (0.2, "1 s"),
            (90.0, "90 s"),
            (91.0, "2 min"),
            (5401.0, "2 h"),
        ] {
            assert_eq!(duration_text(seconds), text);
        }
    }
}
