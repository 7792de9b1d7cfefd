//! What is known of the picture in the viewer, and what can be done with it: beside the picture, or below it.

use egui::{Label, RichText, ScrollArea, Ui};
use serde_json::Value;

use crate::session::gallery::Entry;
use crate::session::record::Record;
use crate::ui::command::{Command, Commands, Incoming};
use crate::ui::text::{common, results as text};
use crate::ui::theme::{self, CONTROL, DETAILS_WIDTH, HALF, SPACE};
use crate::ui::{icons, widgets};

/// From this height on, in points, the first actions stand under each other.
const STACKED_FROM: f32 = 400.0;

/// How many actions have their name beside their icon where they stand under each other.
const NAMED: usize = 3;

/// The size of a picture in pixels, once it is known.
pub(super) type Size = Option<[u32; 2]>;

/// Icon and name of a button, and what it does.
type Button = (&'static str, &'static str, Command);

/// Draws a column with everything that is known, and the actions under each other.
pub(super) fn beside_ui(ui: &mut Ui, entry: &Entry, size: Size, commands: &mut Commands) {
    ui.set_width(DETAILS_WIDTH);
    let buttons = buttons(entry);
    let stacks = ui.available_height() >= STACKED_FROM;
    let named = if stacks { NAMED.min(buttons.len()) } else { 1 };
    let foot = (named + 1) as f32 * (CONTROL + HALF) + 3.0 * SPACE;
    let height = (ui.available_height() - foot).max(8.0 * SPACE);
    let area = ScrollArea::vertical().auto_shrink([false, true]);
    area.max_height(height).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = HALF;
        let Some(record) = &entry.record else {
            return unknown_ui(ui, entry, size);
        };
        let prompt = Label::new(theme::strong(common::prompt(record.prompt())));
        ui.add(prompt.wrap().selectable(true));
        ui.add_space(SPACE);
        for (name, value) in facts(record) {
            fact_ui(ui, name, &value);
        }
        ui.add_space(HALF);
        for note in &record.notes {
            widgets::small_sentence_ui(ui, icons::INFO, &note.message);
        }
    });
    ui.add_space(2.0 * SPACE);
    ui.spacing_mut().item_spacing.y = HALF;
    let mut buttons = buttons.into_iter();
    for (icon, name, command) in buttons.by_ref().take(named) {
        commands.on_click(&widgets::wide_button_ui(ui, icon, name), command);
    }
    ui.horizontal(|ui| icons_ui(ui, buttons, commands));
}

/// Draws a few lines, and the actions beside each other.
pub(super) fn below_ui(ui: &mut Ui, entry: &Entry, size: Size, commands: &mut Commands) {
    ui.spacing_mut().item_spacing.y = HALF;
    if let Some(record) = &entry.record {
        let line_ui = |ui: &mut Ui, text: RichText, whole: &str| {
            widgets::truncated_ui(ui, text).on_hover_text(whole);
        };
        let prompt = common::prompt(record.prompt());
        line_ui(ui, theme::strong(prompt), prompt);
        let facts = facts(record).into_iter();
        let facts = facts.map(|(name, value)| format!("{name} {value}"));
        let facts: Vec<_> = facts.collect();
        line_ui(ui, theme::weak(ui, facts.join(" · ")), &facts.join("\n"));
        let notes = record.notes.iter();
        let notes: Vec<_> = notes.map(|note| note.message.as_str()).collect();
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
        if let Some((icon, name, command)) = buttons.next() {
            commands.on_click(&widgets::button_ui(ui, icon, name), command);
        }
        icons_ui(ui, buttons, commands);
    });
}

/// Draws actions as icons in a line.
fn icons_ui(ui: &mut Ui, buttons: impl Iterator<Item = Button>, commands: &mut Commands) {
    ui.spacing_mut().item_spacing.x = HALF;
    for (icon, name, command) in buttons {
        commands.on_click(&widgets::square_button_ui(ui, icon, name), command);
    }
}

/// What stands in the record, besides the prompt.
fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let input = |name| record.inputs.get(name);
    let number = |name| input(name).and_then(Value::as_f64);
    let mut facts = vec![
        (text::FACT_SEED, record.seed.to_string()),
        (text::FACT_SIZE, text::size(record.width, record.height)),
        (text::FACT_STEPS, record.steps.to_string()),
    ];
    let model = input("model").and_then(Value::as_str);
    facts.extend(model.map(|model| (text::FACT_MODEL, format!("{}, {model}", record.model))));
    let guidance = number("guidance_scale").filter(|_| model != Some("schnell"));
    facts.extend(guidance.map(|scale| (text::FACT_GUIDANCE, scale.to_string())));
    for lora in &record.loras {
        let value = format!("{} × {}", lora.name, lora.scale);
        facts.push((text::FACT_LORA, value));
    }
    let strength = number("prompt_strength").filter(|_| record.image().is_some());
    facts.extend(strength.map(|strength| (text::FACT_STRENGTH, strength.to_string())));
    facts
}

fn fact_ui(ui: &mut Ui, name: &str, value: &str) {
    ui.horizontal(|ui| {
        ui.set_height(theme::LINE_HEIGHT);
        ui.label(theme::weak(ui, name));
        let value = Label::new(value).selectable(true).truncate();
        widgets::right_ui(ui, |ui| ui.add(value));
    });
}

/// A picture of another program, or one that was saved without its settings.
fn unknown_ui(ui: &mut Ui, entry: &Entry, size: Size) {
    widgets::truncated_ui(ui, theme::strong(entry.file_name()))
        .on_hover_text(entry.path.to_string_lossy());
    if let Some([width, height]) = size {
        ui.label(theme::weak(ui, text::size(width, height)));
    }
    ui.label(theme::weak(ui, text::UNKNOWN));
}

/// What can be done with a picture.
fn buttons(entry: &Entry) -> Vec<Button> {
    let path = || entry.path.clone();
    let record = entry.record.as_ref();
    let boxed = |record: &Record| Box::new(record.clone());
    let uses = |record| Command::UseSettings(boxed(record));
    let edits = |record| Incoming::MaskOf(boxed(record)).into();
    let starts = Incoming::Picture(path()).into();
    let masked = record.filter(|record| record.mask.is_some());
    let copies = |record: &Record| Command::CopySeed(record.seed);
    let copies_picture = Command::CopyPicture(path());
    let buttons = [
        record.map(|record| (icons::USE, text::USE_SETTINGS, uses(record))),
        masked.map(|record| (icons::EDIT, text::EDIT_MASK, edits(record))),
        Some((icons::BRUSH, text::USE_AS_START, starts)),
        record.map(|record| (icons::SEED, text::COPY_SEED, copies(record))),
        Some((icons::COPY, text::COPY_PICTURE, copies_picture)),
        Some((icons::OPEN, text::OPEN, Command::Open(path()))),
        Some((icons::FOLDER, text::SHOW_IN_FOLDER, Command::Reveal(path()))),
    ];
    buttons.into_iter().flatten().collect()
}
