//! What can be downloaded: FLUX.1 in several sizes, and the files that each is made of.
//!
//! The facts stand in `assets/catalog.json`. Whoever keeps the files elsewhere may name another catalogue in
//! `FLUX_QFACES_CATALOG`; nothing in it is taken on trust, for what arrives must have the sum that the catalogue names.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Component, Path};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::schema::choices::Model;
use crate::text::{in_a_row, is_sha256, size_text};
use crate::weights::error::Error;
use crate::weights::fetch::MOST_BYTES;
use crate::weights::inspect::Part;

/// The variable that names another catalogue.
const VARIABLE: &str = "FLUX_QFACES_CATALOG";

/// A file that is published.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The repository on Hugging Face: `owner/name`.
    pub repository: String,
    /// The branch, tag or commit.
    #[serde(default = "main_branch")]
    pub revision: String,
    /// Where it is in the repository.
    pub path: String,
    /// Where it goes in the folder of models.
    pub place: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its contents in hexadecimal. Where it is unknown, Hugging Face's own word counts.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Whether Hugging Face wants a licence accepted first.
    #[serde(default)]
    pub is_gated: bool,
}

fn main_branch() -> String {
    "main".to_owned()
}

/// A licence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub page: String,
    /// What it means for whoever makes pictures, in one sentence.
    pub about: String,
}

/// A model in one of its sizes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// What names it in the settings.
    pub id: String,
    /// Which of the two models it is.
    pub model: Model,
    /// How its numbers are written: "Q8", "bf16".
    pub precision: String,
    /// What that means, in one sentence.
    pub about: String,
    /// The key of its licence.
    licence: String,
    /// The keys of its files, in the order in which they are downloaded; its transformer comes first.
    files: Vec<String>,
}

impl Offer {
    /// What it is called: "FLUX.1 schnell, Q8".
    pub fn name(&self) -> String {
        format!("FLUX.1 {}, {}", self.model.name(), self.precision)
    }
}

/// All that can be downloaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    licences: BTreeMap<String, Licence>,
    files: BTreeMap<String, Published>,
    /// The models, the most precise of each first.
    pub offers: Vec<Offer>,
    /// The keys of the usual files of each part, by its folder in diffusers' layout.
    parts: BTreeMap<String, Vec<String>>,
}

/// The catalogue of this program.
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    // A test reads the embedded file; if it could not be read, nothing would be offered.
    let text = include_str!("../../assets/catalog.json");
    Catalog::parse(text).unwrap_or_default()
});

impl Catalog {
    /// The catalogue of this program.
    pub fn built_in() -> &'static Self {
        &CATALOG
    }

    /// The catalogue that the environment names, or that of this program.
    ///
    /// # Errors
    /// When the one that is named cannot be used.
    pub fn of_environment() -> Result<Self, Error> {
        let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
            return Ok(CATALOG.clone());
        };
        let path = Path::new(&path);
        let text = fs::read_to_string(path).map_err(Error::unreadable(path))?;
        let name = format!("the catalogue that {VARIABLE} names");
        Self::parse(&text).map_err(|reason| Error::Malformed(name, reason))
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence: no JSON, a key that leads nowhere, a place outside the folder.
    pub fn parse(text: &str) -> Result<Self, String> {
        let catalog: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let lists = catalog.parts.values();
        let lists = lists.chain(catalog.offers.iter().map(|offer| &offer.files));
        for key in lists.flatten() {
            if !catalog.files.contains_key(key) {
                return Err(format!("it has no file called {key}"));
            }
        }
        for offer in &catalog.offers {
            if offer.files.is_empty() || !catalog.licences.contains_key(&offer.licence) {
                return Err(format!("{} has no files or no licence", offer.id));
            }
        }
        let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        for file in catalog.files.values() {
            if !(1..=MOST_BYTES).contains(&file.bytes) {
                return Err(format!("{} has no length that a file has", file.place));
            }
            if file.place.is_empty() || !Path::new(&file.place).components().all(is_plain) {
                return Err(format!("{} is no place in a folder", file.place));
            }
            if !file.sha256.as_deref().is_none_or(is_sha256) {
                return Err(format!("the sum of {} is no SHA-256", file.place));
            }
        }
        Ok(catalog)
    }

    /// The offer that is called `id`.
    pub fn offer(&self, id: &str) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.id == id)
    }

    /// The files of an offer, in the order in which they are downloaded; its transformer comes first.
    pub fn files(&self, offer: &Offer) -> Vec<Published> {
        self.named(&offer.files)
    }

    /// The licence of an offer.
    pub fn licence(&self, offer: &Offer) -> Option<&Licence> {
        self.licences.get(&offer.licence)
    }

    /// The usual files of a part, by its folder in diffusers' layout.
    pub fn files_of_part(&self, folder: &str) -> Vec<Published> {
        let keys = self.parts.get(folder);
        keys.map(|keys| self.named(keys)).unwrap_or_default()
    }

    /// The files that the safety checker is made of.
    pub fn safety_files(&self) -> Vec<Published> {
        let parts = [Part::SafetyChecker, Part::SafetyClassifier];
        let files = parts.map(|part| self.files_of_part(part.folder()));
        files.into_iter().flatten().collect()
    }

    fn named(&self, keys: &[String]) -> Vec<Published> {
        let files = keys.iter().filter_map(|key| self.files.get(key));
        files.cloned().collect()
    }

    /// The best offer of a model for a machine with so many bytes of memory: the most precise of which the transformer and
    /// the largest text encoder fit side by side with room for the work, and otherwise the smallest, which runs piece by
    /// piece.
    pub fn best(&self, model: Model, memory: Option<u64>) -> Option<&Offer> {
        let mut offers = self.offers.iter().filter(|offer| offer.model == model);
        let fits = |offer: &&Offer| memory.is_some_and(|memory| self.fits(offer, memory));
        let fitting = offers.clone().find(fits);
        fitting.or_else(|| offers.next_back())
    }

    /// Whether all of a model stays in so many bytes of memory while it works.
    pub fn fits(&self, offer: &Offer, memory: u64) -> bool {
        self.bytes(offer).saturating_add(WORK_BYTES) <= memory
    }

    /// Bytes of all files of an offer.
    pub fn bytes(&self, offer: &Offer) -> u64 {
        total(&self.files(offer))
    }
}

/// What a machine needs beside a model: for the system, and for the work on a picture of a megapixel.
const WORK_BYTES: u64 = 4 << 30;

/// Bytes of files; one that is named twice counts once.
pub fn total(files: &[Published]) -> u64 {
    let mut seen = HashSet::new();
    let files = files.iter().filter(|file| seen.insert(&file.place));
    files.map(|file| file.bytes).sum()
}

/// What a model lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The part's folder in diffusers' layout.
    pub folder: &'static str,
    /// The usual file of it.
    pub file: String,
    /// Its bytes.
    pub bytes: u64,
}

/// The usual file of the part in a folder.
pub(super) fn usual(folder: &'static str) -> Missing {
    let files = CATALOG.files_of_part(folder);
    let first = files.first().map_or("another file", |file| &file.place);
    // Where folders do not tell files apart, the file's own name is what people know.
    let is_known_by_folder = folder.starts_with("tokenizer");
    let name = match first.rsplit_once('/') {
        Some((_, name)) if !is_known_by_folder => name,
        _ => first,
    };
    Missing {
        folder,
        file: name.to_owned(),
        bytes: total(&files),
    }
}

/// What is missing, in words; `None` when that is nothing.
pub(super) fn needs_text(missing: &[Missing]) -> Option<String> {
    let each = |one: &Missing| format!("{} ({})", one.file, size_text(one.bytes));
    in_a_row(&missing.iter().map(each).collect::<Vec<_>>())
}
