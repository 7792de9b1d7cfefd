//! The page of models: which are on this machine, which runs, and where to get others.

mod downloads;
mod found;
mod offers;

use egui::{Align, Ui};

use crate::session::program::Session;
use crate::ui::command::{Asked, Commands, Desk, ModelCommand};
use crate::ui::models::found::Found;
use crate::ui::models::offers::Offers;
use crate::ui::text::models as text;
use crate::ui::theme::{self, HALF, PAGE_WIDTH, SPACE};
use crate::ui::{icons, widgets};

/// What the page remembers.
#[derive(Default)]
pub(crate) struct ModelsPage {
    found: Found,
    offers: Offers,
    /// Whether the page is to be shown from its top, where the download is.
    to_top: bool,
    /// Whether it is to be shown from where models are offered.
    to_offers: bool,
}

impl ModelsPage {
    pub(crate) fn models_ui(&mut self, ui: &mut Ui, desk: &mut Desk<'_>) {
        let session = desk.session;
        ui.add_space(SPACE);
        let mut area = widgets::scroll_area().auto_shrink(false);
        if std::mem::take(&mut self.to_top) {
            area = area.vertical_scroll_offset(0.0);
        }
        area.show(ui, |ui| {
            ui.set_max_width(PAGE_WIDTH.min(ui.available_width()));
            if session.is_new() && session.downloads.all().is_empty() {
                self.to_offers |= welcome_ui(ui, desk.commands);
                ui.add_space(SPACE);
            }
            downloads::downloads_ui(ui, session, desk.commands);
            self.to_top |= self.found.found_ui(ui, desk);
            ui.add_space(2.0 * SPACE);
            let heading = ui.label(theme::title(text::GET_FLUX));
            if std::mem::take(&mut self.to_offers) {
                heading.scroll_to_me(Some(Align::TOP));
            }
            self.to_top |= self.offers.offers_ui(ui, desk);
            ui.add_space(2.0 * SPACE);
            folders_ui(ui, session, desk.commands);
            widgets::follow_focus(ui);
        });
    }
}

/// What the program says when it is opened for the first time. Returns whether what can be had is to be shown.
fn welcome_ui(ui: &mut Ui, commands: &mut Commands) -> bool {
    widgets::card_ui(ui, theme::palette(ui).accent_soft, |ui| {
        ui.add_space(HALF);
        ui.label(theme::title(text::WELCOME));
        widgets::wrapped_ui(ui, text::WELCOME_TEXT);
        let to_offers = ui.horizontal_wrapped(|ui| {
            let to_offers = widgets::button_ui(ui, icons::DOWN, text::GET_FLUX);
            let begin = ui.button(text::BEGIN_WITH_DEMO);
            commands.on_click(&begin, ModelCommand::BeginWithDemo);
            commands.button_ui(ui, icons::FOLDER, text::HAVE_FLUX, Asked::ModelFolder);
            to_offers.clicked()
        });
        ui.add_space(HALF);
        to_offers.inner
    })
}

/// Where models are looked for.
fn folders_ui(ui: &mut Ui, session: &Session, commands: &mut Commands) {
    ui.label(theme::title(text::FILES));
    widgets::wrapped_ui(ui, theme::weak(ui, text::FILES_HINT));
    for folder in &session.settings().model_folders {
        let path = folder.to_string_lossy();
        let controls_ui = |ui: &mut Ui| {
            let remove = ModelCommand::RemoveFolder(folder.clone());
            commands.icon_ui(ui, icons::CLOSE, text::REMOVE_FOLDER, remove);
        };
        let path_ui = |ui: &mut Ui| {
            ui.label(icons::FOLDER);
            widgets::truncated_ui(ui, path.as_ref())
        };
        ui.push_id(folder, |ui| widgets::line_ui(ui, controls_ui, path_ui));
    }
    ui.horizontal_wrapped(|ui| {
        commands.button_ui(ui, icons::FOLDER, text::ADD_FOLDER, Asked::ModelFolder);
        commands.button_ui(ui, icons::OPEN, text::USE_FILE, Asked::ModelFile);
    });
}
