//! The bar at the top and the line at the bottom.

use egui::{Frame, Margin, Panel, RichText, Ui};

use crate::engine::compute::hardware::Hardware;
use crate::session::program::Session;
use crate::ui::command::{Command, Commands, Dialog};
use crate::ui::text::{common, status as text};
use crate::ui::theme::{self, HALF, PANEL_MARGIN, SPACE, TITLE_ICON};
use crate::ui::{icons, shortcuts as keys, widgets};

/// Draws the bar at the top.
pub(super) fn head_ui(ui: &mut Ui, session: &Session, commands: &mut Commands) {
    bar_ui(ui, Panel::top("head"), SPACE as i8, |ui| {
        let face = RichText::new(icons::SMILE).size(TITLE_ICON);
        ui.label(face.color(theme::palette(ui).accent));
        ui.label(theme::title(text::NAME));
        widgets::right_ui(ui, |ui| tools_ui(ui, session, commands));
    });
}

/// Draws what stands in a line at the edge of the window.
fn bar_ui(ui: &mut Ui, panel: Panel, margin: i8, contents_ui: impl FnOnce(&mut Ui)) {
    let margin = Margin::symmetric(PANEL_MARGIN, margin);
    let frame = Frame::new()
        .fill(theme::palette(ui).panel)
        .inner_margin(margin);
    let panel = panel.frame(frame).resizable(false);
    panel.show(ui, |ui| ui.horizontal(contents_ui));
}

/// Draws the buttons of the bar, from right to left.
fn tools_ui(ui: &mut Ui, session: &Session, commands: &mut Commands) {
    ui.spacing_mut().item_spacing.x = HALF;
    let mut button_ui = |icon, name, key, command: Command| {
        let hint = keys::hint(ui.ctx(), name, key);
        let button = widgets::bare_icon_ui(ui, icon, name).on_hover_text(hint);
        commands.on_click(&button, command);
    };
    let toggle = Command::Toggle;
    let (settings, list) = (toggle(Dialog::Settings), toggle(Dialog::Shortcuts));
    let panels = Command::TogglePanels;
    button_ui(icons::SETTINGS, common::SETTINGS, keys::SETTINGS, settings);
    button_ui(icons::KEYBOARD, common::SHORTCUTS, keys::LIST, list);
    button_ui(icons::PANELS, text::PANELS, keys::PANELS, panels);
    ui.add_space(HALF);
    let hint = keys::hint(ui.ctx(), common::QUEUE, keys::QUEUE);
    let queue = widgets::button_ui(ui, icons::QUEUE, &text::queue(open_jobs(session)));
    commands.on_click(&queue.on_hover_text(hint), Command::ToggleQueue);
}

/// Draws the line at the bottom, with a passing remark if there is one.
pub(super) fn status_ui(ui: &mut Ui, session: &Session, remark: Option<&str>) {
    bar_ui(ui, Panel::bottom("status"), 0, |ui| {
        let (model, state) = (&session.card().name, text::model_state(session));
        let mut parts = vec![model.clone(), state.to_owned(), Hardware::BEST.to_string()];
        let downloads = session.downloads.all();
        let running = downloads.iter().find(|download| download.halt.is_none());
        parts.extend(running.or(downloads.first()).map(text::download));
        widgets::small_ui(ui, parts.join(" · "));
        widgets::right_ui(ui, |ui| {
            let pictures = common::pictures(session.gallery.entries().len());
            widgets::small_ui(ui, text::counts(pictures, open_jobs(session)));
            if let Some(remark) = remark {
                ui.add_space(SPACE);
                let text = format!("{} {remark}", icons::DONE);
                ui.label(theme::small(ui, text).color(theme::palette(ui).accent));
            }
        });
    });
}

/// How many jobs run or wait.
fn open_jobs(session: &Session) -> usize {
    let jobs = session.jobs().iter();
    jobs.filter(|job| !job.has_ended()).count()
}
