//! The cache that Hugging Face's own tools keep, read and never written.
//!
//! `models--owner--name/refs/main` holds a commit, `models--owner--name/snapshots/<commit>/` its files.
//! <https://huggingface.co/docs/huggingface_hub/guides/manage-cache>

use std::fs;
use std::path::{Path, PathBuf};

use crate::schema::reference::Reference;
use crate::weights::tokens::hub_home;

/// Where the cache is.
pub fn folder() -> Option<PathBuf> {
    let set = std::env::var_os("HF_HUB_CACHE").map(PathBuf::from);
    set.or_else(|| Some(hub_home()?.join("hub")))
}

/// The file that a reference means, if it was downloaded before.
pub(super) fn find(hub: &Path, reference: &Reference) -> Option<PathBuf> {
    let Reference::HuggingFace {
        repository,
        revision,
        file,
    } = reference
    else {
        return None;
    };
    let is_plain = |word: &str| !word.is_empty() && word != ".." && !word.contains(['\\', ':']);
    let words = repository.split('/').chain(revision.split('/'));
    let words = words.chain(file.iter().flat_map(|file| file.split('/')));
    if !words.into_iter().all(is_plain) {
        return None;
    }
    let repository = hub.join(format!("models--{}", repository.replace('/', "--")));
    let commit = fs::read_to_string(repository.join("refs").join(revision));
    let commit = commit.map_or_else(|_| revision.clone(), |text| text.trim().to_owned());
    let snapshot = repository.join("snapshots").join(commit);
    if let Some(file) = file {
        let path = snapshot.join(file);
        return path.is_file().then_some(path);
    }
    let is_lora = |path: &PathBuf| {
        path.extension()
            .is_some_and(|ending| ending == "safetensors")
    };
    let entries = fs::read_dir(snapshot).ok()?.flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(is_lora).collect();
    // With several, the page has to be asked which is meant.
    (files.len() == 1).then(|| files.remove(0))
}
