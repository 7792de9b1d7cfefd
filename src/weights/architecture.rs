//! What a transformer of the kind of FLUX.1 is, as the headers of its files tell: sizes, what goes into it, and its schedule.

use crate::schema::choices::Model;
use crate::schema::params::Params;
use crate::weights::header::Header;
use crate::weights::inspect::{self, Names, Part};
use crate::weights::text;

/// A transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Features of the stream.
    pub width: usize,
    /// Features of an attention head.
    pub head: usize,
    /// Features between the two layers of a block's MLP.
    pub mlp: usize,
    /// Blocks with streams of their own for the prompt and the image.
    pub double_blocks: usize,
    /// Blocks with one stream for both.
    pub single_blocks: usize,
    /// Features of each token of the prompt, which T5 makes.
    pub text: usize,
    /// Features of the prompt as a whole, which CLIP makes.
    pub pooled: usize,
    /// Features of a patch of 2 × 2 latents, which is what comes out for each image token.
    pub latent: usize,
    /// What goes in besides latents and prompt.
    pub conditioning: Conditioning,
    /// Whether it takes a guidance, as dev does.
    pub has_guidance: bool,
}

/// The images that a transformer takes besides the latents. Nothing makes use of any yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditioning {
    /// Features that follow the latent's in every image token: 64 in Canny and Depth for the control image, 320 in Fill for
    /// the masked image and its mask.
    /// <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/util.py> (`in_channels`)
    pub channels: usize,
    /// Whether tokens of reference images follow those of the latents, as in Kontext. The headers are those of dev, so it is
    /// never told by them.
    pub has_references: bool,
}

/// How noise levels are spread over the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Evenly.
    Even,
    /// Towards more noise the larger the image is.
    Shifted,
}

impl Architecture {
    /// FLUX.1 itself. <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/util.py>
    pub const fn flux1(model: Model) -> Self {
        Self {
            width: 3072,
            head: 128,
            mlp: 4 * 3072,
            double_blocks: 19,
            single_blocks: 38,
            text: 4096,
            pooled: 768,
            latent: 64,
            conditioning: Conditioning {
                channels: 0,
                has_references: false,
            },
            has_guidance: matches!(model, Model::Dev),
        }
    }

    /// The transformer whose tensors these are: those of one file, or of all shards of one. What they do not tell is
    /// FLUX.1's; `None` where there is no transformer, or not even its first layer.
    pub fn of(header: &Header) -> Option<Self> {
        let found = inspect::parts(header);
        let found = found.iter().find(|found| found.part == Part::Transformer)?;
        let names = match found.names {
            Names::Diffusers => &DIFFUSERS,
            _ => &BFL,
        };
        let side = |name: &str, i: usize| {
            let entry = header.tensors.get(&format!("{}{name}", found.prefix))?;
            entry.shape.get(i).copied()
        };
        let blocks = |kind: &str| {
            let start = format!("{}{kind}.", found.prefix);
            let numbers = header.tensors.keys().filter_map(|name| {
                let (number, _) = name.strip_prefix(&start)?.split_once('.')?;
                number.parse::<u16>().ok()
            });
            numbers.max().map_or(0, |last| usize::from(last) + 1)
        };
        let usual = Self::flux1(Model::Dev);
        let (width, token) = (side(names.image, 0)?, side(names.image, 1)?);
        let latent = side(names.output, 0).unwrap_or(token.min(usual.latent));
        let mlp = |(name, others): (&str, usize)| {
            side(name, 0)?.checked_sub(others.saturating_mul(width))
        };
        let head = names.heads.into_iter().find_map(|name| side(name, 0));
        let mlp = names.mlps.into_iter().find_map(mlp);
        Some(Self {
            width,
            head: head.map_or(usual.head, |head| head.max(1)),
            mlp: mlp.unwrap_or(width.saturating_mul(4)),
            double_blocks: blocks(names.double_blocks),
            single_blocks: blocks(names.single_blocks),
            text: side(names.text, 1).unwrap_or(usual.text),
            pooled: side(names.pooled, 1).unwrap_or(usual.pooled),
            latent,
            conditioning: Conditioning {
                channels: token.saturating_sub(latent),
                has_references: false,
            },
            has_guidance: side(names.guidance, 0).is_some(),
        })
    }

    /// Which of FLUX.1's two models it runs as.
    pub fn model(self) -> Model {
        if self.has_guidance {
            Model::Dev
        } else {
            Model::Schnell
        }
    }

    /// What people call it.
    pub fn name(self) -> String {
        let own = Self::flux1(self.model());
        let word = match (self.latent, self.conditioning.channels, self.has_guidance) {
            (64, 0, true) => "FLUX.1 dev",
            (64, 0, false) => "FLUX.1 schnell",
            (64, 64, _) => "FLUX.1 Canny or Depth",
            (64, 320, _) => "FLUX.1 Fill",
            _ => "of the kind of FLUX.1",
        };
        let sizes = |one: Self| (one.width, one.double_blocks, one.single_blocks);
        let (width, double, single) = sizes(self);
        if sizes(self) == sizes(own) {
            return word.to_owned();
        }
        format!("{word}, {width} features wide with {double} + {single} blocks")
    }

    /// Why it cannot be used although it is of the kind of FLUX.1.
    pub fn obstacle(self) -> Option<&'static str> {
        if self.conditioning.channels > 0 {
            Some(text::WIDER_INPUT)
        } else {
            self.conditioning.has_references.then_some(text::REFERENCES)
        }
    }

    /// Whether it is as wide as FLUX.1, so that LoRAs for FLUX.1 can fit it.
    pub fn is_flux_sized(self) -> bool {
        self.width == Self::flux1(self.model()).width
    }

    /// Whether its images look real enough that a safety checker has to see them first: it is as wide as FLUX.1, or wider.
    pub fn needs_safety_check(self) -> bool {
        self.width >= Self::flux1(self.model()).width
    }

    /// The features that another part has to make for it: those of CLIP and T5, or the channels of the VAE's latents.
    pub(super) fn takes_from(self, part: Part) -> Option<usize> {
        match part {
            Part::Clip => Some(self.pooled),
            Part::T5 => Some(self.text),
            Part::Vae => Some(self.latent / 4),
            Part::Transformer | Part::SafetyChecker | Part::SafetyClassifier => None,
        }
    }

    /// Features of an image token as it goes in.
    pub fn token_features(self) -> usize {
        self.latent + self.conditioning.channels
    }

    /// Attention heads.
    pub fn heads(self) -> usize {
        self.width / self.head
    }

    /// How a head's features are divided among the three axes of positions: nothing in the headers tells, so it is FLUX.1's
    /// division with an eighth for the first, or for narrow heads the demo model's with a quarter.
    /// <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/util.py> (`axes_dim`)
    pub fn axes(self) -> [usize; 3] {
        let share = if self.head < 64 { 4 } else { 8 };
        let other = (self.head - self.head / share) / 2;
        [self.head - 2 * other, other, other]
    }

    /// How its noise levels are spread over the steps.
    /// <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/cli.py> (`shift`)
    pub fn schedule(self) -> Schedule {
        if self.has_guidance {
            Schedule::Shifted
        } else {
            Schedule::Even
        }
    }

    /// The steps that it is meant to run: schnell's are few.
    /// <https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/cli.py> (`num_steps`)
    pub fn default_steps(self) -> usize {
        if self.has_guidance {
            Params::default().num_inference_steps as usize
        } else {
            4
        }
    }

    /// The guidance that it is meant to run with, if it takes one.
    pub fn default_guidance(self) -> Option<f64> {
        self.has_guidance.then(|| Params::default().guidance_scale)
    }
}

/// The tensors that tell the sizes of a transformer.
struct TensorNames {
    double_blocks: &'static str,
    single_blocks: &'static str,
    image: &'static str,
    text: &'static str,
    pooled: &'static str,
    guidance: &'static str,
    output: &'static str,
    /// As many numbers as a head has features, each where it is there.
    heads: [&'static str; 2],
    /// A row for each feature of the MLP, and how many times the width other rows.
    mlps: [(&'static str, usize); 2],
}

const BFL: TensorNames = TensorNames {
    double_blocks: "double_blocks",
    single_blocks: "single_blocks",
    image: "img_in.weight",
    text: "txt_in.weight",
    pooled: "vector_in.in_layer.weight",
    guidance: "guidance_in.in_layer.weight",
    output: "final_layer.linear.weight",
    heads: [
        "double_blocks.0.img_attn.norm.query_norm.scale",
        "single_blocks.0.norm.query_norm.scale",
    ],
    mlps: [
        ("single_blocks.0.linear1.weight", 3),
        ("double_blocks.0.img_mlp.0.weight", 0),
    ],
};

const DIFFUSERS: TensorNames = TensorNames {
    double_blocks: "transformer_blocks",
    single_blocks: "single_transformer_blocks",
    image: "x_embedder.weight",
    text: "context_embedder.weight",
    pooled: "time_text_embed.text_embedder.linear_1.weight",
    guidance: "time_text_embed.guidance_embedder.linear_1.weight",
    output: "proj_out.weight",
    heads: [
        "transformer_blocks.0.attn.norm_q.weight",
        "single_transformer_blocks.0.attn.norm_q.weight",
    ],
    mlps: [
        ("single_transformer_blocks.0.proj_mlp.weight", 0),
        ("transformer_blocks.0.ff.net.0.proj.weight", 0),
    ],
};

#[cfg(test)]
mod tests {
    use super::{Architecture, Conditioning};
    use crate::schema::choices::Model;

    #[test]
    fn a_wider_model_needs_the_safety_check_and_takes_no_lora_of_flux() {
        let flux = Architecture::flux1(Model::Dev);
        for (width, is_checked, is_flux_sized) in [
            (64, false, false),
            (flux.width, true, true),
            (4096, true, false),
        ] {
            let one = Architecture { width, ..flux };
            assert_eq!(one.needs_safety_check(), is_checked, "{width}");
            assert_eq!(one.is_flux_sized(), is_flux_sized, "{width}");
        }
    }

    #[test]
    fn models_that_take_images_are_told_apart_and_cannot_run() {
        let of = |channels, has_references| Architecture {
            conditioning: Conditioning {
                channels,
                has_references,
            },
            ..Architecture::flux1(Model::Dev)
        };
        assert_eq!(of(64, false).name(), "FLUX.1 Canny or Depth");
        assert_eq!(of(320, false).name(), "FLUX.1 Fill");
        assert_eq!(of(320, false).token_features(), 384);
        assert!(of(320, false).obstacle().is_some() && of(0, true).obstacle().is_some());
        assert_eq!(of(0, false).obstacle(), None);
        assert_eq!(of(0, false).axes(), [16, 56, 56]);
    }
}
