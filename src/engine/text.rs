//! What the engine says of a job: the stages, the plan and the notes in words. Errors are in [`error`](crate::engine::error).

use std::fmt::Display;

use crate::engine::lora::adapters::Applied;
use crate::engine::plan::load::Encoders;
use crate::engine::plan::ways::Plan;
use crate::engine::progress::Stage;
use crate::schema::notes::Note;
use crate::text::{duration_text, size_text};

impl Plan {
    /// The plan in one short line, for people.
    pub fn line(&self) -> String {
        let peak = size_text(self.peak);
        let way = match self.blocks - self.resident {
            _ if !self.fits => return format!("Needs {peak}, more than is free: it may fail"),
            0 => "In memory",
            all if all == self.blocks => "Block by block",
            _ => "Partly block by block",
        };
        let time = duration_text(self.seconds);
        format!("{way} · {peak} · about {time}")
    }

    /// What the line means.
    pub fn explanation(&self) -> String {
        let streamed = self.blocks - self.resident;
        let blocks = if streamed == 0 {
            "The whole transformer stays in memory".to_owned()
        } else {
            format!(
                "{streamed} of the transformer's {} blocks are read anew in every step, which takes less memory",
                self.blocks
            )
        };
        let text = match self.text {
            Encoders::Both => "the text encoders stay too",
            Encoders::WhileEncoding => "the text encoders are let go once the prompt is encoded",
            Encoders::OneLayer => "T5 is read layer by layer",
        };
        let tiles = if self.tile.is_some() {
            "; the picture is decoded in tiles"
        } else {
            ""
        };
        format!("{blocks}; {text}{tiles}. The settings can limit the memory")
    }
}

impl Stage {
    /// The name of the stage while it runs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Fetching => "Downloading the LoRA",
            Self::Loading => "Loading the model",
            Self::Encoding => "Reading the prompt",
            Self::Starting => "Reading the starting picture",
            Self::Denoising => "Denoising",
            Self::Decoding => "Decoding",
            Self::Checking => "Checking the pictures",
        }
    }
}

pub(super) fn second_try() -> Note {
    Note::general("The device ran out of memory: the job ran again in a way that needs less")
}

pub(super) fn tiles() -> Note {
    Note::general(
        "Decoded in tiles to save memory: colours may differ very slightly from a picture decoded at once",
    )
}

pub(super) fn noise_from_file() -> Note {
    Note::on("seed", "The noise came from a file: the seed was not used")
}

pub(super) fn dev_as_schnell(guidance: f64) -> Note {
    Note::on(
        "model",
        format!(
            "These weights are a dev model: they ran on schnell's schedule with a guidance of {guidance}"
        ),
    )
}

pub(super) fn without_guidance() -> Note {
    Note::on(
        "model",
        "These weights have no guidance: they ran on dev's schedule, and guidance_scale was not used",
    )
}

pub(super) fn truncated(tokens: usize) -> Note {
    Note::on(
        "prompt",
        format!("The prompt is longer than {tokens} tokens: its end was not read"),
    )
}

pub(super) fn incomplete(Applied { name, report, .. }: &Applied) -> Note {
    Note::general(format!("Of the LoRA {name}, {} act", report.sentence()))
}

/// Why the pictures of some models are not checked.
pub(super) const DEMO_IS_EXEMPT: &str =
    "The pictures were not checked: the demo model draws toy faces and is exempt";
pub(super) const SMALL_IS_EXEMPT: &str =
    "The pictures were not checked: models smaller than FLUX.1 are exempt";

pub(super) fn unchecked() -> Note {
    Note::on(
        "disable_safety_checker",
        "The pictures were not checked, as asked",
    )
}

pub(super) fn withheld(index: usize, reason: &dyn Display) -> Note {
    Note::on(
        "disable_safety_checker",
        format!("Picture {} was withheld: {reason}", index + 1),
    )
}
