//! Archives with a LoRA in them, as Replicate's trainer makes them: tar, plain or packed with gzip or zstd.
//!
//! Nothing is unpacked but the one `.safetensors` file, wherever it lies in the archive, and it is written where the caller
//! says; names in the archive lead nowhere.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Component, Path};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use tar::{Archive, EntryType};

use crate::text::file_name;
use crate::weights::error::Error;

/// The most bytes of a LoRA in an archive.
const MOST_LORA_BYTES: u64 = 16 << 30;

/// The most bytes of everything in an archive.
const MOST_BYTES: u64 = 2 * MOST_LORA_BYTES;

/// The most files in an archive.
const MOST_ENTRIES: usize = 10_000;

/// The most bytes of a name in an archive, with what else stands beside it.
const MOST_NAME_BYTES: u64 = 64 << 10;

/// The most bytes of a caption that is read.
const CAPTION_BYTES: u64 = 4096;

/// What a file is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A safetensors file, or something else that is no archive.
    File,
    /// A tar archive.
    Tar,
    /// A tar archive in gzip.
    Gzip,
    /// A tar archive in zstd.
    Zstd,
    /// Packed in a way that is not understood.
    Other(&'static str),
}

impl Kind {
    /// Looks at a file's first bytes.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'B', b'Z', b'h', ..] => Self::Other("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Self::Other("xz"),
            [b'P', b'K', 3 | 5, ..] => Self::Other("zip"),
            _ if head.get(257..262) == Some(b"ustar") => Self::Tar,
            _ => Self::File,
        }
    }
}

/// Writes the one `.safetensors` file of an archive to `target`. `proceed` is asked all the time, with the bytes of it that
/// are written, and may end the work.
///
/// Returns the words in capitals that every caption of the training has: the trigger word, most likely.
///
/// # Errors
/// When the archive is damaged, has no such file or several, or has entries that lead out of it, are links, or are larger
/// than a LoRA can be; when the disk refuses; those of `proceed`.
pub fn extract(
    mut archive: File,
    target: &mut File,
    proceed: &dyn Fn(u64) -> Result<(), Error>,
) -> Result<Vec<String>, Error> {
    let mut head = Vec::new();
    let read = Read::by_ref(&mut archive).take(512).read_to_end(&mut head);
    let kind = read.map(|_| Kind::of(&head)).map_err(damaged)?;
    // Names of any length are read whole by the parser, so their lengths are looked at first.
    let looked = check_lengths(&mut unpacked(&archive, kind, proceed)?);
    looked.map_err(|error| proceed(0).err().unwrap_or(error))?;
    let found = extract_tar(&mut unpacked(&archive, kind, proceed)?, target, proceed);
    found.map_err(|error| proceed(0).err().unwrap_or(error))
}

/// The tar archive inside a file, from its start.
fn unpacked<'a>(
    archive: &'a File,
    kind: Kind,
    proceed: &'a dyn Fn(u64) -> Result<(), Error>,
) -> Result<Box<dyn Read + 'a>, Error> {
    let mut start = archive;
    start.rewind().map_err(damaged)?;
    let plain = BufReader::new(archive);
    let unpacked: Box<dyn Read> = match kind {
        Kind::Tar | Kind::File => Box::new(plain),
        Kind::Gzip => Box::new(MultiGzDecoder::new(plain)),
        Kind::Zstd => {
            let decoder = StreamingDecoder::new(plain);
            Box::new(decoder.map_err(|error| refused(&format!("it is damaged ({error})")))?)
        }
        Kind::Other(packer) => {
            return Err(refused(&format!(
                "it is packed with {packer}; plain tar, gzip and zstd are understood"
            )));
        }
    };
    Ok(Box::new(Limited {
        inner: unpacked,
        left: MOST_BYTES,
        proceed,
    }))
}

/// A reader that can be ended from outside, and ends by itself when there is too much.
struct Limited<'a> {
    inner: Box<dyn Read + 'a>,
    left: u64,
    proceed: &'a dyn Fn(u64) -> Result<(), Error>,
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.proceed)(0).map_err(|error| io::Error::other(error.to_string()))?;
        let count = self.inner.read(buffer)?;
        let left = self.left.checked_sub(count as u64);
        self.left = left.ok_or_else(|| io::Error::other("there is too much in it"))?;
        Ok(count)
    }
}

/// Checks that no name in a tar archive is longer than any real one.
fn check_lengths(archive: &mut dyn Read) -> Result<(), Error> {
    let mut archive = Archive::new(archive);
    let entries = archive.entries().map_err(damaged)?.raw(true);
    for (index, entry) in entries.enumerate() {
        // What is damaged is found again, and said better, when the names are read.
        let Ok(entry) = entry else { break };
        let kind = entry.header().entry_type();
        let is_long = kind.is_gnu_longname() || kind.is_gnu_longlink();
        let is_name = is_long || kind.is_pax_local_extensions() || kind.is_pax_global_extensions();
        if is_name && entry.size() > MOST_NAME_BYTES {
            return Err(refused("a name in it is too long"));
        }
        if index >= 2 * MOST_ENTRIES {
            return Err(refused("there are too many files in it"));
        }
    }
    Ok(())
}

/// Looks through a tar archive.
fn extract_tar(
    archive: &mut dyn Read,
    target: &mut File,
    proceed: &dyn Fn(u64) -> Result<(), Error>,
) -> Result<Vec<String>, Error> {
    let mut archive = Archive::new(archive);
    let mut loras: Vec<String> = Vec::new();
    let mut captions = Vec::new();
    for (index, entry) in archive.entries().map_err(damaged)?.enumerate() {
        let mut entry = entry.map_err(damaged)?;
        if index >= MOST_ENTRIES {
            return Err(refused("there are too many files in it"));
        }
        let path = entry.path().map_err(damaged)?.into_owned();
        match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader => {
                inside(&path)?;
                continue;
            }
            EntryType::Regular | EntryType::Continuous => inside(&path)?,
            EntryType::Symlink | EntryType::Link => {
                return Err(refused(&format!("it has a link in it ({})", shown(&path))));
            }
            _ => {
                let path = shown(&path);
                return Err(refused(&format!(
                    "it has something in it that is no file ({path})"
                )));
            }
        }
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        // The attributes that macOS keeps beside each file are no files of their own.
        if file_name(&path).starts_with("._") {
            continue;
        }
        if ending == "txt" {
            let mut caption = String::new();
            let mut start = entry.by_ref().take(CAPTION_BYTES);
            captions.extend(start.read_to_string(&mut caption).map(|_| caption));
        }
        if ending != "safetensors" {
            continue;
        }
        if entry.size() > MOST_LORA_BYTES {
            return Err(refused(&format!("{} in it is too large", shown(&path))));
        }
        loras.push(shown(&path));
        if loras.len() == 1 {
            copy(&mut entry, target, proceed)?;
        }
    }
    match loras.len() {
        0 => Err(refused("there is no .safetensors file in it")),
        1 => Ok(common_capitals(&captions)),
        _ => {
            let names = loras.join(", ");
            Err(refused(&format!(
                "there are several .safetensors files in it: {names}"
            )))
        }
    }
}

fn copy(
    entry: &mut dyn Read,
    target: &mut File,
    proceed: &dyn Fn(u64) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut buffer = vec![0; 1 << 16];
    let mut written = 0;
    loop {
        proceed(written)?;
        let count = entry.read(&mut buffer).map_err(damaged)?;
        if count == 0 {
            return Ok(());
        }
        let written_now = target.write_all(&buffer[..count]);
        written_now.map_err(Error::unwritable(Path::new("the file in the archive")))?;
        written += count as u64;
    }
}

/// Checks that a path stays inside the archive.
fn inside(path: &Path) -> Result<(), Error> {
    let stays = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let has_drive = path.to_string_lossy().contains([':', '\\']);
    if path.components().all(stays) && !has_drive {
        return Ok(());
    }
    let path = shown(path);
    Err(refused(&format!("a name in it leads out of it ({path})")))
}

/// A name from an archive, for people.
fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

/// Words in capitals that every caption has.
fn common_capitals(captions: &[String]) -> Vec<String> {
    fn words(caption: &str) -> impl Iterator<Item = &str> {
        caption.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
    }
    let Some((first, others)) = captions.split_first() else {
        return Vec::new();
    };
    let mut common: HashSet<&str> = words(first).collect();
    for caption in others {
        let words: HashSet<&str> = words(caption).collect();
        common.retain(|word| words.contains(word));
    }
    let is_loud = |word: &&str| {
        word.chars().count() >= 3
            && word.chars().any(char::is_uppercase)
            && !word.chars().any(char::is_lowercase)
    };
    // In the order of the first caption, each once.
    let found = words(first).filter(|word| is_loud(word) && common.remove(word));
    found.map(str::to_owned).collect()
}

#[allow(clippy::needless_pass_by_value, reason = "what map_err gives")]
fn damaged(error: io::Error) -> Error {
    refused(&format!("it is damaged, or no archive ({error})"))
}

fn refused(why: &str) -> Error {
    Error::Refused(format!("the archive cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::common_capitals;

    #[test]
    fn the_trigger_is_what_all_captions_shout() {
        for (texts, expected) in [
            (
                &["a photo of TOK, smiling", "TOK in a HAT"][..],
                &["TOK"][..],
            ),
            (&["QFACE a face, QFACE"], &["QFACE"]),
            (&["a face", "TOK"], &[]),
            (&[], &[]),
        ] {
            let captions: Vec<_> = texts.iter().map(ToString::to_string).collect();
            assert_eq!(common_capitals(&captions), expected, "{texts:?}");
        }
    }
}
