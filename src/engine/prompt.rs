//! From a prompt to what the transformer reads of it.

use candle_core::Tensor;

use crate::engine::Error;
use crate::engine::checkpoint::Component;
use crate::engine::device::Hardware;
use crate::engine::lora::slots::Slots;
use crate::engine::text::OnLayer;
use crate::engine::text::clip::{self, Clip};
use crate::engine::text::t5::{self, T5};
use crate::engine::text::tokenizer::FixedLengthTokenizer;
use crate::schema::request::Model;
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
    pub pooled: Tensor,
    /// T5's last hidden state: `(1, tokens, joint)`.
    pub hidden: Tensor,
    /// How many tokens T5 read, if the prompt was longer than that.
    pub truncated_at: Option<usize>,
}

/// Both text encoders with their tokenizers.
pub struct TextEncoders {
    clip_tokenizer: FixedLengthTokenizer,
    clip: Clip,
    t5_tokenizer: FixedLengthTokenizer,
    t5: T5,
    /// Where LoRAs act on CLIP and on T5.
    slots: [Slots; 2],
    /// The last prompt and what became of it: changing other inputs does not encode it again.
    last: Option<(String, usize, Encoded)>,
}

impl TextEncoders {
    /// Loads the encoders of a diffusers-layout model.
    ///
    /// # Errors
    /// Those of `on_layer`; when a file is missing or damaged.
    pub fn load(
        model: &ModelSource,
        hardware: &Hardware,
        on_layer: &mut OnLayer<'_>,
    ) -> Result<Self, Error> {
        let open = |part: Part| Component::open(model, part, part.folder(), hardware);
        let (clip, t5) = (open(Part::Clip)?, open(Part::T5)?);
        let slots = [clip.slots(), t5.slots()];
        let clip_tokenizer = FixedLengthTokenizer::open(model, "tokenizer", CLIP_END, CLIP_TOKENS)?;
        let clip_config = clip::Config::read(model, &clip, clip_tokenizer.id(CLIP_END))?;
        let t5_config = t5::Config::read(model, &t5)?;
        Ok(Self {
            clip_tokenizer,
            clip: Clip::load(&clip_config, &clip.weights(), on_layer)?,
            t5_tokenizer: FixedLengthTokenizer::open(
                model,
                "tokenizer_2",
                "<pad>",
                Model::Dev.max_t5_tokens(),
            )?,
            t5: T5::load(&t5_config, &t5.weights(), on_layer)?,
            slots,
            last: None,
        })
    }

    /// Where LoRAs act on CLIP and on T5.
    pub(super) fn slots(&self) -> [Slots; 2] {
        self.slots.clone()
    }

    /// Forgets the last prompt, after the encoders have changed.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// Token ids for CLIP, and for T5 under `model`.
    ///
    /// # Errors
    /// When a tokenizer fails.
    pub fn tokens(&mut self, prompt: &str, model: Model) -> Result<(Vec<u32>, Vec<u32>), Error> {
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
        on_layer: &mut dyn FnMut(f32) -> Result<(), Error>,
    ) -> Result<Encoded, Error> {
        let t5_length = self.t5_length(model);
        if let Some((last, length, encoded)) = &self.last
            && last == prompt
            && *length == t5_length
        {
            return Ok(encoded.clone());
        }
        let clip_length = self.clip_length();
        let clip_tokens = self.clip_tokenizer.encode(prompt, clip_length)?;
        let t5_tokens = self.t5_tokenizer.encode(prompt, t5_length)?;

        let pooled = self.clip.pooled(&clip_tokens.ids, &mut || on_layer(0.0))?;
        let (depth, mut layer) = (self.t5.depth() as f32, 0.0);
        let hidden = self.t5.hidden(&t5_tokens.ids, &mut || {
            layer += 1.0;
            on_layer((layer - 1.0) / depth)
        })?;
        let encoded = Encoded {
            pooled,
            hidden,
            truncated_at: t5_tokens.truncated.then_some(t5_length),
        };
        self.last = Some((prompt.to_owned(), t5_length, encoded.clone()));
        Ok(encoded)
    }

    /// Tokens that CLIP reads: the tokenizer's own maximum, at most as many as it has positions.
    fn clip_length(&self) -> usize {
        self.clip_tokenizer.max_length().min(self.clip.max_length())
    }

    /// Tokens that T5 reads: the tokenizer's own maximum, at most as many as the model was trained with.
    fn t5_length(&self, model: Model) -> usize {
        self.t5_tokenizer.max_length().min(model.max_t5_tokens())
    }
}
