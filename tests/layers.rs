//! The ladder of modules, checked by reading the sources: each module may use those below it, never above.

use std::fs;
use std::path::{Path, PathBuf};

/// From the top down. `ui` and `cli` stand side by side.
const LADDER: [(&str, u8); 9] = [
    ("ui", 5),
    ("cli", 5),
    ("session", 4),
    ("engine", 3),
    ("weights", 2),
    ("imaging", 1),
    ("schema", 0),
    ("files", 0),
    ("text", 0),
];

/// What may be named in few places only: a word, and the paths below `src/` that may say it.
const CONFINED: [(&str, &[&str]); 20] = [
    ("egui", &["ui/", "main.rs"]),
    ("eframe", &["ui/", "main.rs"]),
    ("rfd", &["ui/"]),
    ("arboard", &["ui/"]),
    ("poll_promise", &["session/"]),
    ("pollster", &["ui/"]),
    ("env_logger", &["cli/"]),
    ("clap", &["cli/", "main.rs"]),
    ("indicatif", &["cli/"]),
    ("candle_core", &["engine/"]),
    ("candle_nn", &["engine/"]),
    ("tokenizers", &["engine/"]),
    ("hf_hub", &["weights/"]),
    ("ureq", &["weights/"]),
    ("std::net", &["weights/"]),
    ("thread::spawn", &["session/"]),
    ("thread::Builder", &["session/background.rs"]),
    ("unsafe {", &["weights/bytes.rs", "engine/kernels/"]),
    ("memmap2", &["weights/"]),
    ("trash::", &["session/"]),
];

/// What `schema` must not touch: it is pure data.
const IMPURE: [&str; 7] = [
    "std::fs",
    "std::io",
    "std::env",
    "std::thread",
    "std::time",
    "std::process",
    "std::sync",
];

/// Every source file as its path below `src/` and its lines without comments.
fn sources() -> Vec<(String, Vec<String>)> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            let text = fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(str::to_owned);
            (name, code.collect())
        })
        .collect()
}

/// The height of the module that the file belongs to; `None` for `main.rs` and `lib.rs`.
fn height(file: &str) -> Option<u8> {
    let module = file.split(['/', '.']).next().unwrap();
    LADDER
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, height)| *height)
}

#[test]
fn every_module_stands_on_the_ladder() {
    for (file, _) in sources() {
        assert!(
            height(&file).is_some() || ["main.rs", "lib.rs"].contains(&file.as_str()),
            "{file} has no place on the ladder"
        );
    }
}

#[test]
fn no_module_names_one_above_or_beside_it() {
    for (file, lines) in sources() {
        let Some(own) = height(&file) else { continue };
        let module = file.split('/').next().unwrap();
        for line in &lines {
            assert!(
                !line.contains("crate::{"),
                "{file} hides what it names: {line}"
            );
            for (other, above) in LADDER
                .iter()
                .filter(|(name, height)| *name != module && *height >= own)
            {
                assert!(
                    !line.contains(&format!("crate::{other}")),
                    "{file} names {other} (height {above}): {line}"
                );
            }
        }
    }
}

#[test]
fn toolkits_stay_in_their_places() {
    for (file, lines) in sources() {
        for (word, places) in CONFINED {
            let allowed = places.iter().any(|place| file.starts_with(place));
            for line in lines.iter().filter(|_| !allowed) {
                assert!(!line.contains(word), "{file} names {word}: {line}");
            }
        }
    }
}

#[test]
fn schema_is_pure() {
    for (file, lines) in sources()
        .into_iter()
        .filter(|(file, _)| file.starts_with("schema/"))
    {
        for word in IMPURE {
            assert!(
                !lines.iter().any(|line| line.contains(word)),
                "{file} names {word}"
            );
        }
    }
}
