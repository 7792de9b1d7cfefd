//! The window: draws a [`Session`] and changes it as the user says. The only place that knows a toolkit.
//!
//! Each part of the window is a file here. Parts draw what they are given and say what the user asked for as
//! actions; [`App`] carries them out after everything is drawn. [`theme`] holds every colour and size.

mod actions;
mod bars;
mod canvas;
mod choices;
mod compare;
mod details;
mod drops;
mod field;
mod files;
mod form;
mod gallery;
mod icons;
mod incoming;
mod lora_card;
mod loras;
mod messages;
mod models;
mod number;
mod offers;
mod pictures;
mod queue;
mod settings;
mod shortcuts;
pub mod theme;
mod viewer;
mod widgets;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egui::{Context, Frame, Id, Margin, Panel, Ui, ViewportBuilder, vec2};

use crate::session::background::Wake;
use crate::session::folders::Folders;
use crate::session::jobs::JobId;
use crate::session::program::{Session, Setup};
use crate::session::settings::Settings;
use crate::ui::actions::Action;
use crate::ui::canvas::{Beside, Canvas};
use crate::ui::drops::Drops;
use crate::ui::files::{Errands, Kept};
use crate::ui::form::Form;
use crate::ui::models::ModelsPage;
use crate::ui::pictures::Pictures;
use crate::ui::shortcuts::CanvasState;
use crate::ui::theme::{CONTROL, FORM_WIDTH, NARROW, PANEL_MARGIN, QUEUE_WIDTH, SPACE, TABS_WIDTH};
use crate::ui::viewer::View;

/// The name of the window and of the program.
const NAME: &str = "Flux QFaces";

/// How often, at most, the progress of a job redraws the window.
const WAKE_INTERVAL: Duration = Duration::from_millis(33);

/// How long the settings rest before they are written, in seconds.
const SAVE_DELAY: f64 = 1.0;

/// How long a passing remark stays, in seconds.
const REMARK_SECS: f64 = 2.5;

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing to show it on.
    #[error(
        "there is no display to open a window on: use `flux-qfaces generate --prompt …` on the command line"
    )]
    NoDisplay,
    /// The system refused for another reason.
    #[error(
        "the window could not be opened ({0}): `flux-qfaces generate --prompt …` works without one"
    )]
    Refused(String),
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// When there is no display, or no window can be opened on it.
pub fn run(folders: Folders, setup: Setup) -> Result<(), Error> {
    let viewport = ViewportBuilder::default()
        .with_title(NAME)
        .with_app_id("flux-qfaces")
        .with_icon(icons::window())
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([800.0, 560.0]);
    let options = eframe::NativeOptions {
        viewport,
        ..Default::default()
    };
    let create = |creation: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        theme::install(&creation.egui_ctx);
        let ctx = creation.egui_ctx.clone();
        let wake: Wake = Arc::new(move || ctx.request_repaint_after(WAKE_INTERVAL));
        Ok(Box::new(App::new(Session::open(folders, setup, wake))))
    };
    eframe::run_native(NAME, options, Box::new(create)).map_err(|error| match error {
        eframe::Error::WinitEventLoop(_) => Error::NoDisplay,
        other => Error::Refused(other.to_string()),
    })
}

/// Which dialog is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialog {
    Settings,
    Shortcuts,
}

/// What stands in the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    /// The chosen result.
    #[default]
    Results,
    /// The starting picture and its mask.
    Canvas,
    /// The models of this machine, and those that can be had.
    Models,
}

/// Which panels at the sides are open.
struct Panels {
    form: bool,
    queue: bool,
}

/// Everything the window remembers.
pub struct App {
    session: Session,
    form: Form,
    view: View,
    tab: Tab,
    canvas: Canvas,
    models: ModelsPage,
    /// Starting pictures and their masks that were replaced by others, the last one at the end.
    earlier: Vec<Kept>,
    drops: Drops,
    pictures: Pictures,
    errands: Errands,
    /// The picture in the viewer; without a choice it is the newest.
    chosen: Option<PathBuf>,
    /// Whether the strip must scroll to it.
    follow: bool,
    /// How many jobs had ended when last looked, and the last of them that failed.
    ended: Vec<JobId>,
    failure: Option<JobId>,
    notices: Vec<String>,
    /// A passing remark and when it goes.
    remark: Option<(String, f64)>,
    dialog: Option<Dialog>,
    panels: Panels,
    /// Whether the first frame is still to come.
    is_new: bool,
    /// The settings as they were last written, and when they changed since.
    saved: Settings,
    changed_at: Option<f64>,
}

impl App {
    /// The window of `session`. [`theme::install`] must have been called before the first frame.
    pub fn new(session: Session) -> Self {
        let saved = session.settings.clone();
        let is_new = session.is_new();
        let errands = Errands::new(session.background().clone());
        Self {
            session,
            form: Form::default(),
            view: View::default(),
            // Work on a picture goes on where it was.
            tab: match saved.params.image {
                Some(_) => Tab::Canvas,
                // Whoever opens the program for the first time sees what there is besides the demo model.
                None if is_new => Tab::Models,
                None => Tab::Results,
            },
            canvas: Canvas::new(saved.painting),
            models: ModelsPage::default(),
            earlier: Vec::new(),
            drops: Drops::default(),
            pictures: Pictures::default(),
            errands,
            chosen: None,
            follow: false,
            ended: Vec::new(),
            failure: None,
            notices: Vec::new(),
            remark: None,
            dialog: None,
            panels: Panels {
                form: true,
                queue: false,
            },
            is_new: true,
            saved,
            changed_at: None,
        }
    }

    /// What is drawn.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Takes in what other threads have done, and the keyboard's shortcuts. Call it before [`App::show`].
    pub fn pump(&mut self, ctx: &Context) {
        self.session.pump();
        self.notices.extend(self.session.take_notices());
        self.notices.extend(self.errands.take_failures());
        self.take_ended_jobs(ctx);
        if let Some((purpose, path)) = self.errands.answer() {
            self.take_answer(ctx, purpose, path);
        }
        match self.errands.take_kept() {
            None => {}
            Some(Ok((picture, mask))) => self.start_from(ctx, picture, mask),
            Some(Err(sentence)) => self.notices.push(sentence),
        }
        self.take_pasted(ctx);
        self.canvas.set_habits(self.session.settings.painting);
        self.session.settings.painting = self.canvas.painting();
        self.notices
            .extend(self.canvas.follow(ctx, &mut self.session));
        let (session, errands) = (&mut self.session, &mut self.errands);
        let failed = self.canvas.keep_in_time(ctx, session, errands);
        self.notices.extend(failed);
        let now = ctx.input(|input| input.time);
        if self.remark.as_ref().is_some_and(|(_, until)| now >= *until) {
            self.remark = None;
        }
        self.save_in_time(ctx, now);
    }

    /// Draws the window and does what was asked for.
    pub fn show(&mut self, ui: &mut Ui) {
        theme::choose(ui.ctx(), self.session.settings.theme);
        self.pictures.begin_frame();
        if std::mem::take(&mut self.is_new) {
            // Whoever opens the window can type at once.
            ui.memory_mut(|memory| memory.request_focus(field::prompt_id()));
        }
        let mut actions = self.keys(ui.ctx());
        self.head_ui(ui, &mut actions);
        self.status_ui(ui);
        self.side_panels_ui(ui, &mut actions);
        self.middle_ui(ui, &mut actions);
        self.dialog_ui(ui, &mut actions);
        self.drops.drops_ui(ui, self.canvas.is_open(), &mut actions);
        for action in actions {
            self.perform(ui.ctx(), action);
        }
    }

    /// What the keyboard asks for.
    fn keys(&self, ctx: &Context) -> Vec<Action> {
        if self.drops.asks() {
            // The question has the keyboard.
            return Vec::new();
        }
        let is_shown = self.tab == Tab::Canvas && self.canvas.is_open();
        if is_shown && self.canvas.takes_space(ctx) && !ctx.text_edit_focused() {
            // Space moves the picture, and must not press the button that was clicked last.
            ctx.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Space));
        }
        let canvas = match (is_shown, self.canvas.is_busy()) {
            (false, _) => CanvasState::Away,
            (true, false) => CanvasState::Shown,
            (true, true) => CanvasState::Waiting,
        };
        shortcuts::pressed(ctx, canvas)
    }

    /// The place of the picture in the viewer.
    fn chosen_index(&self) -> Option<usize> {
        let chosen = self
            .chosen
            .as_ref()
            .and_then(|path| self.session.gallery.position(path));
        chosen.or_else(|| (!self.session.gallery.entries().is_empty()).then_some(0))
    }

    /// Form and queue.
    fn side_panels_ui(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let palette = theme::palette(ui);
        let frame = Frame::new().fill(palette.panel);
        let panel = Panel::left("form")
            .frame(frame)
            .resizable(false)
            .exact_size(FORM_WIDTH);
        panel.show_collapsible(ui, &mut self.panels.form, |ui| {
            let (session, pictures) = (&mut self.session, &mut self.pictures);
            self.form.form_ui(ui, session, pictures, actions);
        });
        if ui.ctx().content_rect().width() < NARROW {
            self.floating_queue_ui(ui, actions);
            return;
        }
        let panel = Panel::right("queue")
            .frame(frame.inner_margin(PANEL_MARGIN))
            .resizable(false)
            .exact_size(QUEUE_WIDTH);
        panel.show_collapsible(ui, &mut self.panels.queue, |ui| {
            queue::queue_ui(ui, &self.session, actions);
        });
    }

    /// The queue in a narrow window, over the picture.
    fn floating_queue_ui(&self, ui: &Ui, actions: &mut Vec<Action>) {
        if !self.panels.queue {
            return;
        }
        let room = ui.available_rect_before_wrap();
        let corner = room.right_top() - vec2(QUEUE_WIDTH, 0.0);
        egui::Area::new(Id::unique("floating queue"))
            .fixed_pos(corner)
            .show(ui.ctx(), |ui| {
                let frame = Frame::popup(ui.style()).inner_margin(PANEL_MARGIN);
                frame.show(ui, |ui| {
                    let margin = 2.0 * (f32::from(PANEL_MARGIN) + theme::LINE);
                    ui.set_width(QUEUE_WIDTH - margin);
                    ui.set_height(room.height() - margin);
                    queue::queue_ui(ui, &self.session, actions);
                });
            });
    }

    /// Gallery, messages and picture.
    fn middle_ui(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let palette = theme::palette(ui);
        let chosen = self.chosen_index();
        let follow = std::mem::take(&mut self.follow);
        let strip = Panel::bottom("gallery")
            .frame(Frame::new().fill(palette.panel))
            .resizable(false)
            .exact_size(gallery::tile_side(ui) + 4.0 * SPACE);
        strip.show(ui, |ui| {
            let (session, pictures) = (&mut self.session, &mut self.pictures);
            gallery::gallery_ui(ui, session, pictures, chosen, follow, actions);
        });
        let frame = Frame::new()
            .fill(palette.ground)
            .inner_margin(Margin::same(PANEL_MARGIN));
        egui::CentralPanel::no_frame().frame(frame).show(ui, |ui| {
            let (session, tab) = (&self.session, self.tab);
            messages::messages_ui(ui, session, &self.notices, self.failure, tab, actions);
            let scope = egui::UiBuilder::new().scope_id(Id::unique("viewer"));
            ui.scope_builder(scope, |ui| {
                self.tabs_ui(ui);
                let (session, pictures) = (&mut self.session, &mut self.pictures);
                match self.tab {
                    Tab::Results => {
                        self.canvas.let_go_of_pointer();
                        self.view.viewer_ui(ui, session, pictures, chosen, actions);
                    }
                    Tab::Models => {
                        self.canvas.let_go_of_pointer();
                        self.models.models_ui(ui, session, actions);
                    }
                    Tab::Canvas => {
                        let beside = Beside {
                            is_keeping: self.errands.is_keeping(),
                            has_earlier: !self.earlier.is_empty(),
                        };
                        self.canvas.canvas_ui(ui, session, beside, actions);
                    }
                }
            });
        });
    }

    /// What can stand in the middle.
    fn tabs_ui(&mut self, ui: &mut Ui) {
        const TABS: [(Tab, &str); 3] = [
            (Tab::Results, "Results"),
            (Tab::Canvas, "Canvas"),
            (Tab::Models, "Models"),
        ];
        let names = TABS.map(|(_, name)| name);
        let chosen = TABS.iter().find(|(tab, _)| *tab == self.tab);
        ui.horizontal_wrapped(|ui| {
            ui.allocate_ui(vec2(TABS_WIDTH, CONTROL), |ui| {
                let chosen = chosen.map_or("", |(_, name)| name);
                if let Some(name) = choices::segments_ui(ui, "View", &names, chosen) {
                    let clicked = TABS.iter().find(|(_, other)| *other == name);
                    self.tab = clicked.map_or(self.tab, |(tab, _)| *tab);
                }
            });
            if self.tab == Tab::Canvas {
                self.canvas.options_ui(ui);
            }
        });
    }

    /// The open dialog.
    fn dialog_ui(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let closed = match self.dialog {
            None => false,
            Some(Dialog::Settings) => settings::settings_ui(ui, &mut self.session, actions),
            Some(Dialog::Shortcuts) => shortcuts::list_ui(ui),
        };
        if closed {
            self.dialog = None;
        }
    }

    /// Writes the settings when they have rested for a moment.
    fn save_in_time(&mut self, ctx: &Context, now: f64) {
        if self.session.settings == self.saved && !self.session.is_unsaved() {
            return;
        }
        let since = *self.changed_at.get_or_insert(now);
        if now - since >= SAVE_DELAY {
            self.save();
        } else {
            ctx.request_repaint_after(Duration::from_secs_f64(SAVE_DELAY));
        }
    }

    /// Writes the settings.
    fn save(&mut self) {
        self.saved = self.session.settings.clone();
        self.changed_at = None;
        self.session.save();
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.pump(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        // There is nobody left to tell; the settings below go the same way.
        let _ = self.canvas.keep(&mut self.session);
        if self.session.settings != self.saved || self.session.is_unsaved() {
            self.save();
        }
    }
}
