//! What the program has to say above the picture: what it is, what it is doing, what went wrong.

use egui::{Color32, Id, RichText, Ui, UiBuilder};

use crate::session::jobs::{Job, JobId, JobState, Run};
use crate::session::program::Session;
use crate::session::worker::ModelState;
use crate::text::size_text;
use crate::ui::command::{Command, Commands, ModelCommand, Tab};
use crate::ui::text::{common, status as text};
use crate::ui::theme::{self, READING_WIDTH, SPACE};
use crate::ui::{icons, shortcuts, widgets};
use crate::weights::catalog::total;

/// How many notices stand on the screen at a time.
const NOTICES: usize = 3;

/// What there is to say besides the state of the session.
pub(super) struct News<'a> {
    /// Sentences that stay until they are dismissed, the oldest first.
    pub(super) notices: &'a [String],
    /// The job that failed last.
    pub(super) failure: Option<JobId>,
    /// The page below.
    pub(super) tab: Tab,
}

/// Draws every message that is due.
pub(super) fn messages_ui(ui: &mut Ui, session: &Session, news: &News, commands: &mut Commands) {
    let palette = theme::palette(ui);
    let plain = (palette.panel, palette.text);
    model_ui(ui, session, news.tab, commands);
    let waiting = session.jobs().iter().filter(|job| job.is_waiting()).count();
    if session.is_paused() && waiting > 0 {
        message_ui(ui, icons::PAUSE, &text::paused(waiting), plain, |ui| {
            commands.on_click(&ui.button(common::RESUME), Command::Pause(false));
        });
    }
    for (index, notice) in news.notices.iter().enumerate().take(NOTICES) {
        message_ui(ui, icons::INFO, notice, plain, |ui| {
            dismiss_ui(ui, Command::DismissNotice(index), commands);
        });
    }
    if let Some(job) = news.failure.and_then(|id| session.job(id)) {
        failure_ui(ui, session, job, commands);
    }
    if let Some(job) = session.running()
        && let JobState::Running(run) = &job.state
    {
        let scope = UiBuilder::new().scope_id(Id::unique("busy"));
        ui.scope_builder(scope, |ui| busy_ui(ui, job, run, commands));
    }
    if ui.min_rect().height() > 0.0 {
        ui.add_space(SPACE);
    }
}

/// What the model is, and why the one that was chosen cannot be used.
fn model_ui(ui: &mut Ui, session: &Session, tab: Tab, commands: &mut Commands) {
    let palette = theme::palette(ui);
    let failed = (palette.error_soft, palette.error);
    // The page of models says what each is.
    let is_elsewhere = tab != Tab::Models;
    if let Some(about) = session.card().about.as_ref().filter(|_| is_elsewhere) {
        if session.runs_demo() {
            let colours = (palette.accent_soft, palette.text);
            message_ui(ui, icons::INFO, about, colours, |ui| {
                commands.on_click(&ui.button(text::OTHER_MODELS), Tab::Models);
            });
        } else {
            widgets::card_ui(ui, palette.accent_soft, |ui| {
                widgets::sentence_ui(ui, icons::INFO, about, palette.text);
            });
        }
    }
    if let Some(sentence) = session.refusal() {
        message_ui(ui, icons::ERROR, sentence, failed, |ui| {
            dismiss_ui(ui, ModelCommand::DismissRefusal, commands);
            if is_elsewhere {
                commands.on_click(&ui.button(text::MODELS), Tab::Models);
            }
        });
    }
    if let ModelState::Failed(sentence) = session.model() {
        message_ui(
            ui,
            icons::ERROR,
            &text::model_failed(sentence),
            failed,
            |ui| {
                commands.on_click(&ui.button(text::LOAD_AGAIN), ModelCommand::Reload);
            },
        );
    }
}

/// Why the last job made nothing.
fn failure_ui(ui: &mut Ui, session: &Session, job: &Job, commands: &mut Commands) {
    let JobState::Failed(failure) = &job.state else {
        return;
    };
    let palette = theme::palette(ui);
    let sentence = text::job_failed(&failure.sentence);
    let colours = (palette.error_soft, palette.error);
    message_ui(ui, icons::ERROR, &sentence, colours, |ui| {
        dismiss_ui(ui, Command::DismissFailure, commands);
        let again = Box::new(job.params.clone());
        if failure.lacks_checker {
            let off = ui.button(text::TURN_CHECKER_OFF);
            commands.on_click(&off, Command::TryUnchecked(again));
            let bytes = total(&session.models.catalog.safety_files());
            let download = ui.button(text::download_checker(size_text(bytes)));
            commands.on_click(&download, Command::FetchSafetyChecker);
        } else {
            commands.on_click(&ui.button(common::TRY_AGAIN), Command::TryAgain(again));
        }
    });
}

/// The cross that closes a message.
fn dismiss_ui(ui: &mut Ui, command: impl Into<Command>, commands: &mut Commands) {
    commands.icon_ui(ui, icons::CLOSE, common::DISMISS, command);
}

/// A card with a sentence on the left and buttons on the right, or below where there is little room. The colours are those
/// of the ground and of the text.
fn message_ui(
    ui: &mut Ui,
    icon: &str,
    text: &str,
    (fill, colour): (Color32, Color32),
    buttons_ui: impl FnOnce(&mut Ui),
) {
    widgets::card_ui(ui, fill, |ui| {
        if ui.available_width() < READING_WIDTH {
            widgets::sentence_ui(ui, icon, text, colour);
            ui.horizontal(|ui| widgets::right_ui(ui, buttons_ui));
            return;
        }
        egui::Sides::new().shrink_left().show(
            ui,
            |ui| {
                ui.label(RichText::new(icon).color(colour).size(theme::MESSAGE_ICON));
                widgets::wrapped_ui(ui, RichText::new(text).color(colour));
            },
            buttons_ui,
        );
    });
}

/// What is being made.
fn busy_ui(ui: &mut Ui, job: &Job, run: &Run, commands: &mut Commands) {
    let palette = theme::palette(ui);
    let line = egui::Sides::new().shrink_left().truncate();
    let line = line.height(theme::LINE_HEIGHT);
    widgets::card_ui(ui, palette.panel, |ui| {
        let hint = shortcuts::hint(ui.ctx(), common::CANCEL, shortcuts::CANCEL);
        ui.horizontal(|ui| {
            widgets::right_ui(ui, |ui| {
                let button = egui::Button::new(common::CANCEL);
                let cancel = ui.add_enabled(!run.is_cancelling(), button);
                commands.on_click(&cancel.on_hover_text(hint), Command::Cancel(job.id));
                ui.add_space(SPACE);
                ui.vertical(|ui| {
                    let words = theme::small(ui, common::progress(run)).color(palette.text);
                    let left = run.time_left().map(common::time_left).unwrap_or_default();
                    let left_ui = |ui: &mut Ui| ui.label(words);
                    line.show(ui, left_ui, |ui| widgets::small_ui(ui, left));
                    widgets::job_progress_ui(ui, run);
                });
            });
        });
    });
}
