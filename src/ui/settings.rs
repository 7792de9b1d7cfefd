//! The settings' dialog: what is chosen once and kept.

use egui::style::HandleShape;
use egui::{Id, Modal, Slider, TextEdit, Ui, vec2};

use crate::schema::choices::Fidelity;
use crate::session::naming;
use crate::session::program::Session;
use crate::session::settings::Theme;
use crate::ui::files::Asked;
use crate::ui::theme::{self, CONTROL, DIALOG_WIDTH, SPACE};
use crate::ui::{Action, choices, icons, shortcuts, widgets};
use crate::weights::tokens::Service;

/// Draws the dialog; returns whether it is to be closed.
pub(super) fn settings_ui(ui: &mut Ui, session: &mut Session, actions: &mut Vec<Action>) -> bool {
    let ctx = ui.ctx().clone();
    let modal = Modal::new(Id::unique("settings"))
        .backdrop_color(theme::BACKDROP)
        .frame(egui::Frame::window(ui.style()));
    let shown = modal.show(&ctx, |ui| {
        ui.set_width(DIALOG_WIDTH.min(ui.ctx().content_rect().width() - 8.0 * SPACE));
        let close = shortcuts::dialog_title_ui(ui, "Settings");
        widgets::dialog_area(ui).show(ui, |ui| {
            folder_ui(ui, session, actions);
            ui.add_space(2.0 * SPACE);
            names_ui(ui, session);
            ui.add_space(2.0 * SPACE);
            metadata_ui(ui, session);
            ui.add_space(2.0 * SPACE);
            theme_ui(ui, session);
            ui.add_space(2.0 * SPACE);
            fidelity_ui(ui, session);
            ui.add_space(2.0 * SPACE);
            memory_ui(ui, session);
            canvas_ui(ui, session);
            ui.add_space(2.0 * SPACE);
            tokens_ui(ui, session);
        });
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
            actions.push(Action::Ask(Asked::OutputFolder));
        }
        if widgets::button_ui(ui, icons::OPEN, "Open folder").clicked() {
            actions.push(Action::OpenFolder);
        }
    });
}

/// How much memory jobs may take; nothing where that is not limited.
fn memory_ui(ui: &mut Ui, session: &mut Session) {
    let Some(total) = session.memory() else {
        return;
    };
    let most = (total >> 30).max(2) as u32;
    let label = ui.label(theme::strong("Memory"));
    let mut gib = session.settings.memory_gib.unwrap_or(most).min(most);
    let slider = Slider::new(&mut gib, 1..=most)
        .show_value(false)
        .handle_shape(HandleShape::Circle);
    ui.spacing_mut().slider_width = ui.available_width() - SPACE;
    if ui.add(slider).labelled_by(label.id).changed() {
        session.settings.memory_gib = (gib < most).then_some(gib);
    }
    let meaning = match session.settings.memory_gib {
        None => "Jobs take as much of what is free as makes them faster".to_owned(),
        Some(gib) => {
            format!("Jobs take at most {gib} GiB: with less, the model is read piece by piece")
        }
    };
    ui.label(theme::small(ui, meaning));
    ui.add_space(2.0 * SPACE);
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

/// How the files of pictures are called.
fn names_ui(ui: &mut Ui, session: &mut Session) {
    let settings = &mut session.settings;
    let label = ui.label(theme::strong("Names of the files"));
    let edit = TextEdit::singleline(&mut settings.file_names)
        .hint_text(naming::DEFAULT)
        .align(egui::Align2::LEFT_CENTER)
        .desired_width(f32::INFINITY);
    ui.add(edit).labelled_by(label.id);
    let words: Vec<_> = naming::WORDS.iter().map(|(word, _)| *word).collect();
    let text = format!(
        "{} are filled in. No file is ever replaced",
        words.join(" ")
    );
    ui.label(theme::small(ui, text)).on_hover_ui(|ui| {
        for (word, meaning) in naming::WORDS {
            ui.label(format!("{word} {meaning}"));
        }
    });
}

/// How the canvas behaves.
fn canvas_ui(ui: &mut Ui, session: &mut Session) {
    let painting = &mut session.settings.painting;
    ui.label(theme::strong("Canvas"));
    for (name, value) in [
        (
            "The brush keeps its size on the screen",
            &mut painting.brush_keeps_size,
        ),
        (
            "The wheel sets the brush, Ctrl and the wheel zoom",
            &mut painting.ctrl_zooms,
        ),
    ] {
        ui.horizontal(|ui| {
            ui.label(name);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                widgets::switch_ui(ui, value, name);
            });
        });
    }
}

/// The tokens for private downloads.
fn tokens_ui(ui: &mut Ui, session: &mut Session) {
    ui.label(theme::strong("Tokens for downloads"));
    ui.label(theme::small(
        ui,
        "For private and gated LoRAs. A token is kept in a file that only you can read, and goes to its own service alone",
    ));
    for service in Service::ALL {
        token_ui(ui, session, service);
    }
}

/// The token for one service: typed anew, or taken away; never shown.
pub(super) fn token_ui(ui: &mut Ui, session: &mut Session, service: Service) {
    let name = format!("Token for {}", service.name());
    let id = Id::unique(("token", service.name()));
    let variable = service
        .variables()
        .iter()
        .find(|name| std::env::var(name).is_ok_and(|token| !token.trim().is_empty()));
    let tokens = session.loras.library().tokens();
    let is_of_own_tools = tokens.is_of_own_tools(service);
    let is_known = tokens.get(service).is_some();
    ui.horizontal(|ui| {
        let size = vec2(theme::LABEL_WIDTH, CONTROL);
        ui.allocate_ui_with_layout(
            size,
            egui::Layout::left_to_right(egui::Align::Center),
            |ui| {
                ui.set_min_size(size);
                ui.label(service.name());
            },
        );
        if let Some(variable) = variable {
            ui.label(theme::weak(ui, format!("From {variable}")));
            return;
        }
        let mut text: String = ui.data(|data| data.get_temp(id)).unwrap_or_default();
        let hint = if is_of_own_tools {
            "From huggingface-cli"
        } else if is_known {
            "A token is set"
        } else {
            "Paste a token"
        };
        let room = ui.available_width() - 2.0 * (theme::SMALL_CONTROL + SPACE);
        let edit = TextEdit::singleline(&mut text)
            .password(true)
            .hint_text(hint)
            .align(egui::Align2::LEFT_CENTER)
            .margin(vec2(SPACE, 0.0))
            .min_size(vec2(0.0, CONTROL))
            .desired_width(room);
        let response = ui.add(edit).accessible_name(&name);
        if response.lost_focus() && !text.trim().is_empty() {
            session.store_token(service, std::mem::take(&mut text));
        }
        ui.data_mut(|data| data.insert_temp(id, text));
        let page = service.token_page();
        if widgets::icon_button_ui(
            ui,
            icons::OPEN,
            &format!("Make a token for {}", service.name()),
        )
        .clicked()
        {
            ui.ctx().open_url(egui::OpenUrl::new_tab(page));
        }
        if is_known
            && !is_of_own_tools
            && widgets::icon_button_ui(
                ui,
                icons::CLOSE,
                &format!("Remove the token for {}", service.name()),
            )
            .clicked()
        {
            session.store_token(service, String::new());
        }
    });
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
