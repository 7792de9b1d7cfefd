//! The places where LoRAs act: one for each layer, shared by the layer and by whoever applies LoRAs.
//!
//! A slot is found by the name of its layer, so that a layer which is read again, block by block, finds its updates
//! where they were.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use candle_core::{Result, Tensor};

use crate::engine::checkpoint::matrix::Matrix;
use crate::engine::lora::update::Update;

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

    /// The output of a linear layer with its updates: `(l, in)` and the layer's own product `base`, `(l, out)`, without a
    /// bias, give `(l, out)`.
    pub(crate) fn change_linear(
        &self,
        x: &Tensor,
        base: &Tensor,
        weight: &Matrix,
    ) -> Result<Tensor> {
        let updates = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut y = base.clone();
        for Active { update, scale } in updates.iter() {
            if let Some(change) = update.of_output(x, base, weight, *scale)? {
                y = (y + change)?;
            }
        }
        Ok(y)
    }

    /// The scale of a norm with its updates, `(width)`.
    pub(crate) fn change_norm(&self, weight: &Tensor) -> Result<Tensor> {
        let updates = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut weight = weight.clone();
        for Active { update, scale } in updates.iter() {
            weight = update.of_norm(&weight, *scale)?;
        }
        Ok(weight)
    }
}
