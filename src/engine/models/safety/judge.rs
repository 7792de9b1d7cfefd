//! Both models, and their verdict.

use std::fmt;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::engine::error::{Error, Result};
use crate::engine::models::safety::checker::{Checker, Concept};
use crate::engine::models::safety::classifier::Classifier;
use crate::engine::progress::OnLayer;
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
    pub fn open(source: &ModelSource, on_layer: &mut OnLayer<'_>) -> Result<Option<Self>> {
        if !is_in(source, Part::SafetyChecker)? {
            return Ok(None);
        }
        if !is_in(source, Part::SafetyClassifier)? {
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
    pub fn judge(&self, picture: &RgbImage, on_layer: &mut OnLayer<'_>) -> Result<Verdict> {
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
        self.checker.vision.layers() + self.classifier.vision.layers()
    }
}

/// Whether a model has tensors of a part at all. Shards that are missing are an error.
fn is_in(source: &ModelSource, part: Part) -> Result<bool> {
    match source.tensors(part.folder()) {
        Ok(_) => Ok(true),
        Err(weights::error::Error::NoTensors { .. }) => Ok(false),
        Err(weights::error::Error::Missing { name, .. }) if name == part.folder() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
