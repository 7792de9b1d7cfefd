//! What of a file a model could use: the match report.

use serde::{Deserialize, Serialize};

/// The most names that a sentence lists.
const LISTED: usize = 4;

/// The most names that are kept: a report goes into every picture.
const KEPT: usize = 12;

/// What of a file matched a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Who names the layers as the file does, such as kohya.
    pub layout: String,
    /// How the changes are stored, such as LoRA, DoRA or LoKr.
    pub form: String,
    /// Layers of the file that act on the model.
    pub matched: usize,
    /// Layers in the file.
    pub layers: usize,
    /// The smallest and the largest rank; `None` where no change has one.
    pub ranks: Option<(usize, usize)>,
    /// The first of the layers that have no place in the model, and of the tensors that mean nothing here, each with the
    /// reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_understood: Vec<String>,
    /// How many there are.
    #[serde(default)]
    pub not_understood_count: usize,
}

impl Report {
    /// Whether all of the file acts.
    pub fn is_complete(&self) -> bool {
        self.not_understood_count == 0
    }

    /// Notes what was not understood.
    pub(super) fn miss(&mut self, mut names: Vec<String>) {
        self.not_understood_count = names.len();
        names.truncate(KEPT);
        self.not_understood = names;
    }

    /// The report in words: `304 of 304 layers, 2 not understood: …`.
    pub fn sentence(&self) -> String {
        let (matched, layers, count) = (self.matched, self.layers, self.not_understood_count);
        let all = format!("{matched} of {layers} layers");
        if count == 0 {
            return all;
        }
        let listed = self.not_understood.iter().take(LISTED).cloned();
        let names = listed.collect::<Vec<_>>().join(", ");
        let more = if count > LISTED { ", …" } else { "" };
        format!("{all}, {count} not understood: {names}{more}")
    }

    /// The ranks in words: `rank 16`, `ranks 4 to 16`.
    pub fn rank_text(&self) -> Option<String> {
        Some(match self.ranks? {
            (least, most) if least == most => format!("rank {least}"),
            (least, most) => format!("ranks {least} to {most}"),
        })
    }
}
