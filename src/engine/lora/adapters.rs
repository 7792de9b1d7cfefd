//! The LoRAs of a generator: those in memory, and those that act.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::engine::compute::hardware::Hardware;
use crate::engine::error::{Error, Result};
use crate::engine::layers::slots::{Active, Slots};
use crate::engine::lora::layouts::Part;
use crate::engine::lora::load::{Loaded, Opened};
use crate::engine::lora::report::Report;
use crate::engine::lora::targets::Targets;
use crate::engine::progress::OnLayer;
use crate::schema::lora::Lora;
use crate::schema::notes::Problem;
use crate::weights::lora::LoraFile;

/// The most bytes of LoRAs that stay in memory, those that act included.
const KEPT_BYTES: usize = 1 << 30;

/// A LoRA that acts in a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// What it is called.
    pub name: String,
    /// Where it was found, without secrets; absent where that would tell about this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// SHA-256 of its file.
    pub sha256: String,
    /// How strongly it acts.
    pub scale: f64,
    /// What of it matched the model.
    pub report: Report,
}

/// The slots of a model's parts.
pub(crate) type PartSlots = [(Part, Slots); 3];

/// LoRAs in memory, and those that act.
#[derive(Default)]
pub(crate) struct Adapters {
    /// Those that have been read, the one used last at the end.
    loaded: Vec<(Key, Loaded)>,
    /// What acts now: the keys of the LoRAs, and their scales. `None` while that is not known.
    acting: Option<Vec<(Key, f64)>>,
    /// What acted last: it stays in memory while nothing acts, so that off and on again reads no file.
    acted: Vec<Key>,
    files_read: usize,
}

/// A LoRA and what it was matched with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    /// SHA-256 of its file.
    sha256: String,
    /// See [`LoraFile::peft_config`].
    peft_config: Option<String>,
    /// The folder of the transformer.
    folder: &'static str,
}

impl Key {
    fn new(file: &LoraFile, model: &Adapted<'_>) -> Self {
        Self {
            sha256: file.sha256.clone(),
            peft_config: file.peft_config.clone(),
            folder: model.folder,
        }
    }
}

/// The model that LoRAs act on.
pub(crate) struct Adapted<'a> {
    /// The folder of its transformer.
    pub(crate) folder: &'static str,
    /// Its layers.
    pub(crate) targets: &'a Targets,
    /// Where LoRAs act on it.
    pub(crate) slots: &'a PartSlots,
    /// What it runs on.
    pub(crate) hardware: &'a Hardware,
}

impl Adapters {
    /// How many files have been read.
    pub(crate) fn files_read(&self) -> usize {
        self.files_read
    }

    /// About how much memory all of them take, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        bytes(&self.loaded) as u64
    }

    /// Forgets what acts, after layers with empty slots have taken the place of others.
    pub(crate) fn forget_acting(&mut self) {
        self.acting = None;
    }

    /// Lets exactly these LoRAs act, and tells what of each matched, and whether the text encoders have changed. A
    /// LoRA in memory is not read again. `on_file` is called before each file and may end the work.
    ///
    /// # Errors
    /// Those of `on_file`; when a file cannot be read, or nothing of it matches. What acted before then still acts.
    pub(crate) fn act(
        &mut self,
        loras: &[(&Lora, &LoraFile)],
        model: &Adapted<'_>,
        on_file: &mut OnLayer<'_>,
    ) -> Result<(Vec<Applied>, bool)> {
        let acting = loras
            .iter()
            .map(|(lora, file)| (Key::new(file, model), lora.scale));
        let acting: Vec<_> = acting.collect();
        let wanted: Vec<_> = acting.iter().map(|(key, _)| key.clone()).collect();
        for (lora, file) in loras {
            on_file()?;
            self.bring(lora, file, model, &wanted)?;
        }
        let mut text_changed = false;
        if self.acting.as_ref() != Some(&acting) {
            let of_text = self.of_text(&acting);
            let before = self.acting.take();
            text_changed = before.is_none_or(|before| self.of_text(&before) != of_text);
            for (part, slots) in model.slots {
                slots.set(self.updates(&acting, *part));
            }
            self.acting = Some(acting);
        }
        let applied = loras.iter().filter_map(|(lora, file)| {
            let loaded = self.find(&Key::new(file, model))?;
            Some(Applied {
                name: file.name.clone(),
                source: lora.reference.shareable(),
                sha256: file.sha256.clone(),
                scale: lora.scale,
                report: loaded.report.clone(),
            })
        });
        let applied = applied.collect();
        if !wanted.is_empty() {
            self.acted = wanted;
        }
        evict(&mut self.loaded, KEPT_BYTES, &self.acted);
        Ok((applied, text_changed))
    }

    /// Those of the LoRAs that change a text encoder.
    fn of_text<'a>(&self, acting: &'a [(Key, f64)]) -> Vec<&'a (Key, f64)> {
        let acting = acting.iter();
        acting
            .filter(|(key, _)| self.find(key).is_some_and(Loaded::changes_text))
            .collect()
    }

    fn find(&self, key: &Key) -> Option<&Loaded> {
        let found = self.loaded.iter().find(|(known, _)| known == key);
        found.map(|(_, lora)| lora)
    }

    /// Reads a file unless it is in memory; `wanted` are those of the job.
    fn bring(
        &mut self,
        lora: &Lora,
        file: &LoraFile,
        model: &Adapted<'_>,
        wanted: &[Key],
    ) -> Result<()> {
        let key = Key::new(file, model);
        if let Some(index) = self.loaded.iter().position(|(known, _)| *known == key) {
            let loaded = self.loaded.remove(index);
            self.loaded.push(loaded);
            return Ok(());
        }
        let unusable = |reason: String| {
            let message = format!("cannot be used ({}): {reason}", file.name);
            Error::Input(Problem::new(lora.field, message))
        };
        let opened = Opened::open(file, model.targets).map_err(unusable)?;
        self.files_read += 1;
        let mut loaded = opened.load(model.hardware);
        if loaded.is_err() && !self.loaded.is_empty() {
            // Memory may be short: those that neither act nor are wanted are evicted.
            let acting = self.acting.iter().flatten().map(|(key, _)| key);
            let needed: Vec<_> = acting.chain(wanted).cloned().collect();
            evict(&mut self.loaded, 0, &needed);
            self.files_read += 1;
            loaded = opened.load(model.hardware);
        }
        let loaded = loaded.map_err(|error| unusable(error.to_string()))?;
        self.loaded.push((key, loaded));
        Ok(())
    }

    /// The updates of a part of the model by layer.
    fn updates(&self, acting: &[(Key, f64)], part: Part) -> HashMap<String, Vec<Active>> {
        let mut layers: HashMap<String, Vec<Active>> = HashMap::new();
        for (key, scale) in acting {
            let updates = self
                .find(key)
                .into_iter()
                .flat_map(|loaded| &loaded.updates);
            for ((_, layer), updates) in updates.filter(|((of, _), _)| *of == part) {
                let active = updates.iter().map(|update| Active {
                    update: update.clone(),
                    scale: *scale,
                });
                layers.entry(layer.clone()).or_default().extend(active);
            }
        }
        layers
    }
}

/// About how much memory LoRAs take, in bytes.
fn bytes(loaded: &[(Key, Loaded)]) -> usize {
    loaded.iter().map(|(_, lora)| lora.bytes).sum()
}

/// Evicts LoRAs that are not needed, those that acted last in the end, until at most `most_bytes` are loaded.
fn evict(loaded: &mut Vec<(Key, Loaded)>, most_bytes: usize, needed: &[Key]) {
    while bytes(loaded) > most_bytes
        && let Some(index) = loaded.iter().position(|(key, _)| !needed.contains(key))
    {
        loaded.remove(index);
    }
}
