//! The parts that fit one another, put together to a model.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::text::file_name;
use crate::weights::catalog::{self, Missing, needs_text};
use crate::weights::error::Error;
use crate::weights::header::Format;
use crate::weights::inspect::Part;
use crate::weights::model::{INDEX, ModelSource};
use crate::weights::model_files::{ModelFiles, SCHNELL, TOKENIZERS};
use crate::weights::survey::candidate::Candidate;
use crate::weights::text;
use crate::weights::walk::{DEPTH, gather, grouped, shards_of, walk};

/// How far above a file the folders of its kind are looked for.
const ANCESTORS: usize = 4;

/// The folders in which other programs keep parts of models.
/// <https://github.com/comfyanonymous/ComfyUI/blob/v0.3.10/folder_paths.py>
const KINDS: [&str; 7] = [
    "vae",
    "clip",
    "text_encoders",
    "text_encoder",
    "VAE",
    "any",
    "flux",
];

/// What was found for a model.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The file of its transformer.
    pub transformer: Candidate,
    /// The model, as far as it is there.
    pub files: ModelFiles,
    /// What is missing to make it run.
    pub missing: Vec<Missing>,
}

impl Survey {
    /// What is missing, as "ae.safetensors (335 MB) and clip_l.safetensors (246 MB)"; `None` when nothing is.
    pub fn needs(&self) -> Option<String> {
        needs_text(&self.missing)
    }
}

/// Finds the model that a file or a folder means. Parts that it lacks are looked for in `elsewhere`.
///
/// # Errors
/// When there is no such file or folder, nothing in it is a model of FLUX.1, or it holds several; when a file is damaged.
pub fn open_model(path: &Path, elsewhere: &[PathBuf]) -> Result<ModelSource, Error> {
    if path.is_dir() && is_complete_folder(path) {
        return ModelSource::folder(path);
    }
    let survey = survey(path, elsewhere)?;
    match survey.needs() {
        None => Ok(ModelSource::Files(Arc::new(survey.files))),
        Some(needs) => Err(Error::Incomplete {
            name: survey.files.name,
            needs,
            path: path.to_owned(),
        }),
    }
}

/// Whether a folder is a model in the layout of diffusers, or at least lacks what only its own sentence can say.
fn is_complete_folder(path: &Path) -> bool {
    let has_config = || path.join("transformer").join("config.json").is_file();
    path.join(INDEX).is_file() && (has_config() || gather(path, DEPTH).is_empty())
}

/// Looks for the model that a file or a folder means, complete or not.
///
/// # Errors
/// See [`open_model`].
pub fn survey(path: &Path, elsewhere: &[PathBuf]) -> Result<Survey, Error> {
    let (transformer, schnell, own_bases) = if path.is_dir() {
        let (first, second) = in_folder(path)?;
        (first, second, vec![path.to_owned()])
    } else if path.is_file() {
        let candidate = Candidate::look(&shards_of(path))?;
        usable(&candidate, path)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        (candidate, None, vec![folder])
    } else {
        return Err(Error::NoFolder(path.to_owned()));
    };
    if transformer.architecture.is_none() {
        return Err(no_model(path, text::NO_TRANSFORMER));
    }
    Ok(put_together(transformer, schnell, own_bases, elsewhere))
}

/// The transformers in a folder: one, or one like dev and one like schnell.
fn in_folder(path: &Path) -> Result<(Candidate, Option<Candidate>), Error> {
    let (mut dev, mut schnell, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut damaged = None;
    for paths in grouped(gather(path, DEPTH)) {
        let candidate = match Candidate::look(&paths) {
            Ok(candidate) => candidate,
            Err(error) => {
                damaged.get_or_insert(error);
                continue;
            }
        };
        match (candidate.obstacle(), candidate.architecture) {
            (None, Some(architecture)) if architecture.has_guidance => dev.push(candidate),
            (None, Some(_)) => schnell.push(candidate),
            (Some(obstacle), _) => refused.push(format!("{} {obstacle}", candidate.name())),
            (None, None) => {}
        }
    }
    for several in [&dev, &schnell] {
        if several.len() > 1 {
            let mut names: Vec<_> = several.iter().map(Candidate::name).collect();
            names.sort();
            return Err(Error::SeveralModels(names.join(", "), path.to_owned()));
        }
    }
    match (dev.pop(), schnell.pop()) {
        (Some(dev), schnell) => Ok((dev, schnell)),
        (None, Some(schnell)) => Ok((schnell, None)),
        (None, None) => Err(match (damaged, refused.first()) {
            (Some(damaged), _) => damaged,
            (None, Some(refused)) => {
                no_model(path, format!("holds no model that can be used: {refused}"))
            }
            (None, None) => no_model(path, text::NOTHING_THERE),
        }),
    }
}

/// Checks that a file is a transformer that can be used.
fn usable(candidate: &Candidate, path: &Path) -> Result<(), Error> {
    let reason = match (candidate.obstacle(), candidate.found.first()) {
        (Some(obstacle), _) => obstacle,
        _ if candidate.has(Part::Transformer) => return Ok(()),
        (None, Some(found)) => text::part_alone(found.part.label()),
        (None, None) => text::NO_MODEL.to_owned(),
    };
    Err(no_model(path, reason))
}

fn no_model(path: &Path, reason: impl Into<String>) -> Error {
    Error::NoWeights(reason.into(), path.to_owned())
}

/// Finds the other parts of a transformer.
fn put_together(
    transformer: Candidate,
    schnell: Option<Candidate>,
    own_bases: Vec<PathBuf>,
    elsewhere: &[PathBuf],
) -> Survey {
    let mut parts: BTreeMap<&'static str, Vec<PathBuf>> = BTreeMap::new();
    parts.insert(Part::Transformer.folder(), transformer.paths.clone());
    if let Some(schnell) = schnell {
        parts.insert(SCHNELL, schnell.paths);
    }
    let mut missing = Vec::new();
    // Candidates are looked at place by place, the nearest first, and only as long as something is wanting.
    let mut places = Places::new(&transformer, &own_bases, elsewhere);
    // The first of them is the transformer itself.
    for part in Part::ALL.into_iter().skip(1) {
        match places.find(part, &transformer) {
            Some(paths) => {
                parts.insert(part.folder(), paths);
            }
            None if part.is_needed() => missing.push(catalog::usual(part.folder())),
            None => {}
        }
    }
    let further = own_bases.iter().chain(elsewhere);
    let further: Vec<_> = further.flat_map(|place| bases_in(place)).collect();
    let first = transformer.paths.first();
    let files = ModelFiles {
        name: first.map(|path| name_of(path)).unwrap_or_default(),
        architecture: transformer.architecture,
        parts,
        own_bases: own_bases.len(),
        bases: [own_bases, further].concat(),
    };
    for (folder, _, names) in TOKENIZERS {
        let has = |name: &&str| files.beside(&format!("{folder}/{name}")).is_some();
        if !names.iter().any(has) {
            missing.push(catalog::usual(folder));
        }
    }
    Survey {
        transformer,
        files,
        missing,
    }
}

/// What a model is called whose transformer is this file: after the file, or after the folder around diffusers' folders.
pub(super) fn name_of(path: &Path) -> String {
    let parent = path.parent();
    let is_part = parent.is_some_and(|parent| parent.ends_with(Part::Transformer.folder()));
    let model = parent.and_then(Path::parent).filter(|_| is_part);
    let Some(model) = model else {
        return file_name(path);
    };
    // In the cache of Hugging Face the folder is called after a commit, and the one above it after the repository.
    let repository = model.ancestors().find_map(|folder| {
        let name = folder.file_name()?.to_str()?.strip_prefix("models--")?;
        Some(name.replace("--", "/"))
    });
    repository.unwrap_or_else(|| file_name(model))
}

/// The places where the parts of a transformer may be, the nearest first; each is looked through when it is needed.
struct Places {
    waiting: std::vec::IntoIter<Vec<PathBuf>>,
    looked: Vec<Vec<Candidate>>,
}

impl Places {
    fn new(transformer: &Candidate, own: &[PathBuf], elsewhere: &[PathBuf]) -> Self {
        let mut waiting = vec![own.iter().flat_map(|base| gather(base, DEPTH)).collect()];
        if let Some(first) = transformer.paths.first() {
            waiting.extend(of_relatives(first));
        }
        waiting.extend(elsewhere.iter().map(|place| gather(place, DEPTH)));
        Self {
            waiting: waiting.into_iter(),
            looked: vec![vec![transformer.clone()]],
        }
    }

    /// The best file of a part in the nearest place that has one.
    fn find(&mut self, part: Part, transformer: &Candidate) -> Option<Vec<PathBuf>> {
        let mut place = 0;
        loop {
            if place == self.looked.len() {
                let files = grouped(self.waiting.next()?).into_iter();
                let candidates = files.filter_map(|paths| Candidate::look(&paths).ok());
                self.looked.push(candidates.collect());
            }
            let fitting = self.looked[place].iter().filter(|candidate| {
                candidate.fits(part, transformer) || place == 0 && candidate.has(part)
            });
            let best = fitting.max_by(|a, b| {
                let by_worth = worth(a).partial_cmp(&worth(b)).unwrap_or(Ordering::Equal);
                by_worth.then_with(|| b.paths.cmp(&a.paths))
            });
            if let Some(best) = best {
                return Some(best.paths.clone());
            }
            place += 1;
        }
    }
}

/// A file made for this model comes before others of the same shapes, then the most precise.
fn worth(candidate: &Candidate) -> (bool, f32) {
    let name = candidate.name().to_lowercase();
    let is_ours = name.starts_with("ae.") || name.contains("flux");
    (is_ours, candidate.format.map_or(0.0, Format::bits))
}

/// The files in the folders for other parts around the folder of a file, the nearest first.
fn of_relatives(file: &Path) -> Vec<Vec<PathBuf>> {
    let ancestors = file.ancestors().skip(2).take(ANCESTORS);
    let beside = |ancestor: &Path| {
        let folders = KINDS.iter().map(|kind| ancestor.join(kind));
        let folders = folders.filter(|folder| folder.is_dir());
        folders.flat_map(|folder| gather(&folder, DEPTH)).collect()
    };
    ancestors.map(beside).collect()
}

/// The folders in and below a place that have tokenizers.
fn bases_in(place: &Path) -> Vec<PathBuf> {
    let mut bases = vec![place.to_owned()];
    walk(place, DEPTH, &mut |path, is_folder| {
        let is_tokenizer = TOKENIZERS.iter().any(|(folder, ..)| path.ends_with(folder));
        if is_folder && is_tokenizer {
            bases.extend(path.parent().map(Path::to_owned));
        }
        true
    });
    bases.dedup();
    bases
}
