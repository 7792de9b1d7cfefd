//! Everything the window remembers.

use std::path::PathBuf;
use std::time::Duration;

use egui::Context;

use crate::session::jobs::JobId;
use crate::session::program::Session;
use crate::ui::canvas::state::Canvas;
use crate::ui::command::{Dialog, Tab};
use crate::ui::drops::Drops;
use crate::ui::files::{Errands, Kept};
use crate::ui::form::Form;
use crate::ui::models::ModelsPage;
use crate::ui::pictures::Pictures;
use crate::ui::results::View;

/// How long the settings rest before they are written, in seconds.
const SAVE_DELAY: f64 = 1.0;

/// How long a passing remark stays, in seconds.
const REMARK_SECS: f64 = 2.5;

/// Which panels at the sides are open.
pub(super) struct Panels {
    pub(super) form: bool,
    pub(super) queue: bool,
}

/// The window: a session, and what it remembers of how the session is looked at.
pub struct App {
    pub(super) session: Session,
    pub(super) form: Form,
    pub(super) view: View,
    pub(super) tab: Tab,
    pub(super) canvas: Canvas,
    pub(super) models: ModelsPage,
    /// Starting pictures and their masks that were replaced by others, the last one at the end.
    pub(super) earlier: Vec<Kept>,
    pub(super) drops: Drops,
    pub(super) pictures: Pictures,
    pub(super) errands: Errands,
    /// The picture in the viewer; without a choice it is the newest.
    pub(super) chosen: Option<PathBuf>,
    /// Whether the strip must scroll to it.
    pub(super) follow: bool,
    /// The jobs that had ended when last looked, and the last of them that failed.
    pub(super) ended: Vec<JobId>,
    pub(super) failure: Option<JobId>,
    pub(super) notices: Vec<String>,
    /// A passing remark and when it goes.
    pub(super) remark: Option<(String, f64)>,
    pub(super) dialog: Option<Dialog>,
    pub(super) panels: Panels,
    /// Whether the first frame is still to come.
    pub(super) is_new: bool,
    /// Since when there have been changes that are not written yet.
    changed_at: Option<f64>,
}

impl App {
    /// The window of `session`. [`theme::install`](crate::ui::theme::install) must have been called before the first frame.
    pub fn new(session: Session) -> Self {
        let settings = session.settings();
        Self {
            form: Form::default(),
            view: View::default(),
            // Work on a picture goes on where it was.
            tab: match settings.params.image {
                Some(_) => Tab::Canvas,
                // Whoever opens the program for the first time sees what there is besides the demo model.
                None if session.is_new() => Tab::Models,
                None => Tab::Results,
            },
            canvas: Canvas::new(settings.painting),
            models: ModelsPage::default(),
            earlier: Vec::new(),
            drops: Drops::default(),
            pictures: Pictures::default(),
            errands: Errands::new(session.background().clone()),
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
            changed_at: None,
            session,
        }
    }

    /// What is drawn.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Writes changed settings when they have rested for a moment.
    pub(super) fn save_in_time(&mut self, ctx: &Context) {
        if !self.session.is_unsaved() {
            return;
        }
        let now = ctx.input(|input| input.time);
        let since = *self.changed_at.get_or_insert(now);
        if now - since >= SAVE_DELAY {
            self.changed_at = None;
            self.session.save();
        } else {
            ctx.request_repaint_after(Duration::from_secs_f64(SAVE_DELAY));
        }
    }

    /// The place of the picture in the viewer.
    pub(super) fn chosen_index(&self) -> Option<usize> {
        let gallery = &self.session.gallery;
        let chosen = self.chosen.as_ref();
        let chosen = chosen.and_then(|path| gallery.position(path));
        chosen.or_else(|| (!gallery.entries().is_empty()).then_some(0))
    }

    /// Shows another picture.
    pub(super) fn choose(&mut self, path: PathBuf) {
        self.chosen = Some(path);
        self.follow = true;
        self.view.fit();
    }

    /// Says something in passing.
    pub(super) fn say(&mut self, ctx: &Context, remark: &str) {
        let now = ctx.input(|input| input.time);
        self.remark = Some((remark.to_owned(), now + REMARK_SECS));
        ctx.request_repaint_after(Duration::from_secs_f64(REMARK_SECS));
    }
}
