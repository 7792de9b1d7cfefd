//! What a model of the safety checker gets to see of a picture: fitted to its square as transformers' image processors do it
//! with Pillow, and with numbers around 0.
//!
//! <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/clip/image_processing_clip.py>,
//! <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/vit/image_processing_vit.py>

use image::RgbImage;
use image::imageops::crop_imm;
use serde::Deserialize;

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::error::{Error, Result};
use crate::engine::tensors::config::read_json_if_there;
use crate::imaging::fit::{self, Filter, size_of};
use crate::schema::size::Size;
use crate::weights::model::ModelSource;

/// Colours of a picture.
pub(super) const CHANNELS: usize = 3;

/// The most pixels of a side of a picture that is fitted by its shorter side.
const LONGEST: u64 = 1 << 16;

/// How a picture is prepared.
#[derive(Clone, Debug, PartialEq)]
pub struct Preparation {
    /// Side in pixels of the square that comes out.
    side: u32,
    scaling: Scaling,
    filter: Filter,
    /// What an 8-bit number is multiplied by.
    factor: f64,
    /// What is taken from each colour after that.
    mean: [f32; CHANNELS],
    /// What each colour is divided by in the end.
    std: [f32; CHANNELS],
}

/// What a picture is scaled to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scaling {
    /// Its shorter side becomes so many pixels, and the middle is cut out.
    Shorter(u32),
    /// It becomes a square, whatever its shape.
    Square,
}

/// How a family of models prepares pictures where no file says otherwise.
pub(super) struct Habits {
    /// Whether the middle is cut out.
    crops: bool,
    filter: Filter,
    mean: [f32; CHANNELS],
    std: [f32; CHANNELS],
}

/// CLIP's habits. <https://huggingface.co/openai/clip-vit-large-patch14/blob/main/preprocessor_config.json>
#[allow(clippy::excessive_precision, reason = "as they are published")]
pub(super) const CLIP: Habits = Habits {
    crops: true,
    filter: Filter::Bicubic,
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    std: [0.268_629_54, 0.261_302_58, 0.275_777_11],
};

/// ViT's habits. <https://huggingface.co/google/vit-base-patch16-224-in21k/blob/main/preprocessor_config.json>
pub(super) const VIT: Habits = Habits {
    crops: false,
    filter: Filter::Bilinear,
    mean: [0.5; CHANNELS],
    std: [0.5; CHANNELS],
};

/// What an 8-bit number is multiplied by where no file says otherwise.
/// <https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/models/clip/image_processing_clip.py> (`rescale_factor`)
const FACTOR: f64 = 1.0 / 255.0;

/// `preprocessor_config.json`.
#[derive(Default, Deserialize)]
struct File {
    do_resize: Option<bool>,
    size: Option<Sides>,
    resample: Option<u32>,
    do_center_crop: Option<bool>,
    crop_size: Option<Sides>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<[f32; CHANNELS]>,
    image_std: Option<[f32; CHANNELS]>,
}

/// A size, in each way that the versions of transformers have written it.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Sides {
    /// The shorter side where the middle is cut out, otherwise both.
    Number(u32),
    Shorter {
        shortest_edge: u32,
    },
    Both {
        height: u32,
        width: u32,
    },
}

impl Preparation {
    /// Reads how the model in `folder`, which looks at squares of so many pixels a side, wants its pictures. Where there is
    /// no `preprocessor_config.json` in it, as beside the checker in Stable Diffusion's folders, it is the family's way.
    ///
    /// # Errors
    /// When the file is malformed, or does not lead to such squares.
    pub(super) fn read(
        source: &ModelSource,
        folder: &str,
        habits: &Habits,
        side: usize,
    ) -> Result<Self> {
        let name = format!("{folder}/preprocessor_config.json");
        let file: File = read_json_if_there(source, &name)?.unwrap_or_default();
        file.preparation(habits, side as u32).ok_or_else(|| {
            let place = source.place();
            Error::Checkpoint(format!(
                "{name} of {place} prepares pictures in a way that is not known here, or not for squares of {side} pixels"
            ))
        })
    }

    /// What the model sees of a picture: `(1, 3, side, side)`
    ///
    /// # Errors
    /// When the picture has no pixels, or is far too narrow.
    pub fn pixels(&self, picture: &RgbImage) -> Result<Array> {
        let fitted = self.fitted(picture)?;
        let side = self.side as usize;
        let mut values = Vec::with_capacity(CHANNELS * side * side);
        for ((channel, mean), std) in (0..CHANNELS).zip(self.mean).zip(self.std) {
            let numbers = fitted.as_raw().iter().skip(channel).step_by(CHANNELS);
            // The product is made in f64, the rest in f32, as in transformers.
            let scaled = numbers.map(|&number| (f64::from(number) * self.factor) as f32);
            values.extend(scaled.map(|number| (number - mean) / std));
        }
        Array::new(values, [1, CHANNELS, side, side], &Hardware::cpu())
    }

    /// The square that a picture becomes.
    fn fitted(&self, picture: &RgbImage) -> Result<RgbImage> {
        let side = self.side;
        let own = size_of(picture);
        let (short, long) = (own.width.min(own.height), own.width.max(own.height));
        if short == 0 {
            let sentence = "a picture without pixels cannot be checked".to_owned();
            return Err(Error::File(sentence));
        }
        let Scaling::Shorter(shorter) = self.scaling else {
            let [width, height] = [side; 2];
            let square = Size { width, height };
            return Ok(fit::resample(picture, square, self.filter));
        };
        // https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/image_transforms.py (`get_resize_output_image_size`)
        let longer = u64::from(shorter) * u64::from(long) / u64::from(short);
        if longer > LONGEST {
            let Size { width, height } = own;
            return Err(Error::File(format!(
                "a picture of {width} by {height} pixels is too narrow to be checked"
            )));
        }
        let (width, height) = match longer as u32 {
            longer if own.width <= own.height => (shorter, longer),
            longer => (longer, shorter),
        };
        let scaled = fit::resample(picture, Size { width, height }, self.filter);
        // https://github.com/huggingface/transformers/blob/v4.48.0/src/transformers/image_transforms.py (`center_crop`)
        let (left, top) = ((width - side) / 2, (height - side) / 2);
        Ok(crop_imm(&scaled, left, top, side, side).to_image())
    }
}

impl File {
    /// The preparation for squares of so many pixels a side; `None` where it is another one.
    fn preparation(&self, habits: &Habits, side: u32) -> Option<Preparation> {
        let steps = [self.do_resize, self.do_rescale, self.do_normalize];
        let is_square = |sides: Sides| match sides {
            Sides::Number(number) => number == side,
            Sides::Both { height, width } => (height, width) == (side, side),
            Sides::Shorter { .. } => false,
        };
        let crops = self.do_center_crop.unwrap_or(habits.crops);
        if steps.contains(&Some(false)) || crops && !self.crop_size.is_none_or(is_square) {
            return None;
        }
        let scaling = match self.size {
            None if crops => Scaling::Shorter(side),
            Some(Sides::Number(shorter)) if habits.crops => Scaling::Shorter(shorter),
            Some(Sides::Shorter { shortest_edge }) => Scaling::Shorter(shortest_edge),
            None => Scaling::Square,
            Some(sides) if is_square(sides) => Scaling::Square,
            Some(_) => return None,
        };
        if let Scaling::Shorter(shorter) = scaling
            && !(crops && shorter >= side)
        {
            return None;
        }
        Some(Preparation {
            side,
            scaling,
            // https://github.com/python-pillow/Pillow/blob/11.3.0/src/PIL/Image.py (`Resampling`)
            filter: match self.resample {
                None => habits.filter,
                Some(1) => Filter::Lanczos,
                Some(2) => Filter::Bilinear,
                Some(3) => Filter::Bicubic,
                Some(_) => return None,
            },
            factor: self.rescale_factor.unwrap_or(FACTOR),
            mean: self.image_mean.unwrap_or(habits.mean),
            std: self.image_std.unwrap_or(habits.std),
        })
    }
}
