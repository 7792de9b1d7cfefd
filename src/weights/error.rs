//! Why weights cannot be had.

use std::io;
use std::path::{Path, PathBuf};

use crate::files;
use crate::schema::reference::Reference;
use crate::text::file_name;

/// Why a model's files cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such folder.
    #[error("there is no model folder or file at this path: {}", .0.display())]
    NoFolder(PathBuf),
    /// The folder is something else.
    #[error("this folder holds no model in the layout of diffusers (no model_index.json): {}", .0.display())]
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
    /// A file of weights cannot be used, or a folder holds none that can: why, as the rest of a sentence about it.
    #[error("{} {} ({})", file_name(.1), .0, .1.display())]
    NoWeights(String, PathBuf),
    /// A folder holds several models, and one has to be chosen: their files.
    #[error("there are several FLUX.1 models in this folder, name the file of one of them: {} ({})", .0, .1.display())]
    SeveralModels(String, PathBuf),
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
    #[error("the model's file cannot be read ({}): {}", .0, .1.display())]
    Unreadable(io::Error, PathBuf),
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
    #[error(transparent)]
    Unwritable(#[from] files::Error),
    /// A file or folder is not what it should be: what it is instead.
    #[error("{}: {}", .0, .1.display())]
    NoLora(String, PathBuf),
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
    /// A JSON file, by its path inside the model, says something unexpected: the parser's reason.
    #[error("{0} of the model is not what it should be: {1}")]
    Malformed(String, String),
}

impl Error {
    /// The error for what the system says when the file or folder `path` is read.
    pub(super) fn unreadable(path: &Path) -> impl Fn(io::Error) -> Self {
        |reason| Self::Unreadable(reason, path.to_owned())
    }

    /// The error for what the system says when the file or folder `path` is written.
    pub(super) fn unwritable(path: &Path) -> impl Fn(io::Error) -> Self {
        |reason| Self::Unwritable(files::Error::Refused(reason, path.to_owned()))
    }
}

fn names(files: &[(String, Reference)]) -> String {
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    names.join(", ")
}
