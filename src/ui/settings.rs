//! The settings' dialog: what is chosen once and kept.

use egui::style::HandleShape;
use egui::{Align, Id, Layout, OpenUrl, Response, RichText, Slider, TextEdit, Ui, vec2};

use crate::session::naming;
use crate::session::program::Session;
use crate::session::settings::Settings;
use crate::ui::command::{Asked, Command, Commands, ModelCommand, Setting};
use crate::ui::text::{common, dialogs as text};
use crate::ui::theme::{self, CONTROL, DIALOG_WIDTH, LABEL_WIDTH, SMALL_CONTROL, SPACE};
use crate::ui::{choices, icons, widgets};
use crate::weights::tokens::Service;

/// Draws the dialog; returns whether it is to be closed.
pub(super) fn settings_ui(ui: &Ui, session: &Session, commands: &mut Commands) -> bool {
    let settings = session.settings();
    widgets::dialog_ui(ui, common::SETTINGS, Some(DIALOG_WIDTH), |ui| {
        folder_ui(ui, settings, commands);
        names_ui(ui, settings, commands);
        metadata_ui(ui, settings, commands);
        heading_ui(ui, text::THEME);
        let theme = choices::values_ui(ui, text::THEME, &text::THEMES, settings.theme);
        commands.extend(theme.map(Setting::Theme));
        fidelity_ui(ui, settings, commands);
        if let Some(total) = session.memory() {
            memory_ui(ui, settings, total, commands);
        }
        canvas_ui(ui, settings, commands);
        heading_ui(ui, text::TOKENS);
        widgets::small_ui(ui, text::TOKENS_HINT);
        for service in Service::ALL {
            token_ui(ui, session, service, commands);
        }
    })
}

/// The name of a setting, apart from the setting above it.
fn heading_ui(ui: &mut Ui, words: &str) -> Response {
    ui.add_space(2.0 * SPACE);
    ui.label(theme::strong(words))
}

fn folder_ui(ui: &mut Ui, settings: &Settings, commands: &mut Commands) {
    ui.label(theme::strong(text::FOLDER));
    let path = settings.output_folder.to_string_lossy();
    widgets::truncated_ui(ui, theme::weak(ui, path.as_ref())).on_hover_text(path.as_ref());
    ui.horizontal(|ui| {
        let choose = Asked::OutputFolder;
        commands.button_ui(ui, icons::FOLDER, text::CHOOSE_FOLDER, choose);
        commands.button_ui(ui, icons::OPEN, text::OPEN_FOLDER, Command::OpenFolder);
    });
}

fn names_ui(ui: &mut Ui, settings: &Settings, commands: &mut Commands) {
    let label = heading_ui(ui, text::FILE_NAMES);
    let mut names = settings.file_names.clone();
    let edit = TextEdit::singleline(&mut names)
        .hint_text(naming::DEFAULT)
        .align(egui::Align2::LEFT_CENTER)
        .desired_width(f32::INFINITY);
    if ui.add(edit).labelled_by(label.id).changed() {
        commands.push(Setting::FileNames(names));
    }
    let words = naming::WORDS.map(|(word, _)| word).join(" ");
    widgets::small_ui(ui, text::file_names_hint(words)).on_hover_ui(|ui| {
        for (word, meaning) in naming::WORDS {
            ui.label(format!("{word} {meaning}"));
        }
    });
}

/// Whether pictures say how they were made.
fn metadata_ui(ui: &mut Ui, settings: &Settings, commands: &mut Commands) {
    ui.add_space(2.0 * SPACE);
    let is_on = switch_ui(ui, theme::strong(text::METADATA), settings.metadata);
    commands.extend(is_on.map(Setting::Metadata));
    widgets::small_ui(ui, text::METADATA_HINT);
}

fn fidelity_ui(ui: &mut Ui, settings: &Settings, commands: &mut Commands) {
    let fidelity = settings.fidelity;
    heading_ui(ui, text::BEHAVIOUR);
    let clicked = choices::values_ui(ui, text::BEHAVIOUR, &text::BEHAVIOURS, fidelity);
    commands.extend(clicked.map(Setting::Fidelity));
    widgets::small_ui(ui, text::behaviour(clicked.unwrap_or(fidelity)));
}

/// How much of the `total` bytes of memory jobs may take.
fn memory_ui(ui: &mut Ui, settings: &Settings, total: u64, commands: &mut Commands) {
    let most = (total >> 30).max(2) as u32;
    let label = heading_ui(ui, text::MEMORY);
    let mut limit = settings.memory_gib;
    let mut gib = limit.unwrap_or(most).min(most);
    let slider = Slider::new(&mut gib, 1..=most).show_value(false);
    let slider = slider.handle_shape(HandleShape::Circle);
    ui.spacing_mut().slider_width = ui.available_width() - SPACE;
    if ui.add(slider).labelled_by(label.id).changed() {
        limit = (gib < most).then_some(gib);
        commands.push(Setting::MemoryGib(limit));
    }
    widgets::small_ui(ui, text::memory(limit));
}

fn canvas_ui(ui: &mut Ui, settings: &Settings, commands: &mut Commands) {
    let painting = settings.painting;
    heading_ui(ui, text::CANVAS);
    let is_on = switch_ui(ui, text::BRUSH_KEEPS_SIZE.into(), painting.brush_keeps_size);
    commands.extend(is_on.map(Setting::BrushKeepsSize));
    let is_on = switch_ui(ui, text::CTRL_ZOOMS.into(), painting.ctrl_zooms);
    commands.extend(is_on.map(Setting::CtrlZooms));
}

/// A line with a switch at its right end. Returns its new state when it was clicked.
fn switch_ui(ui: &mut Ui, label: RichText, mut is_on: bool) -> Option<bool> {
    let name = label.text().to_owned();
    let switch = ui.horizontal(|ui| {
        ui.label(label);
        widgets::right_ui(ui, |ui| widgets::switch_ui(ui, &mut is_on, &name))
    });
    switch.inner.changed().then_some(is_on)
}

/// The token for one service: typed, or removed; never shown.
pub(super) fn token_ui(ui: &mut Ui, session: &Session, service: Service, commands: &mut Commands) {
    let name = service.name();
    let id = Id::unique(("token", name));
    let is_set = |name: &&&str| std::env::var(name).is_ok_and(|token| !token.trim().is_empty());
    let variable = service.variables().iter().find(is_set);
    let tokens = session.loras.library().tokens();
    let is_of_own_tools = tokens.is_of_own_tools(service);
    let is_known = tokens.get(service).is_some();
    ui.horizontal(|ui| {
        let size = vec2(LABEL_WIDTH, CONTROL);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(size);
            ui.label(name);
        });
        if let Some(variable) = variable {
            ui.label(theme::weak(ui, text::token_from(variable)));
            return;
        }
        let mut typed: String = ui.data(|data| data.get_temp(id)).unwrap_or_default();
        let hint = match (is_of_own_tools, is_known) {
            (true, _) => text::TOKEN_OF_TOOLS,
            (false, true) => text::TOKEN_KNOWN,
            (false, false) => text::TOKEN_UNKNOWN,
        };
        let edit = TextEdit::singleline(&mut typed)
            .password(true)
            .hint_text(hint)
            .align(egui::Align2::LEFT_CENTER)
            .margin(vec2(SPACE, 0.0))
            .min_size(vec2(0.0, CONTROL))
            .desired_width(ui.available_width() - 2.0 * (SMALL_CONTROL + SPACE));
        let response = ui.add(edit).accessible_name(text::token(name));
        if response.lost_focus() && !typed.trim().is_empty() {
            let token = std::mem::take(&mut typed);
            commands.push(ModelCommand::StoreToken(service, token));
        }
        ui.data_mut(|data| data.insert_temp(id, typed));
        if widgets::icon_button_ui(ui, icons::OPEN, &text::make_token(name)).clicked() {
            ui.ctx().open_url(OpenUrl::new_tab(service.token_page()));
        }
        if is_known && !is_of_own_tools {
            let remove = widgets::icon_button_ui(ui, icons::CLOSE, &text::remove_token(name));
            commands.on_click(&remove, ModelCommand::StoreToken(service, String::new()));
        }
    });
}
