//! Which files a model consists of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::weights::architecture::Architecture;
use crate::weights::inspect::Part;
use crate::weights::walk::{DEPTH, gather};

/// The folder of a second transformer, which runs in place of the first when a job asks for schnell. The layout of
/// diffusers has none; with it, one model folder holds dev and schnell over the same text encoders and VAE.
pub(super) const SCHNELL: &str = "transformer_schnell";

/// The folders of the tokenizers in diffusers' layout with those of their encoders, and the files of which one must be there.
pub(super) const TOKENIZERS: [(&str, Part, &[&str]); 2] = [
    ("tokenizer", Part::Clip, &["tokenizer.json", "merges.txt"]),
    ("tokenizer_2", Part::T5, &["tokenizer.json"]),
];

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// What it is called: the name of its folder or of its transformer's file.
    pub name: String,
    /// Its transformer, where that was looked at to put the model together.
    pub(super) architecture: Option<Architecture>,
    /// The files of each part that was found, by the part's folder in diffusers' layout. Those of a model in that layout are
    /// looked for when they are asked for.
    pub(super) parts: BTreeMap<&'static str, Vec<PathBuf>>,
    /// The folders that everything else is looked for in, in order.
    pub(super) bases: Vec<PathBuf>,
    /// How many of them are the model's own: in others only tokenizers are looked for.
    pub(super) own_bases: usize,
}

impl ModelFiles {
    /// A model in the layout of diffusers.
    pub(super) fn in_folder(folder: &Path) -> Self {
        let path = fs::canonicalize(folder).ok();
        let name = path.as_deref().and_then(Path::file_name);
        Self {
            name: name
                .unwrap_or(folder.as_os_str())
                .to_string_lossy()
                .into_owned(),
            architecture: None,
            parts: BTreeMap::new(),
            bases: vec![folder.to_owned()],
            own_bases: 1,
        }
    }

    /// Whether it was put together from files in any layout.
    pub(super) fn is_assembled(&self) -> bool {
        !self.parts.is_empty()
    }

    /// All its files of weights.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        if self.is_assembled() {
            self.parts.values().flatten().cloned().collect()
        } else {
            let bases = self.bases.iter();
            bases.flat_map(|base| gather(base, DEPTH)).collect()
        }
    }

    /// A file that is no file of tensors, by its path in diffusers' layout.
    pub(super) fn beside(&self, name: &str) -> Option<PathBuf> {
        // A part's own configuration lies beside its tensors, where its folder has the part's name.
        let (folder, file) = name.split_once('/').unwrap_or(("", name));
        let own = self
            .parts
            .get(folder)
            .and_then(|paths| paths.first()?.parent());
        let own = own.filter(|parent| parent.ends_with(folder));
        let own = own.map(|parent| parent.join(file));
        if own.as_ref().is_some_and(|path| path.is_file()) {
            return own;
        }
        let tokenizer = TOKENIZERS.iter().find(|(name, ..)| *name == folder);
        let count = tokenizer.map_or(self.own_bases, |_| self.bases.len());
        // A tokenizer may also lie beside the folder of its encoder.
        let encoder = tokenizer.and_then(|(_, encoder, _)| self.parts.get(encoder.folder()));
        let around = encoder.and_then(|paths| paths.first()?.parent()?.parent());
        let bases = self.bases.iter().take(count).map(PathBuf::as_path);
        let mut paths = bases.chain(around).map(|base| base.join(name));
        paths.find(|path| path.is_file())
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let paths: BTreeSet<_> = self.parts.values().flatten().collect();
        let sizes = paths.into_iter().filter_map(|path| fs::metadata(path).ok());
        sizes.map(|data| data.len()).sum()
    }
}
