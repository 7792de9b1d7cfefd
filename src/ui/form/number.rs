//! Fields for numbers: everything can be typed, and what is wrong is said instead of corrected.

use egui::{Align2, Id, Margin, TextEdit, Ui, Vec2, vec2};

use crate::schema::choices::Fidelity;
use crate::schema::field::{Access, Field, Kind};
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::schema::quirks;
use crate::session::program;
use crate::ui::form::row::{Draft, Row};
use crate::ui::text::form as text;
use crate::ui::theme::{CONTROL, SMALL_CONTROL, SPACE};
use crate::ui::{icons, widgets};

/// An editor for a number in a field of this size.
pub(super) fn editor(typed: &mut String, size: Vec2) -> TextEdit<'_> {
    TextEdit::singleline(typed)
        .align(Align2::RIGHT_CENTER)
        .margin(Margin::symmetric(SPACE as i8, 0))
        .min_size(size)
        .desired_width(size.x - 2.0 * SPACE)
}

impl Row<'_> {
    /// A field for a number, where everything can be typed and what is wrong is said.
    pub(super) fn number_ui(&mut self, ui: &mut Ui, label: Option<Id>, size: Vec2) {
        let name = self.field.name;
        if let Some(unit) = self.field.unit {
            widgets::small_ui(ui, unit);
        }
        ui.spacing_mut().interact_size.y = size.y;
        let draft = self.drafts.get(name).map(|draft| draft.text.clone());
        let mut typed = draft.unwrap_or_else(|| number_text(self.field, self.params));
        let edit = editor(&mut typed, size);
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
            let mut other = None;
            if widgets::icon_button_ui(ui, icons::DICE, text::ROLL_SEED).clicked() {
                let fresh = quirks::fresh_seed(Fidelity::Corrected, program::random_bits());
                other = Some(Some(fresh.into()));
            }
            let is_fixed = (access.get)(self.params).is_some();
            let random = ui.add_enabled_ui(is_fixed, |ui| {
                widgets::icon_button_ui(ui, icons::RANDOM, text::RANDOM_SEED)
            });
            if random.inner.clicked() {
                other = Some(None);
            }
            if let Some(seed) = other {
                *(access.get_mut)(self.params) = seed;
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
