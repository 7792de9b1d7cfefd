//! Files that were cut, bent or made up: errors or LoRAs, never a panic. `fuzz/` looks for more of them by itself.

use std::fs;
use std::path::Path;

use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::lora::load::Opened;
use flux_qfaces::engine::lora::targets::Targets;
use flux_qfaces::engine::models::safety::judge::SafetyChecker;
use flux_qfaces::schema::choices::Model;
use flux_qfaces::weights::archive;
use flux_qfaces::weights::error::Error;
use flux_qfaces::weights::lora::{LoraFile, LoraPlace};
use flux_qfaces::weights::model::ModelSource;
use flux_qfaces::weights::survey::candidate::Candidate;

use crate::support::reference_data::{copy, data, lora_folder, model};

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }

    /// A file with a few bytes changed, a piece cut out, or its end missing.
    fn bend(&mut self, file: &[u8]) -> Vec<u8> {
        let mut bent = file.to_vec();
        match self.roll(4) {
            0 => bent.truncate(self.roll(file.len())),
            1 => {
                let start = self.roll(bent.len());
                let end = (start + self.roll(64)).min(bent.len());
                bent.drain(start..end);
            }
            _ => {
                // The header, where it hurts most.
                let reach = bent.len().min(2048);
                for _ in 0..=self.roll(4) {
                    let place = self.roll(reach);
                    bent[place] = self.roll(256) as u8;
                }
            }
        }
        bent
    }
}

/// Reads bytes as a LoRA for the tiny model.
fn read(targets: &Targets, path: &Path, bytes: &[u8]) -> Result<usize, String> {
    fs::write(path, bytes).unwrap();
    let file = LoraFile {
        name: "bent".to_owned(),
        sha256: String::new(),
        place: LoraPlace::File(path.to_owned()),
        peft_config: None,
    };
    let loaded = Opened::open(&file, targets)?.load(&Hardware::cpu());
    let loaded = loaded.map_err(|error| error.to_string())?;
    Ok(loaded.report.matched)
}

/// A safetensors file with this header and so many bytes behind it.
fn made_up(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

#[test]
fn made_up_headers_are_errors() {
    let (source, _) = model("dev");
    let targets = Targets::of(&source, Model::Dev).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let down = "transformer.transformer_blocks.0.attn.to_q.lora_A.weight";
    let up = "transformer.transformer_blocks.0.attn.to_q.lora_B.weight";
    let tensor = |name: &str, dtype: &str, shape: &str, end: usize| {
        format!(r#"{{"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
    };
    let huge = (u64::MAX / 2).to_le_bytes().to_vec();
    let pair = format!(
        r#"{{"{down}":{{"dtype":"F32","shape":[0,48],"data_offsets":[0,0]}},"{up}":{{"dtype":"F32","shape":[48,0],"data_offsets":[0,0]}}}}"#
    );
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("half a length", vec![1, 2, 3]),
        ("a length beyond the file", huge),
        ("no JSON", made_up("hello", 0)),
        ("an empty header", made_up("{}", 0)),
        ("a list", made_up("[]", 0)),
        (
            "a tensor beyond the file",
            made_up(&tensor(down, "F32", "[4,48]", 768), 0),
        ),
        (
            "a shape that does not fit",
            made_up(&tensor(down, "F32", "[4,4]", 768), 768),
        ),
        (
            "a shape that overflows",
            made_up(&tensor(down, "F32", "[4294967296,4294967296,4]", 0), 0),
        ),
        ("a rank of nothing", made_up(&pair, 0)),
        (
            "half a pair",
            made_up(&tensor(down, "F32", "[4,48]", 768), 768),
        ),
        (
            "whole numbers",
            made_up(&tensor(down, "I32", "[4,48]", 768), 768),
        ),
        (
            "unknown numbers",
            made_up(&tensor(down, "F99", "[4,48]", 768), 768),
        ),
        (
            "a number without a shape",
            made_up(&tensor(down, "F32", "[]", 4), 4),
        ),
        (
            "bytes that belong to nothing",
            made_up(&tensor(down, "F32", "[4,48]", 768), 800),
        ),
        ("deep JSON", made_up(&"[".repeat(100_000), 0)),
    ] {
        let result = read(&targets, &path, &bytes);
        assert!(result.is_err(), "{what} was taken for a LoRA: {result:?}");
    }
}

#[test]
fn bent_files_are_errors_or_loras() {
    let (source, _) = model("dev");
    let targets = Targets::of(&source, Model::Dev).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let mut dice = Dice(7);
    let (mut errors, mut loras) = (0, 0);
    for entry in fs::read_dir(lora_folder()).unwrap().flatten() {
        let name = entry.file_name();
        let is_golden = name == "golden.safetensors" || name == "noise.safetensors";
        if is_golden
            || entry
                .path()
                .extension()
                .is_none_or(|ending| ending != "safetensors")
        {
            continue;
        }
        let file = fs::read(entry.path()).unwrap();
        for _ in 0..40 {
            match read(&targets, &path, &dice.bend(&file)) {
                Ok(_) => loras += 1,
                Err(sentence) => {
                    assert!(sentence.lines().count() == 1, "{sentence}");
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > 500 && loras > 20, "{errors} errors, {loras} LoRAs");
}

#[test]
fn bent_archives_are_errors_or_files() {
    let tar = fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/assets/demo/lora/trained_model.tar"
    ))
    .unwrap();
    let small = [&tar[..4096], &tar[tar.len() - 4096..]].concat();
    let zstd = ruzstd::encoding::compress_to_vec(
        small.as_slice(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    let mut dice = Dice(11);
    for file in [small, zstd] {
        for _ in 0..400 {
            fs::write(&path, dice.bend(&file)).unwrap();
            let mut target = tempfile::tempfile().unwrap();
            let most = |written| {
                if written > 1 << 20 {
                    Err(Error::Cancelled)
                } else {
                    Ok(())
                }
            };
            let archive = fs::File::open(&path).unwrap();
            if let Err(error) = archive::extract(archive, &mut target, &most) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "something was written beside the archive"
    );
}

#[test]
fn bent_checkpoints_are_told_from_models_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bent.gguf");
    let mut dice = Dice(11);
    let mut refused = 0;
    for name in [
        "mixed.gguf",
        "t5.gguf",
        "fp8-scaled.safetensors",
        "all-in-one.safetensors",
    ] {
        let data = data("checkpoints");
        let whole = fs::read(data.join(name)).unwrap();
        for _ in 0..300 {
            fs::write(&path, dice.bend(&whole)).unwrap();
            match Candidate::look(std::slice::from_ref(&path)) {
                Ok(candidate) => drop(candidate.obstacle()),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 300, "only {refused} were refused");
}

#[test]
fn a_bent_safety_checker_ends_in_a_sentence_or_a_verdict() {
    let data = data("safety");
    let place = tempfile::tempdir().unwrap();
    for part in ["safety_checker", "safety_classifier"] {
        copy(&data.join(part), &place.path().join(part));
    }
    let source = ModelSource::in_folder(place.path());
    let picture = image::open(data.join("pictures/withheld.png"))
        .unwrap()
        .to_rgb8();
    let mut dice = Dice(12);
    let mut refused = 0;
    let files = [
        "safety_checker/model.safetensors",
        "safety_checker/config.json",
        "safety_classifier/config.json",
    ];
    for file in files {
        let path = place.path().join(file);
        let whole = fs::read(&path).unwrap();
        for _ in 0..150 {
            fs::write(&path, dice.bend(&whole)).unwrap();
            let mut go_on = || Ok(());
            let opened = SafetyChecker::open(&source, &mut go_on);
            let judged = opened.and_then(|checker| {
                checker
                    .map(|checker| checker.judge(&picture, &mut go_on))
                    .transpose()
            });
            refused += usize::from(judged.is_err());
        }
        fs::write(path, whole).unwrap();
    }
    assert!(refused > 100, "only {refused} were refused");
}
