//! Model folders that are damaged, incomplete or inconsistent: one helpful sentence each, never a panic.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::error::Error;
use flux_qfaces::engine::job::{Generator, Job};
use flux_qfaces::engine::pipeline::dump::{Noise, Probe};
use flux_qfaces::engine::pipeline::generator::FluxGenerator;
use flux_qfaces::schema::choices::Model;
use flux_qfaces::schema::circumstances::Circumstances;
use flux_qfaces::schema::params::Params;
use flux_qfaces::schema::request::Request;
use flux_qfaces::weights::model::ModelSource;
use tempfile::TempDir;

use crate::support::reference_data::{both_transformers, copy, folder, model};

const TRANSFORMER: &str = "transformer/diffusion_pytorch_model.safetensors";

fn load(source: &ModelSource) -> Result<FluxGenerator, Error> {
    FluxGenerator::load(source, Model::Dev, Hardware::cpu(), &mut |_| {
        ControlFlow::Continue(())
    })
}

/// Loading the tiny model after `spoil` has changed its folder must fail with a sentence that has `words` in it.
fn check(spoil: impl Fn(&Path), words: &str) {
    let whole = TempDir::new().unwrap();
    copy(&folder().join("dev"), whole.path());
    spoil(whole.path());
    let sentence = match load(&ModelSource::folder(whole.path()).unwrap()) {
        Ok(_) => panic!("loading must fail: {words}"),
        Err(error) => error.to_string(),
    };
    assert!(
        sentence.contains(words),
        "'{sentence}' does not speak of '{words}'"
    );
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
}

/// Changes a piece of text in a file.
fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is in {}", path.display());
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn damaged_files_are_named() {
    for length in [0, 4, 100, 300_000] {
        check(
            |model| {
                fs::File::options()
                    .write(true)
                    .open(model.join(TRANSFORMER))
                    .unwrap()
                    .set_len(length)
                    .unwrap();
            },
            TRANSFORMER,
        );
    }
    check(
        |model| fs::write(model.join(TRANSFORMER), "<html>not found</html>").unwrap(),
        TRANSFORMER,
    );
    check(
        |model| fs::write(model.join("transformer/config.json"), "{}").unwrap(),
        "num_layers",
    );
    check(
        |model| fs::write(model.join("vae/config.json"), "oops").unwrap(),
        "vae/config.json",
    );
    check(
        |model| fs::write(model.join("tokenizer/tokenizer.json"), "{}").unwrap(),
        "tokenizer",
    );
}

#[test]
fn missing_files_are_named() {
    for name in [
        TRANSFORMER,
        "transformer/config.json",
        "vae/config.json",
        "text_encoder/model.safetensors",
        "tokenizer_2/tokenizer.json",
        "scheduler/scheduler_config.json",
    ] {
        let words = if name == "text_encoder/model.safetensors" {
            "text_encoder"
        } else {
            name.rsplit('/').next().unwrap()
        };
        check(|model| fs::remove_file(model.join(name)).unwrap(), words);
    }
}

#[test]
fn inconsistent_configurations_are_explained() {
    for (file, from, to, words) in [
        (
            "transformer",
            "\"num_layers\": 2",
            "\"num_layers\": 3",
            "transformer_blocks.2",
        ),
        (
            "transformer",
            "\"attention_head_dim\": 16",
            "\"attention_head_dim\": 32",
            "RoPE axes",
        ),
        (
            "transformer",
            "\"num_attention_heads\": 3",
            "\"num_attention_heads\": 0",
            "heads",
        ),
        (
            "transformer",
            "\"num_layers\": 2",
            "\"num_layers\": 1000000000000000000",
            "transformer_blocks.2",
        ),
        (
            "transformer",
            "\"attention_head_dim\": 16",
            "\"attention_head_dim\": 9000000000000000000",
            "heads",
        ),
        (
            "transformer",
            "\"in_channels\": 64",
            "\"in_channels\": 32",
            "img_in",
        ),
        (
            "vae",
            "\"norm_num_groups\": 8",
            "\"norm_num_groups\": 5",
            "norm groups",
        ),
        (
            "vae",
            "\"latent_channels\": 16",
            "\"latent_channels\": 8",
            "shape",
        ),
        (
            "text_encoder",
            "\"num_attention_heads\": 4",
            "\"num_attention_heads\": 0",
            "heads",
        ),
        (
            "text_encoder_2",
            "\"num_heads\": 4",
            "\"num_heads\": 0",
            "heads",
        ),
        (
            "text_encoder_2",
            "\"relative_attention_num_buckets\": 32",
            "\"relative_attention_num_buckets\": 0",
            "buckets",
        ),
        ("text_encoder_2", "gated-gelu", "gated-silu", "gated-silu"),
    ] {
        check(
            |model| replace(&model.join(file).join("config.json"), from, to),
            words,
        );
    }
}

#[test]
fn shards_stay_inside_their_folder_and_must_exist() {
    let index = format!("{TRANSFORMER}.index.json");
    for (name, words) in [
        ("../vae/diffusion_pytorch_model.safetensors", "weight_map"),
        ("gone.safetensors", "gone.safetensors"),
    ] {
        check(
            |model| {
                fs::remove_file(model.join(TRANSFORMER)).unwrap();
                fs::write(
                    model.join(&index),
                    format!("{{\"weight_map\": {{\"img_in.weight\": \"{name}\"}}}}"),
                )
                .unwrap();
            },
            words,
        );
    }
}

#[test]
fn numbers_that_are_not_finite_stop_the_job_and_name_the_stage() {
    let (source, _whole) = model("dev");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("noise.safetensors");
    let noise =
        candle_core::Tensor::full(f32::NAN, (1, 16, 4, 4), &candle_core::Device::Cpu).unwrap();
    candle_core::safetensors::save(&std::collections::HashMap::from([("noise", noise)]), &path)
        .unwrap();
    let params = Params {
        prompt: Some(String::new()),
        num_inference_steps: 2,
        ..Params::default()
    };
    let request = Request::resolve(
        &params,
        Circumstances {
            native_side: 32,
            ..Circumstances::default()
        },
    )
    .unwrap();
    let mut probe = Probe {
        noise: Some(Noise::read(&path).unwrap()),
        dump: None,
    };
    let error = load(&source)
        .unwrap()
        .generate_probed(&Job::new(&request), &mut probe, &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert!(error.to_string().contains("while denoising"), "{error}");
}

/// A small picture's request.
fn request(asked: &str, prompt: &str) -> Request {
    let params = Params {
        prompt: Some(prompt.to_owned()),
        model: asked.to_owned(),
        num_inference_steps: 1,
        ..Params::default()
    };
    let circumstances = Circumstances {
        native_side: 32,
        ..Circumstances::default()
    };
    Request::resolve(&params, circumstances).unwrap()
}

/// The notes of a small picture by the tiny model `weights`.
fn notes(weights: &str, asked: &str, prompt: &str) -> String {
    let (source, _whole) = model(weights);
    let outcome = load(&source)
        .unwrap()
        .generate(&Job::new(&request(asked, prompt)), &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap();
    outcome
        .notes
        .into_iter()
        .map(|note| note.message)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn weights_of_the_other_kind_run_with_a_note() {
    for (weights, asked, words) in [
        ("dev", "schnell", "with a guidance of 3"),
        ("schnell", "dev", "no guidance"),
    ] {
        let notes = notes(weights, asked, "");
        assert!(notes.contains(words), "{notes}");
    }
}

#[test]
fn long_prompt_is_cut_with_a_note() {
    let notes = notes("dev", "dev", &"a face ".repeat(100));
    assert!(notes.contains("longer than 48 tokens"), "{notes}");
}

#[test]
fn damaged_second_transformer_fails_its_own_jobs_only() {
    let (source, folder) = both_transformers();
    let shard = "diffusion_pytorch_model-00001-of-00003.safetensors";
    let path = folder.path().join("transformer_schnell").join(shard);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..100]).unwrap();
    let mut generator = load(&source).unwrap();
    let mut run = |asked| {
        generator
            .generate(&Job::new(&request(asked, "")), &mut |_| {
                ControlFlow::Continue(())
            })
            .map(|outcome| outcome.notes)
    };
    let error = run("schnell").unwrap_err().to_string();
    assert!(error.contains(shard), "{error}");
    run("dev").unwrap();
    fs::write(&path, whole).unwrap();
    let notes = run("schnell").unwrap();
    assert!(
        notes
            .iter()
            .all(|note| note.field.as_deref() != Some("model")),
        "{notes:?}"
    );
}
