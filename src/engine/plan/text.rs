//! Plans in words.

use crate::engine::plan::load::Encoders;
use crate::engine::plan::ways::Plan;
use crate::schema::Note;
use crate::weights::catalog::size_text;

/// A rough number of seconds for people: "40 s", "52 min", "6 h".
pub fn duration_text(seconds: f64) -> String {
    match seconds.round() as u64 {
        secs @ 0..=90 => format!("{} s", secs.max(1)),
        secs @ 91..=5400 => format!("{} min", secs.div_ceil(60)),
        secs => format!("{} h", secs.div_ceil(3600)),
    }
}

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

    /// What of it is a note on the job: what changes the picture, and what was tried first.
    pub(crate) fn notes(&self, is_second: bool) -> Vec<Note> {
        let mut notes = Vec::new();
        if is_second {
            notes.push(Note::general(
                "The device ran out of memory: the job ran again in a way that needs less",
            ));
        }
        if self.tile.is_some() {
            notes.push(Note::general(
                "Decoded in tiles to save memory: colours may differ very slightly from a picture decoded at once",
            ));
        }
        notes
    }
}
