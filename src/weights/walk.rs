//! Files of weights in folders, and the shards of one file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How deep folders are looked into: as deep as the cache of Hugging Face.
pub const DEPTH: usize = 6;

/// The most files that are looked at.
const MOST_FILES: usize = 5000;

/// The files of weights in and below a folder; a file is its own place, with its other shards.
pub fn gather(folder: &Path, depth: usize) -> Vec<PathBuf> {
    if folder.is_file() {
        return shards_of(folder);
    }
    let mut files = Vec::new();
    walk(folder, depth, &mut |path, is_folder| {
        let ending = path.extension().unwrap_or_default();
        let is_weights = ["safetensors", "gguf", "sft"]
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known));
        if !is_folder && is_weights {
            files.push(path.to_owned());
        }
        files.len() < MOST_FILES
    });
    files.sort();
    files
}

/// The safetensors files that lie in a folder itself, in order.
pub(super) fn safetensors_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files
        .filter(|path| {
            path.extension()
                .is_some_and(|ending| ending == "safetensors")
        })
        .collect();
    files.sort();
    Ok(files)
}

/// Goes through a folder and what is below it, as long as `see` says so. What is hidden is left out.
pub(super) fn walk(folder: &Path, depth: usize, see: &mut dyn FnMut(&Path, bool) -> bool) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return true;
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let is_folder = path.is_dir();
        if !see(&path, is_folder) {
            return false;
        }
        if is_folder && depth > 0 && !walk(&path, depth - 1, see) {
            return false;
        }
    }
    true
}

/// Puts the shards of one model together: `name-00001-of-00003.safetensors`.
pub(super) fn grouped(files: Vec<PathBuf>) -> Vec<Vec<PathBuf>> {
    let mut groups: Vec<(PathBuf, Vec<PathBuf>)> = Vec::new();
    for file in files {
        let key = shard_stem(&file).unwrap_or_else(|| file.clone());
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, group)) => group.push(file),
            None => groups.push((key, vec![file])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// What the names of a model's shards have in common.
fn shard_stem(file: &Path) -> Option<PathBuf> {
    let stem = file.file_stem()?.to_str()?;
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (name, number) = rest.rsplit_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(count) && is_number(number)).then(|| file.with_file_name(name))
}

/// All shards of the model of which a file is one.
pub fn shards_of(file: &Path) -> Vec<PathBuf> {
    let Some(stem) = shard_stem(file) else {
        return vec![file.to_owned()];
    };
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut shards = gather(folder, 0);
    shards.retain(|other| shard_stem(other).as_ref() == Some(&stem));
    shards
}
