//! What is known of the picture in the viewer, and what can be done with it: beside the picture, or below it.

use egui::{Label, RichText, ScrollArea, Ui};
use serde_json::Value;

use crate::session::gallery::Entry;
use crate::session::record::Record;
use crate::ui::incoming::Incoming;
use crate::ui::theme::{self, CONTROL, DETAILS_WIDTH, HALF, SPACE};
use crate::ui::{Action, icons, widgets};

/// From this height on, in points, the first actions stand under each other.
const STACKED_FROM: f32 = 400.0;

/// How many actions have their name beside their icon where they stand under each other.
const NAMED: usize = 3;

/// Icon, name and meaning of a button.
type Button = (&'static str, &'static str, Action);

/// Draws a column with everything that is known, and the actions under each other.
pub(super) fn beside_ui(
    ui: &mut Ui,
    entry: &Entry,
    size: Option<[u32; 2]>,
    actions: &mut Vec<Action>,
) {
    ui.set_width(DETAILS_WIDTH);
    let buttons = buttons(entry);
    let named = if ui.available_height() >= STACKED_FROM {
        NAMED.min(buttons.len())
    } else {
        1
    };
    let foot = (named + 1) as f32 * (CONTROL + HALF) + 3.0 * SPACE;
    let height = (ui.available_height() - foot).max(8.0 * SPACE);
    ScrollArea::vertical()
        .max_height(height)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = HALF;
            if let Some(record) = &entry.record {
                ui.add(
                    Label::new(theme::strong(prompt(record)))
                        .wrap()
                        .selectable(true),
                );
                ui.add_space(SPACE);
                for (name, value) in facts(record) {
                    fact_ui(ui, name, &value);
                }
                ui.add_space(HALF);
                for note in &record.notes {
                    widgets::small_sentence_ui(ui, icons::INFO, &note.message);
                }
            } else {
                unknown_ui(ui, entry, size);
            }
        });
    ui.add_space(2.0 * SPACE);
    ui.spacing_mut().item_spacing.y = HALF;
    let mut buttons = buttons.into_iter();
    for (icon, name, action) in buttons.by_ref().take(named) {
        if widgets::wide_button_ui(ui, icon, name).clicked() {
            actions.push(action);
        }
    }
    ui.horizontal(|ui| icons_ui(ui, buttons, actions));
}

/// Draws a few lines, and the actions beside each other.
pub(super) fn below_ui(
    ui: &mut Ui,
    entry: &Entry,
    size: Option<[u32; 2]>,
    actions: &mut Vec<Action>,
) {
    ui.spacing_mut().item_spacing.y = HALF;
    if let Some(record) = &entry.record {
        let line_ui = |ui: &mut Ui, text: RichText, whole: &str| {
            ui.add(Label::new(text).truncate()).on_hover_text(whole);
        };
        line_ui(ui, theme::strong(prompt(record)), prompt(record));
        let facts: Vec<_> = facts(record)
            .into_iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        line_ui(ui, theme::weak(ui, facts.join(" · ")), &facts.join("\n"));
        let notes: Vec<_> = record
            .notes
            .iter()
            .map(|note| note.message.as_str())
            .collect();
        if !notes.is_empty() {
            let text = format!("{} {}", icons::INFO, notes.join(" · "));
            line_ui(ui, theme::small(ui, text), &notes.join("\n"));
        }
    } else {
        unknown_ui(ui, entry, size);
    }
    ui.add_space(HALF);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = HALF;
        let mut buttons = buttons(entry).into_iter();
        if let Some((icon, name, action)) = buttons.next()
            && widgets::button_ui(ui, icon, name).clicked()
        {
            actions.push(action);
        }
        icons_ui(ui, buttons, actions);
    });
}

/// Draws actions as icons in a line.
fn icons_ui(ui: &mut Ui, buttons: impl Iterator<Item = Button>, actions: &mut Vec<Action>) {
    ui.spacing_mut().item_spacing.x = HALF;
    for (icon, name, action) in buttons {
        if widgets::square_button_ui(ui, icon, name).clicked() {
            actions.push(action);
        }
    }
}

/// The prompt of a picture, or a word that there was none.
pub(super) fn prompt(record: &Record) -> &str {
    if record.prompt().is_empty() {
        "No prompt"
    } else {
        record.prompt()
    }
}

/// What stands in the record, besides the prompt.
fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Seed", record.seed.to_string()),
        ("Size", format!("{} × {} px", record.width, record.height)),
        ("Steps", record.steps.to_string()),
    ];
    let schnell = record
        .inputs
        .get("model")
        .is_some_and(|model| model == "schnell");
    let model = record.inputs.get("model").and_then(Value::as_str);
    facts.extend(model.map(|model| ("Model", format!("{}, {model}", record.model))));
    let guidance = record.inputs.get("guidance_scale").and_then(Value::as_f64);
    facts.extend(
        guidance
            .filter(|_| !schnell)
            .map(|scale| ("Guidance", scale.to_string())),
    );
    for lora in &record.loras {
        facts.push(("LoRA", format!("{} × {}", lora.name, lora.scale)));
    }
    if record.image().is_some() {
        let strength = record.inputs.get("prompt_strength").and_then(Value::as_f64);
        facts.extend(strength.map(|strength| ("Prompt strength", strength.to_string())));
    }
    facts
}

/// One line of the column.
fn fact_ui(ui: &mut Ui, name: &str, value: &str) {
    ui.horizontal(|ui| {
        ui.set_height(theme::LINE_HEIGHT);
        ui.label(theme::weak(ui, name));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.add(Label::new(value).selectable(true).truncate());
        });
    });
}

/// A picture of another program, or one that was saved without its settings.
fn unknown_ui(ui: &mut Ui, entry: &Entry, size: Option<[u32; 2]>) {
    ui.add(Label::new(theme::strong(entry.file_name())).truncate())
        .on_hover_text(entry.path.to_string_lossy());
    if let Some([width, height]) = size {
        ui.label(theme::weak(ui, format!("{width} × {height} px")));
    }
    ui.label(theme::weak(ui, "The file does not say how it was made"));
}

/// What can be done with a picture.
fn buttons(entry: &Entry) -> Vec<Button> {
    let path = &entry.path;
    let mut buttons = Vec::new();
    if let Some(record) = &entry.record {
        let record_again = Box::new(record.clone());
        buttons.push((
            icons::USE,
            "Use these settings",
            Action::UseSettings(record_again),
        ));
        if record.mask.is_some() {
            let record_again = Box::new(record.clone());
            buttons.push((
                icons::EDIT,
                "Edit this mask again",
                Action::Incoming(Incoming::MaskOf(record_again)),
            ));
        }
    }
    buttons.push((
        icons::BRUSH,
        "Use as starting picture",
        Action::Incoming(Incoming::Picture(path.clone())),
    ));
    if let Some(record) = &entry.record {
        buttons.push((icons::SEED, "Copy seed", Action::CopySeed(record.seed)));
    }
    buttons.push((
        icons::COPY,
        "Copy picture",
        Action::CopyPicture(path.clone()),
    ));
    buttons.push((icons::OPEN, "Open", Action::Open(path.clone())));
    buttons.push((
        icons::FOLDER,
        "Show in folder",
        Action::Reveal(path.clone()),
    ));
    buttons
}
