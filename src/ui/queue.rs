//! The queue: what runs, what waits, what has ended.

use egui::{Label, ScrollArea, Ui};

use crate::session::jobs::{Job, JobState, Run};
use crate::session::program::Session;
use crate::ui::command::{Command, Commands};
use crate::ui::text::{common, status as text};
use crate::ui::theme::{self, HALF, SPACE};
use crate::ui::{icons, widgets};

/// Draws the list of jobs.
pub(super) fn queue_ui(ui: &mut Ui, session: &Session, commands: &mut Commands) {
    head_ui(ui, session.is_paused(), commands);
    ui.add_space(SPACE);
    let (ended, open): (Vec<_>, Vec<_>) = session.jobs().iter().partition(|job| job.has_ended());
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if session.jobs().is_empty() {
            ui.label(theme::weak(ui, text::QUEUE_EMPTY));
        }
        let waiting = open.iter().filter(|job| job.is_waiting()).count();
        let mut place = 0;
        for job in open {
            let moves = Moves {
                up: job.is_waiting() && place > 0,
                down: job.is_waiting() && place + 1 < waiting,
            };
            place += usize::from(job.is_waiting());
            job_ui(ui, job, moves, commands);
        }
        if !ended.is_empty() {
            ui.add_space(HALF);
            ui.horizontal(|ui| {
                widgets::small_ui(ui, text::ENDED);
                widgets::right_ui(ui, |ui| {
                    commands.icon_ui(ui, icons::CLEAR, text::CLEAR_ENDED, Command::ClearEnded);
                });
            });
        }
        for job in ended.into_iter().rev() {
            job_ui(ui, job, Moves::default(), commands);
        }
    });
}

/// The heading, and the switch that holds waiting jobs back.
fn head_ui(ui: &mut Ui, is_paused: bool, commands: &mut Commands) {
    ui.horizontal(|ui| {
        ui.label(theme::title(common::QUEUE));
        widgets::right_ui(ui, |ui| {
            commands.icon_ui(ui, icons::CLOSE, text::HIDE_QUEUE, Command::ToggleQueue);
            let (icon, name) = if is_paused {
                (icons::PLAY, common::RESUME)
            } else {
                (icons::PAUSE, text::PAUSE)
            };
            let pause = widgets::button_ui(ui, icon, name).on_hover_text(text::PAUSE_HINT);
            commands.on_click(&pause, Command::Pause(!is_paused));
        });
    });
    if is_paused {
        widgets::small_ui(ui, text::PAUSED);
    }
}

/// Where a waiting job can go.
#[derive(Clone, Copy, Default)]
struct Moves {
    up: bool,
    down: bool,
}

fn job_ui(ui: &mut Ui, job: &Job, moves: Moves, commands: &mut Commands) {
    let palette = theme::palette(ui);
    let fill = match job.state {
        JobState::Running(_) => palette.accent_soft,
        _ => palette.raised,
    };
    let contents_ui = |ui: &mut Ui| {
        ui.spacing_mut().item_spacing.y = HALF;
        let prompt = common::prompt(job.request.prompt.trim());
        ui.add(Label::new(prompt).truncate()).on_hover_text(prompt);
        match &job.state {
            JobState::Waiting => waiting_ui(ui, job, moves, commands),
            JobState::Running(run) => running_ui(ui, job, run, commands),
            JobState::Finished(finished) => {
                ui.horizontal(|ui| {
                    let words = text::finished(finished);
                    widgets::small_ui(ui, format!("{} {words}", icons::DONE));
                    widgets::right_ui(ui, |ui| {
                        if let Some(entry) = finished.entries.first() {
                            let show = Command::Select(entry.path.clone());
                            commands.icon_ui(ui, icons::PICTURE, text::SHOW_PICTURE, show);
                        }
                    });
                });
            }
            JobState::Cancelled => {
                widgets::small_ui(ui, format!("{} {}", icons::STOPPED, text::CANCELLED));
            }
            JobState::Failed(failure) => {
                let sentence = common::sentence(&failure.sentence);
                widgets::sentence_ui(ui, icons::ERROR, &sentence, palette.error);
            }
        }
    };
    ui.push_id(job.id, |ui| widgets::card_ui(ui, fill, contents_ui));
}

/// A waiting job: its places and its end.
fn waiting_ui(ui: &mut Ui, job: &Job, moves: Moves, commands: &mut Commands) {
    ui.horizontal(|ui| {
        let words = text::waiting(common::pictures(job.request.num_outputs));
        widgets::small_ui(ui, format!("{} {words}", icons::WAITING));
        widgets::right_ui(ui, |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            cancel_ui(ui, job, commands);
            for (is_possible, icon, name, by) in [
                (moves.down, icons::DOWN, text::LATER, 1),
                (moves.up, icons::UP, text::EARLIER, -1),
            ] {
                let button_ui = |ui: &mut Ui| widgets::icon_button_ui(ui, icon, name);
                let button = ui.add_enabled_ui(is_possible, button_ui).inner;
                commands.on_click(&button, Command::Reorder(job.id, by));
            }
        });
    });
}

/// The running job: how far it is, and its end.
fn running_ui(ui: &mut Ui, job: &Job, run: &Run, commands: &mut Commands) {
    egui::Sides::new().shrink_left().truncate().show(
        ui,
        |ui| widgets::small_ui(ui, common::progress(run)),
        |ui| cancel_ui(ui, job, commands),
    );
    widgets::job_progress_ui(ui, run);
    ui.add_space(HALF);
}

fn cancel_ui(ui: &mut Ui, job: &Job, commands: &mut Commands) {
    let name = text::cancel(&job.request.prompt);
    let cancel = widgets::bare_icon_ui(ui, icons::CLOSE, &name).on_hover_text(common::CANCEL);
    commands.on_click(&cancel, Command::Cancel(job.id));
}
