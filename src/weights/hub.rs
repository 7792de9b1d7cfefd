//! The cache and the token that Hugging Face's own tools keep, read and never written.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use hf_hub::{Cache, Repo, RepoType};

use crate::schema::reference::Reference;
use crate::weights::walk::safetensors_in;

/// The cache's folder.
pub fn folder() -> Option<PathBuf> {
    set("HF_HUB_CACHE").or_else(|| Some(home()?.join("hub")))
}

/// The path in a variable.
fn set(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from)
}

/// The folder of the tools, of which [`Cache`] knows only one way to move it.
/// <https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables#hfhome>
fn home() -> Option<PathBuf> {
    set("HF_HOME")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("huggingface")))
        .or_else(|| {
            let user = directories::UserDirs::new()?;
            Some(user.home_dir().join(".cache/huggingface"))
        })
}

/// The token that `huggingface-cli login` has left. [`Cache`] would log where it lies.
/// <https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables#hftokenpath>
pub(super) fn token() -> Option<String> {
    let of_tools = || Some(Cache::new(home()?.join("hub")).token_path());
    fs::read_to_string(set("HF_TOKEN_PATH").or_else(of_tools)?).ok()
}

/// The file in the cache that a reference means.
pub(super) fn find(cache: &Path, reference: &Reference) -> Option<PathBuf> {
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
    let repository = Repo::with_revision(repository.clone(), RepoType::Model, revision.clone());
    let repository = Cache::new(cache.to_owned()).repo(repository);
    // A revision is the name of a commit, or that of the commit itself.
    let commit = repository.get("");
    let snapshot = commit.unwrap_or_else(|| repository.pointer_path(revision));
    if let Some(file) = file {
        let path = snapshot.join(file);
        return path.is_file().then_some(path);
    }
    // With several, the page has to be asked which is meant.
    let [only] = safetensors_in(&snapshot).ok()?.try_into().ok()?;
    Some(only)
}
