//! What a LoRA's alphas are where they are no tensors: in the header of its file, or in the configuration that PEFT writes
//! beside its own files.

use serde_json::{Map, Value};

use crate::engine::lora::layouts::Scheme;
use crate::engine::tensors::file::TensorFile;

/// The values of PEFT's `LoraConfig`.
///
/// [diffusers](https://github.com/huggingface/diffusers/blob/v0.35.1/src/diffusers/loaders/lora_base.py) writes them as JSON
/// under `lora_adapter_metadata`, with the part of the model in front (`_pack_dict_with_prefix`), and without where a
/// model alone is saved; [PEFT](https://github.com/huggingface/peft/blob/v0.17.0/src/peft/config.py) writes
/// `adapter_config.json`.
pub(super) struct Alphas(Map<String, Value>);

impl Alphas {
    /// Those of a file, and else those of the configuration beside it.
    pub(super) fn of(file: &TensorFile, config: Option<&str>) -> Option<Self> {
        let notes = file.notes();
        let header = notes.get("lora_adapter_metadata").map(String::as_str);
        let mut texts = header.into_iter().chain(config);
        texts.find_map(|text| match serde_json::from_str(text).ok()? {
            Value::Object(object) => Some(Self(object)),
            _ => None,
        })
    }

    /// The factor of a layer of this rank, whose name behind the prefix of its scheme is `name`; `None` where nothing is told.
    ///
    /// PEFT takes the names in a pattern for regular expressions at the end of a layer's name, or for the whole of it after
    /// a `^`; diffusers writes plain names there.
    pub(super) fn factor(&self, scheme: &Scheme, name: &str, rank: usize) -> Option<f64> {
        let value = |value: &str| {
            let whole = self.0.get(&format!("{}{value}", scheme.prefix));
            whole.or_else(|| self.0.get(value))
        };
        let pattern = value("alpha_pattern").and_then(Value::as_object);
        let own = pattern.and_then(|pattern| {
            let matching = |(key, _): &(&String, &Value)| {
                let (key, whole) = key
                    .strip_prefix('^')
                    .map_or((key.as_str(), false), |key| (key, true));
                name == key || (!whole && name.ends_with(&format!(".{key}")))
            };
            pattern.iter().find(matching)?.1.as_f64()
        });
        let alpha = own.or_else(|| value("lora_alpha")?.as_f64())?;
        let stabilised = value("use_rslora").and_then(Value::as_bool) == Some(true);
        let rank = rank as f64;
        Some(alpha / if stabilised { rank.sqrt() } else { rank })
    }
}
