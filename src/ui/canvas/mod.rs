//! The canvas: the starting picture, and the mask that is painted on it.
//!
//! The inputs of the form are the truth: the canvas opens the picture they name, and what is painted becomes the mask
//! they name, as a file that is kept. The mask itself is [`imaging::mask`](crate::imaging::mask); here are only its looks
//! and the hand that paints it.

mod bar;
mod camera;
mod draw;
mod gestures;
mod open;
mod pointer;
mod sheets;
pub(super) mod state;
pub(super) mod tools;

use egui::{RichText, Role, Sense, Ui, Vec2, WidgetInfo};

use crate::session::program::Session;
use crate::ui::canvas::camera::Sight;
use crate::ui::canvas::open::Open;
use crate::ui::canvas::state::{Beside, Canvas, Content};
use crate::ui::command::{Asked, Commands, Desk, Incoming};
use crate::ui::text::canvas as text;
use crate::ui::theme::{self, SPACE};
use crate::ui::{icons, widgets};

impl Canvas {
    /// Draws the canvas with its tools, or what to do to get a picture on it.
    pub(crate) fn canvas_ui(&mut self, ui: &mut Ui, beside: Beside, desk: &mut Desk<'_>) {
        self.is_hovered = false;
        self.beside = beside;
        match &self.content {
            Content::Nothing => empty_ui(ui, desk.commands),
            Content::Loading(_) => {
                ui.centered_and_justified(|ui| ui.label(theme::weak(ui, text::READING)));
            }
            Content::Failed(_, sentence) => {
                let (rect, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
                widgets::unreadable_ui(ui, rect, sentence);
            }
            // A picture that is being turned or cut is not painted on meanwhile.
            Content::Open(_) => {
                ui.add_enabled_ui(!beside.is_keeping, |ui| {
                    self.with_open(|canvas, open| canvas.open_ui(ui, open, desk));
                });
            }
        }
    }

    /// Draws what can be set about the tool, if there is a picture to use it on.
    pub(crate) fn options_ui(&mut self, ui: &mut Ui) {
        if self.is_open() {
            bar::options_ui(ui, &mut self.options);
        }
    }

    /// Draws an open picture, with the tools on its left.
    fn open_ui(&mut self, ui: &mut Ui, open: &mut Open, desk: &mut Desk<'_>) {
        ui.horizontal_top(|ui| {
            ui.vertical(|ui| self.bar_ui(ui, open, desk.commands));
            self.place_ui(ui, desk.session, open);
        });
    }

    /// Draws the picture with its mask, and paints on it.
    fn place_ui(&mut self, ui: &mut Ui, session: &Session, open: &mut Open) {
        let room = ui.available_size().max(Vec2::splat(8.0 * SPACE));
        let (shown, response) = ui.allocate_exact_size(room, Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, ui.is_enabled(), text::NAME));
        self.is_hovered = response.contains_pointer();
        self.id = Some(response.id);
        let place = self.pointer.place(shown);

        let params = &session.settings().params;
        let bounds = open.bounds(params);
        let sight = Sight { place, bounds };
        self.camera.settle(sight);
        if let Some(pixels) = self.wanted_zoom.take() {
            let zoom = f32::from(pixels) / ui.ctx().pixels_per_point();
            self.camera.zoom_to(zoom, sight);
        }
        if ui.is_enabled() {
            self.listen(ui, &response, sight, open);
        }
        open.mask_sheets.update(&mut open.mask);
        open.preview(ui.ctx(), params, session.card().native_side);

        let painter = ui.painter_at(shown);
        self.picture_ui(ui, &painter, sight, open);
        self.gesture_ui(ui, &painter, place);
        self.cursor_ui(ui, &painter, place);
    }
}

/// What to do when there is no picture.
fn empty_ui(ui: &mut Ui, commands: &mut Commands) {
    let icon = RichText::new(icons::PICTURE).color(theme::palette(ui).accent);
    widgets::middle_ui(ui, icon, text::EMPTY, |ui| {
        // The window library has no drops for Wayland.
        let is_wayland = cfg!(target_os = "linux") && std::env::var_os("WAYLAND_DISPLAY").is_some();
        let hint = if is_wayland {
            text::EMPTY_HINT_WITHOUT_DROPS
        } else {
            text::EMPTY_HINT
        };
        ui.label(theme::weak(ui, hint));
        ui.add_space(SPACE);
        commands.button_ui(ui, icons::FOLDER, text::OPEN, Asked::Input("image"));
        commands.button_ui(ui, icons::PASTE, text::PASTE, Incoming::Paste);
    });
}
