//! From a reference to weights to files on this machine.
//!
//! A model is the demo model that is embedded in the program, or a folder in the layout of diffusers. A LoRA is what a
//! [`Reference`] says: [`library`] finds its file, `source` asks the services where it is, [`fetch`] downloads it,
//! [`archive`] unpacks it, and `metadata` reads what it says of itself. This is the only module that opens connections, and
//! only [`http`] does; [`tokens`] are the user's own.

pub mod archive;
pub mod bytes;
pub mod catalog;
mod demo;
pub mod fetch;
pub mod header;
pub mod http;
pub mod hub;
pub mod inspect;
pub mod install;
pub mod library;
mod local;
mod metadata;
pub mod model;
mod notes;
mod part;
mod source;
pub mod stop;
pub mod survey;
pub mod tokens;

use std::path::PathBuf;

use crate::schema::reference::Reference;
use crate::weights::bytes::Contents;
use crate::weights::model::INDEX;

/// Why a model's files cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such folder.
    #[error("there is no model folder or file at this path: {}", .0.display())]
    NoFolder(PathBuf),
    /// The folder is something else.
    #[error("this folder holds no model in the layout of diffusers (no {INDEX}): {}", .0.display())]
    NoIndex(PathBuf),
    /// A folder of a model has no weights.
    #[error("{folder} of {place} has neither {} nor {} nor an index of them", names[0], names[1])]
    NoTensors {
        /// The folder in the model.
        folder: String,
        /// Where the model is.
        place: String,
        /// What the files are usually called.
        names: [String; 2],
    },
    /// A file of weights cannot be used, or a folder holds none that can.
    #[error("{} {reason} ({})", model::file_name(path), path.display())]
    NoWeights {
        /// What is wrong, as the rest of the sentence.
        reason: String,
        /// The file or folder.
        path: PathBuf,
    },
    /// A folder holds several models, and one has to be chosen.
    #[error("there are several FLUX.1 models in this folder, name the file of one of them: {names} ({})", path.display())]
    SeveralModels {
        /// The files.
        names: String,
        /// The folder.
        path: PathBuf,
    },
    /// A model lacks files.
    #[error("{name} cannot run yet: it needs {needs} beside it ({})", path.display())]
    Incomplete {
        /// What the model is called.
        name: String,
        /// The files that it lacks, with their sizes.
        needs: String,
        /// The file or folder.
        path: PathBuf,
    },
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
            LoraPlace::File(path) => model::open(path),
        }
    }
}
