//! The autoencoder between pixels and latents.
//!
//! Widths, depths, channels and the number of norm groups come from its configuration. Tensor names are those of diffusers:
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/models/autoencoders/vae.py>

pub mod autoencoder;
mod blocks;
mod coders;
pub mod config;
mod tiles;
