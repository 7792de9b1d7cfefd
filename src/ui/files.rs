//! What asks the system: dialogs, opening and revealing files, the clipboard. Each runs on a thread of its own, because
//! each may take as long as the user or the system likes.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Duration;

use image::{GrayImage, RgbaImage};
use poll_promise::Promise;
use rfd::{AsyncFileDialog, FileHandle};
use url::Url;

use crate::imaging::{codec, read};
use crate::schema::reference::Reference;
use crate::session::files;
use crate::session::inputs::{self, InputStore};
use crate::ui::command::Asked;
use crate::weights::inspect::Part;
use crate::weights::survey::candidate::Candidate;

/// The endings of files that may hold a LoRA.
const LORA_ENDINGS: [&str; 6] = ["safetensors", "tar", "gz", "tgz", "zst", "tzst"];

/// The endings of files that may hold a model.
const MODEL_ENDINGS: [&str; 3] = ["safetensors", "gguf", "sft"];

/// A new starting picture, kept as a file, and its mask.
pub(crate) type Kept = (PathBuf, Option<PathBuf>);

/// An open dialog.
struct Dialog {
    purpose: Asked,
    answer: Promise<Option<PathBuf>>,
}

/// Everything the system is busy with for us.
#[derive(Default)]
pub(crate) struct Errands {
    dialog: Option<Dialog>,
    others: Vec<Promise<Result<(), String>>>,
    /// A new starting picture on its way into the store.
    kept: Option<Promise<Result<Kept, String>>>,
    /// A mask on its way into the store.
    mask: Option<KeptMask>,
}

/// A mask on its way into the store: the picture it is for, and its version.
struct KeptMask {
    of: PathBuf,
    version: u64,
    path: Promise<Result<PathBuf, String>>,
}

impl Errands {
    /// Opens a dialog, unless one is open already. `start` is where it begins.
    pub(crate) fn ask(&mut self, ctx: &egui::Context, purpose: Asked, start: &Path) {
        if self.dialog.is_some() {
            return;
        }
        let dialog = AsyncFileDialog::new().set_directory(start);
        let ctx = ctx.clone();
        // The dialog is made here, as some systems demand, and waited for elsewhere.
        let asked: Pin<Box<dyn Future<Output = Option<FileHandle>> + Send>> = match purpose {
            Asked::OutputFolder => Box::pin(dialog.set_title("Folder for pictures").pick_folder()),
            Asked::ModelFolder => Box::pin(dialog.set_title("Folder with models").pick_folder()),
            Asked::ModelFile => Box::pin(
                dialog
                    .set_title("Choose the file of a FLUX.1 model")
                    .add_filter("Models", &MODEL_ENDINGS)
                    .pick_file(),
            ),
            Asked::Input(_) => Box::pin(
                dialog
                    .set_title("Choose a picture")
                    .add_filter("Pictures", &read::EXTENSIONS)
                    .pick_file(),
            ),
            Asked::Lora(_) => Box::pin(
                dialog
                    .set_title("Choose a LoRA")
                    .add_filter("LoRAs", &LORA_ENDINGS)
                    .pick_file(),
            ),
            Asked::Mask => Box::pin(
                dialog
                    .set_title("Save the mask")
                    .set_file_name("mask.png")
                    .add_filter("PNG", &["png"])
                    .save_file(),
            ),
        };
        let answer = Promise::spawn_thread("dialog", move || finish(&ctx, asked));
        self.dialog = Some(Dialog { purpose, answer });
    }

    /// What the user chose in a dialog, once.
    pub(crate) fn answer(&mut self) -> Option<(Asked, PathBuf)> {
        let chosen = self.dialog.as_ref()?.answer.ready()?.clone();
        let dialog = self.dialog.take()?;
        Some((dialog.purpose, chosen?))
    }

    /// Opens a file or folder in the program the system has for it.
    pub(crate) fn open(&mut self, ctx: &egui::Context, path: PathBuf) {
        self.run(ctx, "open", move || {
            opener::open(&path)
                .map_err(|error| format!("{} could not be opened: {error}", path.display()))
        });
    }

    /// Shows a file in the system's file manager.
    pub(crate) fn reveal(&mut self, ctx: &egui::Context, path: PathBuf) {
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
    pub(crate) fn copy_picture(&mut self, ctx: &egui::Context, path: PathBuf) {
        self.run(ctx, "copy", move || {
            let picture = read::pixels(&path, true)
                .map_err(|sentence| format!("The picture could not be copied: it {sentence}"))?;
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

    /// Takes a picture from the clipboard as a new starting picture.
    pub(crate) fn paste(&mut self, ctx: &egui::Context, store: InputStore) {
        self.keep_made(ctx, store, || {
            let pixels = arboard::Clipboard::new()
                .and_then(|mut clipboard| clipboard.get_image())
                .map_err(|_| "There is no picture in the clipboard".to_owned())?;
            let (width, height) = (pixels.width as u32, pixels.height as u32);
            RgbaImage::from_raw(width, height, pixels.bytes.into_owned())
                .map(|picture| (picture, None))
                .ok_or_else(|| "The picture in the clipboard is damaged".to_owned())
        });
    }

    /// Keeps a picture, and its mask if it has one, as a new starting picture.
    pub(crate) fn keep(
        &mut self,
        ctx: &egui::Context,
        store: InputStore,
        made: (RgbaImage, Option<GrayImage>),
    ) {
        self.keep_made(ctx, store, move || Ok(made));
    }

    fn keep_made(
        &mut self,
        ctx: &egui::Context,
        store: InputStore,
        make: impl FnOnce() -> Result<(RgbaImage, Option<GrayImage>), String> + Send + 'static,
    ) {
        let ctx = ctx.clone();
        self.kept = Some(Promise::spawn_thread("keep", move || {
            let kept = make().and_then(|(picture, mask)| kept(&store, &picture, mask.as_ref()));
            wake_soon(&ctx);
            kept
        }));
    }

    /// A new starting picture, or why there is none, once.
    pub(crate) fn take_kept(&mut self) -> Option<Result<Kept, String>> {
        self.kept.as_ref()?.ready()?;
        Some(self.kept.take()?.block_and_take())
    }

    /// Whether a new starting picture is on its way.
    pub(crate) fn is_keeping(&self) -> bool {
        self.kept.is_some()
    }

    /// Keeps a version of the mask of the picture `of`.
    pub(crate) fn keep_mask(
        &mut self,
        ctx: &egui::Context,
        store: InputStore,
        of: PathBuf,
        version: u64,
        mask: GrayImage,
    ) {
        let ctx = ctx.clone();
        let path = Promise::spawn_thread("keep mask", move || {
            let kept = inputs::keep_mask(&store, &mask);
            wake_soon(&ctx);
            kept
        });
        self.mask = Some(KeptMask { of, version, path });
    }

    /// The version of the mask of the picture `of` that has been kept since the last call, and its file.
    pub(crate) fn take_mask_of(&mut self, of: &Path) -> Option<(u64, Result<PathBuf, String>)> {
        self.mask.as_ref()?.path.ready()?;
        let KeptMask {
            of: kept_of,
            version,
            path,
        } = self.mask.take()?;
        (kept_of == of).then(|| (version, path.block_and_take()))
    }

    /// Writes a mask as a PNG file.
    pub(crate) fn save_mask(&mut self, ctx: &egui::Context, path: PathBuf, mask: GrayImage) {
        let path = if path.extension().is_some() {
            path
        } else {
            path.with_extension("png")
        };
        self.run(ctx, "mask", move || {
            let file = codec::encode_mask(&mask).map_err(|error| error.to_string())?;
            files::write_whole(&path, &file, true)
                .map_err(|error| format!("The mask could not be saved: {error}"))
        });
    }

    /// What went wrong since the last call, one sentence each.
    pub(crate) fn take_failures(&mut self) -> Vec<String> {
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

/// The file whose path or `file:` address the first line of a text is.
pub(crate) fn path_in(text: &str) -> Option<PathBuf> {
    let line = text.lines().next()?.trim().trim_matches('"');
    let address = Url::parse(line).ok().filter(|url| url.scheme() == "file");
    let path = address.and_then(|url| url.to_file_path().ok());
    let path = path.unwrap_or_else(|| PathBuf::from(line));
    path.is_file().then_some(path)
}

/// Whether a file or folder can be nothing but a model, by its name.
pub(crate) fn is_surely_model(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let ending = ending.map(str::to_ascii_lowercase);
    path.is_dir() || matches!(ending.as_deref(), Some("gguf" | "sft"))
}

/// Whether a file or folder that came in is a model: by its name, or by a transformer in it.
pub(crate) fn is_model(path: &Path) -> bool {
    let is_transformer = || {
        Candidate::look(&[path.to_owned()]).is_ok_and(|candidate| candidate.has(Part::Transformer))
    };
    is_surely_model(path) || is_lora(path) && is_transformer()
}

/// Whether a file is a LoRA's by its name.
pub(crate) fn is_lora(path: &Path) -> bool {
    matches!(
        Reference::parse(&path.to_string_lossy()),
        Ok(Reference::Path(_))
    ) && path
        .extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| LORA_ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

/// Puts a picture and its mask into the store.
fn kept(store: &InputStore, picture: &RgbaImage, mask: Option<&GrayImage>) -> Result<Kept, String> {
    let failed = |error: &dyn std::fmt::Display| format!("The picture could not be kept: {error}");
    let file = codec::encode_input(picture).map_err(|error| failed(&error))?;
    let path = store.keep(&file, "png").map_err(|error| failed(&error))?;
    let mask = match mask {
        None => None,
        Some(mask) => Some(inputs::keep_mask(store, mask)?),
    };
    Ok((path, mask))
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
