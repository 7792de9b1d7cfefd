//! Opens the window.

use std::sync::Arc;
use std::time::Duration;

use eframe::{CreationContext, NativeOptions};
use egui::{Context, Ui, ViewportBuilder};

use crate::session::background::Wake;
use crate::session::folders::Folders;
use crate::session::program::{Session, Setup};
use crate::ui::app::state::App;
use crate::ui::text::status::NAME;
use crate::ui::{icons, theme};

/// How often, at most, the progress of a job redraws the window.
const WAKE_INTERVAL: Duration = Duration::from_millis(33);

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
    let options = NativeOptions {
        viewport,
        ..Default::default()
    };
    let create = |creation: &CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
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

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.pump(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.close();
    }
}
