//! Where a command finds models and LoRAs.

use std::path::PathBuf;

use clap::ArgMatches;

use crate::session::folders::Folders;
use crate::weights::error::Error;
use crate::weights::http::Network;
use crate::weights::library::Library;
use crate::weights::model::ModelSource;
use crate::weights::survey::assembly::open_model;
use crate::weights::tokens::Tokens;

/// The model that was asked for, or the embedded one.
pub(super) fn model(matches: &ArgMatches) -> Result<ModelSource, Error> {
    Ok(model_asked_for(matches)?.unwrap_or(ModelSource::Embedded))
}

/// The model whose folder or file `--model-dir` names, if it is given.
///
/// # Errors
/// When there is no model at that path, or it lacks files.
pub fn model_asked_for(matches: &ArgMatches) -> Result<Option<ModelSource>, Error> {
    let path = matches.get_one::<PathBuf>("model-dir");
    path.map(|path| open_model(path, &elsewhere())).transpose()
}

/// Where parts of models are looked for that do not lie beside the rest.
pub fn elsewhere() -> Vec<PathBuf> {
    Folders::of_user().map_or_else(Vec::new, |folders| folders.of_models(&[]))
}

/// The LoRAs on this machine, and the way to others.
pub(super) fn library() -> Library {
    let folders = Folders::of_user();
    let tokens = folders.as_ref().map(|user| Tokens::known(&user.config));
    // Without a folder of the user, what is downloaded is kept for as long as the system keeps temporary files.
    let temporary = || std::env::temp_dir().join("flux-qfaces-loras");
    let folder = folders.map_or_else(temporary, |user| user.loras);
    Library::new(folder, Network::new(tokens.unwrap_or_default()))
}
