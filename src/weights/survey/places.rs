//! Where the files of models are looked for.

use std::path::{Path, PathBuf};

use crate::weights::header::Format;
use crate::weights::inspect::Part;
use crate::weights::survey::candidate::Candidate;
use crate::weights::walk::{DEPTH, gather, grouped, walk};

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

/// The places where the parts of a transformer may be, the nearest first; each is looked through when it is needed.
pub(super) struct Places {
    waiting: std::vec::IntoIter<Vec<PathBuf>>,
    looked: Vec<Vec<Candidate>>,
}

impl Places {
    pub(super) fn new(transformer: &Candidate, own: &[PathBuf], elsewhere: &[PathBuf]) -> Self {
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
    pub(super) fn find(&mut self, part: Part, transformer: &Candidate) -> Option<Vec<PathBuf>> {
        let mut place = 0;
        loop {
            while place >= self.looked.len() {
                let files = self.waiting.next()?;
                let candidates = grouped(files)
                    .iter()
                    .filter_map(|paths| Candidate::look(paths).ok())
                    .collect();
                self.looked.push(candidates);
            }
            let fitting = self.looked[place].iter().filter(|candidate| {
                candidate.fits(part, transformer) || place == 0 && candidate.has(part)
            });
            let bits = |candidate: &&Candidate| candidate.format.map_or(0.0, Format::bits);
            // A file made for this model before others of the same shapes, then the most precise, then by name.
            let best = fitting.max_by(|a, b| {
                let ours = |candidate: &&Candidate| {
                    let name = candidate.name().to_lowercase();
                    name.starts_with("ae.") || name.contains("flux")
                };
                ours(a)
                    .cmp(&ours(b))
                    .then(bits(a).total_cmp(&bits(b)))
                    .then_with(|| b.paths.cmp(&a.paths))
            });
            if let Some(best) = best {
                return Some(best.paths.clone());
            }
            place += 1;
        }
    }
}

/// The files in the folders for other parts around the folder of a file, the nearest first.
fn of_relatives(file: &Path) -> Vec<Vec<PathBuf>> {
    let ancestors = file.ancestors().skip(2).take(ANCESTORS);
    let beside = |ancestor: &Path| {
        let kinds = KINDS.iter().map(|kind| ancestor.join(kind));
        let folders = kinds.filter(|folder| folder.is_dir());
        folders.flat_map(|folder| gather(&folder, DEPTH)).collect()
    };
    ancestors.map(beside).collect()
}

/// The folders in and below a place that have tokenizers.
pub(super) fn bases_in(place: &Path) -> Vec<PathBuf> {
    let mut bases = vec![place.to_owned()];
    walk(place, DEPTH, &mut |path, is_folder| {
        let is_tokenizer = path
            .file_name()
            .is_some_and(|name| name == "tokenizer" || name == "tokenizer_2");
        if is_folder
            && is_tokenizer
            && let Some(parent) = path.parent()
        {
            let parent = parent.to_owned();
            if !bases.contains(&parent) {
                bases.push(parent);
            }
        }
        true
    });
    bases
}
