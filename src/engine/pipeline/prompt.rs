//! From a prompt to what the transformer reads of it.

use std::collections::VecDeque;

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::error::Result;
use crate::engine::layers::slots::Slots;
use crate::engine::layers::weights::Weights;
use crate::engine::models::clip::{self, Clip};
use crate::engine::models::t5::{self, T5};
use crate::engine::models::tokenizer::FixedLengthTokenizer;
use crate::engine::plan::load::Encoders;
use crate::engine::progress::OnLayer;
use crate::engine::tensors::component::Component;
use crate::schema::choices::Model;
use crate::weights::inspect::Part;
use crate::weights::model::ModelSource;

/// CLIP's end token, which is its padding too.
const CLIP_END: &str = "<|endoftext|>";

/// CLIP's length where its tokenizer names none.
const CLIP_TOKENS: usize = 77;

/// A prompt as the transformer reads it.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// CLIP's pooled output: `(1, pooled)`.
    pub pooled: Array,
    /// T5's last hidden state: `(1, tokens, joint)`.
    pub hidden: Array,
    /// How many tokens T5 read, if the prompt was longer than that.
    pub truncated_at: Option<usize>,
}

/// How many prompts' encodings are cached: those between which somebody goes back and forth.
const RECENT: usize = 8;

/// Both text encoders with their tokenizers.
pub struct TextEncoders {
    clip_tokenizer: FixedLengthTokenizer,
    t5_tokenizer: FixedLengthTokenizer,
    clip_config: clip::Config,
    t5_config: t5::Config,
    clip_weights: Weights,
    t5_weights: Weights,
    /// The encoders, while they are in memory.
    loaded: Option<(Clip, T5)>,
    /// Where LoRAs act on CLIP and on T5.
    slots: [Slots; 2],
    /// The last prompts and what became of them, the newest last: changing other inputs does not encode them again.
    recent: VecDeque<(String, usize, Encoded)>,
}

impl TextEncoders {
    /// Opens the encoders of a model, and checks that they are whole. They are loaded when they are needed.
    ///
    /// # Errors
    /// Those of `on_layer`; when a file is missing or damaged.
    pub fn open(
        model: &ModelSource,
        hardware: &Hardware,
        stay: Encoders,
        on_layer: &mut OnLayer<'_>,
    ) -> Result<Self> {
        let open = |part: Part| Component::open(model, part, part.folder(), hardware);
        let (clip, t5) = (open(Part::Clip)?, open(Part::T5)?);
        let clip_tokenizer = FixedLengthTokenizer::open(model, "tokenizer", CLIP_END, CLIP_TOKENS)?;
        let t5_tokenizer =
            FixedLengthTokenizer::open(model, "tokenizer_2", "<pad>", Model::Dev.max_t5_tokens())?;
        let clip_config = clip::Config::read(model, &clip, clip_tokenizer.id(CLIP_END))?;
        let t5_config = t5::Config::read(model, &t5)?;
        let (clip, t5) = (Weights::of(clip), Weights::of(t5));
        let mut encoders = Self {
            clip_config,
            t5_config,
            clip_tokenizer,
            t5_tokenizer,
            slots: [clip.slots(), t5.slots()],
            clip_weights: clip,
            t5_weights: t5,
            loaded: None,
            recent: VecDeque::new(),
        };
        encoders.loaded = Some(encoders.load(stay, on_layer)?);
        encoders.unload(stay);
        Ok(encoders)
    }

    /// Loads both encoders.
    fn load(&self, stay: Encoders, on_layer: &mut OnLayer<'_>) -> Result<(Clip, T5)> {
        let layers = match stay {
            Encoders::Both | Encoders::WhileEncoding => self.t5_config.layers(),
            Encoders::OneLayer => 0,
        };
        let clip = Clip::load(&self.clip_config, &self.clip_weights, on_layer)?;
        let t5 = T5::load(&self.t5_config, &self.t5_weights, layers, on_layer)?;
        Ok((clip, t5))
    }

    /// Unloads what is not to stay between prompts.
    pub(super) fn unload(&mut self, stay: Encoders) {
        if stay != Encoders::Both {
            self.loaded = None;
        }
    }

    /// Whether a prompt has been encoded for `model` a while ago, and nothing has to be done for it.
    pub(super) fn knows(&self, prompt: &str, model: Model) -> bool {
        self.recall(prompt, self.t5_length(model)).is_some()
    }

    fn recall(&self, prompt: &str, length: usize) -> Option<&Encoded> {
        let is_it = |(known, of, _): &&(String, usize, Encoded)| known == prompt && *of == length;
        self.recent
            .iter()
            .find(is_it)
            .map(|(_, _, encoded)| encoded)
    }

    /// Where LoRAs act on CLIP and on T5.
    pub(super) fn slots(&self) -> [Slots; 2] {
        self.slots.clone()
    }

    /// Forgets all prompts, after the encoders have changed.
    pub(super) fn forget(&mut self) {
        self.recent.clear();
    }

    /// Token ids for CLIP, and for T5 under `model`.
    ///
    /// # Errors
    /// When a tokenizer fails.
    pub fn tokens(&mut self, prompt: &str, model: Model) -> Result<(Vec<u32>, Vec<u32>)> {
        let clip_length = self.clip_length();
        let clip = self.clip_tokenizer.encode(prompt, clip_length)?;
        let t5_length = self.t5_length(model);
        let t5 = self.t5_tokenizer.encode(prompt, t5_length)?;
        Ok((clip.ids, t5.ids))
    }

    /// Encodes `prompt` for `model`. `on_layer` hears of the share that is done, and may end the work.
    ///
    /// # Errors
    /// Those of `on_layer`, and those of the computation.
    pub fn encode(
        &mut self,
        prompt: &str,
        model: Model,
        stay: Encoders,
        on_layer: &mut dyn FnMut(f32) -> Result<()>,
    ) -> Result<Encoded> {
        let t5_length = self.t5_length(model);
        if let Some(encoded) = self.recall(prompt, t5_length) {
            let encoded = encoded.clone();
            self.unload(stay);
            return Ok(encoded);
        }
        let clip_tokens = self.clip_tokenizer.encode(prompt, self.clip_length())?;
        let t5_tokens = self.t5_tokenizer.encode(prompt, t5_length)?;

        let (clip, t5) = match self.loaded.take() {
            Some(both) => both,
            None => self.load(stay, &mut || on_layer(0.0))?,
        };
        let (depth, mut layer) = (t5.depth() as f32, 0.0);
        let pooled = clip.pooled(&clip_tokens.ids, &mut || on_layer(0.0))?;
        let hidden = t5.hidden(&t5_tokens.ids, &mut || {
            layer += 1.0;
            on_layer((layer - 1.0) / depth)
        })?;
        self.loaded = Some((clip, t5));
        self.unload(stay);
        let encoded = Encoded {
            pooled,
            hidden,
            truncated_at: t5_tokens.truncated.then_some(t5_length),
        };
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        let entry = (prompt.to_owned(), t5_length, encoded.clone());
        self.recent.push_back(entry);
        Ok(encoded)
    }

    /// Tokens that CLIP reads: the tokenizer's own maximum, at most as many as it has positions.
    fn clip_length(&self) -> usize {
        let positions = self.clip_config.max_length();
        self.clip_tokenizer.max_length().min(positions)
    }

    /// Tokens that T5 reads: the tokenizer's own maximum, at most as many as the model was trained with.
    pub(super) fn t5_length(&self, model: Model) -> usize {
        self.t5_tokenizer.max_length().min(model.max_t5_tokens())
    }
}
