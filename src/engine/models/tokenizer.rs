//! From a prompt to token ids, padded and cut to a fixed length.

use serde_json::{Value, json};
use tokenizers::{PaddingDirection, PaddingParams, PaddingStrategy, Tokenizer, TruncationParams};

use crate::engine::error::{Error, Result};
use crate::engine::tensors::config::{read_json, read_json_if_there};
use crate::weights::model::ModelSource;

/// A tokenizer that always gives the same number of tokens.
pub struct FixedLengthTokenizer {
    tokenizer: Tokenizer,
    pad_id: u32,
    pad_token: String,
    /// The most tokens the tokenizer's configuration allows.
    max_length: usize,
    folder: String,
}

/// The ids of a prompt.
pub struct Tokens {
    /// Exactly the length asked for.
    pub ids: Vec<u32>,
    /// Whether the prompt was longer and its end was cut off.
    pub truncated: bool,
}

impl FixedLengthTokenizer {
    /// Opens the tokenizer in `folder` of a model.
    ///
    /// Reads `tokenizer.json`; without one, `vocab.json` and `merges.txt` of CLIP's tokenizer. `default_pad` is the
    /// padding token where the configuration names none, `default_length` the length.
    ///
    /// # Errors
    /// When the files are missing, damaged, or do not know their own padding token.
    pub fn open(
        model: &ModelSource,
        folder: &str,
        default_pad: &str,
        default_length: usize,
    ) -> Result<Self> {
        let place = model.place();
        let name = format!("{folder}/tokenizer.json");
        let has_merges = model.find(&format!("{folder}/merges.txt"))?.is_some();
        let json = match model.find(&name)? {
            Some(contents) => contents.to_vec(),
            None if has_merges => clip_from_parts(model, folder)?.to_string().into_bytes(),
            None => model.read(&name)?.to_vec(),
        };
        let wrong = |what: String| {
            Error::Checkpoint(format!("the tokenizer in {folder} of {place} {what}"))
        };
        let tokenizer = Tokenizer::from_bytes(json)
            .map_err(|error| wrong(format!("cannot be read: {error}")))?;

        let config_name = format!("{folder}/tokenizer_config.json");
        let config: Value = read_json_if_there(model, &config_name)?.unwrap_or_default();
        // A special token is text, or an object that holds it.
        let pad = &config["pad_token"];
        let pad_token = pad
            .as_str()
            .or(pad["content"].as_str())
            .unwrap_or(default_pad);
        let pad_id = tokenizer
            .token_to_id(pad_token)
            .ok_or_else(|| wrong(format!("does not know its padding token {pad_token}")))?;
        // "No limit" is written as a number beyond 64 bits, so it is read as a float.
        let length = config["model_max_length"].as_f64();
        let length = length.filter(|length| (2.0..1e6).contains(length));
        Ok(Self {
            tokenizer,
            pad_id,
            pad_token: pad_token.to_owned(),
            max_length: length.map_or(default_length, |length| length as usize),
            folder: folder.to_owned(),
        })
    }

    /// The id of a token, if the vocabulary has it.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The most tokens the tokenizer's configuration allows.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// The ids of `text`, padded or cut to `length`. A cut keeps the end token.
    ///
    /// # Errors
    /// When the tokenizer cannot handle the text.
    pub fn encode(&mut self, text: &str, length: usize) -> Result<Tokens> {
        let failed = |error: tokenizers::Error| {
            Error::Checkpoint(format!("the tokenizer in {} failed: {error}", self.folder))
        };
        let truncation = TruncationParams {
            max_length: length,
            ..TruncationParams::default()
        };
        let tokenizer = &mut self.tokenizer;
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(failed)?;
        tokenizer.with_padding(Some(PaddingParams {
            strategy: PaddingStrategy::Fixed(length),
            direction: PaddingDirection::Right,
            pad_id: self.pad_id,
            pad_token: self.pad_token.clone(),
            ..PaddingParams::default()
        }));
        let encoding = tokenizer.encode(text, true).map_err(failed)?;
        Ok(Tokens {
            ids: encoding.get_ids().to_vec(),
            truncated: !encoding.get_overflowing().is_empty(),
        })
    }
}

/// CLIP's tokenizer from its vocabulary and merges, as `tokenizer.json` would describe it.
///
/// The steps are those of <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/convert_slow_tokenizer.py>
/// (`CLIPConverter`).
fn clip_from_parts(model: &ModelSource, folder: &str) -> Result<Value> {
    let vocabulary: Value = read_json(model, &format!("{folder}/vocab.json"))?;
    let merges = model.read(&format!("{folder}/merges.txt"))?;
    let merges = String::from_utf8_lossy(&merges);
    let is_merge = |line: &&str| !line.starts_with("#version") && !line.trim().is_empty();
    let merges: Vec<_> = merges.lines().filter(is_merge).collect();
    let special = |token: &str| {
        json!({
            "id": vocabulary[token], "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    let (start, end) = ("<|startoftext|>", "<|endoftext|>");
    Ok(json!({
        "version": "1.0",
        "added_tokens": [special(start), special(end)],
        "normalizer": { "type": "Sequence", "normalizers": [
            { "type": "NFC" },
            { "type": "Replace", "pattern": { "Regex": "\\s+" }, "content": " " },
            { "type": "Lowercase" },
        ]},
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
            {
                "type": "Split", "behavior": "Removed", "invert": true,
                "pattern": { "Regex": r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+" },
            },
            { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
        ]},
        "post_processor": {
            "type": "RobertaProcessing", "add_prefix_space": false, "trim_offsets": false,
            "sep": [end, vocabulary[end]], "cls": [start, vocabulary[start]],
        },
        "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
        "model": {
            "type": "BPE", "unk_token": end, "continuing_subword_prefix": "", "end_of_word_suffix": "</w>",
            "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary, "merges": merges,
        },
    }))
}
