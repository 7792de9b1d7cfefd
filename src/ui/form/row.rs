//! One row of the form: what every input has, whatever its kind, and fields for numbers, where everything can be typed
//! and what is wrong is said instead of corrected.

use std::collections::HashMap;

use egui::{Align2, Id, Margin, RichText, Slider, SliderClamping, TextEdit, Ui, Vec2, vec2};

use crate::schema::choices::Fidelity;
use crate::schema::field::{Access, Field, Group, Kind};
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::schema::quirks;
use crate::session::program;
use crate::ui::command::Commands;
use crate::ui::text::{common, form as text};
use crate::ui::theme::{self, CONTROL, HALF, SMALL_CONTROL, SPACE};
use crate::ui::{icons, widgets};

/// Text in a number's field that is not yet, or no longer, the number in the inputs.
pub(super) struct Draft {
    pub(super) text: String,
    /// What is wrong with it.
    pub(super) problem: Option<Problem>,
}

/// Half-typed numbers by the name of their input.
pub(super) type Drafts = HashMap<&'static str, Draft>;

/// One input while it is drawn.
pub(super) struct Row<'a> {
    pub(super) field: &'static Field,
    pub(super) params: &'a mut Params,
    pub(super) drafts: &'a mut Drafts,
    pub(super) commands: &'a mut Commands,
}

impl Row<'_> {
    /// The label, its help and the way back to the default on the left, `control` on the right.
    /// Returns the label's name for screen readers.
    pub(super) fn label_ui(
        &mut self,
        ui: &mut Ui,
        is_enabled: bool,
        control_ui: impl FnOnce(&mut Self, &mut Ui, Id),
    ) -> Id {
        let field = self.field;
        ui.horizontal(|ui| {
            ui.set_height(SMALL_CONTROL);
            ui.spacing_mut().item_spacing.x = HALF;
            let text = match field.group {
                Group::Prompt => theme::strong(field.label),
                _ => RichText::new(field.label),
            };
            let label = ui.add_enabled(is_enabled, egui::Label::new(text)).id;
            help_ui(ui, field);
            self.reset_ui(ui);
            widgets::right_ui(ui, |ui| {
                ui.add_enabled_ui(is_enabled, |ui| control_ui(self, ui, label));
            });
            label
        })
        .inner
    }

    /// The way back to the default, where the value is another one.
    fn reset_ui(&mut self, ui: &mut Ui) {
        let field = self.field;
        let is_empty = || field.to_json(self.params) == "";
        let is_at_rest = field.is_default(self.params) || field.is_required() && is_empty();
        if is_at_rest && !self.drafts.contains_key(field.name) {
            // The controls that follow keep their names, and with them the focus.
            ui.skip_ahead_auto_ids(1);
        } else if widgets::icon_button_ui(ui, icons::RESET, &text::reset(field.label)).clicked() {
            field.reset(self.params);
            self.drafts.remove(field.name);
        }
    }

    /// A field for a number, where everything can be typed and what is wrong is said.
    pub(super) fn number_ui(&mut self, ui: &mut Ui, label: Option<Id>, size: Vec2) {
        let name = self.field.name;
        if let Some(unit) = self.field.unit {
            widgets::small_ui(ui, unit);
        }
        ui.spacing_mut().interact_size.y = size.y;
        let draft = self.drafts.get(name).map(|draft| draft.text.clone());
        let mut typed = draft.unwrap_or_else(|| number_text(self.field, self.params));
        let edit = number_editor(&mut typed, size);
        let edit = match self.field.kind {
            Kind::OptionalInteger {
                limits: Some((min, max)),
                ..
            } => edit.hint_text(format!("{min}–{max}")),
            Kind::OptionalInteger { limits: None, .. } => {
                edit.hint_text(text::SEED_HINT).align(Align2::LEFT_CENTER)
            }
            _ => edit,
        };
        let response = ui.add_sized(size, edit);
        let response = match label {
            Some(label) => response.labelled_by(label),
            None => response.accessible_name(self.field.label),
        };
        if response.changed() {
            let problem = self.take_number(&typed);
            let text = typed;
            self.drafts.insert(name, Draft { text, problem });
        }
        let draft = self.drafts.get(name);
        let is_settled = draft.is_some_and(|draft| draft.problem.is_none());
        if is_settled && !response.has_focus() {
            self.drafts.remove(name);
        }
    }

    /// Takes over a typed number, or says what is wrong with it.
    fn take_number(&mut self, typed: &str) -> Option<Problem> {
        if typed.trim().is_empty() && matches!(self.field.kind, Kind::OptionalInteger { .. }) {
            self.field.reset(self.params);
            return None;
        }
        self.field.set_text(self.params, typed).err()
    }

    /// The seed: typed, rolled, or a fresh one each time.
    pub(super) fn seed_ui(&mut self, ui: &mut Ui, access: Access<Option<i128>>) {
        ui.horizontal(|ui| {
            let buttons = 2.0 * (SMALL_CONTROL + ui.spacing().item_spacing.x);
            let width = ui.available_width() - buttons;
            self.number_ui(ui, None, vec2(width, CONTROL));
            let rolls = widgets::icon_button_ui(ui, icons::DICE, text::ROLL_SEED).clicked();
            let seed = (access.get_mut)(self.params);
            let random = ui.add_enabled_ui(seed.is_some(), |ui| {
                widgets::icon_button_ui(ui, icons::RANDOM, text::RANDOM_SEED)
            });
            if rolls || random.inner.clicked() {
                let fresh = || quirks::fresh_seed(Fidelity::Corrected, program::random_bits());
                *seed = rolls.then(|| fresh().into());
                self.drafts.remove(self.field.name);
            }
        });
    }
}

/// What an input means and what it takes, at a question mark.
pub(super) fn help_ui(ui: &mut Ui, field: &Field) {
    let response = widgets::bare_icon_ui(ui, icons::HELP, &text::about(field.label));
    response.on_hover_ui(|ui| {
        ui.label(field.help);
        if let Some(range) = field.range_text() {
            widgets::small_ui(ui, common::sentence(&range));
        }
        widgets::small_ui(ui, field.name);
    });
}

/// A slider as wide as there is room. The typed number beside it may lie outside, and stays.
pub(super) fn wide_slider<'a>(ui: &mut Ui, slider: Slider<'a>) -> Slider<'a> {
    ui.spacing_mut().slider_width = ui.available_width();
    ui.spacing_mut().interact_size.y = theme::SLIDER;
    widgets::dress_sliders(ui);
    slider.show_value(false).clamping(SliderClamping::Never)
}

/// A value that a slider has set: its steps of a tenth leave a trace of binary fractions.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// An editor for a number in a field of this size.
pub(super) fn number_editor(typed: &mut String, size: Vec2) -> TextEdit<'_> {
    TextEdit::singleline(typed)
        .align(Align2::RIGHT_CENTER)
        .margin(Margin::symmetric(SPACE as i8, 0))
        .min_size(size)
        .desired_width(size.x - 2.0 * SPACE)
}

/// A number as text; empty when there is none.
fn number_text(field: &Field, params: &Params) -> String {
    match field.kind {
        Kind::Integer { access, .. } => (access.get)(params).to_string(),
        Kind::Number { access, .. } => (access.get)(params).to_string(),
        Kind::OptionalInteger { access, .. } => {
            let number = (access.get)(params).as_ref();
            number.map(ToString::to_string).unwrap_or_default()
        }
        _ => String::new(),
    }
}
