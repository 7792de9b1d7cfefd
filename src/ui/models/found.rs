//! The models of this machine.

use std::fs;
use std::path::{Path, PathBuf};

use egui::{Align, Layout, RichText, Ui};

use crate::imaging::read;
use crate::session::downloads::Purpose;
use crate::session::program::Session;
use crate::text::size_text;
use crate::ui::command::{Command, Commands, Desk, ModelCommand};
use crate::ui::text::{common, models as text};
use crate::ui::theme::{self, HALF};
use crate::ui::{icons, widgets};
use crate::weights::architecture::Architecture;
use crate::weights::catalog::total;
use crate::weights::survey::found::FoundModel;

/// What the list of models remembers.
#[derive(Default)]
pub(super) struct Found {
    /// The model that is to be deleted if the user says so once more, and the question.
    doomed: Option<(PathBuf, String)>,
}

impl Found {
    /// Draws the list. Returns whether a download has been asked for.
    pub(super) fn found_ui(&mut self, ui: &mut Ui, desk: &mut Desk<'_>) -> bool {
        let session = desk.session;
        ui.horizontal(|ui| {
            ui.label(theme::title(text::HERE));
            widgets::right_ui(ui, |ui| {
                if session.models.is_looking() {
                    widgets::small_ui(ui, text::LOOKING);
                } else {
                    let (name, look) = (text::LOOK_AGAIN, ModelCommand::Look);
                    desk.commands.icon_ui(ui, icons::RESET, name, look);
                }
            });
        });
        demo_ui(ui, session, desk.commands);
        let found = session.models.found().unwrap_or_default();
        if !session.runs_demo() && !found.iter().any(|model| session.is_in_use(model)) {
            current_ui(ui, session);
        }
        let mut downloads = false;
        for model in found.iter() {
            let model_ui = |ui: &mut Ui| self.model_ui(ui, model, desk);
            downloads |= ui.push_id(&model.path, model_ui).inner;
        }
        if session.lacks_safety_checker() {
            checker_ui(ui, session, desk.commands);
        }
        downloads
    }

    /// One model that was found. Returns whether a download has been asked for.
    fn model_ui(&mut self, ui: &mut Ui, model: &FoundModel, desk: &mut Desk<'_>) -> bool {
        let (session, commands) = (desk.session, &mut *desk.commands);
        let mut downloads = false;
        model_card_ui(ui, session.is_in_use(model), |ui| {
            row_ui(ui, &model.name, &text::facts(model), |ui| {
                downloads = use_ui(ui, model, session, commands);
                self.delete_ui(ui, model, session);
                let reveal = Command::Reveal(model.path.clone());
                commands.icon_ui(ui, icons::FOLDER, text::REVEAL, reveal);
            });
            place_ui(ui, &model.path);
            if let Some(obstacle) = &model.obstacle {
                let colour = theme::palette(ui).error;
                widgets::sentence_ui(ui, icons::ERROR, &text::obstacle(obstacle), colour);
            } else if let Some(needs) = model.needs() {
                widgets::small_sentence_ui(ui, icons::INFO, &text::needs(&needs));
            }
            if let Some((path, question)) = &self.doomed
                && *path == model.path
                && let Some(is_doomed) = widgets::question_ui(ui, question, text::TRASH)
            {
                self.doomed = None;
                if is_doomed {
                    commands.push(ModelCommand::Trash(Box::new(model.clone())));
                }
            }
        });
        downloads
    }

    /// The button that deletes a model, after a question.
    fn delete_ui(&mut self, ui: &mut Ui, model: &FoundModel, session: &Session) {
        let files = session.removable(model);
        let name = match (session.is_in_use(model), files.is_empty()) {
            (true, _) => text::DELETE_IN_USE,
            (false, true) => text::DELETE_FOREIGN,
            (false, false) => text::DELETE,
        };
        let button_ui = |ui: &mut Ui| widgets::icon_button_ui(ui, icons::CLEAR, name);
        let delete = ui.add_enabled_ui(name == text::DELETE, button_ui);
        if delete.inner.clicked() {
            self.doomed = Some((model.path.clone(), trash_question(&files)));
        }
    }
}

/// What can be done to use a model. Returns whether a download has been asked for.
fn use_ui(ui: &mut Ui, model: &FoundModel, session: &Session, commands: &mut Commands) -> bool {
    if session.is_in_use(model) {
        in_use_ui(ui);
    } else if session.models.opening() == Some(&model.path) {
        widgets::small_ui(ui, text::OPENING);
    } else if model.is_ready() {
        let name = text::use_model(&model.name);
        let choose = ui.button(text::USE).accessible_name(name);
        let command = ModelCommand::Choose(Some(model.path.clone()));
        commands.on_click(&choose, command);
    } else if model.obstacle.is_none() {
        let catalog = &session.models.catalog;
        let parts = model.missing.iter();
        let files = parts.flat_map(|part| catalog.files_of_part(part.folder));
        let name = text::get_rest(size_text(total(&files.collect::<Vec<_>>())));
        let rest = Purpose::Rest(model.path.clone());
        let is_new = session.downloads.find(&rest).is_none();
        if widgets::download_button_ui(ui, is_new, &name, &name) {
            commands.push(ModelCommand::Download(rest));
            return true;
        }
    }
    false
}

fn trash_question(files: &[PathBuf]) -> String {
    let sizes = files.iter().filter_map(|file| fs::metadata(file).ok());
    let size = size_text(sizes.map(|data| data.len()).sum());
    let names: Vec<_> = files.iter().map(|file| read::name(file)).collect();
    text::trash_question(names.join(", "), size)
}

/// The model inside the program.
fn demo_ui(ui: &mut Ui, session: &Session, commands: &mut Commands) {
    let is_in_use = session.runs_demo();
    model_card_ui(ui, is_in_use, |ui| {
        row_ui(ui, text::DEMO, text::DEMO_FACTS, |ui| {
            let is_kept = session.settings().model.is_none();
            let (words, name) = if is_in_use {
                (common::KEEP, text::KEEP_DEMO)
            } else {
                (text::USE, text::USE_DEMO)
            };
            if is_in_use && (is_kept || session.models.opening().is_some()) {
                in_use_ui(ui);
            } else {
                let choose = ui.button(words).accessible_name(name);
                commands.on_click(&choose, ModelCommand::Choose(None));
            }
        });
    });
}

/// The model that runs, where it is none of those that were found.
fn current_ui(ui: &mut Ui, session: &Session) {
    model_card_ui(ui, true, |ui| {
        let named = || text::NAMED_AT_START.to_owned();
        let facts = session.source().assembled();
        let facts = facts.map_or_else(named, Architecture::name);
        row_ui(ui, &session.card().name, &facts, in_use_ui);
    });
}

/// The safety checker that the model wants and that is not here.
fn checker_ui(ui: &mut Ui, session: &Session, commands: &mut Commands) {
    model_card_ui(ui, false, |ui| {
        row_ui(ui, text::CHECKER, text::CHECKER_FACTS, |ui| {
            let bytes = total(&session.models.catalog.safety_files());
            let words = text::download_bytes(size_text(bytes));
            let is_new = session.downloads.find(&Purpose::Safety).is_none();
            if widgets::download_button_ui(ui, is_new, &words, text::DOWNLOAD_CHECKER) {
                commands.push(ModelCommand::Download(Purpose::Safety));
            }
        });
    });
}

/// Where a model lies: its folder.
fn place_ui(ui: &mut Ui, path: &Path) {
    let is_file = path.extension().is_some();
    let folder = path.parent().filter(|_| is_file).unwrap_or(path);
    let folder = folder.to_string_lossy();
    widgets::truncated_ui(ui, theme::small(ui, folder.as_ref())).on_hover_text(folder.as_ref());
}

/// A card around a model; the one in use is marked.
fn model_card_ui(ui: &mut Ui, is_in_use: bool, contents_ui: impl FnOnce(&mut Ui)) {
    let palette = theme::palette(ui);
    let (own, other) = (palette.accent_soft, palette.panel);
    let fill = if is_in_use { own } else { other };
    widgets::card_ui(ui, fill, |ui| {
        ui.spacing_mut().item_spacing.y = HALF;
        contents_ui(ui);
    });
}

/// A name with facts below it on the left, and buttons on the right.
fn row_ui(ui: &mut Ui, name: &str, facts: &str, buttons_ui: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        widgets::right_ui(ui, |ui| {
            buttons_ui(ui);
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                widgets::truncated_ui(ui, theme::strong(name)).on_hover_text(name);
                widgets::wrapped_ui(ui, theme::small(ui, facts));
            });
        });
    });
}

/// Says that something is as it should be.
pub(super) fn done_ui(ui: &mut Ui, words: &str) {
    let words = format!("{} {words}", icons::DONE);
    ui.label(RichText::new(words).color(theme::palette(ui).accent));
}

/// Marks the model that runs.
fn in_use_ui(ui: &mut Ui) {
    done_ui(ui, text::IN_USE);
}
