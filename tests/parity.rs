//! The engine against the reference implementation, stage by stage, on tiny random weights in f32.

use std::ops::ControlFlow;

use candle_core::{Device, Tensor};
use serde_json::Value;

use flux_qfaces::engine::compute::array::Array;
use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::compute::rotary::Position;
use flux_qfaces::engine::compute::stored::Precision;
use flux_qfaces::engine::error::Error;
use flux_qfaces::engine::job::Job;
use flux_qfaces::engine::layers::weights::Weights;
use flux_qfaces::engine::models::flux::transformer::{Flux, Inputs};
use flux_qfaces::engine::models::vae::autoencoder::Vae;
use flux_qfaces::engine::pipeline::dump::{Dump, Noise, Probe};
use flux_qfaces::engine::pipeline::generator::FluxGenerator;
use flux_qfaces::engine::pipeline::noise::Draws;
use flux_qfaces::engine::pipeline::prompt::TextEncoders;
use flux_qfaces::engine::pipeline::sampling::{self, Shift};
use flux_qfaces::engine::plan::load::Encoders;
use flux_qfaces::engine::progress::{Progress, Stage, Watch};
use flux_qfaces::engine::tensors::component::Component;
use flux_qfaces::engine::tensors::config::read_json;
use flux_qfaces::imaging::read::Looks;
use flux_qfaces::schema::choices::{Fidelity, Model};
use flux_qfaces::schema::circumstances::Circumstances;
use flux_qfaces::schema::params::Params;
use flux_qfaces::schema::request::Request;
use flux_qfaces::weights::inspect::Part;
use flux_qfaces::weights::model::ModelSource;

use crate::support::reference_data::{
    Golden, both_transformers, cases, check, copy, folder, model,
};

/// The bound for every single stage.
const STAGE: f64 = 1e-5;

/// The bound after all steps.
const WHOLE: f64 = 1e-4;

fn text(case: &Value, key: &str) -> String {
    case[key].as_str().unwrap().to_owned()
}

fn number(case: &Value, key: &str) -> usize {
    case[key].as_u64().unwrap() as usize
}

fn load_flux(source: &ModelSource, hardware: &Hardware) -> Flux {
    let config = read_json(source, "transformer/config.json").unwrap();
    let part = Component::open(source, Part::Transformer, "transformer", hardware).unwrap();
    let weights = Weights::of(part);
    Flux::load(&config, &weights, Precision::Stored, &mut |_, _| Ok(())).unwrap()
}

/// The positions of a case's tokens, those of the text first.
fn positions(tensor: &dyn Fn(&str) -> Array) -> Vec<Position> {
    let ids = ["txt_ids", "img_ids"].map(|ids| tensor(ids).to_vec().unwrap());
    let tokens = ids.iter().flat_map(|ids| ids.as_chunks::<3>().0);
    tokens.copied().collect()
}

fn load_vae(source: &ModelSource, hardware: &Hardware) -> Vae {
    let config = read_json(source, "vae/config.json").unwrap();
    let part = Component::open(source, Part::Vae, "vae", hardware).unwrap();
    Vae::load(&config, &Weights::of(part)).unwrap()
}

fn check_tokens(source: &ModelSource) {
    let golden = Golden::stages();
    let mut encoders =
        TextEncoders::open(source, &Hardware::cpu(), Encoders::OneLayer, &mut || Ok(())).unwrap();
    for (i, prompt) in cases("prompts").iter().enumerate() {
        let (clip, t5) = encoders
            .tokens(prompt.as_str().unwrap(), Model::Dev)
            .unwrap();
        for (kind, ours) in [("clip", clip), ("t5", t5)] {
            let theirs = golden
                .get(&format!("tokens.{i}.{kind}"))
                .to_vec1::<i64>()
                .unwrap();
            let ours: Vec<i64> = ours.into_iter().map(i64::from).collect();
            assert_eq!(ours, theirs, "{kind} tokens of {prompt}");
        }
    }
}

#[test]
fn tokens_equal_the_reference() {
    check_tokens(&model("dev").0);
}

#[test]
fn clip_tokenizer_without_tokenizer_json_gives_the_same_tokens() {
    let whole = tempfile::TempDir::new().unwrap();
    copy(&folder().join("dev"), whole.path());
    std::fs::remove_file(whole.path().join("tokenizer/tokenizer.json")).unwrap();
    check_tokens(&ModelSource::folder(whole.path()).unwrap());
}

fn check_text_encoders(hardware: &Hardware, tolerance: f64) {
    let golden = Golden::stages();
    let source = model("dev").0;
    let mut encoders =
        TextEncoders::open(&source, hardware, Encoders::OneLayer, &mut || Ok(())).unwrap();
    for (i, prompt) in cases("prompts").iter().enumerate() {
        let prompt = prompt.as_str().unwrap();
        let encoded = encoders.encode(prompt, Model::Dev, Encoders::Both, &mut |_| Ok(()));
        let encoded = encoded.unwrap();
        for (stage, ours) in [
            ("clip_pooled", encoded.pooled),
            ("t5_hidden", encoded.hidden),
        ] {
            let theirs = golden.get(&format!("text.{i}.{stage}"));
            check(&format!("{stage} {i}"), &ours, theirs, tolerance);
        }
    }
}

#[test]
fn text_encoders_equal_the_reference() {
    check_text_encoders(&Hardware::cpu(), STAGE);
}

/// The path of devices that do not multiply weights as files store them, on the CPU: in f32 with the bound of every stage, and
/// in bf16, as GPUs compute, with the error that its 8 bits of precision allow one evaluation of a model.
const GENERIC: [(fn() -> Hardware, f64); 2] = [
    (Hardware::generic_cpu, STAGE),
    (Hardware::generic_cpu_bf16, 2e-2),
];

#[test]
fn every_model_equals_the_reference_on_the_path_of_other_devices() {
    for (hardware, tolerance) in GENERIC {
        check_transformer(&hardware(), tolerance);
        check_vae(&hardware(), tolerance);
        check_text_encoders(&hardware(), tolerance);
    }
}

#[test]
fn sigmas_equal_the_reference() {
    let golden = Golden::stages();
    for case in cases("sigmas") {
        let name = text(&case, "name");
        let tokens = number(&case, "width") / 16 * (number(&case, "height") / 16);
        let shift = (case["model"] == "dev").then(Shift::default);
        let sigmas = sampling::sigmas(number(&case, "steps"), tokens, shift);
        let theirs = golden.get(&format!("sigmas.{name}"));
        check(
            &format!("sigmas {name}"),
            &Tensor::new(sigmas, theirs.device()).unwrap(),
            theirs,
            STAGE,
        );
    }
}

#[test]
fn sigmas_equal_the_published_test_vector() {
    // spec of FLUX.1-dev at 1024 × 1024 with 28 steps; schnell with 4.
    let expected = [
        1.0, 0.98841, 0.97622, 0.96339, 0.94987, 0.9356, 0.92051, 0.90453, 0.88758, 0.86958,
        0.85041, 0.82996, 0.8081, 0.78467, 0.75951, 0.73241, 0.70314, 0.67143, 0.63696, 0.59936,
        0.55816, 0.51284, 0.46275, 0.40708, 0.34485, 0.27483, 0.19545, 0.10472, 0.0,
    ];
    let sigmas = sampling::sigmas(28, 4096, Some(Shift::default()));
    assert_eq!(sigmas.len(), expected.len());
    for (ours, theirs) in sigmas.iter().zip(expected) {
        assert!((ours - theirs).abs() < 6e-6, "{ours} is not {theirs}");
    }
    assert_eq!(sampling::sigmas(4, 4096, None), [1.0, 0.75, 0.5, 0.25, 0.0]);
}

#[test]
fn noise_equals_the_test_vector() {
    let expected = [
        -0.924_662_6,
        -0.425_344_15,
        -2.643_845_7,
        0.145_183_88,
        -0.120_866_47,
        -0.579_725_6,
        -0.622_851_2,
        -0.328_387_1,
        -1.074_542_3,
        -0.363_144_07,
        -1.671_050_7,
        2.265_505,
    ];
    let ours: Vec<f32> = Draws::new(0).normals(12).collect();
    for (ours, theirs) in ours.iter().zip(expected) {
        assert!((ours - theirs).abs() < 2e-6, "{ours} is not {theirs}");
    }
}

#[test]
fn noise_equals_the_reference_also_where_the_card_wraps() {
    let golden = Golden::stages();
    for case in cases("noise") {
        let name = text(&case, "name");
        let shape: Vec<usize> = case["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap() as usize)
            .collect();
        let ours: Vec<f32> = Draws::new(case["seed"].as_u64().unwrap())
            .normals(shape.iter().product())
            .collect();
        let indices = case["indices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|index| index.as_u64().unwrap() as usize);
        for (index, theirs) in indices.zip(golden.values(&format!("noise.{name}"))) {
            assert!(
                (ours[index] - theirs).abs() < 5e-6,
                "{name} at {index}: {} is not {theirs}",
                ours[index]
            );
        }
    }
}

/// What the transformer makes of a case.
pub fn velocity(case: &Value, hardware: &Hardware) -> Array {
    let golden = Golden::stages();
    let name = text(case, "name");
    let (source, _whole) = model(&text(case, "checkpoint"));
    let flux = load_flux(&source, hardware);
    let tensor = |part: &str| golden.array(&format!("transformer.{name}.{part}"));
    let numbers = |part: &str| tensor(part).to_vec().unwrap();
    let guidance = flux.config().has_guidance().then(|| numbers("guidance"));
    let inputs = Inputs {
        image: &tensor("hidden_states"),
        text: &tensor("encoder_hidden_states"),
        pooled: &tensor("pooled_projections"),
        sigma: &numbers("timestep"),
        guidance: guidance.as_deref(),
        rounded_to_bf16: false,
    };
    let rope = flux.rope(&positions(&tensor)).unwrap();
    flux.forward(&inputs, &rope, &mut |_, _| Ok(())).unwrap()
}

fn check_transformer(hardware: &Hardware, tolerance: f64) {
    let golden = Golden::stages();
    for case in cases("transformer") {
        let name = text(&case, "name");
        let theirs = golden.array(&format!("transformer.{name}.out"));
        let ours = velocity(&case, hardware);
        check(&format!("transformer {name}"), &ours, &theirs, tolerance);
    }
}

#[test]
fn transformer_equals_the_reference() {
    check_transformer(&Hardware::cpu(), STAGE);
}

#[test]
fn dev_checkpoint_without_guidance_is_an_error() {
    let golden = Golden::stages();
    let flux = load_flux(&model("dev").0, &Hardware::cpu());
    let tensor = |part: &str| golden.array(&format!("transformer.dev-square.{part}"));
    let inputs = Inputs {
        image: &tensor("hidden_states"),
        text: &tensor("encoder_hidden_states"),
        pooled: &tensor("pooled_projections"),
        sigma: &[1.0],
        guidance: None,
        rounded_to_bf16: false,
    };
    let rope = flux.rope(&positions(&tensor)).unwrap();
    let error = flux
        .forward(&inputs, &rope, &mut |_, _| Ok(()))
        .unwrap_err();
    assert!(error.to_string().contains("needs a guidance"), "{error}");
}

fn check_vae(hardware: &Hardware, tolerance: f64) {
    let golden = Golden::stages();
    let vae = load_vae(&model("dev").0, hardware);
    for case in cases("vae") {
        let name = text(&case, "name");
        let tensor = |part: &str| golden.array(&format!("vae.{name}.{part}"));
        let here = |part: &str| tensor(part).on(hardware).unwrap();
        let mean = vae.encode(&here("image"), &mut || Ok(())).unwrap().mean;
        check(
            &format!("VAE mean {name}"),
            &mean,
            &tensor("mean"),
            tolerance,
        );
        let decoded = vae.decode(&here("latents"), None, &mut || Ok(()));
        let (decoded, golden) = (decoded.unwrap(), tensor("decoded"));
        check(&format!("VAE decoded {name}"), &decoded, &golden, tolerance);
    }
}

#[test]
fn vae_equals_the_reference() {
    check_vae(&Hardware::cpu(), STAGE);
}

/// The request of a whole run.
fn request(case: &Value) -> Request {
    let path = |key: &str| case[key].as_str().map(|name| folder().join(name));
    let params = Params {
        prompt: Some(text(case, "prompt")),
        image: path("image"),
        mask: path("mask"),
        model: text(case, "model"),
        num_inference_steps: number(case, "steps") as i64,
        guidance_scale: case["guidance"].as_f64().unwrap(),
        prompt_strength: case["strength"].as_f64().unwrap_or(0.8),
        num_outputs: number(case, "num_outputs") as i64,
        seed: Some(0),
        ..Params::default()
    };
    // The smaller cases have the sizes of a model whose native square is 64 px; a starting picture brings its own.
    let (ratio, native_side) = match (number(case, "width"), number(case, "height")) {
        _ if params.image.is_some() => ("1:1", 1024),
        (64, 64) => ("1:1", 64),
        (80, 64) => ("4:3", 64),
        _ => ("custom", 1024),
    };
    let custom = |side| (ratio == "custom").then(|| number(case, side) as i128);
    let params = Params {
        aspect_ratio: ratio.to_owned(),
        width: custom("width"),
        height: custom("height"),
        ..params
    };
    let looks = Looks::at(&params);
    let circumstances = Circumstances {
        native_side,
        image: looks.image.as_ref(),
        mask: looks.mask.as_ref(),
        ..Circumstances::default()
    };
    Request::resolve(&params, circumstances).unwrap()
}

/// Runs a case and compares every tensor of its dump with the reference in `{kind}-{name}`.
fn check_trajectory(
    generator: &mut FluxGenerator,
    kind: &str,
    case: &Value,
    (stage, whole): (f64, f64),
) {
    let name = text(case, "name");
    let golden_file = format!("{kind}-{name}");
    let golden = Golden::file(&golden_file);
    let noise = Noise::read(&folder().join(format!("{golden_file}.safetensors"))).unwrap();
    let mut probe = Probe {
        noise: Some(noise),
        dump: Some(Dump::default()),
    };
    let request = request(case);
    let mut most = 0;
    let outcome = generator
        .generate_probed(
            &Job::new(&request),
            &mut probe,
            &mut |progress: Progress| {
                if progress.stage > Stage::Loading {
                    most = most.max(progress.step);
                    assert_eq!(progress.steps, request.running_steps());
                }
                ControlFlow::Continue(())
            },
        )
        .unwrap();
    assert_eq!(outcome.pictures.len(), number(case, "num_outputs"));
    assert_eq!(outcome.steps, request.running_steps());
    assert_eq!(most, outcome.steps, "progress counts the steps that run");

    let mut seen = 0;
    for (tensor_name, ours) in probe.dump.unwrap().tensors().unwrap() {
        let theirs = golden.get(&tensor_name);
        let tolerance = if tensor_name.starts_with("latents") || tensor_name == "image" {
            whole
        } else {
            stage
        };
        // The dump is clamped to the range of a picture; diffusers' decoder is not.
        let theirs = if tensor_name == "image" {
            theirs.clamp(-1f32, 1f32).unwrap()
        } else {
            theirs.clone()
        };
        check(
            &format!("{golden_file}: {tensor_name}"),
            &ours,
            &theirs,
            tolerance,
        );
        seen += 1;
    }
    assert_eq!(
        seen,
        golden.count(),
        "every tensor of the reference was compared"
    );
}

/// A watch that never breaks.
fn proceed(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn text_to_image_equals_the_reference_at_every_step() {
    for case in cases("text_to_image") {
        let (source, _whole) = model(&text(&case, "model"));
        let model = request(&case).model;
        let mut generator =
            FluxGenerator::load(&source, model, Hardware::cpu(), &mut proceed).unwrap();
        check_trajectory(&mut generator, "t2i", &case, (STAGE, WHOLE));
    }
}

#[test]
fn whole_runs_equal_the_reference_on_the_path_of_other_devices() {
    // Roundings of one step go into the next.
    for ((hardware, stage), whole) in GENERIC.into_iter().zip([WHOLE, 5e-2]) {
        for (list, kind) in [("text_to_image", "t2i"), ("inpaint", "inpaint")] {
            let case = &cases(list)[0];
            let (source, _whole) = model(&text(case, "model"));
            let model = request(case).model;
            let mut generator =
                FluxGenerator::load(&source, model, hardware(), &mut proceed).unwrap();
            check_trajectory(&mut generator, kind, case, (stage, whole));
        }
    }
}

/// Runs every case of a list, but those whose latents are a sample of the posterior, which other draws decide.
fn check_starting_pictures(list: &str, kind: &str) {
    let mut run = 0;
    for case in cases(list)
        .iter()
        .filter(|case| case["posterior"].is_null())
    {
        let (source, _whole) = model(&text(case, "model"));
        let mut generator =
            FluxGenerator::load(&source, request(case).model, Hardware::cpu(), &mut proceed)
                .unwrap();
        check_trajectory(&mut generator, kind, case, (STAGE, WHOLE));
        run += 1;
    }
    assert!(run >= 8, "only {run} cases of {list}");
}

#[test]
fn image_to_image_equals_the_reference_at_every_step() {
    check_starting_pictures("image_to_image", "i2i");
}

#[test]
fn inpainting_equals_the_reference_at_every_step() {
    check_starting_pictures("inpaint", "inpaint");
}

#[test]
fn a_sample_of_the_posterior_equals_the_reference() {
    let (source, _whole) = model("dev");
    let vae = load_vae(&source, &Hardware::cpu());
    for (list, kind) in [("image_to_image", "i2i"), ("inpaint", "inpaint")] {
        for case in cases(list)
            .iter()
            .filter(|case| case["posterior"] == "sample")
        {
            let golden = Golden::file(&format!("{kind}-{}", text(case, "name")));
            let picture = image::open(folder().join(text(case, "image")))
                .unwrap()
                .to_rgb8();
            let values: Vec<f32> = picture
                .as_raw()
                .iter()
                .map(|&value| f32::from(value) / 127.5 - 1.0)
                .collect();
            let (width, height) = (picture.width() as usize, picture.height() as usize);
            let pixels = Tensor::from_vec(values, (1, height, width, 3), &Device::Cpu).unwrap();
            let pixels = pixels.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
            let posterior = vae.encode(&pixels.into(), &mut || Ok(())).unwrap();
            let sample = posterior.sample(&golden.array("posterior_noise")).unwrap();
            check(
                &format!("sampled latents {kind}"),
                &vae.scale(&sample).unwrap(),
                golden.get("image_latents"),
                STAGE,
            );
        }
    }
}

#[test]
fn as_replicate_draws_the_sample_before_the_noise() {
    let (source, _whole) = model("dev");
    let case = &cases("image_to_image")[0];
    let run = |fidelity| {
        let mut request = request(case);
        request.fidelity = fidelity;
        let mut generator =
            FluxGenerator::load(&source, Model::Dev, Hardware::cpu(), &mut proceed).unwrap();
        let mut probe = Probe {
            noise: None,
            dump: Some(Dump::default()),
        };
        generator
            .generate_probed(&Job::new(&request), &mut probe, &mut proceed)
            .unwrap();
        let tensors = probe.dump.unwrap().tensors().unwrap();
        let named = |name: &str| {
            let found = tensors.iter().find(|(other, _)| other == name).unwrap();
            found.1.to_vec().unwrap()
        };
        (named("noise"), named("image_latents"))
    };
    let (noise, mean) = run(Fidelity::Corrected);
    let (later_noise, sample) = run(Fidelity::AsReplicate);
    let count = 16 * 8 * 8;
    let mut draws = Draws::new(0);
    let first = draws.latents([1, 16, 8, 8]);
    let second = draws.latents([1, 16, 8, 8]);
    assert_eq!(noise.len(), count);
    assert_eq!(noise, first, "the mean needs no draw");
    assert_eq!(later_noise, second, "the sample took the first draw");
    assert_ne!(mean, sample);
}

#[test]
fn one_generator_runs_both_transformers_of_a_folder_in_turn() {
    let (source, _whole) = both_transformers();
    let case_of = |kind| {
        let of_kind = |case: &Value| text(case, "model") == kind;
        cases("text_to_image").into_iter().find(of_kind).unwrap()
    };
    let (dev, schnell) = (case_of("dev"), case_of("schnell"));
    for first in [Model::Dev, Model::Schnell] {
        let mut generator =
            FluxGenerator::load(&source, first, Hardware::cpu(), &mut proceed).unwrap();
        for case in [&dev, &schnell, &schnell, &dev] {
            check_trajectory(&mut generator, "t2i", case, (STAGE, WHOLE));
        }
    }
}

/// Runs `work` once to count its announcements, then once for each number of them after which it is cancelled.
fn check_cancel<T>(work: impl Fn(&mut Watch<'_>) -> Result<T, Error>) -> usize {
    let run = |limit: usize| {
        let mut calls = 0;
        let ended = work(&mut |_| {
            calls += 1;
            if calls == limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        (ended, calls)
    };
    let (ended, all) = run(usize::MAX);
    assert!(ended.is_ok());
    for limit in 1..=all {
        let (ended, calls) = run(limit);
        assert!(
            matches!(ended, Err(Error::Cancelled)),
            "cancelled at call {limit}"
        );
        assert_eq!(calls, limit, "nothing ran after the cancel");
    }
    all
}

#[test]
fn cancel_takes_effect_within_one_block() {
    let (source, _whole) = model("dev");
    let case = &cases("text_to_image")[0];
    let announcements = check_cancel(|watch| {
        // A new one each time, since a generator does not encode the same prompt twice.
        let mut generator =
            FluxGenerator::load(&source, Model::Dev, Hardware::cpu(), &mut proceed)?;
        generator.generate_probed(&Job::new(&request(case)), &mut Probe::default(), watch)
    });
    let blocks = number(case, "num_outputs") * number(case, "steps") * (2 + 3);
    assert!(
        announcements > blocks,
        "once for each block at least: {announcements}"
    );
}

#[test]
fn cancel_while_loading_takes_effect_before_the_next_block() {
    let (source, _whole) = model("dev");
    let announcements =
        check_cancel(|watch| FluxGenerator::load(&source, Model::Dev, Hardware::cpu(), watch));
    assert!(
        announcements > 2 + 2 + 2 + 3,
        "once for each layer and block: {announcements}"
    );
}
