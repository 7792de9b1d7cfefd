//! What of a model is read for the transformer: its weights, of which a folder may hold two, and its schedule.

use serde::Deserialize;

use crate::engine::checkpoint::{Component, Precision};
use crate::engine::device::Hardware;
use crate::engine::flux::vae::Vae;
use crate::engine::flux::{self, Flux};
use crate::engine::lora::slots::Slots;
use crate::engine::sampling::Shift;
use crate::engine::{Error, Progress, Stage, Watch, announce};
use crate::schema::request::Model;
use crate::weights::inspect::Part;
use crate::weights::model::ModelSource;

/// The part of `scheduler/scheduler_config.json` that matters here; FLUX.1-dev's values where something is absent.
#[derive(Default, Deserialize)]
pub(super) struct SchedulerConfig {
    base_shift: Option<f64>,
    max_shift: Option<f64>,
    base_image_seq_len: Option<f64>,
    max_image_seq_len: Option<f64>,
}

impl From<SchedulerConfig> for Shift {
    fn from(config: SchedulerConfig) -> Self {
        let usual = Self::default();
        Self {
            base_shift: config.base_shift.unwrap_or(usual.base_shift),
            max_shift: config.max_shift.unwrap_or(usual.max_shift),
            base_tokens: config.base_image_seq_len.unwrap_or(usual.base_tokens),
            max_tokens: config.max_image_seq_len.unwrap_or(usual.max_tokens),
        }
    }
}

/// The loaded transformer and the folder that it is from.
pub(super) struct Transformer {
    pub(super) flux: Flux,
    pub(super) folder: &'static str,
    pub(super) precision: Precision,
    /// Where LoRAs act on it.
    pub(super) slots: Slots,
}

impl Transformer {
    /// Opens the transformer in `folder` of a model whose VAE is `vae`, and checks that it is whole. Its blocks come to hand
    /// when a job's plan says so.
    pub(super) fn open(
        source: &ModelSource,
        (folder, precision): (&'static str, Precision),
        vae: &Vae,
        hardware: &Hardware,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Error> {
        let component = Component::open(source, Part::Transformer, folder, hardware)?;
        let config = flux::Config::read(source, folder, &component)?;
        let slots = component.slots();
        let weights = component.weights();
        let weights = weights.in_precision(precision);
        let flux = Flux::load(&config, &weights, 0, &mut |block, blocks| {
            announce(watch, loading(block as f32 / blocks as f32))
        })?;
        let (features, channels) = (config.token_features(), vae.config().latent_channels());
        if features != 4 * channels {
            return Err(Error::Checkpoint(format!(
                "the transformer reads {features} features per token, but the VAE makes {channels} channels, which need {}",
                4 * channels
            )));
        }
        Ok(Self {
            flux,
            folder,
            precision,
            slots,
        })
    }

    /// The folder of the transformer that runs `model`.
    pub(in crate::engine) fn folder_for(
        source: &ModelSource,
        model: Model,
    ) -> Result<&'static str, Error> {
        let folder = source.transformer_for(model);
        folder.map_err(|error| Error::Checkpoint(error.to_string()))
    }
}

/// Progress while weights are read.
pub(super) fn loading(part: f32) -> Progress {
    Progress::before(Stage::Loading, part)
}
