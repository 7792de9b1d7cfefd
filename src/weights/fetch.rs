//! Downloads that survive dropped connections and the end of the program.
//!
//! What has arrived stands in a `.part` file with a note beside it on what it is a part of. A download goes on from there
//! with a range request, and `If-Range` makes sure that the file has not changed meanwhile; without something to
//! recognise the file by, it starts anew. One process at a time works on a part; another waits for it.

use std::fs::{self, File};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use ureq::http::StatusCode;
use url::Url;

use crate::text::size_text;
use crate::weights::error::Error;
use crate::weights::http::{
    Answer, Network, Trouble, Waits, content_range, content_range_total, is_web_page, length,
    linked, name_of, unreachable, validator,
};
use crate::weights::partial::{self, Note, Partial};
use crate::weights::stop::Stop;
use crate::weights::text;

/// The most bytes of a file.
pub(super) const MOST_BYTES: u64 = 64 << 30;

/// A file that is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where it is.
    pub url: Url,
    /// Its length in bytes, where the source tells.
    pub size: Option<u64>,
    /// SHA-256 of its contents in hexadecimal, where the source tells.
    pub sha256: Option<String>,
}

/// After how many bytes the room on the disk is looked at again.
const ROOM_BYTES: u64 = 64 << 20;

/// How much of a download is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Bytes that have arrived.
    pub done: u64,
    /// All bytes, once that is known.
    pub total: Option<u64>,
}

impl Bytes {
    /// The share that is there, 0 to 1; 0 while the whole is not known.
    pub fn share(self) -> f32 {
        match self.total {
            Some(total) if total > 0 => (self.done as f64 / total as f64) as f32,
            _ => 0.0,
        }
    }
}

/// Hears of a download, and says whether it goes on.
pub type OnBytes<'a> = dyn FnMut(Bytes) -> ControlFlow<()> + 'a;

/// A finished download: a file in the folder of parts, to be moved where it belongs. Until it is discarded,
/// the next download of the same finds it complete.
pub struct Fetched {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of its contents in hexadecimal.
    pub sha256: String,
    note_path: PathBuf,
    /// Keeps other processes away from the file.
    _lock: File,
}

impl Fetched {
    /// Takes away what is left of the download: it has been moved, or cannot be used.
    pub(super) fn discard(self) {
        let _ = fs::remove_file(&self.note_path);
        let _ = fs::remove_file(&self.path);
    }
}

/// Downloads a file into `folder`, from where it was left if it was begun before.
///
/// # Errors
/// One sentence on what stands against it; [`Error::Cancelled`]. What has arrived stays for the next time, unless it is
/// wrong.
pub fn fetch(
    network: &Network,
    folder: &Path,
    wanted: &Wanted,
    stop: &Stop,
    on_bytes: &mut OnBytes<'_>,
) -> Result<Fetched, Error> {
    let mut part = Partial::open(folder, &wanted.url, stop)?;
    partial::sweep(folder);
    let mut download = Download {
        network,
        wanted,
        stop,
        on_bytes,
        size: wanted.size,
        sha256: wanted.sha256.clone(),
    };
    let mut waits = Waits::new(network);
    // The most that was ever there: a server that starts anew each time brings nothing new.
    let mut most = part.length()?;
    loop {
        stop.check()?;
        let trouble = match download.go_on(&mut part) {
            Ok(true) => break,
            Ok(false) => Error::Unreachable(text::keeps_ending(name_of(&wanted.url))).into(),
            // A name that was found before is found again.
            Err(Trouble::Lasting(Error::NoHost(sentence))) if part.length()? > 0 => {
                Error::Unreachable(sentence).into()
            }
            Err(trouble) => trouble,
        };
        let now = part.length()?;
        if now > most {
            most = now;
            waits = Waits::new(network);
        }
        waits.after(trouble, stop)?;
    }
    download.verify(part)
}

/// A download that goes on.
struct Download<'a, 'b> {
    network: &'a Network,
    wanted: &'a Wanted,
    stop: &'a Stop,
    on_bytes: &'a mut OnBytes<'b>,
    size: Option<u64>,
    sha256: Option<String>,
}

impl Download<'_, '_> {
    /// Asks for what is missing and takes what comes. `true` when the file is complete.
    fn go_on(&mut self, part: &mut Partial) -> Result<bool, Trouble> {
        let have = part.length()?;
        let mut headers = Vec::new();
        let resumes = have > 0 && (part.note.validator.is_some() || self.sha256.is_some());
        if resumes {
            if part.note.total == Some(have) {
                return Ok(true);
            }
            headers.push(("Range", format!("bytes={have}-")));
            if let Some(validator) = &part.note.validator {
                headers.push(("If-Range", validator.clone()));
            }
        }
        let url = &self.wanted.url;
        let (mut size, mut sha256) = (self.size, self.sha256.clone());
        let answer = self.network.get(url, &headers, self.stop, &mut |answer| {
            let (told_size, told_sha256) = linked(answer);
            size = size.or(told_size);
            sha256 = sha256.take().or(told_sha256);
        })?;
        (self.size, self.sha256) = (size, sha256);
        match answer.status() {
            StatusCode::PARTIAL_CONTENT if resumes => match content_range(&answer) {
                Some((start, total)) if start == have && part.note.fits(&answer, total) => {
                    let total = total.or(part.note.total).or(self.size);
                    self.admit(part, &answer, total)?;
                    self.take(part, answer, total)
                }
                _ => {
                    // Another piece, or one of another file: from the start, then.
                    part.clear()?;
                    Ok(false)
                }
            },
            StatusCode::RANGE_NOT_SATISFIABLE if resumes => {
                let is_whole = content_range_total(&answer) == Some(have);
                if !is_whole {
                    part.clear()?;
                }
                Ok(is_whole)
            }
            status if status.is_success() => {
                let total = length(&answer).or(self.size);
                // What has arrived is thrown away only for something better.
                self.admit(part, &answer, total)?;
                part.clear()?;
                part.note.validator = validator(&answer);
                self.take(part, answer, total)
            }
            _ => Err(self.network.trouble(url, &answer)),
        }
    }

    /// Checks that what a server is about to send is the file that is meant, not too long, and no more than there is room for.
    fn admit(&self, part: &Partial, answer: &Answer, total: Option<u64>) -> Result<(), Trouble> {
        let host = name_of(&self.wanted.url);
        let refused = |sentence| Err(Trouble::Lasting(Error::Refused(sentence)));
        if is_web_page(answer) {
            return refused(text::web_page(host));
        }
        if let (Some(size), Some(total)) = (self.size, total)
            && size != total
        {
            return refused(text::other_length(host, total, size));
        }
        let missing = total.unwrap_or_default().saturating_sub(part.length()?);
        part.check_room(missing)?;
        if total.is_some_and(|total| total > MOST_BYTES) {
            return refused(text::too_large(host, size_text(MOST_BYTES)));
        }
        Ok(())
    }

    /// Writes what arrives behind what is there. `true` when the file is complete.
    fn take(
        &mut self,
        part: &mut Partial,
        answer: Answer,
        total: Option<u64>,
    ) -> Result<bool, Trouble> {
        let url = &self.wanted.url;
        part.note.total = total;
        part.write_note()?;
        let mut have = part.length()?;
        let body = answer.into_body().into_with_config();
        let mut body = body.limit(u64::MAX).reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            if (self.on_bytes)(Bytes { done: have, total }).is_break() {
                self.stop.raise();
            }
            self.stop.check()?;
            let count = body.read(&mut buffer);
            let count = count.map_err(|error| self.stop.or(unreachable(url, &error.into())))?;
            if count == 0 {
                break;
            }
            have += count as u64;
            if have > total.unwrap_or(MOST_BYTES) {
                part.clear()?;
                let sentence = text::sends_more(name_of(url));
                return Err(Trouble::Lasting(Error::Refused(sentence)));
            }
            part.write(&buffer[..count])?;
            // Where no length was told, and where others fill the disk too.
            if have / ROOM_BYTES != (have - count as u64) / ROOM_BYTES {
                part.check_room(0)?;
            }
        }
        // Whoever listens hears that it is complete before its sum is taken, which may take a while.
        let _ = (self.on_bytes)(Bytes { done: have, total });
        Ok(total.is_none_or(|total| have == total))
    }

    /// Checks what has arrived, and gives it away under its finished name.
    fn verify(self, mut part: Partial) -> Result<Fetched, Error> {
        part.file.sync_all().map_err(part.refused())?;
        let sha256 = sha256_of(&part.path, self.stop)?;
        let is_wrong = |wanted: String| !wanted.eq_ignore_ascii_case(&sha256);
        if self.sha256.is_some_and(is_wrong) {
            part.clear()?;
            return Err(Error::Refused(text::other_sum(name_of(&self.wanted.url))));
        }
        Ok(Fetched {
            path: part.path,
            sha256,
            note_path: part.note_path,
            _lock: part.lock,
        })
    }
}

impl Note {
    /// Whether an answer with a piece can be of the same file.
    fn fits(&self, answer: &Answer, total: Option<u64>) -> bool {
        let is_same = self.validator.is_none() || self.validator == validator(answer);
        let is_silent = validator(answer).is_none();
        let is_as_long = self.total.is_none() || total.is_none() || self.total == total;
        (is_same || is_silent) && is_as_long
    }
}

/// SHA-256 of a file in hexadecimal, unless `stop` is raised meanwhile.
pub(super) fn sha256_of(path: &Path, stop: &Stop) -> Result<String, Error> {
    let unreadable = Error::unreadable(path);
    let mut file = File::open(path).map_err(&unreadable)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        stop.check()?;
        match file.read(&mut buffer).map_err(&unreadable)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}
