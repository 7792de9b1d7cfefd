//! One row of the form: what every input has, whatever its kind.

use std::collections::HashMap;

use egui::{Id, RichText, Slider, SliderClamping, Ui};

use crate::schema::field::{Field, Group};
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::ui::command::Commands;
use crate::ui::text::{common, form as text};
use crate::ui::theme::{self, HALF, SMALL_CONTROL};
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
            let text = if field.group == Group::Prompt {
                theme::strong(field.label)
            } else {
                RichText::new(field.label)
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
        let is_empty = || {
            field
                .to_json(self.params)
                .as_str()
                .is_some_and(str::is_empty)
        };
        let is_at_rest = field.is_default(self.params) || field.is_required() && is_empty();
        if is_at_rest && !self.drafts.contains_key(field.name) {
            // The controls that follow keep their names, and with them the focus.
            ui.skip_ahead_auto_ids(1);
        } else if widgets::icon_button_ui(ui, icons::RESET, &text::reset(field.label)).clicked() {
            field.reset(self.params);
            self.drafts.remove(field.name);
        }
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
