//! Files with the names, types and shapes of the real ones, and no numbers: what is recognised, loaded and planned.
//! `tests/reference/manifests.py` has written what is published of them.

#![cfg(unix)]

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::compute::stored::Precision;
use flux_qfaces::engine::job::{Generator, Job};
use flux_qfaces::engine::models::safety::judge::SafetyChecker;
use flux_qfaces::engine::pipeline::generator::FluxGenerator;
use flux_qfaces::engine::plan::load::{Budget, Encoders, Load};
use flux_qfaces::engine::plan::sizes::Sizes;
use flux_qfaces::engine::plan::speed::usual_seconds;
use flux_qfaces::engine::plan::ways::{self, Plan};
use flux_qfaces::engine::progress::{Progress, Stage};
use flux_qfaces::schema::choices::Model;
use flux_qfaces::schema::circumstances::Circumstances;
use flux_qfaces::schema::params::Params;
use flux_qfaces::schema::request::Request;
use flux_qfaces::schema::size::Size;
use flux_qfaces::weights::architecture::Architecture;
use flux_qfaces::weights::survey::assembly::{open_model, survey};

use crate::support::reference_data::{copy, data, folder};

fn manifests() -> Map<String, Value> {
    let path = data("manifests.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Writes the header of a real file, and lets the system make up zeros for its numbers, which take no room on the disk.
fn write_header(name: &str, path: &Path) {
    let manifest = &manifests()[name];
    let mut header = Map::new();
    let mut place = 0;
    for row in manifest["tensors"].as_array().unwrap() {
        let (name, count) = (row[0].as_str().unwrap(), row[1].as_u64().unwrap());
        let (kind, shape) = (row[2].as_str().unwrap(), row[3].as_array().unwrap());
        let width = match kind {
            "I64" => 8,
            "F32" => 4,
            "F16" | "BF16" => 2,
            _ => 1,
        };
        let numbers: u64 = shape.iter().map(|side| side.as_u64().unwrap()).product();
        for i in 0..count.max(1) {
            let end = place + numbers * width;
            let tensor = json!({"dtype": kind, "shape": shape, "data_offsets": [place, end]});
            header.insert(name.replace('*', &i.to_string()), tensor);
            place = end;
        }
    }
    assert_eq!(header.len() as u64, manifest["count"].as_u64().unwrap());
    let text = serde_json::to_vec(&header).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(&(text.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&text).unwrap();
    file.set_len(8 + text.len() as u64 + place).unwrap();
}

/// A folder with real headers, and the tokenizers of the tiny model.
fn laid_out(files: &[&str]) -> TempDir {
    let place = TempDir::new().unwrap();
    for name in files {
        write_header(name, &place.path().join(name));
    }
    for tokenizer in ["tokenizer", "tokenizer_2"] {
        let from = folder().join("dev").join(tokenizer);
        copy(&from, &place.path().join(tokenizer));
    }
    place
}

const PARTS: [&str; 3] = [
    "ae.safetensors",
    "clip_l.safetensors",
    "t5xxl_fp16.safetensors",
];

/// Every tensor is found and has the shape it must have: all of the model is opened, on zeros.
fn check_opens(files: &[&str], name: &str) {
    let place = laid_out(files);
    let survey = survey(place.path(), &[]).unwrap();
    assert_eq!(survey.needs(), None, "{files:?}");
    let architecture = survey.transformer.architecture.unwrap();
    assert_eq!(architecture.name(), name);
    assert_eq!(architecture, Architecture::flux1(architecture.model()));
    let source = open_model(place.path(), &[]).unwrap();
    assert!(source.card().unwrap().is_flux_sized());
    let mut go_on = |_| ControlFlow::Continue(());
    FluxGenerator::load(&source, Model::Dev, Hardware::cpu(), &mut go_on).unwrap();
}

#[test]
fn single_files_of_dev_and_schnell_open() {
    let with = |transformer| [&[transformer], &PARTS[..]].concat();
    check_opens(&with("flux1-dev.safetensors"), "FLUX.1 dev");
    check_opens(&with("flux1-schnell.safetensors"), "FLUX.1 schnell");
}

#[test]
fn files_with_everything_in_them_open() {
    check_opens(&["flux1-dev-fp8.safetensors"], "FLUX.1 dev");
    check_opens(&["flux1-schnell-fp8.safetensors"], "FLUX.1 schnell");
}

#[test]
fn the_parts_of_diffusers_open() {
    let files = [
        "transformer/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "text_encoder_2/model.safetensors",
    ];
    check_opens(&files, "FLUX.1 dev");
}

#[test]
fn the_published_safety_checker_opens_with_and_without_its_configurations() {
    let safety = [
        "safety_checker/model.safetensors",
        "safety_classifier/model.safetensors",
    ];
    let place = laid_out(&[&["flux1-schnell.safetensors"], &PARTS[..], &safety].concat());
    // CLIP ViT-L has 24 layers, ViT-B has 12.
    let check = || {
        let source = open_model(place.path(), &[]).unwrap();
        let safety = SafetyChecker::open(&source, &mut || Ok(())).unwrap();
        assert_eq!(safety.unwrap().layers(), 24 + 12);
    };
    check();
    let write = |path: &str, text: &Value| {
        fs::write(place.path().join(path), text.to_string()).unwrap();
    };
    // What of the published configurations is read.
    write(
        "safety_checker/config.json",
        &json!({"projection_dim": 768, "vision_config": {
            "hidden_act": "quick_gelu", "hidden_size": 1024, "image_size": 224, "intermediate_size": 4096,
            "layer_norm_eps": 1e-05, "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14}}),
    );
    write(
        "safety_classifier/config.json",
        &json!({"hidden_act": "gelu", "hidden_size": 768, "id2label": {"0": "normal", "1": "nsfw"},
            "image_size": 224, "intermediate_size": 3072, "layer_norm_eps": 1e-12, "num_attention_heads": 12,
            "num_hidden_layers": 12, "patch_size": 16}),
    );
    check();
}

#[test]
fn a_model_as_large_as_flux_makes_nothing_without_a_checker() {
    let place = laid_out(&[&["flux1-schnell.safetensors"], &PARTS[..]].concat());
    let source = open_model(place.path(), &[]).unwrap();
    let mut go_on = |_| ControlFlow::Continue(());
    let mut generator =
        FluxGenerator::load(&source, Model::Schnell, Hardware::cpu(), &mut go_on).unwrap();
    let params = Params {
        prompt: Some("a face".to_owned()),
        ..Params::default()
    };
    let request = Request::resolve(&params, Circumstances::default()).unwrap();
    let check = |generator: &mut FluxGenerator, places: &[PathBuf], expected: &str| {
        let job = Job {
            safety_checkers: places,
            ..Job::new(&request)
        };
        // Whatever goes beyond loading would have made something, and is ended.
        let made = generator.generate(&job, &mut |progress: Progress| {
            if progress.stage > Stage::Loading {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let sentence = made.unwrap_err().to_string();
        assert!(sentence.contains(expected), "{sentence}");
    };
    let expected = "the safety checker is not on this machine";
    check(&mut generator, &[], expected);
    // One elsewhere is used, and a damaged one is no better than none.
    let elsewhere = TempDir::new().unwrap();
    for part in ["safety_checker", "safety_classifier"] {
        let folder = elsewhere.path().join(part);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), "{}").unwrap();
        fs::write(folder.join("model.safetensors"), "<html>").unwrap();
    }
    let places = [elsewhere.path().to_owned()];
    check(&mut generator, &places, "safety_checker/model.safetensors");
}

#[test]
fn what_a_transformer_lacks_is_told_with_its_size() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("flux1-dev.safetensors");
    write_header("flux1-dev.safetensors", &path);
    let error = open_model(&path, &[]).unwrap_err().to_string();
    for words in [
        "flux1-dev.safetensors cannot run yet",
        "ae.safetensors (335 MB)",
        "clip_l.safetensors (246 MB)",
        "t5xxl_fp16.safetensors (9.8 GB)",
        "tokenizer_2/tokenizer.json",
    ] {
        assert!(error.contains(words), "{error}");
    }
}

const GIB: u64 = 1 << 30;

fn planned(sizes: &Sizes, side: u32, gib: Option<u64>) -> Plan {
    planned_with(sizes, side, gib, 0)
}

/// The plan of a job whose pictures are looked at by a checker of so many bytes.
fn planned_with(sizes: &Sizes, side: u32, gib: Option<u64>, checker: u64) -> Plan {
    let load = Load {
        size: Size {
            width: side,
            height: side,
        },
        text_tokens: 512,
        steps: 28,
        pictures: 1,
        knows_prompt: false,
        checker,
    };
    let budget = Budget {
        bytes: gib.map(|gib| gib * GIB),
        base: 100 << 20,
        operations: 1e11,
        reading: 1e9,
    };
    ways::plan(sizes, &load, &budget)
}

#[test]
fn plans_go_from_all_at_hand_to_block_by_block() {
    let place = laid_out(&[&["flux1-dev.safetensors"], &PARTS[..]].concat());
    let source = open_model(place.path(), &[]).unwrap();
    let of = |precision| Sizes::of(&source, Model::Dev, precision, &Hardware::cpu()).unwrap();
    let sizes = of(Precision::Stored);

    let free = planned(&sizes, 1024, None);
    assert_eq!(
        (free.text, free.resident, free.blocks),
        (Encoders::Both, 57, 57)
    );
    assert!(free.fits && free.together && free.tile.is_none());
    // 23.8 GB of transformer and 9.8 GB of T5 in 16 bits.
    assert!((32 * GIB..38 * GIB).contains(&free.peak), "{}", free.peak);

    let one_after_the_other = planned(&sizes, 1024, Some(28));
    assert_eq!(one_after_the_other.text, Encoders::WhileEncoding);
    assert_eq!(one_after_the_other.resident, 57);
    assert!(!one_after_the_other.together && one_after_the_other.fits);

    let streamed = planned(&sizes, 1024, Some(8));
    assert!(streamed.fits && streamed.resident < 57 && streamed.peak <= 8 * GIB);
    assert!(streamed.seconds > free.seconds);

    // Less than any way needs: the leanest is taken, and says so.
    let impossible = planned(&sizes, 1024, Some(0));
    assert!(!impossible.fits && impossible.resident == 0);
    assert_eq!(impossible.text, Encoders::OneLayer);
    assert_eq!(impossible.tile, Some(ways::TILE));

    // In 8 bits the same model takes about half.
    let fast = planned(&of(Precision::EightBit), 1024, Some(20));
    assert_eq!(fast.resident, 57);
    assert!(fast.fits);
}

#[test]
fn the_usual_time_goes_by_the_work_of_the_real_model() {
    let place = laid_out(&[&["flux1-dev.safetensors"], &PARTS[..]].concat());
    let source = open_model(place.path(), &[]).unwrap();
    let sizes = Sizes::of(&source, Model::Dev, Precision::Stored, &Hardware::cpu()).unwrap();
    // How many operations a second the usual time stands for, by the operations that the plan of a job counts.
    let speed = |model: Model, steps| {
        let load = Load {
            size: Size {
                width: 1024,
                height: 1024,
            },
            text_tokens: model.max_t5_tokens(),
            steps,
            pictures: 1,
            knows_prompt: true,
            checker: 0,
        };
        let budget = Budget {
            bytes: None,
            base: 0,
            operations: 1.0,
            reading: 1e30,
        };
        ways::plan(&sizes, &load, &budget).seconds / usual_seconds(model, steps)
    };
    let (dev, schnell) = (speed(Model::Dev, 28), speed(Model::Schnell, 28));
    // What the VAE does is not in the usual time.
    assert!(
        (dev / schnell - 1.0).abs() < 0.01,
        "{dev} against {schnell}"
    );
    let cores = std::thread::available_parallelism().unwrap().get();
    let of_a_core = dev / cores as f64;
    assert!((5e10..7e10).contains(&of_a_core), "{of_a_core}");
}

#[test]
fn the_safety_checker_is_part_of_every_plan() {
    let place = laid_out(&[&["flux1-dev.safetensors"], &PARTS[..]].concat());
    let source = open_model(place.path(), &[]).unwrap();
    let sizes = Sizes::of(&source, Model::Dev, Precision::Stored, &Hardware::cpu()).unwrap();
    let peaks = |gib, checker| {
        let without = planned(&sizes, 512, gib);
        let with = planned_with(&sizes, 512, gib, checker);
        (without.peak, with.peak)
    };
    // Where everything stays at hand, so does the checker.
    let (without, with) = peaks(None, GIB);
    assert_eq!(with, without + GIB);
    // Block by block it comes when the blocks have gone: it takes no more than they did, or than itself.
    let (without, with) = peaks(Some(0), 100 << 20);
    assert_eq!(with, without);
    let (without, with) = peaks(Some(0), 9 * GIB);
    assert!(
        (9 * GIB..without + 9 * GIB).contains(&with),
        "{with} against {without}"
    );
}

#[test]
fn a_plan_is_never_above_its_budget_when_it_fits() {
    let place = laid_out(&["flux1-dev-fp8.safetensors"]);
    let source = open_model(place.path(), &[]).unwrap();
    let sizes = Sizes::of(&source, Model::Dev, Precision::Stored, &Hardware::cpu()).unwrap();
    let mut before: Option<Plan> = None;
    for gib in 0..48 {
        for side in [256, 512, 1024, 1440] {
            let plan = planned(&sizes, side, Some(gib));
            assert_eq!(plan.fits, plan.peak <= gib * GIB, "{gib} GiB, {side} px");
        }
        let plan = planned(&sizes, 1024, Some(gib));
        if let Some(before) = before.filter(|before| before.fits) {
            assert!(
                plan.seconds <= before.seconds,
                "more memory is never slower"
            );
        }
        before = Some(plan);
    }
}

#[test]
fn inspect_reads_headers_only() {
    let place = laid_out(&[&["flux1-schnell.safetensors"], &PARTS[..2]].concat());
    let inspect = |path: &Path| -> Value {
        let program = env!("CARGO_BIN_EXE_flux-qfaces");
        let run = std::process::Command::new(program)
            .args(["inspect".as_ref(), path.as_os_str()])
            .env("HOME", place.path().join("nobody"))
            .env("HF_HUB_CACHE", place.path().join("nothing"))
            .output()
            .unwrap();
        serde_json::from_slice(&run.stdout).unwrap()
    };
    let path = |name: &str| -> PathBuf { place.path().join(name) };
    let model = inspect(&path("flux1-schnell.safetensors"));
    assert_eq!(model["kind"], "checkpoint");
    assert_eq!(model["model"], "FLUX.1 schnell");
    assert_eq!(model["precision"], "bf16");
    assert_eq!(model["missing"].as_array().unwrap().len(), 1);
    assert_eq!(model["needs"], "t5xxl_fp16.safetensors (9.8 GB)");
    let sentence = "FLUX.1 schnell, bf16, 23.8 GB; needs t5xxl_fp16.safetensors (9.8 GB)";
    assert_eq!(model["about"], sentence);
    assert_eq!(inspect(place.path())["about"], sentence);
    let vae = inspect(&path("ae.safetensors"));
    assert_eq!(
        (&vae["kind"], &vae["parts"]),
        (&json!("checkpoint"), &json!(["VAE"]))
    );
}
