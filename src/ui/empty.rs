//! What stands in place of a picture.

use egui::{Align, Align2, Color32, FontId, Layout, Rect, RichText, TextStyle, Ui, vec2};

use crate::ui::icons;
use crate::ui::text::common;
use crate::ui::theme::{self, BIG_ICON, RADIUS, READING_WIDTH, SPACE};

/// Puts a column of text into the middle, below a large icon and a title.
pub(super) fn middle_ui(
    ui: &mut Ui,
    icon: &str,
    colour: Color32,
    title: &str,
    contents_ui: impl FnOnce(&mut Ui),
) {
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        ui.add_space((ui.available_height() / 2.0 - 15.0 * SPACE).max(0.0));
        ui.set_max_width(READING_WIDTH.min(ui.available_width()));
        ui.label(RichText::new(icon).size(BIG_ICON).color(colour));
        ui.label(theme::title(title));
        contents_ui(ui);
    });
}

/// Why a picture cannot be read.
pub(super) fn unreadable_ui(ui: &Ui, rect: Rect, sentence: &str) {
    let palette = theme::palette(ui);
    let painter = ui.painter();
    painter.rect_filled(rect, RADIUS, palette.raised);
    let (middle, off) = (rect.center(), vec2(0.0, 3.0 * SPACE));
    let align = Align2::CENTER_CENTER;
    let font = FontId::proportional(BIG_ICON);
    painter.text(middle - off, align, icons::BROKEN, font, palette.weak);
    let font = TextStyle::Body.resolve(ui.style());
    let sentence = common::sentence(sentence);
    painter.text(middle + off, align, sentence, font, palette.error);
}
