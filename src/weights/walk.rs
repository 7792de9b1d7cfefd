//! Files of weights in folders, and the shards of one file.

use std::collections::BTreeSet;
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
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        if !is_folder && (ending == "safetensors" || ending == "gguf" || ending == "sft") {
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
    let is_one = |path: &PathBuf| path.extension().unwrap_or_default() == "safetensors";
    let files: BTreeSet<_> = files.filter(is_one).collect();
    Ok(files.into_iter().collect())
}

/// Goes through a folder and what is below it, as long as `see` says so. What is hidden is left out.
pub(super) fn walk(folder: &Path, depth: usize, see: &mut dyn FnMut(&Path, bool) -> bool) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let shown = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let paths: BTreeSet<_> = shown.map(|entry| entry.path()).collect();
    paths.iter().all(|path| {
        let is_folder = path.is_dir();
        see(path, is_folder) && (!is_folder || depth == 0 || walk(path, depth - 1, see))
    })
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
