//! JSON files of the program itself: read with a warning instead of an error, written whole.

use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::files::{self, Readers};
use crate::schema::params::Params;

/// What a file holds; `None` when there is no file.
///
/// # Errors
/// The reason why it cannot be read. A damaged file is renamed then, out of the way of the next [`write`].
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| error.to_string())?,
    };
    serde_json::from_slice(&text).map_err(|error| {
        let _ = std::fs::rename(path, path.with_extension("json.damaged"));
        error.to_string()
    })
}

/// Writes a file; `unsaved` makes a sentence of the reason why that fails.
///
/// # Errors
/// That sentence.
pub(super) fn write(
    path: &Path,
    value: &impl Serialize,
    unsaved: fn(String) -> String,
) -> Result<(), String> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| unsaved(error.to_string()))?;
    files::write(path, &text, Readers::Usual).map_err(|error| unsaved(error.to_string()))
}

/// The inputs of a job; what another version wrote and this one does not know is left out.
pub(super) fn params(inputs: &Map<String, Value>) -> Params {
    let mut params = Params::default();
    params.apply_json(inputs);
    params
}
