//! The layers of a model that a LoRA can change, under every name that a file may give them.

use std::collections::HashMap;
use std::ops::Range;

use crate::engine::compute::hardware::Hardware;
use crate::engine::error::Result;
use crate::engine::lora::layouts::{
    DOUBLE_ALIASES, OTHER_ALIASES, Part, QKV_ALIASES, SCHEMES, SINGLE_ALIASES, Scheme,
};
use crate::engine::tensors::component::Component;
use crate::engine::tensors::diffusers;
use crate::schema::choices::Model;
use crate::weights::inspect;
use crate::weights::model::ModelSource;

/// What CLIP's names may begin with.
const CLIP_PREFIX: &str = "text_model.";

/// The linear layers of a text encoder's block, as transformers names them.
const CLIP_LAYERS: [&str; 6] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.out_proj",
    "mlp.fc1",
    "mlp.fc2",
];

/// See [`CLIP_LAYERS`]; T5 v1.1 has `wi_0` and `wi_1` where the first T5 has `wi`.
const T5_LAYERS: [&str; 8] = [
    "layer.0.SelfAttention.q",
    "layer.0.SelfAttention.k",
    "layer.0.SelfAttention.v",
    "layer.0.SelfAttention.o",
    "layer.1.DenseReluDense.wi",
    "layer.1.DenseReluDense.wi_0",
    "layer.1.DenseReluDense.wi_1",
    "layer.1.DenseReluDense.wo",
];

/// A layer of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A linear layer from `input` to `output` features.
    Linear {
        /// Features that come out.
        output: usize,
        /// Features that go in.
        input: usize,
    },
    /// The scale of a norm over so many features.
    Norm(usize),
}

/// A layer, or some of its rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The part of the model.
    pub part: Part,
    /// Our name of the layer in it.
    pub layer: String,
    /// The rows of the output that are meant.
    pub rows: Range<usize>,
    /// Whether the file has the two halves of the rows the other way round.
    pub halves_swapped: bool,
}

/// The layers of a model.
#[derive(Debug, Default)]
pub struct Targets {
    layers: HashMap<(Part, String), Layer>,
    /// What files call them, with dots and with underscores.
    names: HashMap<(Part, String), Place>,
}

impl Targets {
    /// The layers of a model, read from the headers of its files alone.
    ///
    /// # Errors
    /// When a file of the model is missing or damaged.
    pub fn of(source: &ModelSource, model: Model) -> Result<Self> {
        let cpu = Hardware::cpu();
        let open = |part: inspect::Part, folder| Component::open(source, part, folder, &cpu);
        let folder = source.transformer_for(model)?;
        let mut targets = Self::default();
        targets.add_transformer(&open(inspect::Part::Transformer, folder)?);
        let clip = open(inspect::Part::Clip, inspect::Part::Clip.folder())?;
        targets.add_text_encoder(&clip, Part::Clip, "text_model.encoder.layers", &CLIP_LAYERS);
        let t5 = open(inspect::Part::T5, inspect::Part::T5.folder())?;
        targets.add_text_encoder(&t5, Part::T5, "encoder.block", &T5_LAYERS);
        Ok(targets)
    }

    /// The layer at a place.
    pub fn layer(&self, place: &Place) -> Option<Layer> {
        self.layers.get(&(place.part, place.layer.clone())).copied()
    }

    /// Where a layer leads that a file calls `name`, and who names it so.
    pub fn find(&self, name: &str) -> Option<(&Place, &'static Scheme)> {
        // A trainer of 2024 left an underscore behind.
        self.find_exactly(name)
            .or_else(|| self.find_exactly(name.strip_suffix('_')?))
    }

    fn find_exactly(&self, name: &str) -> Option<(&Place, &'static Scheme)> {
        SCHEMES.iter().find_map(|scheme| {
            let rest = name.strip_prefix(scheme.prefix)?;
            let place = self.names.get(&(scheme.part, rest.to_owned()))?;
            let has_mark = scheme.marks.iter().any(|mark| rest.contains(mark));
            (has_mark || scheme.marks.is_empty()).then_some((place, scheme))
        })
    }

    /// Features of the transformer's stream; 0 where there is no transformer.
    pub fn width(&self) -> usize {
        match self.layers.get(&(Part::Transformer, "img_in".to_owned())) {
            Some(Layer::Linear { output, .. }) => *output,
            _ => 0,
        }
    }

    /// Adds the layers of a transformer under BFL's, diffusers' and XLabs' names.
    fn add_transformer(&mut self, component: &Component) {
        let double = component.count("double_blocks", "img_attn.qkv.weight");
        let single = component.count("single_blocks", "linear1.weight");
        for layer in diffusers::modules(double, single) {
            let Some(whole) = self.add(component, Part::Transformer, &layer) else {
                continue;
            };
            let theirs = diffusers::transformer(&format!("{layer}.weight"));
            let last = theirs.parts.len() - 1;
            for (i, part) in theirs.parts.iter().enumerate() {
                // Queries, keys and values are as wide as the stream; in a single block the MLP has the rest.
                let rows = match self.layer(&whole) {
                    Some(Layer::Linear { output, input }) if last > 0 => {
                        let end = if i == 3 { output } else { (i + 1) * input };
                        i * input..end.min(output)
                    }
                    _ => whole.rows.clone(),
                };
                let place = Place {
                    rows,
                    halves_swapped: theirs.halves_swapped,
                    ..whole.clone()
                };
                self.name(part.trim_end_matches(".weight"), &place);
                if last > 0 {
                    // OneTrainer numbers the pieces.
                    self.name(&format!("{layer}.{i}"), &place);
                }
            }
            self.add_others(&whole);
        }
    }

    /// Adds the names that are neither BFL's nor diffusers', such as XLabs'.
    fn add_others(&mut self, whole: &Place) {
        let words: Vec<_> = whole.layer.splitn(3, '.').collect();
        let (aliases, block, layer): (&[_], _, _) = match words[..] {
            ["double_blocks", block, layer] => (&DOUBLE_ALIASES, block, layer),
            ["single_blocks", block, layer] => (&SINGLE_ALIASES, block, layer),
            _ => (&OTHER_ALIASES, "", whole.layer.as_str()),
        };
        for (_, theirs) in aliases.iter().filter(|(ours, _)| *ours == layer) {
            self.name(&theirs.replace("{}", block), whole);
        }
        if let ("linear1", Some(Layer::Linear { input, .. })) = (layer, self.layer(whole)) {
            let place = Place {
                rows: 0..3 * input,
                ..whole.clone()
            };
            for theirs in QKV_ALIASES {
                self.name(&theirs.replace("{}", block), &place);
            }
        }
    }

    /// Adds the linear layers of a text encoder's blocks.
    fn add_text_encoder(&mut self, component: &Component, part: Part, root: &str, layers: &[&str]) {
        for i in 0.. {
            let names = layers.iter().map(|layer| format!("{root}.{i}.{layer}"));
            let found = names.filter_map(|name| self.add(component, part, &name));
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                return;
            }
            for place in found {
                // Files come with and without the prefix, like the encoders themselves.
                let other = match place.layer.strip_prefix(CLIP_PREFIX) {
                    Some(bare) => bare.to_owned(),
                    None => format!("{CLIP_PREFIX}{}", place.layer),
                };
                self.name(&other, &place);
            }
        }
    }

    /// Adds one of our layers under its own name. `None` when the model has no such layer.
    fn add(&mut self, component: &Component, part: Part, layer: &str) -> Option<Place> {
        let weight = component.shape(&format!("{layer}.weight"));
        let (kind, rows) = match weight.or_else(|| component.shape(&format!("{layer}.scale")))?[..]
        {
            [output, input] => (Layer::Linear { output, input }, output),
            [width] => (Layer::Norm(width), width),
            _ => return None,
        };
        self.layers.insert((part, layer.to_owned()), kind);
        let place = Place {
            part,
            layer: layer.to_owned(),
            rows: 0..rows,
            halves_swapped: false,
        };
        self.name(layer, &place);
        if matches!(kind, Layer::Norm(_)) {
            // ComfyUI names the change of a norm after its tensor.
            self.name(&format!("{layer}.scale"), &place);
        }
        Some(place)
    }

    /// Makes a place known under a name, with dots and with underscores. The first to use a name has it: diffusers and BFL
    /// have none in common that mean different layers but `proj_out`, which has its block in front.
    fn name(&mut self, name: &str, place: &Place) {
        for name in [name.to_owned(), name.replace('.', "_")] {
            let key = (place.part, name);
            self.names.entry(key).or_insert_with(|| place.clone());
        }
    }
}
