//! What asks the system: dialogs, opening and revealing files, the clipboard. Each runs on a thread of its own, because
//! each may take as long as the user or the system likes.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Duration;

use poll_promise::Promise;
use rfd::{AsyncFileDialog, FileHandle};

use crate::imaging::codec;

/// The endings of picture files that can be chosen.
const PICTURES: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// What a dialog was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The folder for pictures.
    OutputFolder,
    /// The picture for the input of this name.
    Input(&'static str),
}

/// An open dialog.
struct Dialog {
    purpose: Purpose,
    answer: Promise<Option<PathBuf>>,
}

/// Everything the system is busy with for us.
#[derive(Default)]
pub(super) struct Errands {
    dialog: Option<Dialog>,
    others: Vec<Promise<Result<(), String>>>,
}

impl Errands {
    /// Opens a dialog, unless one is open already. `start` is where it begins.
    pub(super) fn ask(&mut self, ctx: &egui::Context, purpose: Purpose, start: &Path) {
        if self.dialog.is_some() {
            return;
        }
        let dialog = AsyncFileDialog::new().set_directory(start);
        let ctx = ctx.clone();
        // The dialog is made here, as some systems demand, and waited for elsewhere.
        let answer = match purpose {
            Purpose::OutputFolder => {
                let asked = dialog.set_title("Folder for pictures").pick_folder();
                Promise::spawn_thread("dialog", move || finish(&ctx, asked))
            }
            Purpose::Input(_) => {
                let asked = dialog
                    .set_title("Choose a picture")
                    .add_filter("Pictures", &PICTURES)
                    .pick_file();
                Promise::spawn_thread("dialog", move || finish(&ctx, asked))
            }
        };
        self.dialog = Some(Dialog { purpose, answer });
    }

    /// What the user chose in a dialog, once.
    pub(super) fn answer(&mut self) -> Option<(Purpose, PathBuf)> {
        let chosen = self.dialog.as_ref()?.answer.ready()?.clone();
        let dialog = self.dialog.take()?;
        Some((dialog.purpose, chosen?))
    }

    /// Opens a file or folder in the program the system has for it.
    pub(super) fn open(&mut self, ctx: &egui::Context, path: PathBuf) {
        self.run(ctx, "open", move || {
            opener::open(&path)
                .map_err(|error| format!("{} could not be opened: {error}", path.display()))
        });
    }

    /// Shows a file in the system's file manager.
    pub(super) fn reveal(&mut self, ctx: &egui::Context, path: PathBuf) {
        self.run(ctx, "reveal", move || {
            opener::reveal(&path).map_err(|error| {
                format!(
                    "{} could not be shown in its folder: {error}",
                    path.display()
                )
            })
        });
    }

    /// Puts the pixels of a picture file into the clipboard.
    pub(super) fn copy_picture(&mut self, ctx: &egui::Context, path: PathBuf) {
        self.run(ctx, "copy", move || {
            let file = std::fs::read(&path)
                .map_err(|error| format!("The picture could not be copied: {error}"))?;
            let picture = codec::decode(&file)
                .map_err(|error| error.to_string())?
                .to_rgba8();
            let (width, height) = (picture.width() as usize, picture.height() as usize);
            let pixels = arboard::ImageData {
                width,
                height,
                bytes: Cow::Owned(picture.into_raw()),
            };
            arboard::Clipboard::new()
                .and_then(|mut clipboard| clipboard.set_image(pixels))
                .map_err(|error| format!("The picture could not be copied: {error}"))
        });
    }

    /// What went wrong since the last call, one sentence each.
    pub(super) fn take_failures(&mut self) -> Vec<String> {
        let (ended, busy): (Vec<_>, Vec<_>) = std::mem::take(&mut self.others)
            .into_iter()
            .partition(|errand| errand.ready().is_some());
        self.others = busy;
        ended
            .into_iter()
            .filter_map(|errand| errand.block_and_take().err())
            .collect()
    }

    fn run(
        &mut self,
        ctx: &egui::Context,
        name: &str,
        errand: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) {
        let ctx = ctx.clone();
        self.others.push(Promise::spawn_thread(name, move || {
            let result = errand();
            wake_soon(&ctx);
            result
        }));
    }
}

/// Waits for a dialog's answer and wakes the window.
fn finish(ctx: &egui::Context, asked: impl Future<Output = Option<FileHandle>>) -> Option<PathBuf> {
    let chosen = wait(asked).map(|file| file.path().to_owned());
    wake_soon(ctx);
    chosen
}

/// Wakes the window once the promise is kept, which is a moment after its thread's closure has returned.
fn wake_soon(ctx: &egui::Context) {
    ctx.request_repaint_after(Duration::from_millis(20));
}

/// Wakes a sleeping thread.
struct Alarm(Thread);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Sleeps until `future` has a result.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Arc::new(Alarm(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}
