//! Whether a job's pictures go through the safety checker, and what becomes of them.
//!
//! A model as large as FLUX.1 makes pictures that have to be looked at. Its jobs run only with a checker, or where the user
//! has turned it off: nothing is passed unchecked in silence. The demo model and other small ones are exempt.

use std::path::PathBuf;

use image::RgbImage;

use crate::engine::error::{Error, Result};
use crate::engine::job::Picture;
use crate::engine::models::safety::judge::{SafetyChecker, Verdict};
use crate::engine::progress::OnLayer;
use crate::engine::text;
use crate::schema::notes::Note;
use crate::schema::request::Request;
use crate::weights::inspect::Part;
use crate::weights::model::{ModelCard, ModelSource};

/// Whether a model's pictures are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    /// They have to be.
    Checked,
    /// They are where the model brings a checker; without one, for this reason, they need not be.
    Exempt(&'static str),
}

/// The safety checker of a model's jobs.
pub(super) struct Checking {
    duty: Duty,
    /// Where its files are.
    files: Option<ModelSource>,
    /// Bytes of its tensors.
    bytes: u64,
    /// The checker, while it is in memory.
    checker: Option<SafetyChecker>,
}

impl Checking {
    /// For the jobs of a model. Its own checker is used where it brings one.
    pub(super) fn new(source: &ModelSource, card: &ModelCard) -> Self {
        let duty = match source {
            ModelSource::Embedded => Duty::Exempt(text::DEMO_IS_EXEMPT),
            ModelSource::Files(_) if card.needs_safety_check() => Duty::Checked,
            ModelSource::Files(_) => Duty::Exempt(text::SMALL_IS_EXEMPT),
        };
        let mut checking = Self {
            duty,
            files: None,
            bytes: 0,
            checker: None,
        };
        if source.has_safety_checker() {
            checking.take(source.clone());
        }
        checking
    }

    /// Takes the checker in the files of `source`.
    fn take(&mut self, source: ModelSource) {
        let parts = [Part::SafetyChecker, Part::SafetyClassifier];
        let tensors = parts.map(|part| source.tensors(part.folder()));
        // What cannot be opened is said when it is needed.
        let files = tensors.into_iter().flatten().flatten();
        self.bytes = files.map(|(_, contents)| contents.len() as u64).sum();
        self.files = Some(source);
    }

    /// Bytes of the checker's tensors; 0 where there is none.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The same for a job, which may go without.
    pub(super) fn bytes_for(&self, request: &Request) -> u64 {
        if request.safety_checked {
            self.bytes
        } else {
            0
        }
    }

    /// Unloads the checker until the next job.
    pub(super) fn unload(&mut self) {
        self.checker = None;
    }

    /// Takes the checker of another place, where one is needed and the model brings none.
    pub(super) fn look_in(&mut self, places: &[PathBuf]) {
        if self.files.is_none()
            && self.duty == Duty::Checked
            && let Some(source) = ModelSource::safety_checker_in(places)
        {
            self.take(source);
        }
    }

    /// Opens the checker before a job that needs it.
    ///
    /// # Errors
    /// [`Error::NoSafetyChecker`]; when its files are damaged; those of `on_layer`.
    pub(super) fn prepare(&mut self, request: &Request, on_layer: &mut OnLayer<'_>) -> Result<()> {
        if !request.safety_checked || self.checker.is_some() {
            return Ok(());
        }
        if let Some(files) = &self.files {
            self.checker = SafetyChecker::open(files, on_layer)?;
        }
        if self.checker.is_none() {
            // They may have been deleted since they were found.
            self.files = None;
            self.bytes = 0;
        }
        match (self.duty, &self.checker) {
            (Duty::Checked, None) => Err(Error::NoSafetyChecker),
            _ => Ok(()),
        }
    }

    /// Looks at the pictures of a job.
    ///
    /// # Errors
    /// Those of `on_layer`, and those of the computation; where flagged pictures are dropped, when none is left.
    pub(super) fn look_at(
        &self,
        pictures: Vec<RgbImage>,
        request: &Request,
        on_layer: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<Vec<Picture>> {
        let checker = match (&self.checker, self.duty) {
            (Some(checker), _) if request.safety_checked => checker,
            (None, Duty::Checked) if request.safety_checked => return Err(Error::NoSafetyChecker),
            _ => return Ok(pictures.into_iter().map(Picture::Made).collect()),
        };
        let mut judged = Vec::with_capacity(pictures.len());
        for (index, picture) in pictures.into_iter().enumerate() {
            judged.push(match checker.judge(&picture, &mut || on_layer(index))? {
                Verdict::Passed => Picture::Made(picture),
                Verdict::Withheld(reason) => Picture::flagged(reason, request.fidelity),
            });
        }
        if judged
            .iter()
            .all(|picture| matches!(picture, Picture::Dropped(_)))
        {
            return Err(Error::AllWithheld);
        }
        Ok(judged)
    }

    /// What is said of pictures that were not checked.
    pub(super) fn note(&self, request: &Request) -> Option<Note> {
        if !request.safety_checked {
            return Some(text::unchecked());
        }
        match (self.duty, &self.files) {
            (Duty::Exempt(reason), None) => Some(Note::general(reason)),
            _ => None,
        }
    }
}

/// What is said of pictures that were withheld.
pub(super) fn notes(pictures: &[Picture]) -> Vec<Note> {
    let numbered = pictures.iter().enumerate();
    let withheld = numbered.filter_map(|(index, picture)| match picture {
        Picture::Withheld(reason) | Picture::Dropped(reason) => Some(text::withheld(index, reason)),
        Picture::Made(_) => None,
    });
    withheld.collect()
}
