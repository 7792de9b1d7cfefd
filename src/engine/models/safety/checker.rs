//! The first model: what CLIP sees in a picture, compared with a list of concepts.
//!
//! How near a picture may come to each concept is in the file. Nobody knows the concepts' names: they are published as vectors
//! alone, and are counted here.
//! <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/stable_diffusion/safety_checker.py>

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::engine::compute::array::Array;
use crate::engine::error::{Error, Result};
use crate::engine::layers::weights::Weights;
use crate::engine::models::safety::vision::{self, Vision};
use crate::engine::progress::OnLayer;
use crate::engine::tensors::component::Component;
use crate::weights::model::ModelSource;

/// The model.
pub struct Checker {
    /// What it sees with.
    pub vision: Vision,
    /// Concepts for which the others are looked at more closely.
    special: Concepts,
    /// Concepts for which a picture is flagged.
    concepts: Concepts,
}

/// A concept that a picture is nearer to than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concept {
    /// Which of the file's concepts, counted from 0.
    pub index: usize,
    /// By how much the cosine is above its limit, in thousandths: more than 0.
    pub score: f64,
}

/// What the checker makes of a picture before limits are applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Sight {
    /// The cosines with the concepts of special care.
    pub special: Vec<f32>,
    /// The cosines with the others.
    pub concepts: Vec<f32>,
}

/// Vectors of concepts and how near a picture may come to them.
struct Concepts {
    /// Of length 1 each: `(n, projection)`
    directions: Array,
    /// The greatest cosine that is allowed with each.
    limits: Vec<f32>,
}

/// `safety_checker/config.json`.
#[derive(Deserialize)]
struct Config {
    projection_dim: usize,
    vision_config: vision::Config,
}

impl Config {
    fn of_tensors(component: &Component) -> Result<Self> {
        Ok(Self {
            projection_dim: component.side("visual_projection.weight", 0)?,
            vision_config: vision::Config::of_tensors(&vision::CLIP, component)?,
        })
    }
}

/// What is taken off the limits once a picture is near to a concept of special care.
/// <https://github.com/huggingface/diffusers/blob/v0.32.2/src/diffusers/pipelines/stable_diffusion/safety_checker.py> (`forward`)
const CLOSER: f64 = 0.01;

impl Checker {
    /// Opens it in the folder of [`Part::SafetyChecker`](crate::weights::inspect::Part::SafetyChecker).
    ///
    /// # Errors
    /// Those of `on_layer`; when a file is missing or malformed.
    pub fn open(source: &ModelSource, on_layer: &mut OnLayer<'_>) -> Result<Self> {
        let (weights, config) = vision::open(source, &vision::CLIP, Config::of_tensors)?;
        let (features, sizes) = (config.projection_dim, &config.vision_config);
        let outputs = features.max(1);
        Ok(Self {
            vision: Vision::load(&vision::CLIP, sizes, outputs, source, &weights, on_layer)?,
            special: Concepts::load("special_care_embeds", features, &weights)?,
            concepts: Concepts::load("concept_embeds", features, &weights)?,
        })
    }

    /// What a picture is flagged for; nothing where it passes.
    ///
    /// # Errors
    /// Those of `on_layer` and of the computation; when the picture has no pixels or is far too narrow.
    pub fn flags(&self, picture: &RgbImage, on_layer: &mut OnLayer<'_>) -> Result<Vec<Concept>> {
        let embedding = self.vision.look(picture, on_layer)?;
        Ok(self.too_near(&self.sight(&embedding)?))
    }

    /// The cosines of an embedding, `(1, projection)`, with all concepts.
    ///
    /// # Errors
    /// When one is not finite, and when all are 0, as with a file without numbers: that would pass every picture.
    pub fn sight(&self, embedding: &Array) -> Result<Sight> {
        let direction = unit(embedding)?;
        let cosines =
            |concepts: &Concepts| direction.matmul_transposed(&concepts.directions)?.to_vec();
        let sight = Sight {
            special: cosines(&self.special)?,
            concepts: cosines(&self.concepts)?,
        };
        let all = || sight.special.iter().chain(&sight.concepts);
        if all().all(|cosine| *cosine == 0.0) {
            return Err(Error::Checkpoint(
                "the safety checker sees nothing in a picture, so its file must be damaged: download it again"
                    .to_owned(),
            ));
        }
        if all().all(|cosine| cosine.is_finite()) {
            Ok(sight)
        } else {
            Err(Error::NotFinite("a picture was checked"))
        }
    }

    /// The concepts that a picture is too near to.
    fn too_near(&self, sight: &Sight) -> Vec<Concept> {
        let mut special = sight.special.iter().zip(&self.special.limits);
        let is_near = special.any(|(cosine, limit)| score(*cosine, *limit, 0.0) > 0.0);
        let closer = if is_near { CLOSER } else { 0.0 };
        let concepts = sight.concepts.iter().zip(&self.concepts.limits).enumerate();
        let scored = concepts.map(|(index, (cosine, limit))| Concept {
            index,
            score: score(*cosine, *limit, closer),
        });
        scored.filter(|concept| concept.score > 0.0).collect()
    }
}

/// By how much a cosine is above its limit, in thousandths; half a thousandth goes to the even one, as with Python's `round`.
///
/// In f64, as with the NumPy of the reference, where a single and Python's number make a double.
fn score(cosine: f32, limit: f32, closer: f64) -> f64 {
    ((f64::from(cosine) - f64::from(limit) + closer) * 1000.0).round_ties_even() / 1000.0
}

impl Concepts {
    /// Loads the vectors `name` and their limits.
    fn load(name: &str, features: usize, weights: &Weights) -> Result<Self> {
        let vectors = weights.any(name)?;
        // None at all is one of another shape: a checker that cannot flag is a damaged one.
        let count = vectors.dims().first().copied().unwrap_or(0).max(1);
        let vectors = weights.get(name, &[count, features])?;
        let limits = weights.get(&format!("{name}_weights"), &[count])?;
        Ok(Self {
            directions: unit(&vectors)?,
            limits: limits.to_vec()?,
        })
    }
}

/// Rows of length 1.
/// <https://github.com/pytorch/pytorch/blob/v2.5.1/torch/nn/functional.py> (`normalize`)
fn unit(rows: &Array) -> Result<Array> {
    let squares = rows.squared()?.sum(1)?.unsqueeze(1)?;
    rows.over(&squares.root()?.clamped(1e-12, f32::INFINITY)?)
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn half_a_thousandth_is_not_above_the_limit() {
        for (cosine, expected) in [
            // Halves of a thousandth do not exist in binary: these lie on either side.
            (0.500_499_9_f32, 0.0),
            (0.500_501_f32, 0.001),
            (0.5, 0.0),
            (0.25, -0.25),
        ] {
            assert!(
                (score(cosine, 0.5, 0.0) - expected).abs() < 1e-9,
                "{cosine}"
            );
        }
        // 0.0625 · 1000 is 62.5, exactly.
        assert!((score(0.5625, 0.5, 0.0) - 0.062).abs() < 1e-12);
        assert!((score(0.1875, 0.0, 0.0) - 0.188).abs() < 1e-12);
    }

    #[test]
    fn an_adjustment_lowers_the_limit() {
        assert!(score(0.495, 0.5, 0.0) < 0.0);
        assert!(score(0.495, 0.5, 0.01) > 0.0);
    }
}
