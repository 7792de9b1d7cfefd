//! A file of weights as a candidate for the parts of a model.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::text::file_name;
use crate::weights::architecture::Architecture;
use crate::weights::bytes::Contents;
use crate::weights::error::Error;
use crate::weights::header::{Format, Header};
use crate::weights::inspect::{self, Found, Names, Part};
use crate::weights::text;

/// A tensor that UMT5 has and T5 has not.
const UMT5: &str = "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight";

/// Words in the names of the families that are built like FLUX.1.
const RELATIVES: [&str; 5] = ["Chroma", "FLUX.2", "Hunyuan", "quantised", "ControlNet"];

/// A file of weights, or the shards of one, with what is in it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The file, or its shards.
    pub paths: Vec<PathBuf>,
    /// The parts in it.
    pub found: Vec<Found>,
    /// Its transformer, if it has one.
    pub architecture: Option<Architecture>,
    /// What it is instead of a part of a model, or besides.
    pub foreign: Option<&'static str>,
    /// The layers outside the blocks that it lacks although it has blocks.
    pub missing_outside: Vec<&'static str>,
    /// How most of its numbers are written.
    pub format: Option<Format>,
    /// The first format in it that cannot be read.
    pub unreadable: Option<Format>,
    /// Bytes on the disk.
    pub bytes: u64,
    /// The features that its parts make for a transformer.
    features: HashMap<Part, usize>,
    /// What else its header says.
    pub notes: BTreeMap<String, String>,
}

impl Candidate {
    /// Looks at a file, or at all shards of one.
    ///
    /// # Errors
    /// When one cannot be opened or is damaged.
    pub fn look(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut header = Header::default();
        let mut bytes = 0;
        for path in paths {
            let contents = Contents::open(path)?;
            bytes += contents.len() as u64;
            let is_named_gguf = path.extension().is_some_and(|ending| ending == "gguf");
            let shard = Header::parse(&contents).map_err(|mut reason| {
                if is_named_gguf && !contents.starts_with(b"GGUF") {
                    text::NO_GGUF.clone_into(&mut reason);
                }
                Error::NoWeights(reason, path.clone())
            })?;
            header.tensors.extend(shard.tensors);
            header.notes.extend(shard.notes);
        }
        let found = inspect::parts(&header);
        let transformer = found.iter().find(|found| found.part == Part::Transformer);
        let main = found.first().map_or("", |found| found.prefix.as_str());
        let outside = transformer.map(|found| inspect::missing_outside(&header, found));
        let mut parts = found.iter();
        Ok(Self {
            paths: paths.to_vec(),
            architecture: Architecture::of(&header),
            foreign: inspect::foreign(&header),
            missing_outside: outside.unwrap_or_default(),
            format: header.main_format(main),
            unreadable: parts.find_map(|found| inspect::unreadable(&header, found)),
            bytes,
            features: features(&header, &found),
            notes: header.notes.into_iter().collect(),
            found,
        })
    }

    /// Whether it has a part.
    pub fn has(&self, part: Part) -> bool {
        self.found.iter().any(|found| found.part == part)
    }

    /// Whether its names are those of a LoRA.
    pub fn is_lora(&self) -> bool {
        self.foreign == Some("a LoRA")
    }

    /// Its first file's name.
    pub fn name(&self) -> String {
        let first = self.paths.first();
        first.map(|path| file_name(path)).unwrap_or_default()
    }

    /// Why its transformer cannot be used, as the rest of a sentence about the file.
    pub fn obstacle(&self) -> Option<String> {
        if let Some(format) = self.unreadable {
            return Some(text::unreadable_format(format.label()));
        }
        if let [first, ..] = self.missing_outside.as_slice() {
            return Some(text::lacks_outside(first));
        }
        if let Some(architecture) = self.architecture
            && let Some(obstacle) = architecture.obstacle()
        {
            return Some(format!("is {}: {obstacle}", architecture.name()));
        }
        // In a checkpoint of FLUX.1 only the names of its relatives count; other words are only words.
        let is_relative = |family: &&str| RELATIVES.iter().any(|word| family.contains(word));
        let counts = |family: &&str| self.architecture.is_none() || is_relative(family);
        let foreign = self.foreign.filter(counts)?;
        Some(format!("is {foreign}, not FLUX.1"))
    }

    /// Whether it can be the part of a model with this transformer.
    pub(super) fn fits(&self, part: Part, transformer: &Self) -> bool {
        if !self.has(part) || self.unreadable.is_some() || self.foreign.is_some() {
            return false;
        }
        let makes = self.features.get(&part).copied();
        let takes = transformer.architecture;
        let takes = takes.and_then(|architecture| architecture.takes_from(part));
        makes.is_none() || takes.is_none() || makes == takes
    }
}

/// The features that each part makes, where it is not the transformer.
fn features(header: &Header, found: &[Found]) -> HashMap<Part, usize> {
    let of = |found: &Found| {
        let shape = |name: &str| {
            let entry = header.tensors.get(&format!("{}{name}", found.prefix))?;
            Some(entry.shape.as_slice())
        };
        let last = |name: &str| shape(name)?.last().copied();
        match (found.part, found.names) {
            (Part::Vae, _) => shape("decoder.conv_in.weight")?.get(1).copied(),
            (Part::Clip, _) => last("text_model.embeddings.token_embedding.weight")
                .or_else(|| last("embeddings.token_embedding.weight")),
            (Part::T5, Names::LlamaCpp) => last("enc.output_norm.weight"),
            // Every block of UMT5 has a table of its own, and its vocabulary is another.
            (Part::T5, _) if shape(UMT5).is_some() => Some(0),
            (Part::T5, _) => last("encoder.final_layer_norm.weight"),
            _ => None,
        }
    };
    let known = found.iter().map(|found| Some((found.part, of(found)?)));
    known.flatten().collect()
}
