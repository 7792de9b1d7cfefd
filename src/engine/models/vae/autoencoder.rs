//! Both halves of the autoencoder, and the distribution between them.

use crate::engine::compute::array::Array;
use crate::engine::error::{Error, Result};
use crate::engine::layers::weights::Weights;
use crate::engine::models::vae::coders::{Decoder, Encoder};
use crate::engine::models::vae::config::Config;
use crate::engine::models::vae::tiles::Tiles;
use crate::engine::progress::OnLayer;
use crate::engine::tensors::config::MAX_WIDTH;

/// The autoencoder.
pub struct Vae {
    encoder: Encoder,
    decoder: Decoder,
    config: Config,
}

impl Vae {
    /// Loads both halves.
    ///
    /// # Errors
    /// When a tensor is missing or has an unexpected shape, or the configuration has no levels.
    pub fn load(config: &Config, weights: &Weights) -> Result<Self> {
        let (widths, groups) = (&config.block_out_channels, config.norm_num_groups);
        let fits = |width: &usize| {
            groups > 0 && (1..=MAX_WIDTH).contains(width) && width.is_multiple_of(groups)
        };
        if widths.is_empty() || !widths.iter().all(fits) || config.latent_channels > MAX_WIDTH {
            return Err(Error::Checkpoint(format!(
                "the configuration of the VAE is inconsistent: levels of {widths:?} channels in {groups} norm groups"
            )));
        }
        Ok(Self {
            encoder: Encoder::load(config, weights)?,
            decoder: Decoder::load(config, weights)?,
            config: config.clone(),
        })
    }

    /// The sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The posterior for a picture: `(b, 3, h, w)`, −1 to 1.
    ///
    /// # Errors
    /// Those of `on_block`, and those of the computation.
    pub fn encode(&self, picture: &Array, on_block: &mut OnLayer<'_>) -> Result<Posterior> {
        let moments = self.encoder.forward(picture, on_block)?; // (b, 2c, h/8, w/8)
        let channels = self.config.latent_channels;
        Ok(Posterior {
            mean: moments.narrow(1, 0, channels)?,
            log_variance: moments.narrow(1, channels, channels)?,
        })
    }

    /// Latents as the transformer knows them, from a posterior's mean or sample.
    ///
    /// # Errors
    /// Those of the computation.
    pub fn scale(&self, latents: &Array) -> Result<Array> {
        let shifted = latents.shifted(-self.config.shift())?;
        shifted.scaled(self.config.scaling_factor)
    }

    /// The picture for the transformer's latents: `(b, c, h/8, w/8)` → `(b, 3, h, w)`, about −1 to 1. With `tile`, so many
    /// latents along a side are decoded at once, where there are more.
    ///
    /// # Errors
    /// Those of `on_block`, and those of the computation.
    pub fn decode(
        &self,
        latents: &Array,
        tile: Option<usize>,
        on_block: &mut OnLayer<'_>,
    ) -> Result<Array> {
        let scaled = latents.scaled(1.0 / self.config.scaling_factor)?;
        let latents = scaled.shifted(self.config.shift())?;
        let [_, _, h, w] = latents.shape()?;
        match tile {
            Some(side) if h.max(w) > side => {
                let factor = self.config.factor();
                Tiles { side, factor }
                    .decode(&latents, &mut |tile| self.decoder.forward(tile, on_block))
            }
            _ => self.decoder.forward(&latents, on_block),
        }
    }
}

/// A diagonal Gaussian over latents, `(b, c, h/8, w/8)`, neither scaled nor shifted.
pub struct Posterior {
    /// Its mean.
    pub mean: Array,
    log_variance: Array,
}

impl Posterior {
    /// The sample that standard normals of its shape give.
    ///
    /// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/autoencoders/vae.py>
    /// (`DiagonalGaussianDistribution`)
    ///
    /// # Errors
    /// Those of the computation.
    pub fn sample(&self, normals: &Array) -> Result<Array> {
        let deviation = self.log_variance.clamped(-30.0, 20.0)?.scaled(0.5)?.exp()?;
        self.mean.plus(&deviation.times(normals)?)
    }
}
