//! How commands are carried out: the only place where the window changes the session, besides [`App::pump`].

use std::path::{Path, PathBuf};

use egui::Context;

use crate::schema::params::Params;
use crate::session::downloads::Purpose;
use crate::session::record::Record;
use crate::ui::app::state::App;
use crate::ui::command::{
    Asked, CanvasCommand, Command, Commands, LoraCommand, ModelCommand, NewMask, Setting, Step, Tab,
};
use crate::ui::form::field;
use crate::ui::results::gallery;
use crate::ui::text::status as text;

impl App {
    /// Carries commands out, and has the window drawn again if there were any.
    pub(super) fn perform_all(&mut self, ctx: &Context, commands: Commands) {
        for command in commands.0 {
            self.perform(ctx, command);
            ctx.request_repaint();
        }
    }

    pub(super) fn perform(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::Generate => self.generate(),
            Command::TryAgain(params) => self.submit(&params),
            Command::TryUnchecked(mut params) => {
                self.change_params(|params| params.disable_safety_checker = true);
                params.disable_safety_checker = true;
                self.submit(&params);
            }
            Command::FetchSafetyChecker => {
                self.session.fetch_model(Purpose::Safety);
                self.failure = None;
                self.tab = Tab::Models;
            }
            Command::Cancel(id) => self.session.cancel(id),
            Command::CancelRunning => {
                if let Some(id) = self.session.running().map(|job| job.id) {
                    self.session.cancel(id);
                }
            }
            Command::Reorder(id, by) => self.session.reorder(id, by),
            Command::Pause(is_paused) => self.session.set_paused(is_paused),
            Command::ClearEnded => {
                self.session.clear_ended();
                self.failure = None;
            }
            Command::Edit(inputs) => self.change_params(|params| *params = *inputs),
            Command::Set(setting) => self.set(setting),
            Command::Lora(command) => self.perform_lora(command),
            Command::Model(command) => self.perform_model(command),
            Command::Canvas(command) => self.perform_on_canvas(command),
            Command::Incoming(incoming) => self.take_in(ctx, incoming),
            Command::NameMask(mask) => self.name_mask(mask),
            Command::Select(path) => self.select(path),
            Command::Step(step) => self.step(step),
            Command::UseSettings(record) => self.use_settings(ctx, &record),
            Command::Example(prompt) => {
                self.change_params(|params| params.prompt = Some(prompt));
                self.panels.form = true;
                ctx.memory_mut(|memory| memory.request_focus(field::prompt_id()));
            }
            Command::Open(path) => self.errands.open(path),
            Command::OpenFolder => {
                let folder = self.session.settings().output_folder.clone();
                self.errands.open(folder);
            }
            Command::Reveal(path) => self.errands.reveal(path),
            Command::CopyPicture(path) => {
                self.errands.copy_picture(path);
                self.say(ctx, text::PICTURE_COPIED);
            }
            Command::CopySeed(seed) => {
                ctx.copy_text(seed.to_string());
                self.say(ctx, text::SEED_COPIED);
            }
            Command::Ask(purpose) => {
                let folder = self.dialog_folder(purpose);
                self.errands.ask(purpose, &folder);
            }
            Command::ShowTab(tab) => self.tab = tab,
            Command::Toggle(dialog) => {
                let is_open = self.dialog == Some(dialog);
                self.dialog = (!is_open).then_some(dialog);
            }
            Command::TogglePanels => {
                let is_open = self.panels.form || self.panels.queue;
                self.panels.form = !is_open;
                self.panels.queue = false;
            }
            Command::ToggleQueue => self.panels.queue = !self.panels.queue,
            Command::Notice(sentence) => self.notices.push(sentence),
            Command::DismissNotice(index) => {
                if index < self.notices.len() {
                    self.notices.remove(index);
                }
            }
            Command::DismissFailure => self.failure = None,
        }
    }

    fn set(&mut self, setting: Setting) {
        self.session.change_settings(|settings| match setting {
            Setting::Theme(theme) => settings.theme = theme,
            Setting::Fidelity(fidelity) => settings.fidelity = fidelity,
            Setting::Metadata(is_on) => settings.metadata = is_on,
            Setting::FileNames(names) => settings.file_names = names,
            Setting::MemoryGib(gib) => settings.memory_gib = gib,
            Setting::BrushKeepsSize(is_on) => settings.painting.brush_keeps_size = is_on,
            Setting::CtrlZooms(is_on) => settings.painting.ctrl_zooms = is_on,
        });
        self.canvas.set_habits(self.session.settings().painting);
    }

    fn perform_lora(&mut self, command: LoraCommand) {
        let loras = &mut self.session.loras;
        match command {
            LoraCommand::Retry(typed) => loras.retry(&typed),
            LoraCommand::Renew(typed) => loras.renew(&typed),
            LoraCommand::Cancel(typed) => loras.cancel(&typed),
            LoraCommand::Permit(typed) => self.session.permit_lora(&typed),
            LoraCommand::Disable(typed) => self.session.disable_lora(&typed, true),
            LoraCommand::Enable(typed) => self.session.disable_lora(&typed, false),
            LoraCommand::Take(place, reference) => {
                self.change_params(|params| params.set_lora(place, reference));
            }
            LoraCommand::InsertTrigger(word) => self.change_params(|params| {
                let prompt = params.prompt.get_or_insert_default();
                let gap = if prompt.is_empty() { "" } else { ", " };
                *prompt = format!("{word}{gap}{prompt}");
            }),
        }
    }

    fn perform_model(&mut self, command: ModelCommand) {
        let session = &mut self.session;
        match command {
            ModelCommand::Look => session.look_for_models(),
            ModelCommand::Reload => session.reload_model(),
            ModelCommand::Choose(path) => session.choose_model(path),
            ModelCommand::Trash(model) => session.trash_model(&model),
            ModelCommand::RemoveFolder(folder) => session.remove_model_folder(&folder),
            ModelCommand::Download(purpose) => session.fetch_model(purpose),
            ModelCommand::Pause(purpose) => session.downloads.pause(&purpose),
            ModelCommand::Resume(purpose) => session.downloads.resume(&purpose),
            ModelCommand::GiveUp(purpose) => session.give_up_download(&purpose),
            ModelCommand::StoreToken(service, token) => session.store_token(service, token),
            ModelCommand::DismissRefusal => session.dismiss_refusal(),
            ModelCommand::BeginWithDemo => {
                session.note_models_seen();
                self.tab = Tab::Results;
            }
        }
    }

    fn perform_on_canvas(&mut self, command: CanvasCommand) {
        if self.errands.is_keeping() {
            // While a new picture is on its way, what is done to the old one would be lost.
        } else if command == CanvasCommand::Undo && !self.canvas.can_undo() {
            self.go_back();
        } else if let Some(made) = self.canvas.command(command) {
            self.errands.keep(self.session.inputs.clone(), made);
        }
    }

    /// Changes the inputs.
    pub(super) fn change_params(&mut self, change: impl FnOnce(&mut Params)) {
        self.session
            .change_settings(|settings| change(&mut settings.params));
    }

    /// Names another file as the mask in the inputs.
    pub(super) fn name_mask(&mut self, NewMask(path): NewMask) {
        self.change_params(|params| params.mask = path);
    }

    /// Keeps the mask as it is painted now. Returns whether nothing went wrong.
    pub(super) fn keep_mask(&mut self) -> bool {
        let kept = self.canvas.keep(&self.session);
        let is_kept = kept.is_ok();
        match kept {
            Ok(None) => {}
            Ok(Some(mask)) => self.name_mask(mask),
            Err(sentence) => self.notices.push(sentence),
        }
        is_kept
    }

    /// Fills the form from a record.
    pub(super) fn use_settings(&mut self, ctx: &Context, record: &Record) {
        let (params, remark) = self.session.params_of(record);
        self.session.change_settings(|settings| {
            settings.params = params;
            settings.fidelity = record.fidelity;
        });
        self.session.enable_loras();
        self.notices.extend(remark);
        self.form.forget_drafts();
        self.panels.form = true;
        self.say(ctx, text::SETTINGS_LOADED);
    }

    /// Puts the form's job in the queue, if nothing stands against it.
    fn generate(&mut self) {
        if self.keep_mask() && self.form.check(&self.session).obstacle.is_none() {
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

    /// Shows a picture of the gallery.
    fn select(&mut self, path: PathBuf) {
        self.choose(path);
        self.tab = Tab::Results;
    }

    /// Shows a picture that stands elsewhere in the gallery.
    fn step(&mut self, step: Step) {
        let entry = gallery::stepped(&self.session.gallery, self.chosen_index(), step);
        if let Some(path) = entry.map(|entry| entry.path.clone()) {
            self.select(path);
        }
    }

    /// Where a dialog begins.
    fn dialog_folder(&self, purpose: Asked) -> PathBuf {
        let settings = self.session.settings();
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
}
