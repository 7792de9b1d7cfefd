//! Every model on this machine, complete or not.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::schema::choices::Model;
use crate::weights::catalog::{Missing, needs_text};
use crate::weights::header::Format;
use crate::weights::inspect::Part;
use crate::weights::model::INDEX;
use crate::weights::stop::Stop;
use crate::weights::survey::assembly::{Survey, name_of, survey};
use crate::weights::survey::candidate::Candidate;
use crate::weights::walk::{DEPTH, gather, grouped};

/// A model on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundModel {
    /// What opens it: the file of its transformer, or the folder of a model in the layout of diffusers.
    pub path: PathBuf,
    /// What it is called.
    pub name: String,
    /// What kind of model it is: "FLUX.1 schnell".
    pub kind: String,
    /// Which of the two models it runs as.
    pub model: Model,
    /// How most of its numbers are written.
    pub precision: Option<&'static str>,
    /// Bytes of all its files.
    pub bytes: u64,
    /// The files of its transformer.
    pub transformer: Vec<PathBuf>,
    /// All files of weights that it uses, without the safety checker.
    pub files: Vec<PathBuf>,
    /// What it lacks.
    pub missing: Vec<Missing>,
    /// Why it cannot be used, as the rest of a sentence about its file.
    pub obstacle: Option<String>,
}

impl FoundModel {
    /// Whether it can make pictures.
    pub fn is_ready(&self) -> bool {
        self.missing.is_empty() && self.obstacle.is_none()
    }

    /// What it lacks, for people; `None` when that is nothing.
    pub fn needs(&self) -> Option<String> {
        needs_text(&self.missing)
    }
}

/// Looks for models in `places`, the nearest first; parts that one lacks may be in any of them. Ends early when `stop` is
/// raised.
pub fn find_all(places: &[PathBuf], stop: &Stop) -> Vec<FoundModel> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for files in places.iter().map(|place| gather(place, DEPTH)) {
        for paths in grouped(files) {
            if stop.is_raised() {
                return found;
            }
            // One place may lie in another, and the cache of Hugging Face has one file under several names.
            let real = paths.first().and_then(|path| path.canonicalize().ok());
            if let (Some(real), Ok(candidate)) = (real, Candidate::look(&paths))
                && candidate.has(Part::Transformer)
                && seen.insert(real)
            {
                found.extend(of_candidate(&candidate, places));
            }
        }
    }
    found
}

fn of_candidate(candidate: &Candidate, places: &[PathBuf]) -> Option<FoundModel> {
    let first = candidate.paths.first()?;
    let path = folder_of(first).unwrap_or_else(|| first.clone());
    let architecture = candidate.architecture?;
    let mut model = FoundModel {
        name: name_of(first),
        kind: architecture.name(),
        model: architecture.model(),
        precision: candidate.format.map(Format::label),
        bytes: candidate.bytes,
        transformer: candidate.paths.clone(),
        files: candidate.paths.clone(),
        missing: Vec::new(),
        obstacle: candidate.obstacle(),
        path,
    };
    if model.obstacle.is_some() {
        return Some(model);
    }
    match survey(&model.path, places) {
        Ok(Survey { files, missing, .. }) => {
            model.bytes = files.bytes();
            // The safety checker belongs to no model.
            let parts = files.parts.into_iter();
            let parts = parts.filter(|(folder, _)| !folder.starts_with("safety_"));
            model.files = parts.flat_map(|(_, paths)| paths).collect();
            model.missing = missing;
        }
        Err(error) => model.obstacle = Some(format!("cannot be used: {error}")),
    }
    Some(model)
}

/// The folder in the layout of diffusers that a transformer's file belongs to.
fn folder_of(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    let folder = parent.parent()?;
    let is_part = parent.ends_with(Part::Transformer.folder());
    (is_part && folder.join(INDEX).is_file()).then(|| folder.to_owned())
}
