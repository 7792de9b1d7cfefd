//! The safety checker: which pictures are to be withheld.
//!
//! Two models look at a picture, as with the reference. The [`checker`] compares what CLIP sees with a list of concepts; what
//! it flags goes to the [`classifier`], which has the last word. Both run on the CPU in f32, so that a picture's verdict
//! does not depend on the machine. Neither knows the prompt, and no LoRA acts on them.
//!
//! <https://github.com/replicate/cog-flux/blob/51e81e0/predict.py> (`run_safety_checker`, `run_falcon_safety_checker`)

pub mod checker;
pub mod classifier;
pub mod pixels;
mod vision;

use std::fmt;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::engine::Error;
use crate::engine::checkpoint::Component;
use crate::engine::device::Hardware;
use crate::engine::safety::checker::{Checker, Concept};
use crate::engine::safety::classifier::Classifier;
use crate::engine::text::OnLayer;
use crate::weights;
use crate::weights::inspect::Part;
use crate::weights::model::ModelSource;

/// Both models.
pub struct SafetyChecker {
    /// The first, which flags.
    pub checker: Checker,
    /// The second, which has the last word on what was flagged.
    pub classifier: Classifier,
}

/// What is to be done with a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may be shown.
    Passed,
    /// It may not.
    Withheld(Withheld),
}

/// Why a picture may not be shown. As text it is a sentence for the user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Withheld {
    /// What the checker has flagged it for, at least one.
    pub concepts: Vec<Concept>,
    /// What the classifier calls it.
    pub label: String,
    /// How sure the classifier is of that, 0 to 1.
    pub probability: f64,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the safety checker takes it for unsafe")
    }
}

impl SafetyChecker {
    /// Opens the two models in the folders of [`Part::SafetyChecker`] and [`Part::SafetyClassifier`]; `None` where a model
    /// has no safety checker. The matrices stay in their files.
    ///
    /// # Errors
    /// Those of `on_layer`, which is called before each layer; when a file is malformed, or the classifier alone is
    /// missing.
    pub fn open(source: &ModelSource, on_layer: &mut OnLayer<'_>) -> Result<Option<Self>, Error> {
        if !has(source, Part::SafetyChecker)? {
            return Ok(None);
        }
        if !has(source, Part::SafetyClassifier)? {
            return Err(Error::Checkpoint(format!(
                "the safety checker of {} lacks its second model, which has the last word: put it in the folder {}",
                source.place(),
                Part::SafetyClassifier.folder()
            )));
        }
        Ok(Some(Self {
            checker: Checker::open(source, on_layer)?,
            classifier: Classifier::open(source, on_layer)?,
        }))
    }

    /// Decides on a picture.
    ///
    /// # Errors
    /// Those of `on_layer`, which is called before each layer of each model; when the picture has no pixels or is far too
    /// narrow, or what the models make of it is not finite.
    pub fn judge(&self, picture: &RgbImage, on_layer: &mut OnLayer<'_>) -> Result<Verdict, Error> {
        let concepts = self.checker.flags(picture, on_layer)?;
        if concepts.is_empty() {
            return Ok(Verdict::Passed);
        }
        let opinion = self.classifier.opinion(picture, on_layer)?;
        if opinion.is_normal() {
            return Ok(Verdict::Passed);
        }
        Ok(Verdict::Withheld(Withheld {
            concepts,
            label: opinion.label,
            probability: opinion.probability,
        }))
    }

    /// How often [`Self::judge`] calls `on_layer` where both models look at the picture.
    pub fn layers(&self) -> usize {
        self.checker.layers() + self.classifier.layers()
    }
}

/// Whether a model has tensors of a part at all. Shards that are missing are an error.
fn has(source: &ModelSource, part: Part) -> Result<bool, Error> {
    match source.tensors(part.folder()) {
        Ok(_) => Ok(true),
        Err(weights::error::Error::NoTensors { .. }) => Ok(false),
        Err(weights::error::Error::Missing { name, .. }) if name == part.folder() => Ok(false),
        Err(error) => Err(Error::Checkpoint(error.to_string())),
    }
}

/// Opens the tensors of a part, for the CPU in f32.
fn component(source: &ModelSource, part: Part) -> Result<Component, Error> {
    Component::open(source, part, part.folder(), &Hardware::cpu())
}
