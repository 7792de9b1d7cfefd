//! The story of one job: read the starting picture, encode the prompt, draw the noise, denoise step by step, decode, check.
//!
//! [`generator`] tells it, and `run` has the loaded models; `steps` are its steps, over [`prompt`], [`noise`] and [`sampling`];
//! `checking` has the last word on the pictures, and [`dump`] lets other programs compare.
//!
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/flux/pipeline_flux.py>

mod checking;
pub mod dump;
pub mod generator;
pub mod noise;
pub mod prompt;
mod run;
pub mod sampling;
mod second_try;
mod steps;
