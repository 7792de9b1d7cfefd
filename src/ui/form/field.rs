//! One input, drawn by its kind.

use std::path::PathBuf;

use egui::{Button, Id, ScrollArea, Sense, Slider, TextEdit, Ui, UiBuilder, vec2};

use crate::imaging::read;
use crate::schema::field::{Access, Field, Kind};
use crate::schema::params::Params;
use crate::schema::quirks;
use crate::session::inputs;
use crate::ui::command::{Asked, Incoming};
use crate::ui::form::loras;
use crate::ui::form::row::{self, Row};
use crate::ui::text::{common, form as text};
use crate::ui::theme::{
    self, HALF, LONG_NUMBER_WIDTH, NUMBER_WIDTH, PROMPT_HEIGHT, SMALL_CONTROL, SPACE,
};
use crate::ui::{choices, icons, widgets};

/// The prompt's editor, for giving it the focus.
pub(crate) fn prompt_id() -> Id {
    Id::unique("prompt editor")
}

/// Why the control is grey; a value that must go can always be taken out.
fn why_greyed(field: &Field, params: &Params) -> Option<&'static str> {
    let is_given = matches!(field.kind, Kind::Image(access) if (access.get)(params).is_some());
    (field.unused)(params).filter(|_| !is_given)
}

/// A better number of steps, beside the input it is about.
fn offered_steps(field: &Field, params: &Params) -> Option<i64> {
    let is_steps = field.name == "num_inference_steps";
    quirks::suggested_steps(params.model == "schnell", params.num_inference_steps)
        .filter(|_| is_steps)
}

impl Row<'_> {
    /// Draws the input: its label with help, its control, and its problem.
    pub(super) fn row_ui(&mut self, ui: &mut Ui, problem: Option<&str>) {
        let field = self.field;
        let unused = why_greyed(field, self.params);
        // Its own names for everything inside, so that no control loses the focus when a sentence above comes or goes.
        let scope = UiBuilder::new().scope_id(Id::unique(("field", field.name)));
        ui.scope_builder(scope, |ui| {
            let drawn = ui.scope(|ui| {
                ui.spacing_mut().item_spacing.y = HALF;
                self.control_ui(ui, unused.is_none());
            });
            if let Some(why) = unused {
                // Disabled parts do not speak for themselves, so the whole row does.
                let (rect, id) = (drawn.response.rect, ui.scope_id().with("why"));
                let hover = ui.interact(rect, id, Sense::hover());
                hover.on_hover_text(text::unused(why));
            }
            if let Some(offer) = offered_steps(field, self.params)
                && ui.link(text::use_steps(offer)).clicked()
            {
                self.params.num_inference_steps = offer;
                self.drafts.remove(field.name);
            }
            if let Some(message) = problem {
                let colour = theme::palette(ui).error;
                widgets::sentence_ui(ui, icons::ERROR, &common::sentence(message), colour);
            }
        });
    }

    /// Label line and control; short controls stand on the label line.
    fn control_ui(&mut self, ui: &mut Ui, is_enabled: bool) {
        match self.field.kind {
            Kind::Text(access) => {
                self.plain_label_ui(ui, is_enabled);
                self.prompt_ui(ui, access);
            }
            Kind::Boolean(access) => {
                self.label_ui(ui, is_enabled, |row, ui, _| {
                    widgets::switch_ui(ui, (access.get_mut)(row.params), row.field.label);
                });
            }
            Kind::OptionalInteger {
                limits: Some(_), ..
            } => {
                self.number_label_ui(ui, is_enabled, LONG_NUMBER_WIDTH);
            }
            Kind::OptionalInteger {
                access,
                limits: None,
            } => {
                self.plain_label_ui(ui, is_enabled);
                self.seed_ui(ui, access);
            }
            Kind::Integer {
                access, min, max, ..
            } => {
                let label = self.number_label_ui(ui, is_enabled, NUMBER_WIDTH);
                let mut value = *(access.get)(self.params);
                let slider = Slider::new(&mut value, min..=max).step_by(1.0);
                if self.slider_ui(ui, is_enabled, slider, label) {
                    *(access.get_mut)(self.params) = value;
                }
            }
            Kind::Number {
                access, min, max, ..
            } => {
                let label = self.number_label_ui(ui, is_enabled, NUMBER_WIDTH);
                let step = if max - min > 1.0 { 0.1 } else { 0.05 };
                let mut value = *(access.get)(self.params);
                let slider = Slider::new(&mut value, min..=max).step_by(step);
                if self.slider_ui(ui, is_enabled, slider, label) {
                    *(access.get_mut)(self.params) = row::rounded(value);
                }
            }
            Kind::Choice {
                access,
                choices: words,
                ..
            } => {
                self.plain_label_ui(ui, is_enabled);
                let chosen = (access.get_mut)(self.params);
                let label = self.field.label;
                let choices_ui = |ui: &mut Ui| choices::choices_ui(ui, label, words, chosen);
                if let Some(choice) = ui.add_enabled_ui(is_enabled, choices_ui).inner {
                    choice.clone_into(chosen);
                }
            }
            Kind::Weights(access) => {
                let label = self.plain_label_ui(ui, is_enabled);
                let mut typed = (access.get)(self.params).clone().unwrap_or_default();
                let edit = loras::editor(loras::place_of(self.field), &mut typed);
                let edit = ui.add_enabled(is_enabled, edit).labelled_by(label);
                if edit.changed() {
                    *(access.get_mut)(self.params) = (!typed.is_empty()).then_some(typed);
                }
            }
            // The group of LoRAs is a list of its own.
            Kind::Loras(_) => {}
            Kind::Image(access) => {
                self.plain_label_ui(ui, is_enabled);
                self.image_ui(ui, is_enabled, access);
            }
        }
    }

    /// The label line of a control that stands below it.
    fn plain_label_ui(&mut self, ui: &mut Ui, is_enabled: bool) -> Id {
        self.label_ui(ui, is_enabled, |_, _, _| {})
    }

    /// The label line with a field for a number.
    fn number_label_ui(&mut self, ui: &mut Ui, is_enabled: bool, width: f32) -> Id {
        self.label_ui(ui, is_enabled, |row, ui, label| {
            row.number_ui(ui, Some(label), vec2(width, SMALL_CONTROL));
        })
    }

    /// The editor for what the picture shows.
    fn prompt_ui(&mut self, ui: &mut Ui, access: Access<Option<String>>) {
        let typed = (access.get_mut)(self.params).get_or_insert_default();
        let editor = TextEdit::multiline(typed)
            .id(prompt_id())
            .hint_text(text::PROMPT_HINT)
            .desired_rows(4)
            .desired_width(f32::INFINITY)
            .margin(vec2(12.0, SPACE));
        let area = ScrollArea::vertical().auto_shrink([false, true]);
        area.max_height(PROMPT_HEIGHT)
            .show(ui, |ui| ui.add(editor).accessible_name(self.field.label));
    }

    /// Draws a slider over the whole width; returns whether it was moved.
    fn slider_ui(&mut self, ui: &mut Ui, is_enabled: bool, slider: Slider<'_>, label: Id) -> bool {
        let slider = row::wide_slider(ui, slider);
        let slider = ui.add_enabled(is_enabled, slider).labelled_by(label);
        if slider.changed() {
            self.drafts.remove(self.field.name);
        }
        slider.changed()
    }

    /// A picture file: chosen in a dialog, shown by its name, taken out again.
    fn image_ui(&mut self, ui: &mut Ui, is_enabled: bool, access: Access<Option<PathBuf>>) {
        let chosen = (access.get)(self.params).as_deref();
        let field = self.field;
        ui.horizontal(|ui| {
            let words = match chosen {
                Some(_) => text::CHANGE,
                None => text::CHOOSE,
            };
            let choose = ui.add_enabled(is_enabled, Button::new(words));
            let choose = choose.accessible_name(text::choose(field.label.to_lowercase()));
            self.commands.on_click(&choose, Asked::Input(field.name));
            if field.name == "image" {
                let commands = &mut *self.commands;
                commands.button_ui(ui, icons::PASTE, text::PASTE, Incoming::Paste);
            }
            if let Some(path) = chosen {
                let mut name = read::name(path);
                // A kept mask is called after its contents, which says nothing to anybody.
                if name.ends_with(inputs::MASK) {
                    text::PAINTED.clone_into(&mut name);
                }
                widgets::truncated_ui(ui, theme::weak(ui, name))
                    .on_hover_text(path.to_string_lossy());
            }
        });
    }
}
