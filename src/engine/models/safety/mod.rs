//! The safety checker: which pictures are to be withheld.
//!
//! Two models look at a picture, as with the reference. The [`checker`] compares what CLIP sees with a list of concepts; what
//! it flags goes to the [`classifier`], which has the last word; [`judge`] has both. They run on the CPU in f32, so that a
//! picture's verdict does not depend on the machine. Neither knows the prompt, and no LoRA acts on them.
//!
//! <https://github.com/replicate/cog-flux/blob/51e81e0/predict.py> (`run_safety_checker`, `run_falcon_safety_checker`)

pub mod checker;
pub mod classifier;
pub mod judge;
pub mod pixels;
pub mod vision;
