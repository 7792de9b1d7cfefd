//! The transformer of a job: one of the two that a model may have, in one of two precisions.

use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::stored::Precision;
use crate::engine::error::{Error, Result};
use crate::engine::layers::slots::Slots;
use crate::engine::layers::weights::Weights;
use crate::engine::models::flux::config::Config;
use crate::engine::models::flux::transformer::Flux;
use crate::engine::models::vae::autoencoder::Vae;
use crate::engine::progress::{Progress, Stage, Watch, announce};
use crate::engine::tensors::component::Component;
use crate::weights::inspect::Part;
use crate::weights::model::ModelSource;

/// The loaded transformer and the folder that it is from.
pub(super) struct Transformer {
    pub(super) flux: Flux,
    pub(super) folder: &'static str,
    pub(super) precision: Precision,
    /// Where LoRAs act on it.
    pub(super) slots: Slots,
}

impl Transformer {
    /// Opens the transformer in `folder` of a model whose VAE is `vae`, and checks that it is whole. Its blocks are
    /// loaded when a job's plan says so.
    pub(super) fn open(
        source: &ModelSource,
        (folder, precision): (&'static str, Precision),
        vae: &Vae,
        hardware: &Hardware,
        watch: &mut Watch<'_>,
    ) -> Result<Self> {
        let component = Component::open(source, Part::Transformer, folder, hardware)?;
        let config = Config::read(source, folder, &component)?;
        let weights = Weights::of(component);
        let flux = Flux::load(&config, &weights, precision, &mut |block, blocks| {
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
            slots: weights.slots(),
        })
    }
}

/// Progress while weights are read.
pub(super) fn loading(part: f32) -> Progress {
    Progress::before(Stage::Loading, part)
}
