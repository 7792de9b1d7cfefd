//! The keyboard: every shortcut once, with what it does, and the list that shows them.

use egui::{Context, Grid, Id, Key, KeyboardShortcut, Modal, Modifiers, Ui};

use crate::ui::theme::{self, SPACE};
use crate::ui::{Action, icons, widgets};

/// Puts the form's job in the queue.
pub(super) const GENERATE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Enter);
/// Opens or closes the settings.
pub(super) const SETTINGS: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Comma);
/// Cancels the running job.
pub(super) const CANCEL: KeyboardShortcut = KeyboardShortcut::new(Modifiers::SHIFT, Key::X);
/// Hides or shows both side panels.
pub(super) const PANELS: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::F);
/// Shows or hides the queue.
pub(super) const QUEUE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::Q);
/// Shows the list of shortcuts.
pub(super) const LIST: KeyboardShortcut =
    KeyboardShortcut::new(Modifiers::SHIFT, Key::Questionmark);

/// How far the arrow keys and their neighbours move the choice in the gallery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the picture on the left.
    Newer,
    /// To the picture on the right.
    Older,
    /// To the first picture.
    Newest,
    /// To the last picture.
    Oldest,
}

/// The shortcuts in words, in the order of the list.
const LISTED: [(&KeyboardShortcut, &str); 6] = [
    (&GENERATE, "Generate"),
    (&CANCEL, "Cancel what is running"),
    (&PANELS, "Hide or show the panels at the sides"),
    (&QUEUE, "Hide or show the queue"),
    (&SETTINGS, "Settings"),
    (&LIST, "This list"),
];

/// Keys of the list that are not shortcuts of one kind.
const ALSO: [(&str, &str); 3] = [
    ("← →", "Newer and older picture"),
    ("Home End", "Newest and oldest picture"),
    (
        "Wheel",
        "Zoom the picture; drag moves it, a double click fits it",
    ),
];

/// What the keyboard asks for. Keys without Ctrl are dead while text is typed.
pub(super) fn pressed(ctx: &Context) -> Vec<Action> {
    let consume =
        |shortcut: &KeyboardShortcut| ctx.input_mut(|input| input.consume_shortcut(shortcut));
    let mut actions = Vec::new();
    let mut on = |shortcut: &KeyboardShortcut, action: Action| {
        if consume(shortcut) {
            actions.push(action);
        }
    };
    on(&GENERATE, Action::Generate);
    on(&SETTINGS, Action::ToggleSettings);
    if ctx.text_edit_focused() || ctx.memory(|memory| memory.top_modal_layer().is_some()) {
        return actions;
    }
    on(&CANCEL, Action::CancelRunning);
    on(&LIST, Action::ToggleShortcuts);
    on(&PANELS, Action::TogglePanels);
    on(&QUEUE, Action::ToggleQueue);
    // Arrow keys belong to a focused control, such as a slider.
    if ctx.memory(|memory| memory.focused().is_none()) {
        let steps = [
            (Key::ArrowLeft, Step::Newer),
            (Key::ArrowRight, Step::Older),
            (Key::Home, Step::Newest),
            (Key::End, Step::Oldest),
        ];
        for (key, step) in steps {
            on(
                &KeyboardShortcut::new(Modifiers::NONE, key),
                Action::Step(step),
            );
        }
    }
    actions
}

/// A shortcut as the platform writes it.
pub(super) fn text(ctx: &Context, shortcut: KeyboardShortcut) -> String {
    if shortcut == LIST {
        "?".to_owned()
    } else {
        ctx.format_shortcut(&shortcut).replace("Comma", ",")
    }
}

/// Draws the list in a dialog; returns whether it is to be closed.
pub(super) fn list_ui(ui: &mut Ui) -> bool {
    let ctx = ui.ctx().clone();
    let modal = Modal::new(Id::unique("shortcuts"))
        .backdrop_color(theme::BACKDROP)
        .frame(egui::Frame::window(ui.style()));
    let shown = modal.show(&ctx, |ui| {
        let close = dialog_title_ui(ui, "Shortcuts");
        Grid::new("shortcuts")
            .num_columns(2)
            .min_row_height(theme::LINE_HEIGHT)
            .spacing([3.0 * SPACE, SPACE])
            .show(ui, |ui| {
                for (shortcut, what) in LISTED {
                    ui.label(theme::strong(text(ui.ctx(), *shortcut)));
                    ui.label(what);
                    ui.end_row();
                }
                for (keys, what) in ALSO {
                    ui.label(theme::strong(keys));
                    ui.label(what);
                    ui.end_row();
                }
            });
        close
    });
    shown.inner || shown.should_close()
}

/// Draws the title of a dialog; returns whether its cross was pressed.
pub(super) fn dialog_title_ui(ui: &mut Ui, title: &str) -> bool {
    let close = ui
        .horizontal(|ui| {
            ui.label(theme::title(title));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                widgets::icon_button_ui(
                    ui,
                    icons::CLOSE,
                    &format!("Close {}", title.to_lowercase()),
                )
                .clicked()
            })
            .inner
        })
        .inner;
    ui.add_space(SPACE);
    close
}
