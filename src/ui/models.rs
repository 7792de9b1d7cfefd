//! The page of models: which are on this machine, which runs, and where to get others ([`offers`]).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use egui::{Align, Label, Layout, RichText, ScrollArea, Ui};

use crate::imaging::read;
use crate::schema::choices::Model;
use crate::session::downloads::Purpose;
use crate::session::program::Session;
use crate::text::size_text;
use crate::ui::files::Asked;
use crate::ui::theme::{self, HALF, PAGE_WIDTH, PANEL_MARGIN, SMALL_CONTROL, SPACE};
use crate::ui::{Action, Tab, icons, offers, widgets};
use crate::weights::architecture::Architecture;
use crate::weights::catalog::total;
use crate::weights::survey::found::FoundModel;

/// What the page remembers.
#[derive(Default)]
pub(super) struct ModelsPage {
    /// The precision that is looked at, by model; without a choice it is the one that suits the machine.
    chosen: HashMap<Model, Option<String>>,
    /// How high what stands above the buttons of the offers was, by model: the buttons stand in a line.
    heights: HashMap<Model, f32>,
    /// Whether the page is to be shown from its top, where the download is.
    pub(super) to_top: bool,
    /// Whether it is to be shown from where models are offered.
    to_offers: bool,
    /// The model that is to be deleted if the user says so once more, and the question.
    doomed: Option<(PathBuf, String)>,
}

impl ModelsPage {
    /// Which offer of a model is looked at.
    pub(super) fn choice(&mut self, model: Model) -> &mut Option<String> {
        self.chosen.entry(model).or_default()
    }

    /// How much lower an offer of this height is than the other; remembers it.
    pub(super) fn rest_below(&mut self, model: Model, height: f32) -> f32 {
        self.heights.insert(model, height);
        let highest = self.heights.values().copied().fold(height, f32::max);
        highest - height
    }

    /// Draws the page.
    pub(super) fn models_ui(
        &mut self,
        ui: &mut Ui,
        session: &mut Session,
        actions: &mut Vec<Action>,
    ) {
        ui.add_space(SPACE);
        let mut area = ScrollArea::vertical();
        if std::mem::take(&mut self.to_top) {
            area = area.vertical_scroll_offset(0.0);
        }
        area.auto_shrink(false)
            .content_margin(egui::Margin {
                right: PANEL_MARGIN,
                ..egui::Margin::ZERO
            })
            .show(ui, |ui| {
                ui.set_max_width(PAGE_WIDTH.min(ui.available_width()));
                if session.is_new() && session.downloads.all().is_empty() {
                    self.to_offers |= welcome_ui(ui, session, actions);
                    ui.add_space(SPACE);
                }
                offers::downloads_ui(ui, session);
                self.here_ui(ui, session, actions);
                ui.add_space(2.0 * SPACE);
                let heading = ui.label(theme::title("Get FLUX.1"));
                if std::mem::take(&mut self.to_offers) {
                    heading.scroll_to_me(Some(Align::TOP));
                }
                offers::offers_ui(ui, self, session);
                ui.add_space(2.0 * SPACE);
                folders_ui(ui, session, actions);
                widgets::follow_focus(ui);
            });
    }

    /// The models of this machine.
    fn here_ui(&mut self, ui: &mut Ui, session: &mut Session, actions: &mut Vec<Action>) {
        ui.horizontal(|ui| {
            ui.label(theme::title("On this machine"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if session.models.is_looking() {
                    ui.label(theme::small(ui, "Looking…"));
                } else if widgets::icon_button_ui(ui, icons::RESET, "Look again").clicked() {
                    session.look_for_models();
                }
            });
        });
        demo_ui(ui, session);
        let found = session.models.found().unwrap_or_default();
        if !session.runs_demo() && !found.iter().any(|model| session.is_in_use(model)) {
            current_ui(ui, session);
        }
        for model in found.iter() {
            ui.push_id(&model.path, |ui| self.model_ui(ui, model, session, actions));
        }
        safety_ui(ui, session);
    }

    /// One model that was found.
    fn model_ui(
        &mut self,
        ui: &mut Ui,
        model: &FoundModel,
        session: &mut Session,
        actions: &mut Vec<Action>,
    ) {
        let is_in_use = session.is_in_use(model);
        card_ui(ui, is_in_use, |ui| {
            let facts = [
                Some(model.kind.clone()),
                model.precision.map(str::to_owned),
                Some(size_text(model.bytes)),
            ];
            let facts: Vec<_> = facts.into_iter().flatten().collect();
            row_ui(ui, &model.name, &facts.join(" · "), |ui| {
                self.buttons_ui(ui, model, is_in_use, session, actions);
            });
            place_ui(ui, &model.path);
            if let Some(obstacle) = &model.obstacle {
                let palette = theme::palette(ui);
                let text = format!("It {obstacle}");
                widgets::sentence_ui(ui, icons::ERROR, &text, palette.error);
            } else if let Some(needs) = model.needs() {
                widgets::small_sentence_ui(ui, icons::INFO, &format!("It still needs {needs}"));
            }
            if let Some((path, question)) = &self.doomed
                && *path == model.path
                && let Some(is_doomed) = widgets::question_ui(ui, question, "Put into the trash")
            {
                self.doomed = None;
                if is_doomed {
                    session.trash_model(model);
                }
            }
        });
    }

    /// What can be done with a model, from right to left.
    fn buttons_ui(
        &mut self,
        ui: &mut Ui,
        model: &FoundModel,
        is_in_use: bool,
        session: &mut Session,
        actions: &mut Vec<Action>,
    ) {
        if is_in_use {
            in_use_ui(ui);
        } else if session.models.opening() == Some(&model.path) {
            ui.label(theme::small(ui, "Opening…"));
        } else if model.is_ready() {
            let name = format!("Use {}", model.name);
            if ui.button("Use").accessible_name(&name).clicked() {
                session.choose_model(Some(model.path.clone()));
            }
        } else if model.obstacle.is_none() {
            let parts = model.missing.iter();
            let files: Vec<_> = parts
                .flat_map(|part| session.models.catalog.files_of_part(part.folder))
                .collect();
            let text = format!("Get the rest ({})", size_text(total(&files)));
            let rest = Purpose::Rest(model.path.clone());
            let is_new = session.downloads.find(&rest).is_none();
            if widgets::download_button_ui(ui, is_new, &text, &text) {
                session.fetch_model(rest);
                self.to_top = true;
            }
        }
        let files = session.removable(model);
        let name = match (is_in_use, files.is_empty()) {
            (true, _) => "The model in use cannot be deleted: choose another one first",
            (false, true) => "Another program or model has it: it cannot be deleted here",
            (false, false) => "Delete",
        };
        let is_possible = !is_in_use && !files.is_empty();
        let doom = ui.add_enabled_ui(is_possible, |ui| {
            widgets::icon_button_ui(ui, icons::CLEAR, name)
        });
        if doom.inner.clicked() {
            self.doomed = Some((model.path.clone(), question(&files)));
        }
        if widgets::icon_button_ui(ui, icons::FOLDER, "Show in the file manager").clicked() {
            actions.push(Action::Reveal(model.path.clone()));
        }
    }
}

/// Asks about the files that go with a model.
fn question(files: &[PathBuf]) -> String {
    let sizes = files.iter().filter_map(|file| fs::metadata(file).ok());
    let bytes: u64 = sizes.map(|data| data.len()).sum();
    let names: Vec<_> = files.iter().map(|file| read::name(file)).collect();
    format!(
        "Put {} into the trash ({})?",
        names.join(", "),
        size_text(bytes)
    )
}

/// What the program says when it is opened for the first time. Returns whether what can be had is to be shown.
fn welcome_ui(ui: &mut Ui, session: &mut Session, actions: &mut Vec<Action>) -> bool {
    widgets::card_ui(ui, theme::palette(ui).accent_soft, |ui| {
        ui.add_space(HALF);
        ui.label(theme::title("Welcome"));
        let text = "Pictures are made on this machine, and nothing leaves it. A small demo model is here already and draws \
                    toy faces within seconds. For real pictures get FLUX.1 below, or add the folder in which ComfyUI, \
                    InvokeAI or another program keeps it: nothing is copied";
        ui.add(Label::new(text).wrap());
        let to_offers = ui.horizontal_wrapped(|ui| {
            let to_offers = widgets::button_ui(ui, icons::DOWN, "Get FLUX.1").clicked();
            if ui.button("Begin with the demo model").clicked() {
                session.note_models_seen();
                actions.push(Action::ShowTab(Tab::Results));
            }
            if widgets::button_ui(ui, icons::FOLDER, "I have FLUX.1 here…").clicked() {
                actions.push(Action::Ask(Asked::ModelFolder));
            }
            to_offers
        });
        ui.add_space(HALF);
        to_offers.inner
    })
}

/// The model inside the program.
fn demo_ui(ui: &mut Ui, session: &mut Session) {
    let is_in_use = session.runs_demo();
    card_ui(ui, is_in_use, |ui| {
        let facts = "Draws toy faces of 128 × 128 pixels within seconds · always here";
        row_ui(ui, "Demo model", facts, |ui| {
            let is_kept = session.settings.model.is_none();
            let (text, name) = if is_in_use {
                ("Keep", "Keep the demo model")
            } else {
                ("Use", "Use the demo model")
            };
            if is_in_use && (is_kept || session.models.opening().is_some()) {
                in_use_ui(ui);
            } else if ui.button(text).accessible_name(name).clicked() {
                session.choose_model(None);
            }
        });
    });
}

/// The model that runs, where it is none of those that were found.
fn current_ui(ui: &mut Ui, session: &Session) {
    card_ui(ui, true, |ui| {
        let named = || "Named when the program was started".to_owned();
        let facts = session.source().assembled();
        let facts = facts.map_or_else(named, Architecture::name);
        row_ui(ui, &session.card().name, &facts, in_use_ui);
    });
}

/// Whether there is a safety checker, where the model that runs wants one.
fn safety_ui(ui: &mut Ui, session: &mut Session) {
    if !session.lacks_safety_checker() {
        return;
    }
    card_ui(ui, false, |ui| {
        let size = size_text(total(&session.models.catalog.safety_files()));
        let facts = "Checks every picture before it is shown. It is not here yet: jobs end until it is, or is turned off";
        row_ui(ui, "Safety checker", facts, |ui| {
            let text = format!("Download ({size})");
            let is_new = session.downloads.find(&Purpose::Safety).is_none();
            if widgets::download_button_ui(ui, is_new, &text, "Download the safety checker") {
                session.fetch_model(Purpose::Safety);
            }
        });
    });
}

/// Where models are looked for.
fn folders_ui(ui: &mut Ui, session: &mut Session, actions: &mut Vec<Action>) {
    ui.label(theme::title("Files that you have"));
    let text = "Models are used where they are, and nothing is copied: folders of ComfyUI, InvokeAI or diffusers, and single \
                files (.safetensors, .gguf). The cache of Hugging Face is looked through anyway";
    ui.add(Label::new(theme::weak(ui, text)).wrap());
    for folder in session.settings.model_folders.clone() {
        ui.push_id(&folder, |ui| {
            ui.horizontal(|ui| {
                ui.set_height(SMALL_CONTROL);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let name = "Do not look here any more";
                    if widgets::icon_button_ui(ui, icons::CLOSE, name).clicked() {
                        session.remove_model_folder(&folder);
                    }
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        ui.label(icons::FOLDER);
                        let path = folder.to_string_lossy();
                        ui.add(Label::new(path.as_ref()).truncate());
                    });
                });
            });
        });
    }
    ui.horizontal_wrapped(|ui| {
        if widgets::button_ui(ui, icons::FOLDER, "Add a folder…").clicked() {
            actions.push(Action::Ask(Asked::ModelFolder));
        }
        if widgets::button_ui(ui, icons::OPEN, "Use a file…").clicked() {
            actions.push(Action::Ask(Asked::ModelFile));
        }
    });
}

/// A card around a model; the one in use is marked.
fn card_ui(ui: &mut Ui, is_in_use: bool, contents: impl FnOnce(&mut Ui)) {
    let palette = theme::palette(ui);
    let fill = if is_in_use {
        palette.accent_soft
    } else {
        palette.panel
    };
    widgets::card_ui(ui, fill, |ui| {
        ui.spacing_mut().item_spacing.y = HALF;
        contents(ui);
    });
}

/// A name with facts below it on the left, and buttons on the right.
fn row_ui(ui: &mut Ui, name: &str, facts: &str, buttons: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            buttons(ui);
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.add(Label::new(theme::strong(name)).truncate())
                    .on_hover_text(name);
                ui.add(Label::new(theme::small(ui, facts)).wrap());
            });
        });
    });
}

/// Where a model lies: its folder.
fn place_ui(ui: &mut Ui, path: &Path) {
    let is_file = path.extension().is_some();
    let folder = path.parent().filter(|_| is_file).unwrap_or(path);
    let folder = folder.to_string_lossy();
    ui.add(Label::new(theme::small(ui, folder.as_ref())).truncate())
        .on_hover_text(folder.as_ref());
}

/// Marks the model that runs.
fn in_use_ui(ui: &mut Ui) {
    let palette = theme::palette(ui);
    let text = format!("{} In use", icons::DONE);
    ui.label(RichText::new(text).color(palette.accent));
}
