//! What asks the system: dialogs, opening and revealing files, the clipboard. Each runs in the background, because each may
//! take as long as the user or the system likes.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use image::{GrayImage, RgbaImage};
use rfd::{AsyncFileDialog, FileHandle};
use url::Url;

use crate::files::{self, Readers};
use crate::imaging::{codec, read};
use crate::schema::reference::Reference;
use crate::session::background::{Background, Reporter, Task};
use crate::session::inputs::{self, InputStore};
use crate::ui::command::Asked;
use crate::ui::text::files as text;
use crate::weights::inspect::Part;
use crate::weights::survey::candidate::Candidate;

/// The endings of files that may hold a LoRA.
const LORA_ENDINGS: [&str; 6] = ["safetensors", "tar", "gz", "tgz", "zst", "tzst"];

/// The endings of files that may hold a model.
const MODEL_ENDINGS: [&str; 3] = ["safetensors", "gguf", "sft"];

/// A new starting picture, kept as a file, and its mask.
pub(crate) type Kept = (PathBuf, Option<PathBuf>);

/// Everything the system is busy with for us.
pub(crate) struct Errands {
    background: Background,
    dialog: Option<(Asked, Task<Option<PathBuf>>)>,
    others: Vec<Errand<()>>,
    /// A new starting picture on its way into the store.
    kept: Option<Errand<Kept>>,
    /// A mask on its way into the store, with the picture it is for and its version.
    mask: Option<(PathBuf, u64, Errand<PathBuf>)>,
}

/// A task that may fail, in one sentence.
type Errand<T> = Task<Result<T, String>>;

/// What an errand has come to.
fn ended<T>(result: Result<Result<T, String>, String>) -> Result<T, String> {
    result.unwrap_or_else(Err)
}

impl Errands {
    pub(crate) fn new(background: Background) -> Self {
        Self {
            background,
            dialog: None,
            others: Vec::new(),
            kept: None,
            mask: None,
        }
    }

    /// Opens a dialog, unless one is open already. `start` is where it begins.
    pub(crate) fn ask(&mut self, purpose: Asked, start: &Path) {
        if self.dialog.is_some() {
            return;
        }
        let dialog = AsyncFileDialog::new().set_directory(start);
        // The dialog is made here, as some systems demand, and waited for elsewhere.
        let file = |title: &str, kind: &str, endings: &[&str]| {
            let dialog = dialog.clone().set_title(title);
            dialog.add_filter(kind, endings).pick_file()
        };
        let folder = |title: &str| dialog.clone().set_title(title).pick_folder();
        let asked: Pin<Box<dyn Future<Output = Option<FileHandle>> + Send>> = match purpose {
            Asked::OutputFolder => Box::pin(folder(text::OUTPUT_FOLDER)),
            Asked::ModelFolder => Box::pin(folder(text::MODEL_FOLDER)),
            Asked::ModelFile => Box::pin(file(text::MODEL_FILE, text::MODELS, &MODEL_ENDINGS)),
            Asked::Input(_) => Box::pin(file(text::PICTURE, text::PICTURES, &read::EXTENSIONS)),
            Asked::Lora(_) => Box::pin(file(text::LORA, text::LORAS, &LORA_ENDINGS)),
            Asked::Mask => {
                let dialog = dialog.set_title(text::MASK).set_file_name("mask.png");
                Box::pin(dialog.add_filter("PNG", &["png"]).save_file())
            }
        };
        let answer =
            move |_: &Reporter<()>| pollster::block_on(asked).map(|file| file.path().to_owned());
        self.dialog = Some((purpose, self.background.start("dialog", answer)));
    }

    /// What the user chose in a dialog, once.
    pub(crate) fn answer(&mut self) -> Option<(Asked, PathBuf)> {
        let (purpose, answer) = self.dialog.take_if(|(_, answer)| answer.has_ended())?;
        Some((purpose, answer.wait().ok()??))
    }

    /// Opens a file or folder in the program the system has for it.
    pub(crate) fn open(&mut self, path: PathBuf) {
        self.run("open", move || {
            opener::open(&path).map_err(|error| text::not_opened(path.display(), error))
        });
    }

    /// Shows a file in the system's file manager.
    pub(crate) fn reveal(&mut self, path: PathBuf) {
        self.run("reveal", move || {
            opener::reveal(&path).map_err(|error| text::not_revealed(path.display(), error))
        });
    }

    /// Puts the pixels of a picture file into the clipboard.
    pub(crate) fn copy_picture(&mut self, path: PathBuf) {
        self.run("copy", move || {
            let picture = read::pixels(&path, true)
                .map_err(|sentence| text::not_copied(format!("it {sentence}")))?;
            let (width, height) = (picture.width() as usize, picture.height() as usize);
            let pixels = arboard::ImageData {
                width,
                height,
                bytes: Cow::Owned(picture.into_raw()),
            };
            arboard::Clipboard::new()
                .and_then(|mut clipboard| clipboard.set_image(pixels))
                .map_err(text::not_copied)
        });
    }

    /// Takes a picture from the clipboard as a new starting picture.
    pub(crate) fn paste(&mut self, store: InputStore) {
        self.keep_made(store, || {
            let pixels = arboard::Clipboard::new()
                .and_then(|mut clipboard| clipboard.get_image())
                .map_err(|_| text::NO_PICTURE.to_owned())?;
            let (width, height) = (pixels.width as u32, pixels.height as u32);
            RgbaImage::from_raw(width, height, pixels.bytes.into_owned())
                .map(|picture| (picture, None))
                .ok_or_else(|| text::PICTURE_DAMAGED.to_owned())
        });
    }

    /// Keeps a picture, and its mask if it has one, as a new starting picture.
    pub(crate) fn keep(&mut self, store: InputStore, made: (RgbaImage, Option<GrayImage>)) {
        self.keep_made(store, move || Ok(made));
    }

    fn keep_made(
        &mut self,
        store: InputStore,
        make: impl FnOnce() -> Result<(RgbaImage, Option<GrayImage>), String> + Send + 'static,
    ) {
        let keep = move |_: &Reporter<()>| {
            make().and_then(|(picture, mask)| kept(&store, &picture, mask.as_ref()))
        };
        self.kept = Some(self.background.start("keep", keep));
    }

    /// A new starting picture, or why there is none, once.
    pub(crate) fn take_kept(&mut self) -> Option<Result<Kept, String>> {
        Task::take(&mut self.kept).map(ended)
    }

    /// Whether a new starting picture is on its way.
    pub(crate) fn is_keeping(&self) -> bool {
        self.kept.is_some()
    }

    /// Keeps a version of the mask of the picture `of`.
    pub(crate) fn keep_mask(
        &mut self,
        store: InputStore,
        of: PathBuf,
        version: u64,
        mask: GrayImage,
    ) {
        let keep = move |_: &Reporter<()>| inputs::keep_mask(&store, &mask);
        self.mask = Some((of, version, self.background.start("keep mask", keep)));
    }

    /// The version of the mask of the picture `of` that has been kept since the last call, and its file.
    pub(crate) fn take_mask_of(&mut self, of: &Path) -> Option<(u64, Result<PathBuf, String>)> {
        let (kept_of, version, path) = self.mask.take_if(|(_, _, path)| path.has_ended())?;
        (kept_of == of).then(|| (version, ended(path.wait())))
    }

    /// Writes a mask as a PNG file.
    pub(crate) fn save_mask(&mut self, mut path: PathBuf, mask: GrayImage) {
        if path.extension().is_none() {
            path.set_extension("png");
        }
        self.run("mask", move || {
            let file = codec::encode_mask(&mask).map_err(|error| error.to_string())?;
            files::write(&path, &file, Readers::Usual).map_err(text::mask_not_saved)
        });
    }

    /// What went wrong since the last call, one sentence each.
    pub(crate) fn take_failures(&mut self) -> Vec<String> {
        let results = Task::take_ended(&mut self.others).into_iter();
        results.filter_map(|result| ended(result).err()).collect()
    }

    fn run(&mut self, name: &str, errand: impl FnOnce() -> Result<(), String> + Send + 'static) {
        let errand = move |_: &Reporter<()>| errand();
        self.others.push(self.background.start(name, errand));
    }
}

/// The file whose path or `file:` address the first line of a text is.
pub(crate) fn path_in(pasted: &str) -> Option<PathBuf> {
    let line = pasted.lines().next()?.trim().trim_matches('"');
    let address = Url::parse(line).ok().filter(|url| url.scheme() == "file");
    let path = address.and_then(|url| url.to_file_path().ok());
    let path = path.unwrap_or_else(|| PathBuf::from(line));
    path.is_file().then_some(path)
}

/// Whether a file or folder can be nothing but a model, by its name.
pub(crate) fn is_surely_model(path: &Path) -> bool {
    path.is_dir() || has_ending(path, &["gguf", "sft"])
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
    let reference = Reference::parse(&path.to_string_lossy());
    matches!(reference, Ok(Reference::Path(_))) && has_ending(path, &LORA_ENDINGS)
}

/// Whether the name of a file ends in one of these, in any case.
fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_it = |known: &&str| ending.is_some_and(|ending| known.eq_ignore_ascii_case(ending));
    endings.iter().any(is_it)
}

/// Puts a picture and its mask into the store.
fn kept(store: &InputStore, picture: &RgbaImage, mask: Option<&GrayImage>) -> Result<Kept, String> {
    let file = codec::encode_input(picture).map_err(text::not_kept)?;
    let path = store.keep(&file, "png").map_err(text::not_kept)?;
    let mask = mask.map(|mask| inputs::keep_mask(store, mask));
    Ok((path, mask.transpose()?))
}
