//! From a reference to weights to files on this machine.
//!
//! A model is the demo model that is embedded in the program, or a folder in the layout of diffusers. A LoRA is what a
//! [`Reference`] says: [`library`] finds its file, `source` asks the services where it is, [`fetch`] downloads it,
//! [`archive`] unpacks it, and `metadata` reads what it says of itself. This is the only module that opens connections, and
//! only [`http`] does; [`tokens`] are the user's own.

pub mod archive;
mod demo;
pub mod fetch;
pub mod http;
mod hub;
pub mod library;
mod local;
mod metadata;
mod notes;
mod part;
mod source;
pub mod stop;
pub mod tokens;

use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use serde::Deserialize;

use crate::schema::reference::Reference;
use crate::schema::size::REFERENCE_SIDE;

/// The file that a model folder must have. <https://huggingface.co/docs/diffusers/using-diffusers/loading>
const INDEX: &str = "model_index.json";

/// The file in which a model may say what this program should know of it.
const CARD: &str = "flux-qfaces.json";

/// Where a model's files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// The demo model inside the program.
    Embedded,
    /// A folder in the layout of diffusers.
    Folder(PathBuf),
}

/// Why a model's files cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such folder.
    #[error("there is no model folder at this path: {}", .0.display())]
    NoFolder(PathBuf),
    /// The folder is something else.
    #[error("this folder holds no model in the layout of diffusers (no {INDEX}): {}", .0.display())]
    NoIndex(PathBuf),
    /// A file that must be there is not.
    #[error("the model lacks the file {name} ({place})")]
    Missing {
        /// Path inside the model.
        name: String,
        /// Where the model is.
        place: String,
    },
    /// A file is there but cannot be read.
    #[error("the model's file cannot be read ({reason}): {}", path.display())]
    Unreadable {
        /// The system's reason.
        reason: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no file at this path: {}", .0.display())]
    NoFile(PathBuf),
    /// There is no such file, and it may be meant as a link.
    #[error("there is no file at this path (a link begins with https://): {}", .0.display())]
    NoFileOrLink(PathBuf),
    /// A file that this machine has had is not there any more.
    #[error(
        "no file with these contents is on this machine any more: give the place that it came from"
    )]
    Gone,
    /// A file cannot be written.
    #[error("the file cannot be written ({reason}): {}", path.display())]
    Unwritable {
        /// The system's reason.
        reason: std::io::Error,
        /// The file or folder.
        path: PathBuf,
    },
    /// A file is not what it should be.
    #[error("{reason}: {}", path.display())]
    NoLora {
        /// What it is instead.
        reason: String,
        /// The file or folder.
        path: PathBuf,
    },
    /// A place has several files, and one has to be chosen.
    #[error(
        "there are several .safetensors files in {place}, name one of them: {}",
        names(files)
    )]
    Several {
        /// The place, for people.
        place: String,
        /// The files' names, and what each would be asked for as.
        files: Vec<(String, Reference)>,
    },
    /// A server does not answer, or the connection broke off.
    #[error("{0}")]
    Unreachable(String),
    /// The name of a server leads nowhere.
    #[error("{0}")]
    NoHost(String),
    /// A server, or what it sent, cannot be used. The sentence says what to do.
    #[error("{0}")]
    Refused(String),
    /// The user has ended it.
    #[error("cancelled")]
    Cancelled,
    /// A JSON file says something unexpected.
    #[error("{name} of the model is not what it should be: {reason}")]
    Malformed {
        /// Path inside the model.
        name: String,
        /// The parser's reason.
        reason: String,
    },
}

/// Names of files in a row.
fn names(files: &[(String, Reference)]) -> String {
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    names.join(", ")
}

/// What is known of a model before it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCard {
    /// Its name, for people and for the record in a picture.
    pub name: String,
    /// One sentence on what it is, where it has one.
    pub about: Option<String>,
    /// Side in pixels of the square it draws best; every size of the schema is scaled by `native_side / 1024`.
    pub native_side: u32,
    /// Prompts that show what it can do; empty where it names none.
    pub examples: Vec<String>,
    /// Whether it is as wide as FLUX.1, so that LoRAs for FLUX.1 can fit it.
    pub is_flux_sized: bool,
}

/// Features of FLUX.1's stream. <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/util.py> (`hidden_size`)
const FLUX_WIDTH: u64 = 3072;

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
    /// A model folder.
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
        Ok(Self::Folder(path.to_owned()))
    }

    /// What the model says of itself. Cheap: no weights are read.
    ///
    /// # Errors
    /// When its card exists but cannot be read.
    pub fn card(&self) -> Result<ModelCard, Error> {
        let card = match self.find(CARD)? {
            Some(contents) => {
                serde_json::from_slice(&contents).map_err(|error| Error::Malformed {
                    name: CARD.to_owned(),
                    reason: error.to_string(),
                })?
            }
            None => CardFile::default(),
        };
        let native_side = card.native_size.unwrap_or(REFERENCE_SIDE);
        if !(16..=8192).contains(&native_side) {
            let reason = format!("native_size must be 16 to 8192, not {native_side}");
            return Err(Error::Malformed {
                name: CARD.to_owned(),
                reason,
            });
        }
        Ok(ModelCard {
            name: card.name.unwrap_or_else(|| self.place()),
            about: card.about,
            native_side,
            examples: card.examples,
            is_flux_sized: self.width() == Some(FLUX_WIDTH),
        })
    }

    /// Features of the transformer's stream, where its configuration tells them.
    fn width(&self) -> Option<u64> {
        let config = self.find("transformer/config.json").ok()??;
        let config: serde_json::Value = serde_json::from_slice(&config).ok()?;
        let number = |name: &str| config[name].as_u64();
        number("num_attention_heads")?.checked_mul(number("attention_head_dim")?)
    }

    /// The file `name`, a path with forward slashes inside the model; `None` when it has no such file.
    ///
    /// # Errors
    /// When the file exists but cannot be opened.
    pub fn find(&self, name: &str) -> Result<Option<Contents>, Error> {
        match self {
            Self::Embedded => Ok(demo::find(name).map(Contents::Embedded)),
            Self::Folder(folder) => {
                let path = folder.join(name);
                if !path.is_file() {
                    return Ok(None);
                }
                map(&path)
                    .map(Some)
                    .map_err(|reason| Error::Unreadable { reason, path })
            }
        }
    }

    /// The file `name`, which must exist.
    ///
    /// # Errors
    /// When it does not, or cannot be opened.
    pub fn read(&self, name: &str) -> Result<Contents, Error> {
        self.find(name)?.ok_or_else(|| Error::Missing {
            name: name.to_owned(),
            place: self.place(),
        })
    }

    /// Where the model is, in words without the private part of a path.
    pub fn place(&self) -> String {
        match self {
            Self::Embedded => "the embedded demo model".to_owned(),
            Self::Folder(folder) => {
                let name = folder
                    .canonicalize()
                    .ok()
                    .and_then(|path| path.file_name().map(std::ffi::OsStr::to_owned));
                name.map_or_else(
                    || folder.display().to_string(),
                    |name| name.to_string_lossy().into_owned(),
                )
            }
        }
    }
}

/// A LoRA's file on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoraFile {
    /// What it is called, for people.
    pub name: String,
    /// SHA-256 of its contents, in hexadecimal: the same file is the same LoRA, wherever it lies.
    pub sha256: String,
    /// Where it lies.
    pub place: LoraPlace,
    /// What PEFT has written beside it, as JSON: the alphas that the file itself may lack.
    pub peft_config: Option<String>,
}

/// Where a LoRA's file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoraPlace {
    /// Inside the program.
    Embedded,
    /// In a file.
    File(PathBuf),
}

impl LoraFile {
    /// Its bytes.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(&self) -> Result<Contents, Error> {
        match &self.place {
            LoraPlace::Embedded => Ok(Contents::Embedded(demo::LORA)),
            LoraPlace::File(path) => map(path).map_err(|reason| Error::Unreadable {
                reason,
                path: path.clone(),
            }),
        }
    }
}

/// The bytes of a file: inside the program, or mapped into memory.
pub enum Contents {
    /// Part of the program.
    Embedded(&'static [u8]),
    /// A file, read by the system page by page as it is used.
    Mapped(Mmap),
    /// A file without bytes, which cannot be mapped.
    Empty,
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Embedded(bytes) => bytes,
            Self::Mapped(map) => map,
            Self::Empty => &[],
        }
    }
}

/// Maps a file into memory.
#[allow(unsafe_code, reason = "memory maps are one of the named exceptions")]
fn map(path: &Path) -> std::io::Result<Contents> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(Contents::Empty);
    }
    // SAFETY: the map is read-only and private. A file that another program truncates while it is mapped would end
    // this one, as with every program that maps weights; model files are not written in place by anything we know of.
    let map = unsafe { Mmap::map(&file)? };
    Ok(Contents::Mapped(map))
}
