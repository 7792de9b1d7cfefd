//! The bar at the top and the line at the bottom.

use egui::{Align, Frame, Layout, Margin, Panel, RichText, Ui};

use crate::engine::compute::hardware::Hardware;
use crate::session::worker::ModelState;
use crate::ui::theme::{self, HALF, PANEL_MARGIN, SPACE, TITLE_ICON};
use crate::ui::{Action, App, NAME, icons, offers, shortcuts, widgets};

impl App {
    /// Draws the bar at the top.
    pub(super) fn head_ui(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let palette = theme::palette(ui);
        let margin = Margin::symmetric(PANEL_MARGIN, SPACE as i8);
        let frame = Frame::new().fill(palette.panel).inner_margin(margin);
        Panel::top("head")
            .frame(frame)
            .resizable(false)
            .show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.label(
                        RichText::new(icons::SMILE)
                            .size(TITLE_ICON)
                            .color(palette.accent),
                    );
                    ui.label(theme::title(NAME));
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        self.tools_ui(ui, actions);
                    });
                });
            });
    }

    /// Draws the buttons of the bar, from right to left.
    fn tools_ui(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        ui.spacing_mut().item_spacing.x = HALF;
        for (icon, name, shortcut, action) in [
            (
                icons::SETTINGS,
                "Settings",
                shortcuts::SETTINGS,
                Action::ToggleSettings,
            ),
            (
                icons::KEYBOARD,
                "Shortcuts",
                shortcuts::LIST,
                Action::ToggleShortcuts,
            ),
            (
                icons::PANELS,
                "Panels",
                shortcuts::PANELS,
                Action::TogglePanels,
            ),
        ] {
            let hint = format!("{name} ({})", shortcuts::text(ui.ctx(), shortcut));
            if widgets::bare_icon_ui(ui, icon, name)
                .on_hover_text(hint)
                .clicked()
            {
                actions.push(action);
            }
        }
        ui.add_space(HALF);
        let open = self.open_jobs();
        let queue = if open == 0 {
            "Queue".to_owned()
        } else {
            format!("Queue ({open})")
        };
        let hint = format!("Queue ({})", shortcuts::text(ui.ctx(), shortcuts::QUEUE));
        if widgets::button_ui(ui, icons::QUEUE, &queue)
            .on_hover_text(hint)
            .clicked()
        {
            actions.push(Action::ToggleQueue);
        }
    }

    /// Draws the line at the bottom.
    pub(super) fn status_ui(&self, ui: &mut Ui) {
        let palette = theme::palette(ui);
        let margin = Margin::symmetric(PANEL_MARGIN, 0);
        let frame = Frame::new().fill(palette.panel).inner_margin(margin);
        Panel::bottom("status")
            .frame(frame)
            .resizable(false)
            .show(ui, |ui| {
                ui.horizontal(|ui| {
                    let opening = self.session.models.opening().is_some();
                    let state = match self.session.model() {
                        _ if opening => "opening the chosen model…",
                        ModelState::Loading => "loading…",
                        ModelState::Ready => "ready",
                        ModelState::Failed(_) => "cannot be used",
                    };
                    let model = &self.session.card().name;
                    let mut text = format!("{model} · {state} · {}", Hardware::BEST);
                    if let Some(download) = offers::summary(&self.session) {
                        text = format!("{text} · {download}");
                    }
                    ui.label(theme::small(ui, text));
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        let count = self.session.gallery.entries().len();
                        let pictures = if count == 1 { "picture" } else { "pictures" };
                        let open = self.open_jobs();
                        ui.label(theme::small(
                            ui,
                            format!("{count} {pictures} · {open} in the queue"),
                        ));
                        if let Some((remark, _)) = &self.remark {
                            ui.add_space(SPACE);
                            let text = format!("{} {remark}", icons::DONE);
                            ui.label(theme::small(ui, text).color(palette.accent));
                        }
                    });
                });
            });
    }

    /// How many jobs run or wait.
    fn open_jobs(&self) -> usize {
        self.session
            .jobs()
            .iter()
            .filter(|job| !job.has_ended())
            .count()
    }
}
