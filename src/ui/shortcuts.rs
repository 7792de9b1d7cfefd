//! The keyboard: every shortcut once, with what it does, and the list that shows them.

use egui::{Context, Event, Grid, Id, Key, KeyboardShortcut, Modal, Modifiers, Ui};

use crate::ui::canvas::tools::{Command, TOOLS};
use crate::ui::files::Asked;
use crate::ui::theme::{self, SPACE};
use crate::ui::{Action, Tab, icons, widgets};

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

/// Takes the last step on the mask back.
pub(super) const UNDO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Z);
/// Does it again.
pub(super) const REDO: KeyboardShortcut =
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::Z);
/// Does it again, as other programs have it.
const REDO_ALSO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Y);
/// Fits the picture on the canvas.
pub(super) const FIT: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Num0);
/// Shows a pixel for a pixel.
pub(super) const ACTUAL_SIZE: KeyboardShortcut =
    KeyboardShortcut::new(Modifiers::COMMAND, Key::Num1);
/// Opens a starting picture.
pub(super) const OPEN: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::O);
/// Shows the results.
pub(super) const RESULTS: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::Num1);
/// Shows the canvas.
pub(super) const CANVAS: KeyboardShortcut = KeyboardShortcut::new(Modifiers::NONE, Key::Num2);
/// While held, shows the starting picture in place of the result.
pub(super) const ORIGINAL: Key = Key::C;

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
const LISTED: [(&KeyboardShortcut, &str); 12] = [
    (&GENERATE, "Generate"),
    (&OPEN, "Open a starting picture"),
    (&RESULTS, "Results"),
    (&CANVAS, "Canvas"),
    (&UNDO, "Take the last step on the mask back"),
    (&REDO, "Do it again"),
    (
        &FIT,
        "Fit the picture; with 1 to 4 in place of 0: 100, 200, 400, 800 %",
    ),
    (&CANCEL, "Cancel what is running"),
    (&PANELS, "Hide or show the panels at the sides"),
    (&QUEUE, "Hide or show the queue"),
    (&SETTINGS, "Settings"),
    (&LIST, "This list"),
];

/// Keys of the list that are not shortcuts of one kind.
const ALSO: [(&str, &str); 4] = [
    ("← →", "Newer and older picture"),
    ("Home End", "Newest and oldest picture"),
    (
        "Wheel",
        "Zoom the picture; drag moves it, a double click fits it",
    ),
    ("Hold C", "The starting picture in place of the result"),
];

/// Keys of the canvas besides the letters of its tools.
const ON_CANVAS: [(&str, &str); 10] = [
    ("Enter, Esc", "Finish or give up a polygon or a part to cut"),
    (
        "[  ]",
        "Narrower and wider brush; with Shift softer and harder",
    ),
    (
        "Wheel with Ctrl",
        "Width of the brush (the settings turn it round)",
    ),
    ("X", "Brush or eraser"),
    (
        "Alt, right button",
        "Erase in place of painting, and the reverse",
    ),
    (
        "Shift",
        "Straight line from the last stroke; square, circle",
    ),
    (
        "Space, middle button",
        "Move the picture, also during a stroke",
    ),
    ("Alt+right button", "Drag: width and hardness of the brush"),
    ("M, hold \\", "Hide the mask"),
    ("Shift+V", "Invert the mask"),
];

/// What the keyboard asks for. Keys without Ctrl are dead while text is typed.
///
/// `canvas` says whether the canvas with a picture is shown, and whether something on it waits to be finished.
pub(super) fn pressed(ctx: &Context, canvas: CanvasState) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut on = |shortcut: &KeyboardShortcut, action: Action| {
        if consume(ctx, *shortcut) {
            actions.push(action);
        }
    };
    on(&GENERATE, Action::Generate);
    on(&SETTINGS, Action::ToggleSettings);
    on(&OPEN, Action::Ask(Asked::Input("image")));
    if ctx.text_edit_focused() || ctx.memory(|memory| memory.top_modal_layer().is_some()) {
        return actions;
    }
    on(&CANCEL, Action::CancelRunning);
    if canvas != CanvasState::Away {
        for (shortcut, command) in canvas_keys(canvas == CanvasState::Waiting) {
            on(&shortcut, Action::Canvas(command));
        }
    }
    on(&RESULTS, Action::ShowTab(Tab::Results));
    on(&CANVAS, Action::ShowTab(Tab::Canvas));
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

/// What the keyboard must know of the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CanvasState {
    /// It is not shown, or has no picture.
    Away,
    /// It is shown.
    Shown,
    /// It is shown, and an outline or a part on it waits to be finished or given up.
    Waiting,
}

/// Takes a shortcut out of the input; whether it was pressed. A key that is held counts once, but for those that change
/// something little by little.
fn consume(ctx: &Context, shortcut: KeyboardShortcut) -> bool {
    const REPEATED: [Key; 6] = [
        Key::OpenBracket,
        Key::CloseBracket,
        Key::ArrowLeft,
        Key::ArrowRight,
        Key::Z,
        Key::Y,
    ];
    ctx.input_mut(|input| {
        let mut is_pressed = false;
        input.events.retain(|event| match event {
            Event::Key {
                key,
                pressed: true,
                repeat,
                modifiers,
                ..
            } if *key == shortcut.logical_key
                && modifiers.matches_logically(shortcut.modifiers) =>
            {
                is_pressed |= !repeat || REPEATED.contains(key);
                false
            }
            _ => true,
        });
        is_pressed
    })
}

/// What keys do on the canvas. Those with more modifiers come first, because the others would take their keys. Enter and
/// Esc belong to the focused control unless something on the canvas waits for them.
fn canvas_keys(waits: bool) -> Vec<(KeyboardShortcut, Command)> {
    let plain = |key| KeyboardShortcut::new(Modifiers::NONE, key);
    let shift = |key| KeyboardShortcut::new(Modifiers::SHIFT, key);
    let command = |key| KeyboardShortcut::new(Modifiers::COMMAND, key);
    let mut keys = vec![
        (REDO, Command::Redo),
        (REDO_ALSO, Command::Redo),
        (UNDO, Command::Undo),
        (FIT, Command::Fit),
        (ACTUAL_SIZE, Command::ZoomTo(1)),
        (command(Key::Num2), Command::ZoomTo(2)),
        (command(Key::Num3), Command::ZoomTo(4)),
        (command(Key::Num4), Command::ZoomTo(8)),
        (shift(Key::OpenBracket), Command::Harden(-0.05)),
        (shift(Key::CloseBracket), Command::Harden(0.05)),
        (shift(Key::OpenCurlyBracket), Command::Harden(-0.05)),
        (shift(Key::CloseCurlyBracket), Command::Harden(0.05)),
        (plain(Key::OpenBracket), Command::Widen(-1.0)),
        (plain(Key::CloseBracket), Command::Widen(1.0)),
        (shift(Key::V), Command::Invert),
        (plain(Key::X), Command::SwapInk),
        (plain(Key::M), Command::ToggleOverlay),
    ];
    if waits {
        keys.extend([
            (plain(Key::Enter), Command::Confirm),
            (plain(Key::Escape), Command::GiveUp),
            (plain(Key::Backspace), Command::Undo),
        ]);
    }
    keys.extend(TOOLS.map(|(tool, _, _, key)| (plain(key), Command::Take(tool))));
    keys
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
        let tools = TOOLS.map(|(_, _, name, key)| (key.name(), name));
        let also = ALSO.into_iter().chain(ON_CANVAS).chain(tools);
        widgets::dialog_area(ui).show(ui, |ui| {
            Grid::new("shortcuts")
                .num_columns(2)
                .min_row_height(theme::LINE_HEIGHT)
                .spacing([3.0 * SPACE, SPACE])
                .show(ui, |ui| {
                    let listed = LISTED.map(|(shortcut, what)| (text(ui.ctx(), *shortcut), what));
                    let also = also.map(|(keys, what)| (keys.to_owned(), what));
                    for (keys, what) in listed.into_iter().chain(also) {
                        ui.label(theme::strong(keys));
                        ui.label(what);
                        ui.end_row();
                    }
                });
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
