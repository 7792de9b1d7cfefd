//! The vision transformer of both models: a picture in patches, one token for each, and one more that gathers what they say.
//!
//! CLIP's and ViT's differ in names, in a norm before the first layer, and in habits; the rest is the same.
//! <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/clip/modeling_clip.py>
//! (`CLIPVisionTransformer`),
//! <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/vit/modeling_vit.py> (`ViTModel`)

use image::RgbImage;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::pointwise::Activation;
use crate::engine::error::{Error, Result};
use crate::engine::layers::encoder::{self, Layer, Names};
use crate::engine::layers::linear::Linear;
use crate::engine::layers::norm::LayerNorm;
use crate::engine::layers::weights::Weights;
use crate::engine::models::safety::pixels::{self, CHANNELS, Habits, Preparation};
use crate::engine::progress::OnLayer;
use crate::engine::tensors::component::Component;
use crate::engine::tensors::config::{MAX_WIDTH, head_size, read_config};
use crate::weights::inspect::Part;
use crate::weights::model::ModelSource;

/// What CLIP's and ViT's models differ in.
pub(super) struct Family {
    part: Part,
    habits: &'static Habits,
    /// Where the transformer is among the tensors.
    root: &'static str,
    class_token: &'static str,
    /// Dimensions of the class token, all but the last of them 1.
    class_rank: usize,
    patches: &'static str,
    positions: &'static str,
    /// Dimensions of the table of positions, all but the last two of them 1.
    positions_rank: usize,
    first_norm: Option<&'static str>,
    layers: &'static str,
    layer: &'static Names,
    last_norm: &'static str,
    /// The linear layer on what the transformer says.
    head: &'static str,
    /// Where the configuration does not say.
    eps: f64,
    /// Where the configuration does not say.
    activation: Activation,
}

/// CLIP's habits: <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/clip/configuration_clip.py>
pub(super) const CLIP: Family = Family {
    part: Part::SafetyChecker,
    habits: &pixels::CLIP,
    root: "vision_model.vision_model",
    class_token: "embeddings.class_embedding",
    class_rank: 1,
    patches: "embeddings.patch_embedding",
    positions: "embeddings.position_embedding.weight",
    positions_rank: 2,
    // Spelt so.
    first_norm: Some("pre_layrnorm"),
    layers: "encoder.layers",
    layer: &encoder::CLIP,
    last_norm: "post_layernorm",
    head: "visual_projection",
    eps: 1e-5,
    activation: Activation::QuickGelu,
};

/// ViT's habits: <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/vit/configuration_vit.py>
pub(super) const VIT: Family = Family {
    part: Part::SafetyClassifier,
    habits: &pixels::VIT,
    root: "vit",
    class_token: "embeddings.cls_token",
    class_rank: 3,
    patches: "embeddings.patch_embeddings.projection",
    positions: "embeddings.position_embeddings",
    positions_rank: 3,
    first_norm: None,
    layers: "encoder.layer",
    layer: &encoder::VIT,
    last_norm: "layernorm",
    head: "classifier",
    eps: 1e-12,
    activation: Activation::Gelu,
};

/// Features of a head of the published models, CLIP ViT-L/14 and ViT-B/16, where no configuration tells.
/// <https://huggingface.co/openai/clip-vit-large-patch14/blob/main/config.json>,
/// <https://huggingface.co/google/vit-base-patch16-224-in21k/blob/main/config.json>
const HEAD: usize = 64;

/// Sizes and habits of a vision transformer, by the names that both families have.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Config {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    /// Side in pixels of the square that it looks at.
    image_size: usize,
    patch_size: usize,
    hidden_act: Option<Activation>,
    layer_norm_eps: Option<f64>,
}

impl Config {
    /// What the tensors of a model without a configuration tell.
    ///
    /// # Errors
    /// When one that tells a size is missing.
    pub(super) fn of_tensors(family: &Family, component: &Component) -> Result<Self> {
        let root = family.root;
        let side = |name: &str, i| component.side(&format!("{root}.{name}"), i);
        let patches = format!("{}.weight", family.patches);
        let (width, patch) = (side(&patches, 0)?, side(&patches, 2)?);
        let tokens = side(family.positions, family.positions_rank - 2)?;
        let widen = format!("{}.weight", family.layer.widen);
        Ok(Self {
            hidden_size: width,
            num_hidden_layers: component.count(&format!("{root}.{}", family.layers), &widen),
            num_attention_heads: (width / HEAD).max(1),
            intermediate_size: side(&format!("{}.0.{widen}", family.layers), 0)?,
            image_size: tokens.saturating_sub(1).isqrt().saturating_mul(patch),
            patch_size: patch,
            hidden_act: None,
            layer_norm_eps: None,
        })
    }
}

/// Opens a model's tensors, for the CPU in f32, and its configuration; without one, `of_tensors` tells it.
pub(super) fn open<Config: DeserializeOwned>(
    source: &ModelSource,
    family: &Family,
    of_tensors: impl FnOnce(&Component) -> Result<Config>,
) -> Result<(Weights, Config)> {
    let folder = family.part.folder();
    let component = Component::open(source, family.part, folder, &Hardware::cpu())?;
    let name = format!("{folder}/config.json");
    let config = read_config(source, &name, || of_tensors(&component))?;
    Ok((Weights::of(component), config))
}

/// The transformer, with what comes before and after it.
pub struct Vision {
    /// How it wants its pictures.
    pub preparation: Preparation,
    /// `(width, c · patch · patch)`
    patches: Array,
    /// `(width)`
    patches_bias: Option<Array>,
    /// `(1, width)`
    class_token: Array,
    /// `(tokens, width)`
    positions: Array,
    first_norm: Option<LayerNorm>,
    layers: Vec<Layer>,
    last_norm: LayerNorm,
    head: Linear,
    patch: usize,
    /// Patches in a row, and rows.
    grid: usize,
}

impl Vision {
    /// Loads it from the root of a part's tensors; `outputs` numbers come out in the end.
    ///
    /// # Errors
    /// Those of `on_layer`; when the configuration is inconsistent, or a tensor is missing or has another shape.
    pub(super) fn load(
        family: &Family,
        config: &Config,
        outputs: usize,
        source: &ModelSource,
        weights: &Weights,
        on_layer: &mut OnLayer<'_>,
    ) -> Result<Self> {
        let (width, patch, side) = (config.hidden_size, config.patch_size, config.image_size);
        let (part, inner) = (family.part.label(), config.intermediate_size);
        let inconsistent = |what: String| {
            let sentence = format!("the configuration of the {part} is inconsistent: {what}");
            Err(Error::Checkpoint(sentence))
        };
        head_size(part, width, config.num_attention_heads)?;
        if !(1..=MAX_WIDTH).contains(&side) || !(1..=side).contains(&patch) {
            return inconsistent(format!("patches of {patch} pixels in a picture of {side}"));
        }
        if !(1..=MAX_WIDTH).contains(&inner) {
            return inconsistent(format!("{inner} features between its linear layers"));
        }
        let (grid, numbers) = (side / patch, CHANNELS * patch * patch);
        let root = weights.at(family.root);
        let patches = root.at(family.patches);
        let bias = patches.has("bias");
        let shape = encoder::Shape {
            width,
            inner,
            heads: config.num_attention_heads,
            eps: config.layer_norm_eps.unwrap_or(family.eps),
            activation: config.hidden_act.unwrap_or(family.activation),
        };
        let norm = |name| LayerNorm::load(width, shape.eps, &root.at(name));
        let layers = (0..config.num_hidden_layers).map(|i| {
            on_layer()?;
            Layer::load(&shape, family.layer, &root.at(family.layers).at(i))
        });
        // Ones stand before some shapes.
        let padded = |name, rank: usize, shape: &[usize]| {
            root.get(name, &[&vec![1; rank - shape.len()], shape].concat())
        };
        let tokens = grid * grid + 1;
        let class_token = padded(family.class_token, family.class_rank, &[width])?;
        let positions = padded(family.positions, family.positions_rank, &[tokens, width])?;
        let kernels = patches.get("weight", &[width, CHANNELS, patch, patch])?;
        Ok(Self {
            preparation: Preparation::read(source, family.part.folder(), family.habits, side)?,
            patches: kernels.reshape([width, numbers])?,
            patches_bias: bias.then(|| patches.get("bias", &[width])).transpose()?,
            class_token: class_token.reshape([1, width])?,
            positions: positions.reshape([tokens, width])?,
            first_norm: family.first_norm.map(norm).transpose()?,
            layers: layers.collect::<Result<_>>()?,
            last_norm: norm(family.last_norm)?,
            head: Linear::load(width, outputs, &weights.at(family.head))?,
            patch,
            grid,
        })
    }

    /// How many layers there are: so often `on_layer` is called for a picture.
    pub(super) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// What the model makes of a picture: `(1, outputs)`
    ///
    /// # Errors
    /// Those of [`Self::forward`]; when the picture has no pixels or is far too narrow.
    pub(super) fn look(&self, at: &RgbImage, on_layer: &mut OnLayer<'_>) -> Result<Array> {
        self.forward(&self.preparation.pixels(at)?, on_layer)
    }

    /// What the model makes of prepared pixels: `(1, 3, side, side)` → `(1, outputs)`
    ///
    /// # Errors
    /// Those of `on_layer`, which is called before each layer, and those of the computation.
    pub fn forward(&self, pixels: &Array, on_layer: &mut OnLayer<'_>) -> Result<Array> {
        let tokens = self.patches_of(pixels)?;
        let tokens = Array::cat(&[&self.class_token, &tokens], 0)?;
        let mut hidden = tokens.plus(&self.positions)?.unsqueeze(0)?; // (1, l, width)
        if let Some(norm) = &self.first_norm {
            hidden = norm.forward(&hidden)?;
        }
        for layer in &self.layers {
            on_layer()?;
            hidden = layer.forward(&hidden, None)?;
        }
        let first = hidden.narrow(1, 0, 1)?;
        let pooled = self.last_norm.forward(&first)?.squeeze(1)?;
        self.head.forward(&pooled)
    }

    /// A token for each patch, row by row: `(1, 3, side, side)` → `(l − 1, width)`. What does not fill a patch at the right
    /// and at the bottom is not looked at.
    fn patches_of(&self, pixels: &Array) -> Result<Array> {
        let (patch, grid, seen) = (self.patch, self.grid, self.patch * self.grid);
        let [b, ..] = pixels.shape::<4>()?;
        if b != 1 {
            return Err(Error::compute(format!("one picture at a time, not {b}")));
        }
        let rows = pixels
            .narrow(2, 0, seen)?
            .narrow(3, 0, seen)?
            .reshape([CHANNELS, grid, patch, grid, patch])? // (c, gh, ph, gw, pw)
            .permute([1, 3, 0, 2, 4])? // (gh, gw, c, ph, pw)
            .reshape([grid * grid, CHANNELS * patch * patch])?;
        let tokens = rows.matmul_transposed(&self.patches)?;
        match &self.patches_bias {
            Some(bias) => tokens.plus(bias),
            None => Ok(tokens),
        }
    }
}
