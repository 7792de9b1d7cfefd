//! The second model: whether a picture is normal after all.
//!
//! <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/vit/modeling_vit.py>
//! (`ViTForImageClassification`)

use std::collections::HashMap;

use image::RgbImage;
use serde::Deserialize;

use crate::engine::compute::array::Array;
use crate::engine::error::{Error, Result};
use crate::engine::models::safety::vision::{self, Vision};
use crate::engine::progress::OnLayer;
use crate::engine::tensors::component::Component;
use crate::weights::inspect::Part;
use crate::weights::model::ModelSource;

/// The label of pictures that are kept.
/// <https://github.com/replicate/cog-flux/blob/51e81e0/predict.py> (`run_falcon_safety_checker`)
const NORMAL: &str = "normal";

/// The labels of the published model, where no configuration tells.
/// <https://huggingface.co/Falconsai/nsfw_image_detection/blob/main/config.json>
const LABELS: [&str; 2] = [NORMAL, "nsfw"];

/// The model.
pub struct Classifier {
    /// What it sees with.
    pub vision: Vision,
    /// What each of its outputs means.
    labels: Vec<String>,
}

/// What the classifier calls a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// The most probable label.
    pub label: String,
    /// Its probability, 0 to 1.
    pub probability: f64,
}

impl Opinion {
    /// Whether the picture is kept.
    pub fn is_normal(&self) -> bool {
        self.label == NORMAL
    }
}

/// `safety_classifier/config.json`.
#[derive(Deserialize)]
struct Config {
    #[serde(flatten)]
    vision: vision::Config,
    #[serde(default)]
    id2label: HashMap<String, String>,
}

impl Config {
    fn of_tensors(component: &Component) -> Result<Self> {
        let labels = LABELS.iter().enumerate();
        let labels = labels.map(|(i, label)| (i.to_string(), (*label).to_owned()));
        Ok(Self {
            vision: vision::Config::of_tensors(&vision::VIT, component)?,
            id2label: labels.collect(),
        })
    }

    /// What each output means, in order; `None` where that cannot be told, or none means that a picture is normal.
    fn labels(&self) -> Option<Vec<String>> {
        let count = self.id2label.len();
        let labels = (0..count).map(|i| self.id2label.get(&i.to_string()).cloned());
        let labels = labels.collect::<Option<Vec<_>>>()?;
        labels.iter().any(|label| label == NORMAL).then_some(labels)
    }
}

impl Classifier {
    /// Opens it in the folder of [`Part::SafetyClassifier`].
    ///
    /// # Errors
    /// Those of `on_layer`; when a file is missing or malformed.
    pub fn open(source: &ModelSource, on_layer: &mut OnLayer<'_>) -> Result<Self> {
        let (weights, config) = vision::open(source, &vision::VIT, Config::of_tensors)?;
        let labels = config.labels().ok_or_else(|| {
            let (folder, place) = (Part::SafetyClassifier.folder(), source.place());
            Error::Checkpoint(format!(
                "{folder}/config.json of {place} does not say which of the classifier's outputs means '{NORMAL}' (id2label)"
            ))
        })?;
        let (sizes, outputs) = (&config.vision, labels.len());
        Ok(Self {
            vision: Vision::load(&vision::VIT, sizes, outputs, source, &weights, on_layer)?,
            labels,
        })
    }

    /// What it calls a picture.
    ///
    /// # Errors
    /// Those of `on_layer` and of the computation; when the picture has no pixels or is far too narrow.
    pub fn opinion(&self, picture: &RgbImage, on_layer: &mut OnLayer<'_>) -> Result<Opinion> {
        self.most_probable(&self.vision.look(picture, on_layer)?)
    }

    /// The most probable label of logits, `(1, labels)`; the first of several.
    fn most_probable(&self, logits: &Array) -> Result<Opinion> {
        let logits = logits.to_vec()?;
        if !logits.iter().all(|logit| logit.is_finite()) {
            return Err(Error::NotFinite("a picture was checked"));
        }
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shares = logits.iter().map(|logit| f64::from(logit - most).exp());
        let probability = 1.0 / shares.sum::<f64>();
        let mut labelled = logits.iter().zip(&self.labels);
        // The greatest is among them: they are finite, and there is at least one label.
        let label = labelled.find(|(logit, _)| **logit >= most);
        let label = label.map_or(String::new(), |(_, label)| label.clone());
        Ok(Opinion { label, probability })
    }
}
