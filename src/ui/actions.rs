//! What the user asked for, and how it is done.

use std::path::{Path, PathBuf};

use egui::Context;

use crate::schema::field::Kind;
use crate::schema::fields;
use crate::schema::params::Params;
use crate::session::downloads::Purpose;
use crate::session::jobs::{JobId, JobState};
use crate::session::record::Record;
use crate::ui::canvas::tools::Command;
use crate::ui::files::Asked;
use crate::ui::incoming::Incoming;
use crate::ui::loras::Place;
use crate::ui::shortcuts::Step;
use crate::ui::{App, Dialog, REMARK_SECS, Tab, field, form, gallery};

/// What the user asked for.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Generate,
    TryAgain(Box<Params>),
    /// Turns the safety checker off and tries again.
    TryUnchecked(Box<Params>),
    FetchSafetyChecker,
    Cancel(JobId),
    CancelRunning,
    Reorder(JobId, isize),
    Pause(bool),
    ReloadModel,
    ClearEnded,
    Select(PathBuf),
    Step(Step),
    UseSettings(Box<Record>),
    Example(String),
    Open(PathBuf),
    Reveal(PathBuf),
    CopyPicture(PathBuf),
    CopySeed(u64),
    /// Opens a dialog of the system.
    Ask(Asked),
    OpenFolder,
    /// Puts a reference into a place of the form.
    TakeLora(Place, String),
    /// Puts a trigger word into the prompt.
    InsertTrigger(String),
    Incoming(Incoming),
    Canvas(Command),
    ShowTab(Tab),
    Notice(String),
    DismissNotice(usize),
    DismissFailure,
    DismissRefusal,
    ToggleSettings,
    ToggleShortcuts,
    TogglePanels,
    ToggleQueue,
}

impl App {
    /// Does what was asked for.
    pub(super) fn perform(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::Generate => self.generate(),
            Action::TryAgain(params) => self.submit(&params),
            Action::TryUnchecked(params) => {
                self.session.settings.params.disable_safety_checker = true;
                self.submit(&Params {
                    disable_safety_checker: true,
                    ..*params
                });
            }
            Action::FetchSafetyChecker => {
                self.session.fetch_model(Purpose::Safety);
                self.failure = None;
                self.tab = Tab::Models;
            }
            Action::Cancel(id) => self.session.cancel(id),
            Action::CancelRunning => {
                if let Some(id) = self.session.running().map(|job| job.id) {
                    self.session.cancel(id);
                }
            }
            Action::Reorder(id, by) => self.session.reorder(id, by),
            Action::ReloadModel => self.session.reload_model(),
            Action::Pause(paused) => self.session.set_paused(paused),
            Action::ClearEnded => {
                self.session.clear_ended();
                self.failure = None;
            }
            Action::Select(path) => {
                self.choose(path);
                self.tab = Tab::Results;
            }
            Action::Step(step) => {
                let entry = gallery::stepped(&self.session.gallery, self.chosen_index(), step);
                if let Some(path) = entry.map(|entry| entry.path.clone()) {
                    self.choose(path);
                    self.tab = Tab::Results;
                }
            }
            Action::UseSettings(record) => self.use_settings(ctx, &record),
            Action::Incoming(incoming) => self.take_in(ctx, incoming),
            // While a new picture is on its way, what is done to the old one would be lost.
            Action::Canvas(_) if self.errands.is_keeping() => {}
            Action::Canvas(Command::Undo) if !self.canvas.can_undo() => self.go_back(),
            Action::Canvas(command) => {
                if let Some(made) = self.canvas.command(command) {
                    let store = self.session.inputs.clone();
                    self.errands.keep(store, made);
                }
            }
            Action::Ask(purpose) => {
                let folder = self.dialog_folder(purpose);
                self.errands.ask(purpose, &folder);
            }
            Action::ShowTab(tab) => self.tab = tab,
            Action::Notice(sentence) => self.notices.push(sentence),
            Action::Example(prompt) => {
                self.session.settings.params.prompt = Some(prompt);
                self.panels.form = true;
                ctx.memory_mut(|memory| memory.request_focus(field::prompt_id()));
            }
            Action::Open(path) => self.errands.open(path),
            Action::Reveal(path) => self.errands.reveal(path),
            Action::CopyPicture(path) => {
                self.errands.copy_picture(path);
                self.say(ctx, "Picture copied");
            }
            Action::CopySeed(seed) => {
                ctx.copy_text(seed.to_string());
                self.say(ctx, "Seed copied");
            }
            Action::OpenFolder => self
                .errands
                .open(self.session.settings.output_folder.clone()),
            Action::TakeLora(place, reference) => {
                self.session.settings.params.set_lora(place, reference);
            }
            Action::InsertTrigger(word) => {
                let prompt = self.session.settings.params.prompt.get_or_insert_default();
                let gap = if prompt.is_empty() { "" } else { ", " };
                *prompt = format!("{word}{gap}{prompt}");
            }
            Action::DismissNotice(index) => {
                if index < self.notices.len() {
                    self.notices.remove(index);
                }
            }
            Action::DismissFailure => self.failure = None,
            Action::DismissRefusal => self.session.dismiss_refusal(),
            Action::ToggleSettings => self.toggle(Dialog::Settings),
            Action::ToggleShortcuts => self.toggle(Dialog::Shortcuts),
            Action::TogglePanels => {
                let open = !(self.panels.form || self.panels.queue);
                self.panels.form = open;
                self.panels.queue = false;
            }
            Action::ToggleQueue => self.panels.queue = !self.panels.queue,
        }
        ctx.request_repaint();
    }

    /// Where a dialog begins.
    fn dialog_folder(&self, purpose: Asked) -> PathBuf {
        let settings = &self.session.settings;
        match purpose {
            Asked::ModelFile | Asked::ModelFolder => self.session.models.folder().to_owned(),
            Asked::Input(_) => {
                // Where the last picture was, there may be another.
                let last = settings.params.image.as_deref().and_then(Path::parent);
                last.unwrap_or(&settings.output_folder).to_owned()
            }
            Asked::OutputFolder | Asked::Lora(_) | Asked::Mask => settings.output_folder.clone(),
        }
    }

    /// Fills the form from a record.
    pub(super) fn use_settings(&mut self, ctx: &Context, record: &Record) {
        let (params, remark) = self.session.params_of(record);
        self.session.settings.params = params;
        self.session.enable_loras();
        self.session.settings.fidelity = record.fidelity;
        self.notices.extend(remark);
        self.form.forget_drafts();
        self.panels.form = true;
        self.say(ctx, "The form has the settings of this picture");
    }

    /// Puts the form's job in the queue, if nothing stands against it.
    fn generate(&mut self) {
        if let Err(sentence) = self.canvas.keep(&mut self.session) {
            self.notices.push(sentence);
            return;
        }
        if form::obstacle(&self.session, &self.form.problems(&self.session)).is_none() {
            let params = self.session.asked();
            self.submit(&params);
        }
    }

    /// Puts a job in the queue. Its problems, if any, stand beside the fields already.
    fn submit(&mut self, params: &Params) {
        if self.session.submit(params).is_ok() {
            self.failure = None;
            self.session.note_models_seen();
            if self.tab == Tab::Models {
                self.tab = Tab::Results;
            }
        }
    }

    /// Shows another picture.
    fn choose(&mut self, path: PathBuf) {
        self.chosen = Some(path);
        self.follow = true;
        self.view.fit();
    }

    /// Opens a dialog, or closes it.
    fn toggle(&mut self, dialog: Dialog) {
        self.dialog = if self.dialog == Some(dialog) {
            None
        } else {
            Some(dialog)
        };
    }

    /// Says something in passing.
    pub(super) fn say(&mut self, ctx: &Context, remark: &str) {
        let now = ctx.input(|input| input.time);
        self.remark = Some((remark.to_owned(), now + REMARK_SECS));
        ctx.request_repaint_after(std::time::Duration::from_secs_f64(REMARK_SECS));
    }

    /// Shows the newest picture of a job that has just ended, and remembers one that failed.
    pub(super) fn take_ended_jobs(&mut self, ctx: &Context) {
        let mut newest = None;
        for job in self
            .session
            .jobs()
            .iter()
            .filter(|job| job.has_ended() && !self.ended.contains(&job.id))
        {
            match &job.state {
                JobState::Finished(finished) => {
                    let last = finished.entries.last().map(|entry| entry.path.clone());
                    newest = last.or(newest);
                }
                JobState::Failed(_) => self.failure = Some(job.id),
                _ => {}
            }
        }
        self.ended = self
            .session
            .jobs()
            .iter()
            .filter(|job| job.has_ended())
            .map(|job| job.id)
            .collect();
        if let Some(path) = newest {
            self.choose(path);
            if self.tab == Tab::Canvas && self.canvas.is_busy() {
                // The hand that paints is not pulled away.
                self.say(ctx, "A picture is ready");
            } else {
                self.tab = Tab::Results;
            }
        }
    }

    /// Takes over what was chosen in a dialog.
    pub(super) fn take_answer(&mut self, ctx: &Context, purpose: Asked, path: PathBuf) {
        match purpose {
            Asked::OutputFolder => {
                self.session.set_output_folder(path);
                self.pictures.clear();
                self.chosen = None;
                self.view.fit();
            }
            Asked::Mask => match self.canvas.painted() {
                Some(mask) => {
                    self.errands.save_mask(path, mask);
                    self.say(ctx, "Mask saved");
                }
                None => self.notices.push("There is no mask to save".to_owned()),
            },
            Asked::Lora(place) => {
                let typed = path.to_string_lossy().into_owned();
                self.session.settings.params.set_lora(place, typed);
            }
            Asked::ModelFile => self.session.choose_model(Some(path)),
            Asked::ModelFolder => self.session.add_model_folder(path),
            Asked::Input("image") => self.start_from(ctx, path, None),
            Asked::Input(name) => {
                if let Some(Kind::Image(access)) = fields::find(name).map(|field| field.kind) {
                    *(access.get_mut)(&mut self.session.settings.params) = Some(path);
                }
            }
        }
    }
}
