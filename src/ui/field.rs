//! One row of the form, drawn by the kind of its input.

use egui::{
    Align, Id, Layout, RichText, ScrollArea, Slider, SliderClamping, TextEdit, Ui, UiBuilder, vec2,
};

use crate::imaging::read;
use crate::schema::field::{Access, Field, Group, Kind};
use crate::schema::params::Params;
use crate::schema::quirks;
use crate::session::inputs;
use crate::ui::files::Asked;
use crate::ui::incoming::Incoming;
use crate::ui::number::Drafts;
use crate::ui::theme::{
    self, HALF, LONG_NUMBER_WIDTH, NUMBER_WIDTH, PROMPT_HEIGHT, SMALL_CONTROL, SPACE,
};
use crate::ui::{Action, choices, icons, loras, widgets};

/// One input while it is drawn.
pub(super) struct Row<'a> {
    pub(super) field: &'static Field,
    pub(super) params: &'a mut Params,
    pub(super) drafts: &'a mut Drafts,
    pub(super) actions: &'a mut Vec<Action>,
}

/// Draws one input: its label with help, its control, and its problem.
pub(super) fn field_ui(
    ui: &mut Ui,
    field: &'static Field,
    params: &mut Params,
    problem: Option<&str>,
    drafts: &mut Drafts,
    actions: &mut Vec<Action>,
) {
    let unused = why_greyed(field, params);
    let mut row = Row {
        field,
        params,
        drafts,
        actions,
    };
    // Its own names for everything inside, so that no control loses the focus when a sentence above comes or goes.
    let scope = UiBuilder::new().scope_id(Id::unique(("field", field.name)));
    ui.scope_builder(scope, |ui| {
        let drawn = ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = HALF;
            row.row_ui(ui, unused.is_none());
        });
        if let Some(why) = unused {
            // Disabled parts do not speak for themselves, so the whole row does.
            let hover = ui.interact(
                drawn.response.rect,
                ui.scope_id().with("why"),
                egui::Sense::hover(),
            );
            hover.on_hover_text(format!("Not used now: {why}"));
        }
        if let Some(offer) = offered_steps(field, row.params)
            && ui
                .link(format!("Use {offer} steps, enough for schnell"))
                .clicked()
        {
            row.params.num_inference_steps = offer;
            row.drafts.remove(field.name);
        }
        if let Some(message) = problem {
            let colour = theme::palette(ui).error;
            widgets::sentence_ui(ui, icons::ERROR, &widgets::sentence(message), colour);
        }
    });
}

/// Why the control is grey; a value that must go can always be taken out.
fn why_greyed(field: &Field, params: &Params) -> Option<&'static str> {
    let given = matches!(field.kind, Kind::Image(access) if (access.get)(params).is_some());
    (field.unused)(params).filter(|_| !given)
}

/// A better number of steps, beside the input it is about.
fn offered_steps(field: &Field, params: &Params) -> Option<i64> {
    let is_steps = field.name == "num_inference_steps";
    quirks::suggested_steps(params.model == "schnell", params.num_inference_steps)
        .filter(|_| is_steps)
}

impl Row<'_> {
    /// Label line and control; short controls stand on the label line.
    fn row_ui(&mut self, ui: &mut Ui, enabled: bool) {
        match self.field.kind {
            Kind::Text(access) => {
                self.label_ui(ui, enabled, |_, _, _| {});
                self.prompt_ui(ui, access);
            }
            Kind::Boolean { access, .. } => {
                self.label_ui(ui, enabled, |row, ui, _| {
                    widgets::switch_ui(ui, (access.get_mut)(row.params), row.field.label);
                });
            }
            Kind::OptionalInteger {
                limits: Some(_), ..
            } => {
                self.label_ui(ui, enabled, |row, ui, label| {
                    row.number_ui(ui, Some(label), vec2(LONG_NUMBER_WIDTH, SMALL_CONTROL));
                });
            }
            Kind::OptionalInteger {
                access,
                limits: None,
            } => {
                self.label_ui(ui, enabled, |_, _, _| {});
                self.seed_ui(ui, access);
            }
            Kind::Integer {
                access, min, max, ..
            } => {
                let label = self.label_ui(ui, enabled, |row, ui, label| {
                    row.number_ui(ui, Some(label), vec2(NUMBER_WIDTH, SMALL_CONTROL));
                });
                let mut value = *(access.get)(self.params);
                if self.slider_ui(
                    ui,
                    enabled,
                    slider_of(Slider::new(&mut value, min..=max).step_by(1.0)),
                    label,
                ) {
                    *(access.get_mut)(self.params) = value;
                }
            }
            Kind::Number {
                access, min, max, ..
            } => {
                let label = self.label_ui(ui, enabled, |row, ui, label| {
                    row.number_ui(ui, Some(label), vec2(NUMBER_WIDTH, SMALL_CONTROL));
                });
                let step = if max - min > 1.0 { 0.1 } else { 0.05 };
                let mut value = *(access.get)(self.params);
                if self.slider_ui(
                    ui,
                    enabled,
                    slider_of(Slider::new(&mut value, min..=max).step_by(step)),
                    label,
                ) {
                    // Steps of a tenth leave a trace of binary fractions.
                    *(access.get_mut)(self.params) = (value * 100.0).round() / 100.0;
                }
            }
            Kind::Choice {
                access,
                choices: words,
                ..
            } => {
                self.label_ui(ui, enabled, |_, _, _| {});
                let chosen = (access.get_mut)(self.params);
                let is_ratio = |word: &&str| choices::ratio(word).is_some();
                let draw_ui = if words.iter().any(is_ratio) {
                    choices::shapes_ui
                } else {
                    choices::segments_ui
                };
                let clicked = ui
                    .add_enabled_ui(enabled, |ui| draw_ui(ui, self.field.label, words, chosen))
                    .inner;
                if let Some(choice) = clicked {
                    choice.clone_into(chosen);
                }
            }
            Kind::Weights(access) => {
                let label = self.label_ui(ui, enabled, |_, _, _| {});
                let mut text = (access.get)(self.params).clone().unwrap_or_default();
                let edit = loras::editor(self.field, &mut text);
                let changed = ui.add_enabled(enabled, edit).labelled_by(label).changed();
                if changed {
                    *(access.get_mut)(self.params) = (!text.is_empty()).then_some(text);
                }
            }
            // The group of LoRAs is a list of its own.
            Kind::Loras(_) => {}
            Kind::Image(access) => {
                self.label_ui(ui, enabled, |_, _, _| {});
                self.image_ui(ui, enabled, access);
            }
        }
    }

    /// The label, its help and the way back to the default on the left, `control` on the right.
    /// Returns the label's name for screen readers.
    fn label_ui(
        &mut self,
        ui: &mut Ui,
        enabled: bool,
        control: impl FnOnce(&mut Self, &mut Ui, Id),
    ) -> Id {
        let field = self.field;
        ui.horizontal(|ui| {
            ui.set_height(SMALL_CONTROL);
            ui.spacing_mut().item_spacing.x = HALF;
            let text = if field.group == Group::Prompt {
                theme::strong(field.label)
            } else {
                RichText::new(field.label)
            };
            let label = ui.add_enabled(enabled, egui::Label::new(text));
            help_ui(ui, field);
            self.reset_ui(ui);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add_enabled_ui(enabled, |ui| control(self, ui, label.id));
            });
            label.id
        })
        .inner
    }

    /// The way back to the default, where the value is another one.
    fn reset_ui(&mut self, ui: &mut Ui) {
        let empty = self.field.is_required()
            && self
                .field
                .to_json(self.params)
                .as_str()
                .is_some_and(str::is_empty);
        if (self.field.is_default(self.params) || empty)
            && !self.drafts.contains_key(self.field.name)
        {
            // The controls that follow keep their names, and with them the focus.
            ui.skip_ahead_auto_ids(1);
            return;
        }
        let name = format!("Reset {}", self.field.label);
        if widgets::icon_button_ui(ui, icons::RESET, &name).clicked() {
            self.field.reset(self.params);
            self.drafts.remove(self.field.name);
        }
    }

    /// The editor for what the picture shows.
    fn prompt_ui(&mut self, ui: &mut Ui, access: Access<Option<String>>) {
        let text = (access.get_mut)(self.params).get_or_insert_default();
        let editor = TextEdit::multiline(text)
            .id(prompt_id())
            .hint_text("What should the picture show?")
            .desired_rows(4)
            .desired_width(f32::INFINITY)
            .margin(vec2(12.0, SPACE));
        let area = ScrollArea::vertical()
            .max_height(PROMPT_HEIGHT)
            .auto_shrink([false, true]);
        area.show(ui, |ui| ui.add(editor).accessible_name(self.field.label));
    }

    /// Draws a slider over the whole width; returns whether it was moved.
    fn slider_ui(&mut self, ui: &mut Ui, enabled: bool, slider: Slider<'_>, label: Id) -> bool {
        ui.spacing_mut().slider_width = ui.available_width();
        ui.spacing_mut().interact_size.y = theme::SLIDER;
        widgets::dress_sliders(ui);
        let moved = ui.add_enabled(enabled, slider).labelled_by(label).changed();
        if moved {
            self.drafts.remove(self.field.name);
        }
        moved
    }

    /// A picture file: chosen in a dialog, shown by its name, taken out again.
    fn image_ui(&mut self, ui: &mut Ui, enabled: bool, access: Access<Option<std::path::PathBuf>>) {
        let chosen = (access.get)(self.params).clone();
        ui.horizontal(|ui| {
            let text = if chosen.is_some() {
                "Change…"
            } else {
                "Choose…"
            };
            let name = format!("Choose {}", self.field.label.to_lowercase());
            if ui
                .add_enabled(enabled, egui::Button::new(text))
                .accessible_name(name)
                .clicked()
            {
                self.actions
                    .push(Action::Ask(Asked::Input(self.field.name)));
            }
            if self.field.name == "image" && widgets::button_ui(ui, icons::PASTE, "Paste").clicked()
            {
                self.actions.push(Action::Incoming(Incoming::Paste));
            }
            if let Some(path) = chosen {
                let file_name = read::name(&path);
                // A kept mask is called after its contents, which says nothing to anybody.
                let file_name = if file_name.ends_with(inputs::MASK) {
                    "As painted on the canvas".to_owned()
                } else {
                    file_name
                };
                ui.add(egui::Label::new(theme::weak(ui, file_name)).truncate())
                    .on_hover_text(path.to_string_lossy());
            }
        });
    }
}

/// What an input means and what it takes, at a question mark.
pub(super) fn help_ui(ui: &mut Ui, field: &Field) {
    let response = widgets::bare_icon_ui(ui, icons::HELP, &format!("About {}", field.label));
    response.on_hover_ui(|ui| {
        ui.label(field.help);
        if let Some(range) = field.range_text() {
            ui.label(theme::small(ui, widgets::sentence(&range)));
        }
        ui.label(theme::small(ui, field.name));
    });
}

/// What all sliders have in common. The typed number beside it may lie outside, and stays.
fn slider_of(slider: Slider<'_>) -> Slider<'_> {
    slider.show_value(false).clamping(SliderClamping::Never)
}

/// The prompt's editor, for giving it the focus.
pub(super) fn prompt_id() -> Id {
    Id::unique("prompt editor")
}
