//! The LoRAs of the form and of jobs: what each reference has led to, and the files for a job.
//!
//! The form shows a LoRA as soon as its reference is there, long before a job needs it: each reference is looked up by a
//! task of its own, `lora`, which downloads what is missing. A job takes what is there, and waits for what is on its way.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::engine;
use crate::engine::lora::load::inspect;
use crate::engine::lora::report::Report;
use crate::engine::lora::targets::Targets;
use crate::schema::choices::Model;
use crate::schema::lora::Lora;
use crate::schema::notes::{Note, Problem};
use crate::schema::params::Params;
use crate::schema::quirks;
use crate::schema::reference::Reference;
use crate::schema::request::Request;
use crate::session::background::{Background, Reporter, Task};
use crate::session::preview::Stamp;
use crate::session::text;
use crate::weights::error::Error;
use crate::weights::fetch::{Bytes, OnBytes};
use crate::weights::library::{Library, LoraInfo};
use crate::weights::lora::LoraFile;
use crate::weights::model::ModelSource;
use crate::weights::stop::Stop;
use crate::weights::tokens::Tokens;

/// Finds the files of a job's LoRAs, one for each, and downloads those that are missing. One that was filled in rather
/// than asked for may be missing: it is taken out of the request, with a note.
///
/// # Errors
/// What stands against the first that cannot be had.
pub fn collect(
    library: &Library,
    request: &mut Request,
    stop: &Stop,
    on_bytes: &mut OnBytes<'_>,
) -> Result<Vec<LoraFile>, engine::error::Error> {
    let bare = (!quirks::uses_tokens(request.fidelity)).then(|| library.without_tokens());
    let library = bare.as_ref().unwrap_or(library);
    let mut files = Vec::new();
    let mut loras = Vec::new();
    for lora in std::mem::take(&mut request.loras) {
        match library.obtain(&lora.reference, stop, on_bytes) {
            Ok(info) => {
                files.push(info.file);
                loras.push(lora);
            }
            Err(Error::Cancelled) => return Err(engine::error::Error::Cancelled),
            Err(error) if lora.is_asked => return Err(unavailable(&lora, &error)),
            Err(error) => {
                // What the system says may name a path of this machine.
                let reason = match error {
                    Error::Unreachable(said) | Error::NoHost(said) | Error::Refused(said) => said,
                    _ => text::LORA_FILE_UNUSABLE.to_owned(),
                };
                let message = text::default_lora_missing(lora.reference.label(), reason);
                request.notes.push(Note::on(lora.field, message));
            }
        }
    }
    request.loras = loras;
    Ok(files)
}

/// Why a LoRA that was asked for cannot be had.
fn unavailable(lora: &Lora, error: &Error) -> engine::error::Error {
    match error {
        Error::Unreachable(_) | Error::NoHost(_) | Error::Refused(_) | Error::Unwritable(_) => {
            let sentence = text::lora_unavailable(lora.reference.label(), error);
            engine::error::Error::File(sentence)
        }
        _ => engine::error::Error::Input(Problem::new(lora.field, text::lora_unusable(error))),
    }
}

/// How far a LoRA of the form is.
#[derive(Clone, Debug)]
pub enum LoraState {
    /// It is looked for.
    Looking,
    /// It is on its way.
    Arriving(Bytes),
    /// It is there.
    Ready(Box<ReadyLora>),
    /// It cannot be had, for the reason in the sentence.
    Failed(String),
    /// Its place has several files, of which one is meant.
    Several {
        /// A sentence that asks to choose one.
        question: String,
        /// A sentence that lists them.
        problem: String,
        /// What they are called, and what to ask for.
        files: Vec<(String, Reference)>,
    },
}

impl LoraState {
    /// Whether it cannot be had, as it was typed.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Several { .. })
    }
}

/// A LoRA that is there.
#[derive(Clone, Debug)]
pub struct ReadyLora {
    /// What is known of it.
    pub info: LoraInfo,
    /// What of it matches each of [`Model::ALL`]; a sentence where it cannot be used.
    matches: [Result<Report, String>; 2],
}

impl ReadyLora {
    /// What of it matches the model.
    ///
    /// # Errors
    /// One sentence, when it cannot be used.
    pub fn report(&self, model: Model) -> Result<&Report, &String> {
        let [dev, schnell] = &self.matches;
        match model {
            Model::Dev => dev.as_ref(),
            Model::Schnell => schnell.as_ref(),
        }
    }
}

/// The LoRAs of the form.
pub struct Shelf {
    library: Library,
    source: ModelSource,
    background: Background,
    entries: HashMap<String, Entry>,
}

/// A reference that was looked up.
struct Entry {
    state: LoraState,
    /// The look-up, until it has ended.
    task: Option<Task<LoraState, Bytes>>,
    /// How a file or folder of the user was when it was looked at.
    stamp: Option<Stamp>,
}

impl Shelf {
    /// An empty shelf over a library, for LoRAs of the model `source`.
    pub(super) fn new(library: Library, source: ModelSource, background: Background) -> Self {
        Self {
            library,
            source,
            background,
            entries: HashMap::new(),
        }
    }

    /// Where the files are.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Turns to LoRAs for another model, which match it in another way.
    pub(super) fn set_source(&mut self, source: ModelSource) {
        self.source = source;
        self.entries.retain(|_, entry| entry.task.is_some());
        let busy: Vec<_> = self.entries.keys().cloned().collect();
        for typed in busy {
            self.start(&typed, false);
        }
    }

    /// Takes other tokens. What has failed may be tried again.
    pub(super) fn set_tokens(&mut self, tokens: Tokens) {
        self.library.set_tokens(tokens);
        self.entries.retain(|_, entry| !entry.state.has_failed());
    }

    /// How far the LoRA is that was typed; looks for it if nobody has, or its file has changed since.
    pub fn look(&mut self, typed: &str) -> &LoraState {
        let has_changed = |entry: &Entry| entry.task.is_none() && entry.stamp != stamp(typed);
        if self.entries.get(typed.trim()).is_none_or(has_changed) {
            self.start(typed, false);
        }
        self.state(typed).unwrap_or(&LoraState::Looking)
    }

    /// Ends what is looked for and no longer named by anybody.
    pub fn end_all_but(&mut self, typed: &[&str]) {
        let is_named = |name: &str| typed.iter().any(|typed| typed.trim() == name);
        self.entries
            .retain(|name, entry| entry.task.is_none() || is_named(name));
    }

    /// How far the LoRA is that was typed, if it was looked for.
    pub fn state(&self, typed: &str) -> Option<&LoraState> {
        self.entries.get(typed.trim()).map(|entry| &entry.state)
    }

    /// Looks again after a failure.
    pub fn retry(&mut self, typed: &str) {
        self.start(typed, false);
    }

    /// Asks the source whether there is a newer file.
    pub fn renew(&mut self, typed: &str) {
        self.start(typed, true);
    }

    /// Ends a download. What has arrived stays for the next time.
    pub fn cancel(&mut self, typed: &str) {
        let entry = self.entries.get(typed.trim());
        let task = entry.and_then(|entry| entry.task.as_ref());
        task.into_iter().for_each(Task::cancel);
    }

    /// What stands against a job with these inputs, of the LoRAs that are there.
    pub(super) fn problems(&self, params: &Params) -> Vec<Problem> {
        let unusable = |(field, typed)| {
            let LoraState::Ready(ready) = self.state(typed)? else {
                return None;
            };
            let reason = ready.report(model(params)).err()?;
            Some(Problem::new(field, text::lora_unusable(reason)))
        };
        params.loras().filter_map(unusable).collect()
    }

    /// Takes in what the tasks have done.
    pub(super) fn pump(&mut self) {
        for entry in self.entries.values_mut() {
            if let Some(bytes) = entry.task.as_ref().and_then(|task| task.news().last()) {
                entry.state = LoraState::Arriving(bytes);
            }
            if let Some(ended) = Task::take(&mut entry.task) {
                let failed = |reason| LoraState::Failed(text::search_failed(reason));
                entry.state = ended.unwrap_or_else(failed);
            }
        }
    }

    /// Looks a reference up; an earlier look-up of it ends.
    fn start(&mut self, typed: &str, renews: bool) {
        let typed = typed.trim();
        let (library, source) = (self.library.clone(), self.source.clone());
        let asked = typed.to_owned();
        let look = move |reporter: &Reporter<_>| match find(&library, &asked, renews, reporter) {
            Ok(info) => LoraState::Ready(Box::new(ReadyLora {
                matches: Model::ALL.map(|model| matched(&info, &source, model)),
                info,
            })),
            Err(error) => failed(error),
        };
        // What has arrived is noted before the program ends.
        let entry = Entry {
            state: LoraState::Looking,
            task: Some(self.background.start_awaited("lora", look)),
            stamp: stamp(typed),
        };
        self.entries.insert(typed.to_owned(), entry);
    }
}

/// The model that the inputs ask for.
pub fn model(params: &Params) -> Model {
    Model::named(&params.model).unwrap_or(Model::Dev)
}

/// How the file or folder is that was typed; `None` for other references.
fn stamp(typed: &str) -> Option<Stamp> {
    match Reference::parse(typed) {
        Ok(Reference::Path(path)) => Some(Stamp::of(&path)),
        _ => None,
    }
}

/// Finds what a reference means, or downloads it; with `renews`, asks its source for a newer file in any case.
fn find(
    library: &Library,
    typed: &str,
    renews: bool,
    reporter: &Reporter<Bytes>,
) -> Result<LoraInfo, Error> {
    let reference =
        Reference::parse(typed).map_err(|message| Error::Refused(format!("the text {message}")))?;
    let mut on_bytes = |bytes| {
        reporter.report(bytes);
        ControlFlow::Continue(())
    };
    if renews {
        library.renew(&reference, reporter.stop(), &mut on_bytes)
    } else {
        library.obtain(&reference, reporter.stop(), &mut on_bytes)
    }
}

/// What of a LoRA matches a model.
fn matched(info: &LoraInfo, source: &ModelSource, model: Model) -> Result<Report, String> {
    let targets = Targets::of(source, model).map_err(|error| error.to_string())?;
    inspect(&info.file, &targets)
}

/// The state of a LoRA that was not found.
fn failed(error: Error) -> LoraState {
    let problem = error.to_string();
    match error {
        Error::Cancelled => LoraState::Failed(text::LORA_CANCELLED.to_owned()),
        Error::Several { place, files } => LoraState::Several {
            question: text::several_files(place),
            problem,
            files,
        },
        _ => LoraState::Failed(problem),
    }
}
