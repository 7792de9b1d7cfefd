//! Whether a job's pictures go through the safety checker, and what becomes of them.
//!
//! A model as large as FLUX.1 makes pictures that have to be looked at. Its jobs run only with a checker, or where the user
//! has turned it off: nothing is passed unchecked in silence. The demo model and other small ones are exempt.

use std::path::PathBuf;

use image::RgbImage;

use crate::engine::Error;
use crate::engine::safety::{SafetyChecker, Verdict, Withheld};
use crate::engine::text::OnLayer;
use crate::schema::request::Request;
use crate::schema::{Fidelity, Note};
use crate::weights::inspect::Part;
use crate::weights::model::{ModelCard, ModelSource};

/// A picture of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// It may be shown and saved.
    Made(RgbImage),
    /// It may be neither.
    Withheld(Withheld),
}

impl Picture {
    /// The picture, where it may be shown.
    pub fn shown(&self) -> Option<&RgbImage> {
        match self {
            Self::Made(picture) => Some(picture),
            Self::Withheld(_) => None,
        }
    }
}

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
    /// It, while it is at hand.
    checker: Option<SafetyChecker>,
}

impl Checking {
    /// For the jobs of a model. Its own checker is used where it brings one.
    pub(super) fn new(source: &ModelSource, card: &ModelCard) -> Self {
        let duty = match source {
            ModelSource::Embedded => Duty::Exempt(
                "The pictures were not checked: the demo model draws toy faces and is exempt",
            ),
            ModelSource::Files(_) if card.needs_safety_check() => Duty::Checked,
            ModelSource::Files(_) => {
                Duty::Exempt("The pictures were not checked: models smaller than FLUX.1 are exempt")
            }
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

    /// Lets go of it until the next job.
    pub(super) fn release(&mut self) {
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
    pub(super) fn prepare(
        &mut self,
        request: &Request,
        on_layer: &mut OnLayer<'_>,
    ) -> Result<(), Error> {
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
    /// Those of `on_layer`, and those of the computation; where the reference does not withhold single pictures, when it
    /// would withhold all.
    pub(super) fn look_at(
        &self,
        pictures: Vec<RgbImage>,
        request: &Request,
        on_layer: &mut dyn FnMut(usize) -> Result<(), Error>,
    ) -> Result<Vec<Picture>, Error> {
        let checker = match (&self.checker, self.duty) {
            (Some(checker), _) if request.safety_checked => checker,
            (None, Duty::Checked) if request.safety_checked => return Err(Error::NoSafetyChecker),
            _ => return Ok(pictures.into_iter().map(Picture::Made).collect()),
        };
        let mut judged = Vec::with_capacity(pictures.len());
        for (index, picture) in pictures.into_iter().enumerate() {
            judged.push(match checker.judge(&picture, &mut || on_layer(index))? {
                Verdict::Passed => Picture::Made(picture),
                Verdict::Withheld(reason) => Picture::Withheld(reason),
            });
        }
        let is_left = judged.iter().any(|picture| picture.shown().is_some());
        if !is_left && request.fidelity == Fidelity::AsReplicate {
            return Err(Error::AllWithheld);
        }
        Ok(judged)
    }

    /// What is said of pictures that were not checked.
    pub(super) fn note(&self, request: &Request) -> Option<Note> {
        if !request.safety_checked {
            let message = "The pictures were not checked, as asked";
            return Some(Note::on("disable_safety_checker", message));
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
        Picture::Withheld(reason) => Some(Note::on(
            "disable_safety_checker",
            format!("Picture {} was withheld: {reason}", index + 1),
        )),
        Picture::Made(_) => None,
    });
    withheld.collect()
}
