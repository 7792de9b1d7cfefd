//! What a LoRA's file says of itself besides its tensors.

use std::collections::HashMap;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use safetensors::tensor::SafeTensors;
use serde_json::Value;

use crate::weights::bytes::Contents;
use crate::weights::error::Error;
use crate::weights::header::parse::what_else;

/// The most trigger words that are offered.
const MOST_TRIGGERS: usize = 8;

/// The most letters of one.
const TRIGGER_LETTERS: usize = 80;

/// The notes that name trigger words.
const TRIGGER_NOTES: [&str; 4] = [
    "modelspec.trigger_phrase",
    "trigger_word",
    "ss_trigger_words",
    "instance_prompt",
];

/// What a file says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Words that a prompt should have.
    pub(super) triggers: Vec<String>,
    /// A small picture, as a file of its own.
    pub(super) thumbnail: Option<Vec<u8>>,
    pub(super) title: Option<String>,
}

/// Checks that a file is a whole safetensors file, and reads what it says of itself. The error says what it is instead, and
/// calls it `name`.
pub(super) fn read(path: &Path, name: &Path) -> Result<Metadata, Error> {
    let contents = Contents::open(path)?;
    let (_, metadata) = SafeTensors::read_metadata(&contents).map_err(|error| {
        let reason = what_else(&contents).map_or_else(
            || format!("it is damaged, cut short or no .safetensors file ({error})"),
            |other| format!("it is {other}"),
        );
        Error::NoLora(reason, name.to_owned())
    })?;
    let notes = metadata.metadata().as_ref();
    Ok(notes.map(of_notes).unwrap_or_default())
}

/// Reads the notes in a header: those of kohya's tools, of ai-toolkit and of
/// [ModelSpec](https://github.com/Stability-AI/ModelSpec).
fn of_notes(notes: &HashMap<String, String>) -> Metadata {
    let text = |name: &str| {
        let value = notes.get(name)?.trim();
        (!value.is_empty() && value != "None").then(|| value.to_owned())
    };
    let named = TRIGGER_NOTES.iter().filter_map(|name| text(name));
    // Several may stand in one text.
    let named = named.flat_map(|value| value.split(',').map(str::to_owned).collect::<Vec<_>>());
    let mut triggers: Vec<_> = named.collect();
    if triggers.is_empty() {
        let tags = text("ss_tag_frequency");
        triggers = tags.map(|json| common_tags(&json)).unwrap_or_default();
    }
    let thumbnail = notes.get("modelspec.thumbnail").and_then(|address| {
        let (_, body) = address.split_once(";base64,")?;
        BASE64.decode(body).ok()
    });
    Metadata {
        triggers: tidy(triggers),
        thumbnail,
        title: text("modelspec.title").or_else(|| text("ss_output_name")),
    }
}

/// The tags that most pictures of the training had, of which kohya's tools keep the counts: `{"folder": {"tag": 20}}`.
fn common_tags(json: &str) -> Vec<String> {
    let Ok(Value::Object(folders)) = serde_json::from_str(json) else {
        return Vec::new();
    };
    let mut counts: HashMap<String, f64> = HashMap::new();
    for tags in folders.values().filter_map(Value::as_object) {
        for (tag, count) in tags {
            *counts.entry(tag.trim().to_owned()).or_default() += count.as_f64().unwrap_or_default();
        }
    }
    let most = counts.values().copied().fold(0.0, f64::max);
    let common = counts.into_iter().filter(|(_, count)| *count >= 0.9 * most);
    let mut common: Vec<_> = common.collect();
    common.sort_by(|(a, more), (b, less)| less.total_cmp(more).then_with(|| a.cmp(b)));
    common.into_iter().map(|(tag, _)| tag).collect()
}

/// Trigger words without doubles, blanks and whole captions.
pub(super) fn tidy(triggers: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for word in triggers {
        let word = word.trim().trim_end_matches(',').to_owned();
        let fits = !word.is_empty() && word.chars().count() <= TRIGGER_LETTERS;
        if fits && !kept.contains(&word) && kept.len() < MOST_TRIGGERS {
            kept.push(word);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{common_tags, tidy};

    #[test]
    fn common_tags_are_those_of_most_pictures() {
        let json = r#"{"a": {"tok": 20, "smile": 3}, "b": {"tok": 10, "man": 29}}"#;
        assert_eq!(common_tags(json), ["tok", "man"]);
        assert!(common_tags("[]").is_empty());
    }

    #[test]
    fn triggers_come_once_and_are_short() {
        let words = ["TOK", " TOK ", "", &"long ".repeat(40)].map(str::to_owned);
        assert_eq!(tidy(words.to_vec()), ["TOK"]);
    }
}
