//! The places where LoRAs act: one for each layer, shared by the layer and by whoever applies LoRAs.
//!
//! A slot is found by the name of its layer, so that a layer which is read again, block by block, finds its updates
//! where they were.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::engine::compute::array::Array;
use crate::engine::compute::matrix::Matrix;
use crate::engine::error::Result;
use crate::engine::layers::update::Update;

/// An update and how strongly it acts.
#[derive(Clone)]
pub(crate) struct Active {
    pub(crate) update: Arc<Update>,
    pub(crate) scale: f64,
}

/// The slots of a model's part by the names of its layers.
#[derive(Clone, Default)]
pub struct Slots(Arc<Mutex<HashMap<String, Slot>>>);

impl Slots {
    /// The slot of a layer.
    pub(crate) fn at(&self, layer: &str) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(layer.to_owned()).or_default().clone()
    }

    /// Lets exactly these updates act, each on the layer of its name.
    pub(crate) fn set(&self, mut updates: HashMap<String, Vec<Active>>) {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (layer, slot) in slots.iter() {
            slot.set(updates.remove(layer).unwrap_or_default());
        }
    }
}

/// The updates that act on one layer.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<RwLock<Vec<Active>>>);

impl Slot {
    fn set(&self, updates: Vec<Active>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = updates;
    }

    /// The output of a linear layer with its updates, `x · Wᵀ + bias` and their changes: `(l, in)` → `(l, out)`.
    pub(crate) fn product(
        &self,
        x: &Array,
        weight: &Matrix,
        bias: Option<&Array>,
    ) -> Result<Array> {
        let updates = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if updates.is_empty() {
            return weight.product(x, bias);
        }
        let base = weight.product(x, None)?;
        let mut y = base.clone();
        for Active { update, scale } in updates.iter() {
            if let Some(change) = update.of_output(x, &base, weight, *scale)? {
                y = y.plus(&change)?;
            }
        }
        match bias {
            Some(bias) => y.plus(bias),
            None => Ok(y),
        }
    }

    /// The scale of a norm with its updates, `(width)`.
    pub(crate) fn change_norm(&self, weight: &Array) -> Result<Array> {
        let updates = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut weight = weight.clone();
        for Active { update, scale } in updates.iter() {
            weight = update.of_norm(&weight, *scale)?;
        }
        Ok(weight)
    }
}
