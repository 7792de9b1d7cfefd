//! JSON files of the program itself: read with a warning instead of an error, written whole.

use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::files::{self, Readers};
use crate::schema::params::Params;

/// What a file holds, if there is one that can be read. If it cannot, `unreadable` makes a warning of the reason; a damaged
/// file is renamed then, out of the way of the next [`write()`].
pub(super) fn read<T: DeserializeOwned>(
    path: &Path,
    unreadable: fn(String) -> String,
) -> (Option<T>, Option<String>) {
    let read = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return (None, None),
        Err(error) => Err(error.to_string()),
        Ok(text) => serde_json::from_slice(&text).map_err(|error| {
            let _ = std::fs::rename(path, path.with_extension("json.damaged"));
            error.to_string()
        }),
    };
    match read {
        Ok(value) => (Some(value), None),
        Err(reason) => (None, Some(unreadable(reason))),
    }
}

/// Writes a file; `unsaved` makes a sentence of the reason why that fails.
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
