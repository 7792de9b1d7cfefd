//! The queue: what runs, what waits, what has ended.

use egui::{Align, Label, Layout, ScrollArea, Ui};

use crate::session::jobs::{Job, JobState};
use crate::session::program::Session;
use crate::ui::theme::{self, HALF, SPACE};
use crate::ui::{Action, icons, messages, widgets};

/// Draws the list of jobs.
pub(super) fn queue_ui(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    head_ui(ui, session, actions);
    ui.add_space(SPACE);
    let (ended, open): (Vec<_>, Vec<_>) = session.jobs().iter().partition(|job| job.has_ended());
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if session.jobs().is_empty() {
            ui.label(theme::weak(
                ui,
                "Nothing is waiting. Press Generate as often as you like: jobs line up here",
            ));
        }
        let waiting = open.iter().filter(|job| job.is_waiting()).count();
        let mut place = 0;
        for job in open {
            let last = job.is_waiting() && place + 1 == waiting;
            let first = job.is_waiting() && place == 0;
            place += usize::from(job.is_waiting());
            job_ui(
                ui,
                job,
                &Moves {
                    up: !first,
                    down: !last,
                },
                actions,
            );
        }
        if !ended.is_empty() {
            ui.add_space(HALF);
            ui.horizontal(|ui| {
                ui.label(theme::small(ui, "Ended"));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if widgets::icon_button_ui(ui, icons::CLEAR, "Clear ended jobs").clicked() {
                        actions.push(Action::ClearEnded);
                    }
                });
            });
        }
        for job in ended.into_iter().rev() {
            job_ui(
                ui,
                job,
                &Moves {
                    up: false,
                    down: false,
                },
                actions,
            );
        }
    });
}

/// The heading, and the switch that holds waiting jobs back.
fn head_ui(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.label(theme::title("Queue"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if widgets::icon_button_ui(ui, icons::CLOSE, "Hide the queue").clicked() {
                actions.push(Action::ToggleQueue);
            }
            let (icon, name) = if session.is_paused() {
                (icons::PLAY, "Resume")
            } else {
                (icons::PAUSE, "Pause")
            };
            let response = widgets::button_ui(ui, icon, name);
            if response
                .on_hover_text("Holds waiting jobs back; what runs goes on")
                .clicked()
            {
                actions.push(Action::Pause(!session.is_paused()));
            }
        });
    });
    if session.is_paused() {
        ui.label(theme::small(ui, "Paused: waiting jobs stay where they are"));
    }
}

/// Where a waiting job can go.
struct Moves {
    up: bool,
    down: bool,
}

/// Draws one job.
fn job_ui(ui: &mut Ui, job: &Job, moves: &Moves, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui);
    let fill = if matches!(job.state, JobState::Running(_)) {
        palette.accent_soft
    } else {
        palette.raised
    };
    ui.push_id(job.id, |ui| {
        widgets::card_ui(ui, fill, |ui| {
            ui.spacing_mut().item_spacing.y = HALF;
            let prompt = job.request.prompt.trim();
            let prompt = if prompt.is_empty() {
                "No prompt"
            } else {
                prompt
            };
            ui.add(Label::new(prompt).truncate()).on_hover_text(prompt);
            match &job.state {
                JobState::Waiting => waiting_ui(ui, job, moves, actions),
                JobState::Running(run) => {
                    egui::Sides::new().shrink_left().truncate().show(
                        ui,
                        |ui| ui.label(theme::small(ui, messages::progress_words(run))),
                        |ui| cancel_ui(ui, job, actions),
                    );
                    messages::progress_ui(ui, run);
                    ui.add_space(HALF);
                }
                JobState::Finished(finished) => {
                    let count = finished.entries.len();
                    let pictures = if count == 1 { "picture" } else { "pictures" };
                    let secs = finished.timings_secs.total;
                    ui.horizontal(|ui| {
                        ui.label(theme::small(
                            ui,
                            format!("{} {count} {pictures} in {secs:.1} s", icons::DONE),
                        ));
                        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                            if let Some(entry) = finished.entries.first()
                                && widgets::icon_button_ui(ui, icons::PICTURE, "Show the picture")
                                    .clicked()
                            {
                                actions.push(Action::Select(entry.path.clone()));
                            }
                        });
                    });
                }
                JobState::Cancelled => {
                    ui.label(theme::small(ui, format!("{} Cancelled", icons::STOPPED)));
                }
                JobState::Failed(failure) => widgets::sentence_ui(
                    ui,
                    icons::ERROR,
                    &widgets::sentence(&failure.sentence),
                    palette.error,
                ),
            }
        });
    });
}

/// A waiting job: its places and its end.
fn waiting_ui(ui: &mut Ui, job: &Job, moves: &Moves, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        let count = job.request.num_outputs;
        let pictures = if count == 1 {
            "1 picture".to_owned()
        } else {
            format!("{count} pictures")
        };
        ui.label(theme::small(
            ui,
            format!("{} Waiting · {pictures}", icons::WAITING),
        ));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            cancel_ui(ui, job, actions);
            for (possible, icon, name, by) in [
                (moves.down, icons::DOWN, "Later", 1),
                (moves.up, icons::UP, "Sooner", -1),
            ] {
                if ui
                    .add_enabled_ui(possible, |ui| widgets::icon_button_ui(ui, icon, name))
                    .inner
                    .clicked()
                {
                    actions.push(Action::Reorder(job.id, by));
                }
            }
        });
    });
}

/// Ends a job.
fn cancel_ui(ui: &mut Ui, job: &Job, actions: &mut Vec<Action>) {
    let name = format!("Cancel {}", job.request.prompt);
    if widgets::bare_icon_ui(ui, icons::CLOSE, &name)
        .on_hover_text("Cancel")
        .clicked()
    {
        actions.push(Action::Cancel(job.id));
    }
}
