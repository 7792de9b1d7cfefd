//! How a model is shown.

use egui::{Align, Layout, RichText, Ui};

use crate::ui::text::models as text;
use crate::ui::theme::{self, HALF};
use crate::ui::{icons, widgets};

/// A card around a model; the one in use is marked.
pub(super) fn card_ui(ui: &mut Ui, is_in_use: bool, contents_ui: impl FnOnce(&mut Ui)) {
    let palette = theme::palette(ui);
    let fill = if is_in_use {
        palette.accent_soft
    } else {
        palette.panel
    };
    widgets::card_ui(ui, fill, |ui| {
        ui.spacing_mut().item_spacing.y = HALF;
        contents_ui(ui);
    });
}

/// A name with facts below it on the left, and buttons on the right.
pub(super) fn row_ui(ui: &mut Ui, name: &str, facts: &str, buttons_ui: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        widgets::right_ui(ui, |ui| {
            buttons_ui(ui);
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                widgets::truncated_ui(ui, theme::strong(name)).on_hover_text(name);
                widgets::wrapped_ui(ui, theme::small(ui, facts));
            });
        });
    });
}

/// Says that something is as it should be.
pub(super) fn done_ui(ui: &mut Ui, words: &str) {
    let words = format!("{} {words}", icons::DONE);
    ui.label(RichText::new(words).color(theme::palette(ui).accent));
}

/// Marks the model that runs.
pub(super) fn in_use_ui(ui: &mut Ui) {
    done_ui(ui, text::IN_USE);
}
