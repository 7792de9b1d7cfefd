//! The window as a whole: how its parts are laid out, and what one frame does. What it remembers is [`state`]; how
//! commands are carried out stands in files of their own.

mod incoming;
mod perform;
mod pump;
pub mod state;

use std::mem;

use egui::{Area, CentralPanel, Context, Frame, Id, Key, Modifiers, Panel, Ui, vec2};

use crate::ui::app::state::App;
use crate::ui::canvas::state::Beside;
use crate::ui::command::{Commands, Desk, Dialog, Tab};
use crate::ui::form::field;
use crate::ui::messages::News;
use crate::ui::results::gallery;
use crate::ui::shortcuts::CanvasState;
use crate::ui::text::common;
use crate::ui::theme::{
    self, CONTROL, FORM_WIDTH, LINE, NARROW, PANEL_MARGIN, QUEUE_WIDTH, SPACE, TABS_WIDTH,
};
use crate::ui::{bars, choices, messages, queue, settings, shortcuts};

impl App {
    /// Draws the window and does what was asked for.
    pub fn show(&mut self, ui: &mut Ui) {
        theme::choose(ui.ctx(), self.session.settings().theme);
        self.pictures.begin_frame();
        if mem::take(&mut self.is_new) {
            // Whoever opens the window can type at once.
            ui.memory_mut(|memory| memory.request_focus(field::prompt_id()));
        }
        // Keys are taken before controls see them, and act on what has been typed meanwhile.
        let pressed = self.keys(ui.ctx());
        let mut commands = Commands::default();
        bars::head_ui(ui, &self.session, &mut commands);
        let remark = self.remark.as_ref().map(|(remark, _)| remark.as_str());
        bars::status_ui(ui, &self.session, remark);
        self.side_panels_ui(ui, &mut commands);
        self.middle_ui(ui, &mut commands);
        self.dialog_ui(ui, &mut commands);
        self.drops
            .drops_ui(ui, self.canvas.is_open(), &mut commands);
        commands.extend(pressed.0);
        self.perform_all(ui.ctx(), commands);
    }

    /// What the keyboard asks for.
    fn keys(&self, ctx: &Context) -> Commands {
        if self.drops.asks() {
            // The question has the keyboard.
            return Commands::default();
        }
        let is_shown = self.tab == Tab::Canvas && self.canvas.is_open();
        if is_shown && self.canvas.takes_space(ctx) && !ctx.text_edit_focused() {
            // Space moves the picture, and must not press the button that was clicked last.
            ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Space));
        }
        let canvas = match (is_shown, self.canvas.is_busy()) {
            (false, _) => CanvasState::Away,
            (true, false) => CanvasState::Shown,
            (true, true) => CanvasState::Waiting,
        };
        shortcuts::pressed(ctx, canvas)
    }

    /// Form and queue.
    fn side_panels_ui(&mut self, ui: &mut Ui, commands: &mut Commands) {
        let palette = theme::palette(ui);
        let frame = Frame::new().fill(palette.panel);
        let panel = Panel::left("form").frame(frame).resizable(false);
        let panel = panel.exact_size(FORM_WIDTH);
        panel.show_collapsible(ui, &mut self.panels.form, |ui| {
            let desk = &mut Desk::new(&self.session, &mut self.pictures, commands);
            self.form.form_ui(ui, desk);
        });
        if ui.ctx().content_rect().width() < NARROW {
            self.floating_queue_ui(ui, commands);
            return;
        }
        let panel = Panel::right("queue").frame(frame.inner_margin(PANEL_MARGIN));
        let panel = panel.resizable(false).exact_size(QUEUE_WIDTH);
        panel.show_collapsible(ui, &mut self.panels.queue, |ui| {
            queue::queue_ui(ui, &self.session, commands);
        });
    }

    /// The queue in a narrow window, over the picture.
    fn floating_queue_ui(&self, ui: &Ui, commands: &mut Commands) {
        if !self.panels.queue {
            return;
        }
        let room = ui.available_rect_before_wrap();
        let corner = room.right_top() - vec2(QUEUE_WIDTH, 0.0);
        let area = Area::new(Id::unique("floating queue")).fixed_pos(corner);
        area.show(ui.ctx(), |ui| {
            let frame = Frame::popup(ui.style()).inner_margin(PANEL_MARGIN);
            frame.show(ui, |ui| {
                let margin = 2.0 * (f32::from(PANEL_MARGIN) + LINE);
                ui.set_width(QUEUE_WIDTH - margin);
                ui.set_height(room.height() - margin);
                queue::queue_ui(ui, &self.session, commands);
            });
        });
    }

    /// Gallery, messages and the page.
    fn middle_ui(&mut self, ui: &mut Ui, commands: &mut Commands) {
        let palette = theme::palette(ui);
        let chosen = self.chosen_index();
        let follow = mem::take(&mut self.follow);
        let strip = Panel::bottom("gallery").frame(Frame::new().fill(palette.panel));
        let height = gallery::tile_side(ui) + 4.0 * SPACE;
        strip.resizable(false).exact_size(height).show(ui, |ui| {
            let desk = &mut Desk::new(&self.session, &mut self.pictures, commands);
            gallery::gallery_ui(ui, chosen, follow, desk);
        });
        let frame = Frame::new().fill(palette.ground).inner_margin(PANEL_MARGIN);
        CentralPanel::no_frame().frame(frame).show(ui, |ui| {
            let news = News {
                notices: &self.notices,
                failure: self.failure,
                tab: self.tab,
            };
            messages::messages_ui(ui, &self.session, &news, commands);
            let scope = egui::UiBuilder::new().scope_id(Id::unique("viewer"));
            ui.scope_builder(scope, |ui| {
                self.tabs_ui(ui);
                self.page_ui(ui, chosen, commands);
            });
        });
    }

    /// The pages to choose from, and what can be set about the canvas.
    fn tabs_ui(&mut self, ui: &mut Ui) {
        ui.horizontal_wrapped(|ui| {
            ui.allocate_ui(vec2(TABS_WIDTH, CONTROL), |ui| {
                let clicked = choices::values_ui(ui, common::VIEW, &common::TABS, self.tab);
                self.tab = clicked.unwrap_or(self.tab);
            });
            if self.tab == Tab::Canvas {
                self.canvas.options_ui(ui);
            }
        });
    }

    fn page_ui(&mut self, ui: &mut Ui, chosen: Option<usize>, commands: &mut Commands) {
        let desk = &mut Desk::new(&self.session, &mut self.pictures, commands);
        if self.tab != Tab::Canvas {
            self.canvas.let_go_of_pointer();
        }
        match self.tab {
            Tab::Results => self.view.viewer_ui(ui, chosen, desk),
            Tab::Models => self.models.models_ui(ui, desk),
            Tab::Canvas => {
                let beside = Beside {
                    is_keeping: self.errands.is_keeping(),
                    has_earlier: !self.earlier.is_empty(),
                };
                self.canvas.canvas_ui(ui, beside, desk);
            }
        }
    }

    fn dialog_ui(&mut self, ui: &Ui, commands: &mut Commands) {
        let is_closed = match self.dialog {
            None => false,
            Some(Dialog::Settings) => settings::settings_ui(ui, &self.session, commands),
            Some(Dialog::Shortcuts) => shortcuts::list_ui(ui),
        };
        if is_closed {
            self.dialog = None;
        }
    }
}
