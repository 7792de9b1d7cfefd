//! The settings' dialog: what is chosen once and kept.

use egui::{Id, Modal, Ui};

use crate::schema::Fidelity;
use crate::session::Session;
use crate::session::settings::Theme;
use crate::ui::theme::{self, DIALOG_WIDTH, SPACE};
use crate::ui::{Action, choices, icons, shortcuts, widgets};

/// Draws the dialog; returns whether it is to be closed.
pub(super) fn settings_ui(ui: &mut Ui, session: &mut Session, actions: &mut Vec<Action>) -> bool {
    let ctx = ui.ctx().clone();
    let modal = Modal::new(Id::unique("settings"))
        .backdrop_color(theme::BACKDROP)
        .frame(egui::Frame::window(ui.style()));
    let shown = modal.show(&ctx, |ui| {
        ui.set_width(DIALOG_WIDTH.min(ui.ctx().content_rect().width() - 8.0 * SPACE));
        let close = shortcuts::dialog_title_ui(ui, "Settings");
        folder_ui(ui, session, actions);
        ui.add_space(2.0 * SPACE);
        theme_ui(ui, session);
        ui.add_space(2.0 * SPACE);
        fidelity_ui(ui, session);
        ui.add_space(2.0 * SPACE);
        metadata_ui(ui, session);
        close
    });
    shown.inner || shown.should_close()
}

/// Where pictures go.
fn folder_ui(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    let folder = &session.settings.output_folder;
    ui.label(theme::strong("Folder for pictures"));
    let path = folder.to_string_lossy();
    ui.add(egui::Label::new(theme::weak(ui, path.as_ref())).truncate())
        .on_hover_text(path.as_ref());
    ui.horizontal(|ui| {
        if widgets::button_ui(ui, icons::FOLDER, "Choose folder…").clicked() {
            actions.push(Action::ChooseFolder);
        }
        if widgets::button_ui(ui, icons::OPEN, "Open folder").clicked() {
            actions.push(Action::OpenFolder);
        }
    });
}

/// Light or dark.
fn theme_ui(ui: &mut Ui, session: &mut Session) {
    const CHOICES: [(Theme, &str); 3] = [
        (Theme::System, "System"),
        (Theme::Light, "Light"),
        (Theme::Dark, "Dark"),
    ];
    ui.label(theme::strong("Theme"));
    choice_ui(ui, "Theme", CHOICES, &mut session.settings.theme);
}

/// Whose behaviour is wanted.
fn fidelity_ui(ui: &mut Ui, session: &mut Session) {
    const CHOICES: [(Fidelity, &str); 2] = [
        (Fidelity::Corrected, "Corrected"),
        (Fidelity::AsReplicate, "As Replicate"),
    ];
    ui.label(theme::strong("Behaviour"));
    choice_ui(ui, "Behaviour", CHOICES, &mut session.settings.fidelity);
    let meaning = match session.settings.fidelity {
        Fidelity::Corrected => "Every input does what its description promises",
        Fidelity::AsReplicate => "Every input does what it does on Replicate, oddities included",
    };
    ui.label(theme::small(ui, meaning));
}

/// Whether pictures say how they were made.
fn metadata_ui(ui: &mut Ui, session: &mut Session) {
    const NAME: &str = "Write the settings into each picture";
    ui.horizontal(|ui| {
        ui.label(theme::strong(NAME));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            widgets::switch_ui(ui, &mut session.settings.metadata, NAME);
        });
    });
    ui.label(theme::small(
        ui,
        "Prompt, seed and the rest, so that the gallery can show them and use them again",
    ));
}

/// Segments for the values of an enumeration.
fn choice_ui<T: Copy + PartialEq, const N: usize>(
    ui: &mut Ui,
    name: &str,
    choices: [(T, &str); N],
    value: &mut T,
) {
    let labels = choices.map(|(_, label)| label);
    let chosen = choices
        .iter()
        .find(|(choice, _)| choice == value)
        .map_or("", |(_, label)| label);
    if let Some(clicked) = choices::segments_ui(ui, name, &labels, chosen)
        && let Some((choice, _)) = choices.iter().find(|(_, label)| *label == clicked)
    {
        *value = *choice;
    }
}
