//! What the program has to say above the picture: what it is, what it is doing, what went wrong.

use std::time::Duration;

use egui::{Align, Color32, Id, Layout, RichText, Ui, UiBuilder};

use crate::engine::progress::{Progress, Stage};
use crate::session::jobs::{Failure, Job, JobId, JobState, Run};
use crate::session::program::Session;
use crate::session::worker::ModelState;
use crate::text::{duration_text, size_text};
use crate::ui::theme::{self, READING_WIDTH, SPACE};
use crate::ui::{Action, Tab, icons, shortcuts, widgets};
use crate::weights::catalog::total;

/// How many notices stand on the screen at a time.
const NOTICES: usize = 3;

/// Draws every message that is due.
pub(super) fn messages_ui(
    ui: &mut Ui,
    session: &Session,
    notices: &[String],
    failure: Option<JobId>,
    tab: Tab,
    actions: &mut Vec<Action>,
) {
    let palette = theme::palette(ui);
    // The page of models says what each is.
    let about = session.card().about.as_ref();
    if let Some(about) = about.filter(|_| tab != Tab::Models) {
        widgets::card_ui(ui, palette.accent_soft, |ui| {
            if session.runs_demo() {
                dismissable_ui(ui, icons::INFO, about, palette.text, |ui| {
                    if ui.button("Other models").clicked() {
                        actions.push(Action::ShowTab(Tab::Models));
                    }
                });
            } else {
                widgets::sentence_ui(ui, icons::INFO, about, palette.text);
            }
        });
    }
    if let Some(sentence) = session.refusal() {
        widgets::card_ui(ui, palette.error_soft, |ui| {
            dismissable_ui(ui, icons::ERROR, sentence, palette.error, |ui| {
                if widgets::icon_button_ui(ui, icons::CLOSE, "Dismiss").clicked() {
                    actions.push(Action::DismissRefusal);
                }
                if tab != Tab::Models && ui.button("Models").clicked() {
                    actions.push(Action::ShowTab(Tab::Models));
                }
            });
        });
    }
    if let ModelState::Failed(sentence) = session.model() {
        widgets::card_ui(ui, palette.error_soft, |ui| {
            let text = format!("The model cannot be used: {sentence}");
            dismissable_ui(ui, icons::ERROR, &text, palette.error, |ui| {
                if ui.button("Load again").clicked() {
                    actions.push(Action::ReloadModel);
                }
            });
        });
    }
    let waiting = session.jobs().iter().filter(|job| job.is_waiting()).count();
    if session.is_paused() && waiting > 0 {
        widgets::card_ui(ui, palette.panel, |ui| {
            let jobs = if waiting == 1 {
                "job waits"
            } else {
                "jobs wait"
            };
            let text = format!("The queue is paused: {waiting} {jobs}");
            dismissable_ui(ui, icons::PAUSE, &text, palette.text, |ui| {
                if ui.button("Resume").clicked() {
                    actions.push(Action::Pause(false));
                }
            });
        });
    }
    for (index, notice) in notices.iter().enumerate().take(NOTICES) {
        widgets::card_ui(ui, palette.panel, |ui| {
            dismissable_ui(ui, icons::INFO, notice, palette.text, |ui| {
                if widgets::icon_button_ui(ui, icons::CLOSE, "Dismiss").clicked() {
                    actions.push(Action::DismissNotice(index));
                }
            });
        });
    }
    if let Some(job) = failure.and_then(|id| session.job(id))
        && let JobState::Failed(failure) = &job.state
    {
        failure_ui(ui, session, job, failure, actions);
    }
    if let Some(job) = session.running()
        && let JobState::Running(run) = &job.state
    {
        let scope = UiBuilder::new().scope_id(Id::unique("busy"));
        ui.scope_builder(scope, |ui| busy_ui(ui, job, run, actions));
    }
    if ui.min_rect().height() > 0.0 {
        ui.add_space(SPACE);
    }
}

/// Why the last job made nothing.
fn failure_ui(
    ui: &mut Ui,
    session: &Session,
    job: &Job,
    failure: &Failure,
    actions: &mut Vec<Action>,
) {
    let palette = theme::palette(ui);
    widgets::card_ui(ui, palette.error_soft, |ui| {
        let text = format!("No picture was made: {}", failure.sentence);
        dismissable_ui(ui, icons::ERROR, &text, palette.error, |ui| {
            if widgets::icon_button_ui(ui, icons::CLOSE, "Dismiss").clicked() {
                actions.push(Action::DismissFailure);
            }
            let again = || Box::new(job.params.clone());
            if failure.lacks_checker {
                if ui.button("Turn the checker off").clicked() {
                    actions.push(Action::TryUnchecked(again()));
                }
                let files = session.models.catalog.safety_files();
                let text = format!("Download the checker ({})", size_text(total(&files)));
                if ui.button(text).clicked() {
                    actions.push(Action::FetchSafetyChecker);
                }
            } else if ui.button("Try again").clicked() {
                actions.push(Action::TryAgain(again()));
            }
        });
    });
}

/// A sentence on the left, buttons on the right, or below where there is little room.
fn dismissable_ui(
    ui: &mut Ui,
    icon: &str,
    text: &str,
    colour: Color32,
    buttons: impl FnOnce(&mut Ui),
) {
    if ui.available_width() < READING_WIDTH {
        widgets::sentence_ui(ui, icon, text, colour);
        ui.horizontal(|ui| ui.with_layout(Layout::right_to_left(Align::Center), buttons));
        return;
    }
    egui::Sides::new().shrink_left().show(
        ui,
        |ui| {
            ui.label(RichText::new(icon).color(colour).size(theme::MESSAGE_ICON));
            ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
        },
        buttons,
    );
}

/// What is being made.
fn busy_ui(ui: &mut Ui, job: &Job, run: &Run, actions: &mut Vec<Action>) {
    widgets::card_ui(ui, theme::palette(ui).panel, |ui| {
        let hint = format!("Cancel ({})", shortcuts::text(ui.ctx(), shortcuts::CANCEL));
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let button = ui.add_enabled(!run.is_cancelling(), egui::Button::new("Cancel"));
                if button.on_hover_text(hint).clicked() {
                    actions.push(Action::Cancel(job.id));
                }
                ui.add_space(SPACE);
                ui.vertical(|ui| {
                    egui::Sides::new()
                        .shrink_left()
                        .truncate()
                        .height(theme::LINE_HEIGHT)
                        .show(
                            ui,
                            |ui| {
                                ui.label(
                                    theme::small(ui, progress_words(run))
                                        .color(theme::palette(ui).text),
                                )
                            },
                            |ui| {
                                ui.label(theme::small(
                                    ui,
                                    run.time_left().map(left_text).unwrap_or_default(),
                                ))
                            },
                        );
                    progress_ui(ui, run);
                });
            });
        });
    });
}

/// How far a job is, as a bar.
pub(super) fn progress_ui(ui: &mut Ui, run: &Run) {
    let done = run.progress().map_or(0.0, |progress| progress.fraction());
    widgets::progress_ui(ui, done, &progress_words(run));
}

/// How far a job is, in words.
pub(super) fn progress_words(run: &Run) -> String {
    if run.is_cancelling() {
        return "Cancelling…".to_owned();
    }
    let Some(progress) = run.progress() else {
        return "Starting…".to_owned();
    };
    let Progress {
        stage,
        picture,
        pictures,
        step,
        steps,
        ..
    } = progress;
    let mut words = vec![stage.label().to_owned()];
    if stage == Stage::Denoising {
        words.push(format!("step {} of {steps}", (step + 1).min(steps)));
    }
    if pictures > 1 && stage >= Stage::Denoising {
        words.push(format!("picture {} of {pictures}", picture + 1));
    }
    words.join(" · ")
}

/// A duration as people say it.
pub(super) fn left_text(left: Duration) -> String {
    match left.as_secs() {
        0 => "Less than a second left".to_owned(),
        secs => format!("About {} left", duration_text(secs as f64)),
    }
}
