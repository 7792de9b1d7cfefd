//! The files that models are made of, as their makers publish them.

use crate::weights::survey::Missing;

/// The usual files of the parts that all FLUX.1 models have in common, by the part's folder in diffusers' layout.
const USUAL: [Missing; 5] = [
    Missing {
        folder: "vae",
        file: "ae.safetensors",
        bytes: 335_304_388,
    },
    Missing {
        folder: "text_encoder",
        file: "clip_l.safetensors",
        bytes: 246_144_152,
    },
    Missing {
        folder: "text_encoder_2",
        file: "t5xxl_fp16.safetensors",
        bytes: 9_787_841_024,
    },
    Missing {
        folder: "tokenizer",
        file: "tokenizer/vocab.json and merges.txt",
        bytes: 1_584_581,
    },
    Missing {
        folder: "tokenizer_2",
        file: "tokenizer_2/tokenizer.json",
        bytes: 2_424_235,
    },
];

/// The usual file of the part in a folder.
pub(super) fn usual(folder: &str) -> Missing {
    let found = USUAL.iter().find(|missing| missing.folder == folder);
    found.cloned().unwrap_or(Missing {
        folder: "",
        file: "another file",
        bytes: 0,
    })
}

/// A number of bytes for people, in the decimal units that download pages use: "335 MB", "9.8 GB".
pub fn size_text(bytes: u64) -> String {
    const MEGA: f64 = 1e6;
    const GIGA: f64 = 1e9;
    let bytes = bytes as f64;
    if bytes >= GIGA {
        format!("{:.1} GB", bytes / GIGA)
    } else if bytes >= 9.5 * MEGA {
        format!("{:.0} MB", bytes / MEGA)
    } else {
        format!("{:.1} MB", bytes / MEGA)
    }
}
