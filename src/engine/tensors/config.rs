//! Configurations of a model's parts, and what they must not ask for.

use serde::de::DeserializeOwned;

use crate::engine::error::{Error, Result};
use crate::weights::model::ModelSource;

/// The most features or channels that a configuration may ask for; real models have thousands. Arithmetic on widths
/// within it cannot overflow.
pub const MAX_WIDTH: usize = 1 << 20;

/// Features of one head when `width` features are divided among `heads`.
///
/// # Errors
/// When that does not come out even. `part` is the part of the model whose configuration says so.
pub fn head_size(part: &str, width: usize, heads: usize) -> Result<usize> {
    if heads > 0 && (1..=MAX_WIDTH).contains(&width) && width.is_multiple_of(heads) {
        return Ok(width / heads);
    }
    Err(Error::Checkpoint(format!(
        "the configuration of the {part} is inconsistent: {width} features for {heads} heads"
    )))
}

/// Reads a JSON file of a model.
///
/// # Errors
/// When it is missing, or lacks a field that must be there.
pub fn read_json<T: DeserializeOwned>(model: &ModelSource, name: &str) -> Result<T> {
    let contents = model.read(name)?;
    serde_json::from_slice(&contents).map_err(|error| {
        Error::Checkpoint(format!(
            "{name} of {} is not what it should be: {error}",
            model.place()
        ))
    })
}

/// The configuration of a part: the file `name`, which folders in the layout of diffusers must have, or elsewhere what
/// `of_tensors` tells where there is none.
///
/// # Errors
/// When it is missing where it must be, or lacks a field; those of `of_tensors`.
pub fn read_config<T: DeserializeOwned>(
    model: &ModelSource,
    name: &str,
    of_tensors: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if model.assembled().is_none() {
        return read_json(model, name);
    }
    read_json_if_there(model, name)?.map_or_else(of_tensors, Ok)
}

/// Reads a JSON file of a model, if it is there.
///
/// # Errors
/// When it lacks a field that must be there.
pub fn read_json_if_there<T: DeserializeOwned>(
    model: &ModelSource,
    name: &str,
) -> Result<Option<T>> {
    let found = model.find(name)?;
    found.map(|_| read_json(model, name)).transpose()
}
