//! The pictures in the output folder.
//!
//! The files are the truth: each carries its record, and the gallery is read from them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::imaging::{codec, read};
use crate::session::background::{Background, Reporter, Task};
use crate::session::record::Record;

/// The endings of picture files that the gallery lists.
const EXTENSIONS: [&str; 4] = ["webp", "jpg", "jpeg", "png"];

/// One picture of the gallery.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The file; of a picture that was withheld, a path at which there is none.
    pub path: PathBuf,
    /// How it was made, if the file says so.
    pub record: Option<Record>,
    /// Why it was withheld, in one sentence: there is no file then, and with the program it is forgotten.
    pub withheld: Option<String>,
}

impl Entry {
    /// A picture of this program.
    pub fn new(path: PathBuf, record: Option<Record>) -> Self {
        Self {
            path,
            record,
            withheld: None,
        }
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        read::name(&self.path)
    }
}

/// Every picture in one folder, newest first.
pub struct Gallery {
    folder: PathBuf,
    entries: Vec<Entry>,
    /// Lists the folder, which may hold thousands of files.
    listing: Option<Task<Vec<Entry>>>,
}

impl Gallery {
    /// The gallery of `folder`, which is filled in the background.
    pub(super) fn open(folder: PathBuf, background: &Background) -> Self {
        let listed = folder.clone();
        let list = move |_: &Reporter<()>| list(&listed);
        Self {
            folder,
            entries: Vec::new(),
            listing: Some(background.start("gallery", list)),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The pictures, newest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where `path` stands.
    pub fn position(&self, path: &Path) -> Option<usize> {
        self.entries.iter().position(|entry| entry.path == path)
    }

    /// Puts a new picture first.
    pub(super) fn insert(&mut self, entry: Entry) {
        // A job that began before the folder was changed ends in the old one.
        if entry.path.parent() != Some(&self.folder) {
            return;
        }
        self.entries.retain(|other| other.path != entry.path);
        self.entries.insert(0, entry);
    }

    /// Takes over the listing once it is there; pictures that came in meanwhile stay in front.
    pub(super) fn pump(&mut self) {
        // Without one the gallery stays as it is.
        let listed = Task::take(&mut self.listing).and_then(Result::ok);
        for entry in listed.into_iter().flatten() {
            if self.position(&entry.path).is_none() {
                self.entries.push(entry);
            }
        }
    }
}

/// The pictures in `folder`, newest first. A folder that does not exist yet has none.
fn list(folder: &Path) -> Vec<Entry> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let dated = files.filter_map(|file| {
        let path = file.path();
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        let is_listed = EXTENSIONS.contains(&extension.as_str());
        is_listed.then_some((file.metadata().ok()?.modified().ok()?, path))
    });
    let mut dated: Vec<(SystemTime, PathBuf)> = dated.collect();
    dated.sort_by(|a, b| b.cmp(a));
    let entry = |(_, path): (_, PathBuf)| Entry::new(path.clone(), read_record(&path));
    dated.into_iter().map(entry).collect()
}

/// The record inside a picture file, if it has one of ours.
pub fn read_record(path: &Path) -> Option<Record> {
    let text = codec::read_record(&fs::read(path).ok()?)?;
    serde_json::from_str(&text).ok()
}
