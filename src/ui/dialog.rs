//! The frame of the window's own dialogs.

use egui::{Frame, Id, Margin, Modal, ScrollArea, Ui};

use crate::ui::text::common;
use crate::ui::theme::{self, SPACE};
use crate::ui::{icons, widgets};

/// Draws a dialog with a title over the darkened window. Returns whether it is to be closed.
pub(super) fn dialog_ui(
    ui: &Ui,
    title: &str,
    width: Option<f32>,
    contents_ui: impl FnOnce(&mut Ui),
) -> bool {
    let modal = Modal::new(Id::unique(title))
        .backdrop_color(theme::BACKDROP)
        .frame(Frame::window(ui.style()));
    let shown = modal.show(ui.ctx(), |ui| {
        if let Some(width) = width {
            ui.set_width(width.min(ui.ctx().content_rect().width() - 8.0 * SPACE));
        }
        let is_closed = title_ui(ui, title);
        area(ui).show(ui, contents_ui);
        is_closed
    });
    shown.inner || shown.should_close()
}

/// Draws the title of a dialog; returns whether its cross was pressed.
fn title_ui(ui: &mut Ui, title: &str) -> bool {
    let close_ui = |ui: &mut Ui| {
        widgets::icon_button_ui(ui, icons::CLOSE, &common::close(title.to_lowercase()))
    };
    let close = ui.horizontal(|ui| {
        ui.label(theme::title(title));
        widgets::right_ui(ui, close_ui)
    });
    ui.add_space(SPACE);
    close.inner.clicked()
}

/// The scrolling inside of a dialog, as high as its contents and at most as high as the window allows.
fn area(ui: &Ui) -> ScrollArea {
    let height = ui.ctx().content_rect().height() - theme::DIALOG_REST;
    // Without a least height the area would stay as low as the dialog was in its first frame.
    ScrollArea::vertical()
        .max_height(height)
        .min_scrolled_height(height)
        // Room for the bar, which would cover the ends of what is as wide as the dialog.
        .content_margin(Margin {
            right: theme::PANEL_MARGIN,
            ..Margin::ZERO
        })
}
