//! The files of the safety checker's models.

use crate::engine::compute::hardware::Hardware;
use crate::engine::error::Result;
use crate::engine::tensors::component::Component;
use crate::weights::error;
use crate::weights::inspect::Part;
use crate::weights::model::ModelSource;

/// Whether a model has tensors of a part at all. Shards that are missing are an error.
pub(super) fn is_in(source: &ModelSource, part: Part) -> Result<bool> {
    match source.tensors(part.folder()) {
        Ok(_) => Ok(true),
        Err(error::Error::NoTensors { .. }) => Ok(false),
        Err(error::Error::Missing { name, .. }) if name == part.folder() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Opens the tensors of a part, for the CPU in f32.
pub(super) fn open(source: &ModelSource, part: Part) -> Result<Component> {
    Component::open(source, part, part.folder(), &Hardware::cpu())
}
