//! A model, wherever its files are.
//!
//! It is the demo model that is embedded in the program, or files on this machine: a folder in the layout of diffusers, or
//! what was found in several places ([`crate::weights::survey`]). All are asked by the folders and names of that layout.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::schema::choices::Model;
use crate::schema::size::REFERENCE_SIDE;
use crate::text::file_name;
use crate::weights::architecture::Architecture;
use crate::weights::bytes::Contents;
use crate::weights::demo;
use crate::weights::error::Error;
use crate::weights::header::Header;
use crate::weights::inspect::Part;
use crate::weights::model_files::{ModelFiles, SCHNELL};

/// The file that a model folder must have. <https://huggingface.co/docs/diffusers/using-diffusers/loading>
pub(super) const INDEX: &str = "model_index.json";

/// The file in which a model may say what this program should know of it.
const CARD: &str = "flux-qfaces.json";

/// What the tensor files of a folder are called before their endings: diffusers' models, then transformers'.
const STEMS: [&str; 2] = ["diffusion_pytorch_model", "model"];

/// The variants that are looked for where a folder has no file of the plain name, the most precise first.
/// <https://huggingface.co/docs/diffusers/using-diffusers/loading#checkpoint-variants>
const VARIANTS: [&str; 5] = ["", ".fp32", ".bf16", ".fp16", ".fp8"];

/// Where a model's files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// The demo model inside the program.
    Embedded,
    /// Files on this machine.
    Files(Arc<ModelFiles>),
}

/// What is known of a model before it is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelCard {
    /// Its name, for people and for the record in a picture.
    pub name: String,
    /// One sentence on what it is, where it has one.
    pub about: Option<String>,
    /// Side in pixels of the square it draws best; every size of the schema is scaled by `native_side / 1024`.
    pub native_side: u32,
    /// Prompts that show what it can do; empty where it names none.
    pub examples: Vec<String>,
    /// Its transformer, where it can be told.
    pub architecture: Option<Architecture>,
}

impl ModelCard {
    /// See [`Architecture::is_flux_sized`].
    pub fn is_flux_sized(&self) -> bool {
        self.architecture.is_some_and(Architecture::is_flux_sized)
    }

    /// See [`Architecture::needs_safety_check`].
    pub fn needs_safety_check(&self) -> bool {
        let transformer = self.architecture;
        transformer.is_some_and(Architecture::needs_safety_check)
    }
}

/// A card as it stands in a model's folder.
#[derive(Default, Deserialize)]
struct CardFile {
    name: Option<String>,
    about: Option<String>,
    native_size: Option<u32>,
    #[serde(default)]
    examples: Vec<String>,
}

impl ModelSource {
    /// A model folder in the layout of diffusers.
    ///
    /// # Errors
    /// When the folder does not exist or has no `model_index.json`.
    pub fn folder(path: &Path) -> Result<Self, Error> {
        if !path.is_dir() {
            return Err(Error::NoFolder(path.to_owned()));
        }
        if !path.join(INDEX).is_file() {
            return Err(Error::NoIndex(path.to_owned()));
        }
        Ok(Self::in_folder(path))
    }

    /// The parts of a model in a folder in the layout of diffusers, which need not be all.
    pub fn in_folder(path: &Path) -> Self {
        Self::Files(Arc::new(ModelFiles::in_folder(path)))
    }

    /// What the model says of itself. Cheap: no weights are read.
    ///
    /// # Errors
    /// When its card exists but cannot be read.
    pub fn card(&self) -> Result<ModelCard, Error> {
        let malformed = |reason: String| Error::Malformed(CARD.to_owned(), reason);
        let card = match self.find(CARD)? {
            None => Ok(CardFile::default()),
            Some(contents) => serde_json::from_slice(&contents),
        };
        let card = card.map_err(|error| malformed(error.to_string()))?;
        let native_side = card.native_size.unwrap_or(REFERENCE_SIDE);
        if !(16..=8192).contains(&native_side) {
            let reason = format!("native_size must be 16 to 8192, not {native_side}");
            return Err(malformed(reason));
        }
        Ok(ModelCard {
            name: card.name.unwrap_or_else(|| self.place()),
            about: card.about,
            native_side,
            examples: card.examples,
            architecture: self.architecture(),
        })
    }

    /// Its first transformer, as far as the headers of its files tell.
    pub fn architecture(&self) -> Option<Architecture> {
        self.assembled().or_else(|| {
            let mut header = Header::default();
            for (_, contents) in self.tensors(Part::Transformer.folder()).ok()? {
                let shard = Header::parse(&contents).ok()?;
                header.tensors.extend(shard.tensors);
            }
            Architecture::of(&header)
        })
    }

    /// Its transformer, if the model was put together from files in any layout. Then it has no configurations beside its
    /// parts that could be relied on.
    pub fn assembled(&self) -> Option<Architecture> {
        match self {
            Self::Embedded => None,
            Self::Files(files) => files.architecture,
        }
    }

    /// The folder of the transformer that runs `model`.
    ///
    /// # Errors
    /// When its configuration exists but cannot be opened.
    pub fn transformer_for(&self, model: Model) -> Result<&'static str, Error> {
        let has_second = match self {
            _ if model == Model::Dev => false,
            Self::Files(files) if files.is_assembled() => files.parts.contains_key(SCHNELL),
            _ => self.find(&format!("{SCHNELL}/config.json"))?.is_some(),
        };
        let second = has_second.then_some(SCHNELL);
        Ok(second.unwrap_or(Part::Transformer.folder()))
    }

    /// Its files of weights.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Embedded => Vec::new(),
            Self::Files(files) => files.paths(),
        }
    }

    /// Whether a safety checker is in it: both of its models.
    pub fn has_safety_checker(&self) -> bool {
        let parts = [Part::SafetyChecker, Part::SafetyClassifier];
        parts.iter().all(|part| self.tensors(part.folder()).is_ok())
    }

    /// The first of some folders that has a safety checker in it, in the layout of a model.
    pub fn safety_checker_in(places: &[PathBuf]) -> Option<Self> {
        let mut folders = places.iter().map(|place| Self::in_folder(place));
        folders.find(Self::has_safety_checker)
    }

    /// The file `name`, a path with forward slashes inside the model; `None` when it has no such file.
    ///
    /// # Errors
    /// When the file exists but cannot be opened.
    pub fn find(&self, name: &str) -> Result<Option<Contents>, Error> {
        match self {
            Self::Embedded => Ok(demo::find(name).map(Contents::Embedded)),
            Self::Files(files) => {
                let path = files.beside(name);
                path.map(|path| Contents::open(&path)).transpose()
            }
        }
    }

    /// The file `name`, which must exist.
    ///
    /// # Errors
    /// When it does not, or cannot be opened.
    pub fn read(&self, name: &str) -> Result<Contents, Error> {
        self.find(name)?.ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> Error {
        Error::Missing {
            name: name.to_owned(),
            place: self.place(),
        }
    }

    /// The tensor files of the part in `folder`, each with its name for messages: one file or all its shards.
    ///
    /// # Errors
    /// When there is none, a shard is missing, or one cannot be opened.
    pub fn tensors(&self, folder: &str) -> Result<Vec<(String, Contents)>, Error> {
        if let Self::Files(files) = self
            && files.is_assembled()
        {
            let paths = files.parts.get(folder);
            let paths = paths.ok_or_else(|| self.missing(folder))?;
            let open = |path: &PathBuf| Ok((file_name(path), Contents::open(path)?));
            return paths.iter().map(open).collect();
        }
        let names = VARIANTS.map(|variant| STEMS.map(|stem| (stem, variant)));
        for (stem, variant) in names.into_iter().flatten() {
            let name = format!("{folder}/{stem}{variant}.safetensors");
            if let Some(contents) = self.find(&name)? {
                return Ok(vec![(name, contents)]);
            }
            let index = format!("{folder}/{stem}.safetensors.index{variant}.json");
            if let Some(contents) = self.find(&index)? {
                return self.shards(folder, &index, &contents);
            }
        }
        Err(Error::NoTensors {
            folder: folder.to_owned(),
            place: self.place(),
            names: STEMS.map(|stem| format!("{stem}.safetensors")),
        })
    }

    fn shards(
        &self,
        folder: &str,
        index: &str,
        contents: &[u8],
    ) -> Result<Vec<(String, Contents)>, Error> {
        let malformed = |reason: String| Error::Malformed(index.to_owned(), reason);
        let parsed = serde_json::from_slice(contents);
        let parsed = parsed.map_err(|error| malformed(error.to_string()))?;
        let shards = shard_names(&parsed);
        let no_names = || malformed("it has no weight_map of file names".to_owned());
        let open = |shard: &str| {
            let name = format!("{folder}/{shard}");
            self.read(&name).map(|contents| (name, contents))
        };
        let shards = shards.ok_or_else(no_names)?;
        shards.into_iter().map(open).collect()
    }

    /// Where the model is, in words without the private part of a path.
    pub fn place(&self) -> String {
        match self {
            Self::Embedded => "the embedded demo model".to_owned(),
            Self::Files(files) => files.name.clone(),
        }
    }
}

/// The distinct file names in a shard index; `None` when it is malformed or would lead out of the folder.
fn shard_names(index: &serde_json::Value) -> Option<BTreeSet<&str>> {
    let files = index.get("weight_map")?.as_object()?.values();
    let names: BTreeSet<_> = files
        .map(serde_json::Value::as_str)
        .collect::<Option<_>>()?;
    let stays_inside = |name: &&str| !name.contains(['/', '\\']) && *name != "..";
    names.iter().all(stays_inside).then_some(names)
}
