//! The page with the canvas.

use egui::{Role, Sense, Ui, Vec2, WidgetInfo};

use crate::session::program::Session;
use crate::ui::canvas::bar::{self, State};
use crate::ui::canvas::camera::Sight;
use crate::ui::canvas::open::Open;
use crate::ui::canvas::state::{Beside, Canvas, Content};
use crate::ui::command::{Asked, Command, Commands, Incoming};
use crate::ui::text::canvas as text;
use crate::ui::theme::{self, SPACE};
use crate::ui::{empty, icons, widgets};

impl Canvas {
    /// Draws the canvas with its tools, or what to do to get a picture on it.
    pub(crate) fn canvas_ui(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        beside: Beside,
        commands: &mut Commands,
    ) {
        self.is_hovered = false;
        self.beside = beside;
        match std::mem::take(&mut self.content) {
            Content::Nothing => empty_ui(ui, commands),
            Content::Loading(source) => {
                ui.centered_and_justified(|ui| ui.label(theme::weak(ui, text::READING)));
                self.content = Content::Loading(source);
            }
            Content::Failed(source, sentence) => {
                let (rect, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
                empty::unreadable_ui(ui, rect, &sentence);
                self.content = Content::Failed(source, sentence);
            }
            Content::Open(mut open) => {
                // A picture that is being turned or cut is not painted on meanwhile.
                ui.add_enabled_ui(!beside.is_keeping, |ui| {
                    self.open_ui(ui, session, &mut open, commands);
                });
                self.content = Content::Open(open);
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
    fn open_ui(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        open: &mut Open,
        commands: &mut Commands,
    ) {
        ui.horizontal_top(|ui| {
            let state = State {
                tool: self.options.tool,
                is_overlay_shown: !self.is_overlay_hidden,
                zoom: self.camera.zoom,
                has_earlier: self.beside.has_earlier,
                open,
            };
            ui.vertical(|ui| bar::bar_ui(ui, state, commands));
            self.place_ui(ui, session, open);
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
            self.take_events(ui, &response, open, sight);
        }
        open.mask_sheets.update(&mut open.mask);
        open.preview(ui.ctx(), params, session.card().native_side);

        let painter = ui.painter_at(shown);
        self.picture_ui(ui, &painter, place, open, bounds);
        self.gesture_ui(ui, &painter, place);
        self.cursor_ui(ui, &painter, place);
    }
}

/// What to do when there is no picture.
fn empty_ui(ui: &mut Ui, commands: &mut Commands) {
    let colour = theme::palette(ui).accent;
    empty::middle_ui(ui, icons::PICTURE, colour, text::EMPTY, |ui| {
        let hint = if takes_drops() {
            text::EMPTY_HINT
        } else {
            text::EMPTY_HINT_WITHOUT_DROPS
        };
        ui.label(theme::weak(ui, hint));
        ui.add_space(SPACE);
        let open = widgets::button_ui(ui, icons::FOLDER, text::OPEN);
        commands.on_click(&open, Command::Ask(Asked::Input("image")));
        let paste = widgets::button_ui(ui, icons::PASTE, text::PASTE);
        commands.on_click(&paste, Incoming::Paste);
    });
}

/// Whether files can be dropped on the window: not on Wayland, where the window library has nothing for it.
fn takes_drops() -> bool {
    !(cfg!(target_os = "linux") && std::env::var_os("WAYLAND_DISPLAY").is_some())
}
