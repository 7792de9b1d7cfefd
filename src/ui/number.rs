//! Fields for numbers: everything can be typed, and what is wrong is said instead of corrected.

use std::collections::HashMap;

use egui::{Align2, Id, Margin, TextEdit, Ui, Vec2, vec2};

use crate::schema::choices::Fidelity;
use crate::schema::field::{Access, Field, Kind};
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::schema::quirks;
use crate::session;
use crate::ui::field::Row;
use crate::ui::theme::{self, CONTROL, SMALL_CONTROL, SPACE};
use crate::ui::{icons, widgets};

/// Text in a number's field that is not yet, or no longer, the number in the inputs.
pub(super) struct Draft {
    text: String,
    /// What is wrong with it.
    pub(super) problem: Option<Problem>,
}

/// Half-typed numbers by the name of their input.
pub(super) type Drafts = HashMap<&'static str, Draft>;

impl Row<'_> {
    /// A field for a number, where everything can be typed and what is wrong is said.
    pub(super) fn number_ui(&mut self, ui: &mut Ui, label: Option<Id>, size: Vec2) {
        let name = self.field.name;
        if let Some(unit) = self.field.unit {
            ui.label(theme::small(ui, unit));
        }
        ui.spacing_mut().interact_size.y = size.y;
        let draft = self.drafts.get(name).map(|draft| draft.text.clone());
        let mut text = draft.unwrap_or_else(|| number_text(self.field, self.params));
        let (hint, align) = match self.field.kind {
            Kind::OptionalInteger {
                limits: Some((min, max)),
                ..
            } => (format!("{min}–{max}"), Align2::RIGHT_CENTER),
            Kind::OptionalInteger { limits: None, .. } => {
                ("Random each time".to_owned(), Align2::LEFT_CENTER)
            }
            _ => (String::new(), Align2::RIGHT_CENTER),
        };
        let margin = Margin::symmetric(SPACE as i8, 0);
        let edit = TextEdit::singleline(&mut text)
            .hint_text(hint)
            .align(align)
            .margin(margin);
        let edit = edit.min_size(size).desired_width(size.x - 2.0 * SPACE);
        let mut response = ui.add_sized(size, edit);
        response = match label {
            Some(label) => response.labelled_by(label),
            None => response.accessible_name(self.field.label),
        };
        if response.changed() {
            let problem = self.take_number(&text);
            self.drafts.insert(name, Draft { text, problem });
        }
        let settled = self
            .drafts
            .get(name)
            .is_some_and(|draft| draft.problem.is_none());
        if settled && !response.has_focus() {
            self.drafts.remove(name);
        }
    }

    /// Takes over a typed number, or says what is wrong with it.
    fn take_number(&mut self, text: &str) -> Option<Problem> {
        if text.trim().is_empty() && matches!(self.field.kind, Kind::OptionalInteger { .. }) {
            self.field.reset(self.params);
            return None;
        }
        self.field.set_text(self.params, text).err()
    }

    /// The seed: typed, rolled, or a fresh one each time.
    pub(super) fn seed_ui(&mut self, ui: &mut Ui, access: Access<Option<i128>>) {
        ui.horizontal(|ui| {
            let buttons = 2.0 * (SMALL_CONTROL + ui.spacing().item_spacing.x);
            let width = ui.available_width() - buttons;
            self.number_ui(ui, None, vec2(width, CONTROL));
            if widgets::icon_button_ui(ui, icons::DICE, "Roll a seed and keep it").clicked() {
                let fresh =
                    quirks::fresh_seed(Fidelity::Corrected, session::program::random_bits());
                *(access.get_mut)(self.params) = Some(fresh.into());
                self.drafts.remove(self.field.name);
            }
            let fixed = (access.get)(self.params).is_some();
            let random = ui.add_enabled_ui(fixed, |ui| {
                widgets::icon_button_ui(ui, icons::RANDOM, "Random seed each time")
            });
            if random.inner.clicked() {
                *(access.get_mut)(self.params) = None;
                self.drafts.remove(self.field.name);
            }
        });
    }
}

/// A number as text; empty when there is none.
fn number_text(field: &Field, params: &Params) -> String {
    match field.kind {
        Kind::Integer { access, .. } => (access.get)(params).to_string(),
        Kind::Number { access, .. } => (access.get)(params).to_string(),
        Kind::OptionalInteger { access, .. } => (access.get)(params)
            .map(|number| number.to_string())
            .unwrap_or_default(),
        _ => String::new(),
    }
}
