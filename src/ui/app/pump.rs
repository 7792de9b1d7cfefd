//! What happens before a frame is drawn: what other threads have done is taken in, and the parts of the window follow the
//! inputs.

use std::path::PathBuf;

use egui::Context;

use crate::schema::field::Kind;
use crate::schema::fields;
use crate::schema::reference::Reference;
use crate::session::jobs::JobState;
use crate::ui::app::state::App;
use crate::ui::command::{Asked, Commands, LoraCommand, ModelCommand, Tab};
use crate::ui::form::loras;
use crate::ui::text::status as text;

impl App {
    /// Takes in what other threads have done, and what was pasted. Call it before [`App::show`].
    pub fn pump(&mut self, ctx: &Context) {
        self.session.pump();
        self.notices.extend(self.session.take_notices());
        self.notices.extend(self.errands.take_failures());
        self.take_ended_jobs(ctx);
        if let Some((purpose, path)) = self.errands.answer() {
            self.take_answer(ctx, purpose, path);
        }
        match self.errands.take_kept() {
            None => {}
            Some(Ok((picture, mask))) => self.start_from(ctx, picture, mask),
            Some(Err(sentence)) => self.notices.push(sentence),
        }
        self.take_pasted(ctx);
        self.follow_with_canvas(ctx);
        self.look_up_loras(ctx);
        let now = ctx.input(|input| input.time);
        self.remark.take_if(|(_, until)| now >= *until);
        self.save_in_time(ctx);
    }

    /// Keeps the mask before the window closes. The session writes what is not written yet.
    pub(crate) fn close(&mut self) {
        // Nobody is left to be told what goes wrong.
        if let Ok(Some(mask)) = self.canvas.keep(&self.session) {
            self.name_mask(mask);
        }
    }

    /// Shows the newest picture of a job that has just ended, and remembers one that failed.
    fn take_ended_jobs(&mut self, ctx: &Context) {
        let mut newest = None;
        let jobs = self.session.jobs().iter();
        let ended: Vec<_> = jobs.filter(|job| job.has_ended()).collect();
        for job in ended.iter().filter(|job| !self.ended.contains(&job.id)) {
            match &job.state {
                JobState::Finished(finished) => {
                    let last = finished.entries.last().map(|entry| entry.path.clone());
                    newest = last.or(newest);
                }
                JobState::Failed(_) => self.failure = Some(job.id),
                _ => {}
            }
        }
        self.ended = ended.iter().map(|job| job.id).collect();
        if let Some(path) = newest {
            self.choose(path);
            if self.tab == Tab::Canvas && self.canvas.is_busy() {
                // The hand that paints is not pulled away.
                self.say(ctx, text::PICTURE_READY);
            } else {
                self.tab = Tab::Results;
            }
        }
    }

    /// Takes over what was chosen in a dialog.
    fn take_answer(&mut self, ctx: &Context, purpose: Asked, path: PathBuf) {
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
                    self.say(ctx, text::MASK_SAVED);
                }
                None => self.notices.push(text::NO_MASK.to_owned()),
            },
            Asked::Lora(place) => {
                let typed = path.to_string_lossy().into_owned();
                self.perform(ctx, LoraCommand::Take(place, typed).into());
            }
            Asked::ModelFile => self.perform(ctx, ModelCommand::Choose(Some(path)).into()),
            Asked::ModelFolder => self.session.add_model_folder(path),
            Asked::Input("image") => self.start_from(ctx, path, None),
            Asked::Input(name) => {
                if let Some(Kind::Image(access)) = fields::find(name).map(|field| field.kind) {
                    self.change_params(|params| *(access.get_mut)(params) = Some(path));
                }
            }
        }
    }

    /// Brings the canvas in line with the inputs: opens their picture, takes their mask, and keeps what was painted.
    fn follow_with_canvas(&mut self, ctx: &Context) {
        let mut commands = Commands::default();
        self.canvas.follow(ctx, &self.session, &mut commands);
        self.perform_all(ctx, commands);
        let mut commands = Commands::default();
        let errands = &mut self.errands;
        self.canvas
            .keep_in_time(ctx, &self.session, errands, &mut commands);
        self.perform_all(ctx, commands);
        let painting = self.canvas.options;
        if painting != self.session.settings().painting {
            self.session
                .change_settings(|settings| settings.painting = painting);
        }
    }

    /// Looks up the LoRAs that the inputs name, but for what is being typed, disabled, or waits for the user's word.
    fn look_up_loras(&mut self, ctx: &Context) {
        let state = self.session.state();
        let all = self.session.settings().params.loras().enumerate();
        let named: Vec<_> = all
            .filter(|(_, (_, typed))| !state.is_off(typed) && !state.is_held(typed))
            .map(|(place, (_, typed))| (place, typed.to_owned()))
            .collect();
        let texts: Vec<_> = named.iter().map(|(_, typed)| typed.as_str()).collect();
        self.session.loras.end_all_but(&texts);
        for (place, typed) in &named {
            let is_typed = ctx.memory(|memory| memory.has_focus(loras::editor_id(*place)));
            if !is_typed && Reference::parse(typed).is_ok() {
                self.session.loras.look(typed);
            }
        }
    }
}
