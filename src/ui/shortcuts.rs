//! The keyboard: every shortcut once, with what it does, and the list that shows them.

use egui::{Context, Event, Grid, Key, KeyboardShortcut, Modifiers, Ui};

use crate::ui::canvas::tools::TOOLS;
use crate::ui::command::{Asked, CanvasCommand, Command, Commands, Dialog, Step, Tab};
use crate::ui::text::{canvas, common, dialogs as words};
use crate::ui::theme::{self, SPACE};
use crate::ui::widgets;

/// A key with Ctrl, or with Cmd on a Mac.
const fn command(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::SHIFT, key)
}

const fn plain(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

pub(super) const GENERATE: KeyboardShortcut = command(Key::Enter);
pub(super) const SETTINGS: KeyboardShortcut = command(Key::Comma);
pub(super) const CANCEL: KeyboardShortcut = shift(Key::X);
/// Hides or shows both side panels.
pub(super) const PANELS: KeyboardShortcut = plain(Key::F);
pub(super) const QUEUE: KeyboardShortcut = plain(Key::Q);
pub(super) const LIST: KeyboardShortcut = shift(Key::Questionmark);
pub(super) const UNDO: KeyboardShortcut = command(Key::Z);
pub(super) const REDO: KeyboardShortcut =
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::Z);
/// As other programs have it.
const REDO_ALSO: KeyboardShortcut = command(Key::Y);
pub(super) const FIT: KeyboardShortcut = command(Key::Num0);
/// Shows a pixel for a pixel.
pub(super) const ACTUAL_SIZE: KeyboardShortcut = command(Key::Num1);
/// Opens a starting picture.
pub(super) const OPEN: KeyboardShortcut = command(Key::O);
pub(super) const RESULTS: KeyboardShortcut = plain(Key::Num1);
pub(super) const CANVAS: KeyboardShortcut = plain(Key::Num2);
/// While held, shows the starting picture in place of the result.
pub(super) const ORIGINAL: Key = Key::C;

/// The shortcuts in words, in the order of the list.
const LISTED: [(&KeyboardShortcut, &str); 12] = [
    (&GENERATE, words::GENERATE),
    (&OPEN, words::OPEN),
    (&RESULTS, words::RESULTS),
    (&CANVAS, words::CANVAS),
    (&UNDO, words::UNDO),
    (&REDO, words::REDO),
    (&FIT, words::FIT),
    (&CANCEL, words::CANCEL),
    (&PANELS, words::PANELS),
    (&QUEUE, words::QUEUE),
    (&SETTINGS, common::SETTINGS),
    (&LIST, words::LIST),
];

/// What the keyboard asks for. Keys without Ctrl are dead while text is typed.
///
/// `canvas` says whether the canvas with a picture is shown, and whether something on it waits to be finished.
pub(super) fn pressed(ctx: &Context, canvas: CanvasState) -> Commands {
    let mut commands = Commands::default();
    let mut on = |shortcut: &KeyboardShortcut, action: Command| {
        if consume(ctx, *shortcut) {
            commands.push(action);
        }
    };
    on(&GENERATE, Command::Generate);
    on(&SETTINGS, Command::Toggle(Dialog::Settings));
    on(&OPEN, Command::Ask(Asked::Input("image")));
    if ctx.text_edit_focused() || ctx.memory(|memory| memory.top_modal_layer().is_some()) {
        return commands;
    }
    on(&CANCEL, Command::CancelRunning);
    if canvas != CanvasState::Away {
        for (shortcut, command) in canvas_keys(canvas == CanvasState::Waiting) {
            on(&shortcut, command.into());
        }
    }
    on(&RESULTS, Command::ShowTab(Tab::Results));
    on(&CANVAS, Command::ShowTab(Tab::Canvas));
    on(&LIST, Command::Toggle(Dialog::Shortcuts));
    on(&PANELS, Command::TogglePanels);
    on(&QUEUE, Command::ToggleQueue);
    // Arrow keys belong to a focused control, such as a slider.
    if ctx.memory(|memory| memory.focused().is_none()) {
        on(&plain(Key::ArrowLeft), Command::Step(Step::Newer));
        on(&plain(Key::ArrowRight), Command::Step(Step::Older));
        on(&plain(Key::Home), Command::Step(Step::Newest));
        on(&plain(Key::End), Command::Step(Step::Oldest));
    }
    commands
}

/// What the keyboard must know of the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CanvasState {
    /// It is not shown, or has no picture.
    Away,
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
fn canvas_keys(waits: bool) -> Vec<(KeyboardShortcut, CanvasCommand)> {
    let mut keys = vec![
        (REDO, CanvasCommand::Redo),
        (REDO_ALSO, CanvasCommand::Redo),
        (UNDO, CanvasCommand::Undo),
        (FIT, CanvasCommand::Fit),
        (ACTUAL_SIZE, CanvasCommand::ZoomTo(1)),
        (command(Key::Num2), CanvasCommand::ZoomTo(2)),
        (command(Key::Num3), CanvasCommand::ZoomTo(4)),
        (command(Key::Num4), CanvasCommand::ZoomTo(8)),
        (shift(Key::OpenBracket), CanvasCommand::Harden(-0.05)),
        (shift(Key::CloseBracket), CanvasCommand::Harden(0.05)),
        (shift(Key::OpenCurlyBracket), CanvasCommand::Harden(-0.05)),
        (shift(Key::CloseCurlyBracket), CanvasCommand::Harden(0.05)),
        (plain(Key::OpenBracket), CanvasCommand::Widen(-1.0)),
        (plain(Key::CloseBracket), CanvasCommand::Widen(1.0)),
        (shift(Key::V), CanvasCommand::Invert),
        (plain(Key::X), CanvasCommand::SwapInk),
        (plain(Key::M), CanvasCommand::ToggleOverlay),
    ];
    if waits {
        keys.extend([
            (plain(Key::Enter), CanvasCommand::Confirm),
            (plain(Key::Escape), CanvasCommand::GiveUp),
            (plain(Key::Backspace), CanvasCommand::Undo),
        ]);
    }
    keys.extend(TOOLS.map(|(tool, _, key)| (plain(key), CanvasCommand::Take(tool))));
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

/// The name of a control with its shortcut, for a tooltip.
pub(super) fn hint(ctx: &Context, name: &str, shortcut: KeyboardShortcut) -> String {
    common::with_key(name, text(ctx, shortcut))
}

/// Draws the list in a dialog; returns whether it is to be closed.
pub(super) fn list_ui(ui: &Ui) -> bool {
    let listed = LISTED.map(|(shortcut, what)| (text(ui.ctx(), *shortcut), what));
    let tools = TOOLS.map(|(tool, _, key)| (key.name(), canvas::tool(tool)));
    let also = words::ALSO.into_iter().chain(words::ON_CANVAS).chain(tools);
    let also = also.map(|(keys, what)| (keys.to_owned(), what));
    widgets::dialog_ui(ui, common::SHORTCUTS, None, |ui| {
        let grid = Grid::new("shortcuts").num_columns(2);
        let grid = grid.spacing([3.0 * SPACE, SPACE]);
        grid.min_row_height(theme::LINE_HEIGHT).show(ui, |ui| {
            for (keys, what) in listed.into_iter().chain(also) {
                ui.label(theme::strong(keys));
                ui.label(what);
                ui.end_row();
            }
        });
    })
}
