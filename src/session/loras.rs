//! The LoRAs of the form and of jobs: what each reference has led to, and the files for a job.
//!
//! The form shows a LoRA as soon as its reference is there, long before a job needs it: each reference is looked up on a
//! thread of its own, `lora`, which downloads what is missing. A job takes what is there, and waits for what is on its way.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

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
use crate::session::Wake;
use crate::session::looks::Stamp;
use crate::weights::error::Error;
use crate::weights::fetch::{Bytes, OnBytes};
use crate::weights::library::{Library, LoraInfo};
use crate::weights::lora::LoraFile;
use crate::weights::model::ModelSource;
use crate::weights::stop::Stop;
use crate::weights::tokens::Tokens;

/// Why the files of a job's LoRAs cannot be had.
#[derive(Debug)]
pub enum Unavailable {
    /// The user has ended it.
    Cancelled,
    /// What an input names cannot be used.
    Problem(Problem),
    /// Something stands in the way, in one sentence.
    Sentence(String),
}

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
) -> Result<Vec<LoraFile>, Unavailable> {
    let bare;
    let library = if quirks::uses_tokens(request.fidelity) {
        library
    } else {
        bare = library.without_tokens();
        &bare
    };
    let mut files = Vec::new();
    let mut loras = Vec::new();
    for lora in std::mem::take(&mut request.loras) {
        match library.obtain(&lora.reference, stop, on_bytes) {
            Ok(info) => {
                files.push(info.file);
                loras.push(lora);
            }
            Err(Error::Cancelled) => return Err(Unavailable::Cancelled),
            Err(error) if lora.is_asked => return Err(unavailable(&lora, &error)),
            Err(error) => {
                let name = lora.reference.label();
                // What the system says may name a path of this machine.
                let reason = match error {
                    Error::Unreachable(_) | Error::NoHost(_) | Error::Refused(_) => {
                        error.to_string()
                    }
                    _ => "its file cannot be used".to_owned(),
                };
                let message =
                    format!("Replicate would apply {name}, which cannot be had here: {reason}");
                request.notes.push(Note::on(lora.field, message));
            }
        }
    }
    request.loras = loras;
    Ok(files)
}

/// What stands against a job with these inputs as long as the user has not said that a LoRA is downloaded.
pub(super) fn held(params: &Params, held: &[String]) -> Vec<Problem> {
    let waiting = params
        .loras()
        .filter(|(_, typed)| held.iter().any(|held| held == typed));
    let sentence = "comes from a picture's settings and is not here yet: download or remove it";
    waiting
        .map(|(field, _)| Problem::new(field, sentence))
        .collect()
}

/// Why a LoRA cannot be had.
fn unavailable(lora: &Lora, error: &Error) -> Unavailable {
    match error {
        Error::Unreachable(_) | Error::NoHost(_) | Error::Refused(_) | Error::Unwritable { .. } => {
            let name = lora.reference.label();
            Unavailable::Sentence(format!("the LoRA {name} cannot be had: {error}"))
        }
        _ => Unavailable::Problem(Problem::new(lora.field, format!("cannot be used: {error}"))),
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
    /// It cannot be had.
    Failed {
        /// Why, in one sentence.
        sentence: String,
        /// Files that can be chosen instead: what they are called, and what to ask for.
        choices: Vec<(String, Reference)>,
    },
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

/// What a thread tells.
struct Event {
    typed: String,
    /// Which look-up tells it: what an earlier one of the same text says late counts no more.
    number: u64,
    state: LoraState,
}

/// The LoRAs of the form.
pub struct Shelf {
    library: Library,
    source: ModelSource,
    wake: Wake,
    entries: HashMap<String, Entry>,
    /// How many look-ups there have been.
    count: u64,
    sender: Sender<Event>,
    events: Receiver<Event>,
    /// The threads that run, with what ends each.
    threads: Vec<(Stop, JoinHandle<()>)>,
}

/// A reference that was looked up.
struct Entry {
    state: LoraState,
    number: u64,
    stop: Stop,
    /// How a file or folder of the user was when it was looked at.
    stamp: Option<Stamp>,
}

impl Shelf {
    /// An empty shelf over a library, for LoRAs of the model `source`.
    pub(super) fn new(library: Library, source: ModelSource, wake: Wake) -> Self {
        let (sender, events) = channel();
        Self {
            library,
            source,
            wake,
            entries: HashMap::new(),
            count: 0,
            sender,
            events,
            threads: Vec::new(),
        }
    }

    /// Where the files are.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Turns to LoRAs for another model: what matches it has to be seen anew.
    pub(super) fn set_source(&mut self, source: ModelSource) {
        self.source = source;
        self.entries
            .retain(|_, entry| matches!(entry.state, LoraState::Looking | LoraState::Arriving(_)));
        let busy: Vec<_> = self.entries.keys().cloned().collect();
        for typed in busy {
            self.start(&typed, false);
        }
    }

    /// Takes other tokens. What has failed may be tried again.
    pub(super) fn set_tokens(&mut self, tokens: Tokens) {
        self.library.set_tokens(tokens);
        self.entries
            .retain(|_, entry| !matches!(entry.state, LoraState::Failed { .. }));
    }

    /// How far the LoRA is that was typed; begins to look for it if it is new.
    pub fn look(&mut self, typed: &str) -> &LoraState {
        let typed = typed.trim();
        let is_settled =
            |entry: &Entry| !matches!(entry.state, LoraState::Looking | LoraState::Arriving(_));
        let has_changed = |entry: &Entry| is_settled(entry) && entry.stamp != stamp(typed);
        if self.entries.get(typed).is_none_or(has_changed) {
            self.start(typed, false);
        }
        // `start` always leaves an entry.
        self.entries
            .get(typed)
            .map_or(&LoraState::Looking, |entry| &entry.state)
    }

    /// Ends what is looked for and no longer named by anybody.
    pub fn end_all_but(&mut self, typed: &[&str]) {
        self.entries.retain(|name, entry| {
            let is_busy = matches!(entry.state, LoraState::Looking | LoraState::Arriving(_));
            let is_named = typed.iter().any(|typed| typed.trim() == name);
            if is_busy && !is_named {
                entry.stop.raise();
            }
            !is_busy || is_named
        });
    }

    /// How far the LoRA is that was typed, if it was looked for.
    pub fn state(&self, typed: &str) -> Option<&LoraState> {
        self.entries.get(typed.trim()).map(|entry| &entry.state)
    }

    /// Looks again after a failure.
    pub fn retry(&mut self, typed: &str) {
        self.start(typed.trim(), false);
    }

    /// Asks the source whether there is a newer file.
    pub fn renew(&mut self, typed: &str) {
        self.start(typed.trim(), true);
    }

    /// Ends a download. What has arrived stays for the next time.
    pub fn cancel(&mut self, typed: &str) {
        if let Some(entry) = self.entries.get_mut(typed.trim()) {
            entry.stop.raise();
        }
    }

    /// Takes in what the threads have done.
    pub(super) fn pump(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            let entry = self.entries.get_mut(&event.typed);
            if let Some(entry) = entry.filter(|entry| entry.number == event.number) {
                entry.state = event.state;
            }
        }
        self.threads.retain(|(_, thread)| !thread.is_finished());
    }

    /// Looks a reference up on a thread of its own; ends an earlier look-up of it.
    fn start(&mut self, typed: &str, renews: bool) {
        let stop = Stop::default();
        self.count += 1;
        let entry = Entry {
            state: LoraState::Looking,
            number: self.count,
            stop: stop.clone(),
            stamp: stamp(typed),
        };
        if let Some(earlier) = self.entries.insert(typed.to_owned(), entry) {
            earlier.stop.raise();
        }
        let errand = Errand {
            typed: typed.to_owned(),
            number: self.count,
            renews,
            library: self.library.clone(),
            source: self.source.clone(),
            stop: stop.clone(),
            sender: self.sender.clone(),
            wake: Arc::clone(&self.wake),
        };
        let spawned = thread::Builder::new()
            .name("lora".to_owned())
            .spawn(move || errand.run());
        match spawned {
            Ok(thread) => self.threads.push((stop, thread)),
            Err(error) => {
                if let Some(entry) = self.entries.get_mut(typed) {
                    entry.state = LoraState::Failed {
                        sentence: format!("the search could not be started: {error}"),
                        choices: Vec::new(),
                    };
                }
            }
        }
    }
}

impl Drop for Shelf {
    /// Ends every download and waits for its thread, so that what has arrived is noted.
    fn drop(&mut self) {
        for (stop, _) in &self.threads {
            stop.raise();
        }
        for (_, thread) in self.threads.drain(..) {
            // Nothing is left to be told.
            let _ = thread.join();
        }
    }
}

/// How the file or folder is that was typed; `None` for other references.
fn stamp(typed: &str) -> Option<Stamp> {
    match Reference::parse(typed) {
        Ok(Reference::Path(path)) => Some(Stamp::of(&path)),
        _ => None,
    }
}

/// One look-up.
struct Errand {
    typed: String,
    number: u64,
    renews: bool,
    library: Library,
    source: ModelSource,
    stop: Stop,
    sender: Sender<Event>,
    wake: Wake,
}

impl Errand {
    fn run(self) {
        let state = match self.find() {
            Ok(info) => LoraState::Ready(Box::new(ReadyLora {
                matches: Model::ALL.map(|model| self.matched(&info, model)),
                info,
            })),
            Err(Error::Several { place, files }) => LoraState::Failed {
                sentence: format!("There are several files in {place}: choose one"),
                choices: files,
            },
            Err(Error::Cancelled) => LoraState::Failed {
                sentence: "Cancelled; what has arrived is kept".to_owned(),
                choices: Vec::new(),
            },
            Err(error) => LoraState::Failed {
                sentence: error.to_string(),
                choices: Vec::new(),
            },
        };
        self.tell(state);
    }

    fn find(&self) -> Result<LoraInfo, Error> {
        let reference = Reference::parse(&self.typed)
            .map_err(|message| Error::Refused(format!("the text {message}")))?;
        let mut on_bytes = |bytes| {
            self.tell(LoraState::Arriving(bytes));
            ControlFlow::Continue(())
        };
        if self.renews {
            self.library.renew(&reference, &self.stop, &mut on_bytes)
        } else {
            self.library.obtain(&reference, &self.stop, &mut on_bytes)
        }
    }

    fn matched(&self, info: &LoraInfo, model: Model) -> Result<Report, String> {
        let targets = Targets::of(&self.source, model).map_err(|error| error.to_string())?;
        inspect(&info.file, &targets)
    }

    fn tell(&self, state: LoraState) {
        let event = Event {
            typed: self.typed.clone(),
            number: self.number,
            state,
        };
        // Nobody listens any more only while the program ends.
        let _ = self.sender.send(event);
        (self.wake)();
    }
}
