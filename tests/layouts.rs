//! One model in every layout that FLUX.1's files come in must make the same picture.
//! `tests/reference/checkpoints.py` has written the files and what each must give.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use candle_core::Tensor;
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use tempfile::TempDir;

use flux_qfaces::engine::compute::array::Array;
use flux_qfaces::engine::compute::cpu::decode::{decode, encode_q8_0};
use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::job::Job;
use flux_qfaces::engine::layers::weights::Weights;
use flux_qfaces::engine::models::vae::autoencoder::Vae;
use flux_qfaces::engine::models::vae::config::Config;
use flux_qfaces::engine::pipeline::dump::{Dump, Noise, Probe};
use flux_qfaces::engine::pipeline::generator::FluxGenerator;
use flux_qfaces::engine::tensors::component::Component;
use flux_qfaces::schema::choices::Model;
use flux_qfaces::schema::circumstances::Circumstances;
use flux_qfaces::schema::params::Params;
use flux_qfaces::schema::request::Request;
use flux_qfaces::weights::header::Format;
use flux_qfaces::weights::inspect::Part;
use flux_qfaces::weights::model::ModelSource;
use flux_qfaces::weights::survey::assembly::open_model;

use crate::support::reference_data::{Golden, cases_in, check, copy, data, folder, relative};

/// The folder of the golden checkpoints.
fn checkpoints() -> PathBuf {
    data("checkpoints")
}

/// A folder with some of the golden files, each at a path of its own, and both tokenizers.
fn laid_out(files: &[(&str, &str)]) -> TempDir {
    let place = TempDir::new().unwrap();
    for (from, to) in files {
        let (from, to) = (checkpoints().join(from), place.path().join(to));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
    for tokenizer in ["tokenizer", "tokenizer_2"] {
        let from = folder().join("dev").join(tokenizer);
        copy(&from, &place.path().join(tokenizer));
    }
    place
}

/// The tensors of the golden job with a model.
fn made(source: &ModelSource) -> Vec<(String, Array)> {
    made_on(source, Hardware::cpu())
}

fn made_on(source: &ModelSource, hardware: Hardware) -> Vec<(String, Array)> {
    let mut go_on = |_| ControlFlow::Continue(());
    let mut generator = FluxGenerator::load(source, Model::Dev, hardware, &mut go_on).unwrap();
    job(&mut generator, false, None)
}

/// Runs the golden job.
fn job(generator: &mut FluxGenerator, go_fast: bool, limit: Option<u64>) -> Vec<(String, Array)> {
    let case = &cases_in(&checkpoints(), "case")[0];
    let params = Params {
        prompt: Some(case["prompt"].as_str().unwrap().to_owned()),
        num_inference_steps: case["steps"].as_i64().unwrap(),
        guidance_scale: case["guidance"].as_f64().unwrap(),
        seed: Some(0),
        go_fast,
        ..Params::default()
    };
    let circumstances = Circumstances {
        native_side: 64,
        ..Circumstances::default()
    };
    let request = Request::resolve(&params, circumstances).unwrap();
    let mut probe = Probe {
        noise: Some(Noise::read(&checkpoints().join("golden.safetensors")).unwrap()),
        dump: Some(Dump::default()),
    };
    generator
        .generate_probed(
            &Job {
                memory_limit: limit,
                ..Job::new(&request)
            },
            &mut probe,
            &mut |_| ControlFlow::Continue(()),
        )
        .unwrap();
    probe.dump.unwrap().tensors().unwrap()
}

/// Opening the model at `path` below the laid out files must give what the reference made in the run `golden`.
fn check_layout(files: &[(&str, &str)], path: &str, golden: &str) {
    let place = laid_out(files);
    let source = open_model(&place.path().join(path), &[]).unwrap();
    check_made(&made(&source), golden, path, 1e-5);
}

fn check_made(tensors: &[(String, Array)], golden: &str, what: &str, tolerance: f64) {
    let all = Golden::at(&checkpoints().join("golden.safetensors"));
    for (ours, theirs) in [
        ("t5_hidden", "t5"),
        ("clip_pooled", "clip"),
        ("latents_2", "latents"),
        ("image", "image"),
    ] {
        let tensor = &tensors.iter().find(|(name, _)| name == ours).unwrap().1;
        let mut wanted = all.get(&format!("{golden} {theirs}")).clone();
        if theirs == "image" {
            wanted = wanted.clamp(-1_f32, 1_f32).unwrap();
        }
        check(&format!("{what} {ours}"), tensor, &wanted, tolerance);
    }
}

const PARTS: [(&str, &str); 4] = [
    ("parts/flux1-dev.safetensors", "flux1-dev.safetensors"),
    ("parts/ae.safetensors", "ae.safetensors"),
    ("parts/clip_l.safetensors", "clip_l.safetensors"),
    ("parts/t5xxl_fp16.safetensors", "t5xxl_fp16.safetensors"),
];

#[test]
fn a_folder_of_diffusers_in_shards_and_variants() {
    check_layout(&[("diffusers", "")], "", "plain");
}

#[test]
fn single_files_in_one_folder_and_by_the_transformers_name() {
    check_layout(&PARTS, "", "plain");
    check_layout(&PARTS, "flux1-dev.safetensors", "plain");
}

#[test]
fn a_file_with_everything_in_it() {
    let everything = [("all-in-one.safetensors", "flux1-dev-all.safetensors")];
    check_layout(&everything, "flux1-dev-all.safetensors", "plain");
    check_layout(&everything, "", "plain");
}

#[test]
fn the_folders_of_comfyui() {
    let files = [
        (PARTS[0].0, "models/unet/flux1-dev.safetensors"),
        (PARTS[1].0, "models/vae/ae.safetensors"),
        (PARTS[2].0, "models/clip/clip_l.safetensors"),
        (PARTS[3].0, "models/text_encoders/t5xxl_fp16.safetensors"),
    ];
    let place = laid_out(&files);
    // The tokenizers come from elsewhere, as the folders have none.
    let elsewhere = TempDir::new().unwrap();
    for tokenizer in ["tokenizer", "tokenizer_2"] {
        fs::rename(
            place.path().join(tokenizer),
            elsewhere.path().join(tokenizer),
        )
        .unwrap();
    }
    for path in ["", "models", "models/unet/flux1-dev.safetensors"] {
        let places = [elsewhere.path().to_owned()];
        let source = open_model(&place.path().join(path), &places).unwrap();
        check_made(&made(&source), "plain", path, 1e-5);
    }
}

#[test]
fn the_folders_of_invokeai() {
    let clip = "any/clip_embed/clip-vit-large-patch14";
    let t5 = "any/t5_encoder/t5_base_encoder";
    let (clip_weights, t5_weights) = (
        format!("{clip}/text_encoder"),
        format!("{t5}/text_encoder_2"),
    );
    let files = [
        (PARTS[0].0, "flux/main/FLUX Dev/flux1-dev.safetensors"),
        (PARTS[1].0, "flux/vae/FLUX.1-schnell_ae/ae.safetensors"),
        ("diffusers/text_encoder", clip_weights.as_str()),
        ("diffusers/text_encoder_2", t5_weights.as_str()),
    ];
    let place = laid_out(&files);
    for (tokenizer, folder) in [("tokenizer", clip), ("tokenizer_2", t5)] {
        let to = place.path().join(folder).join(tokenizer);
        fs::rename(place.path().join(tokenizer), to).unwrap();
    }
    let source = open_model(place.path(), &[]).unwrap();
    check_made(&made(&source), "plain", "the whole folder", 1e-5);
    // By the file alone the text encoders are found around it, and their tokenizers beside them.
    let source = open_model(&place.path().join(files[0].1), &[]).unwrap();
    check_made(&made(&source), "plain", "the file", 1e-5);
}

#[test]
fn the_cache_of_hugging_face() {
    let snapshot = "models--someone--FLUX.1-dev/snapshots/0123abc";
    let files = [("diffusers", snapshot)];
    let place = laid_out(&files);
    for tokenizer in ["tokenizer", "tokenizer_2"] {
        let to = place.path().join(snapshot).join(tokenizer);
        fs::rename(place.path().join(tokenizer), to).unwrap();
    }
    let source = open_model(place.path(), &[]).unwrap();
    assert_eq!(source.place(), "someone/FLUX.1-dev");
    check_made(&made(&source), "plain", "cache", 1e-5);
}

#[test]
fn fp8_with_and_without_scales() {
    let others = &PARTS[1..];
    let with = |transformer, t5| [&[transformer], &others[..2], &[t5]].concat();
    let plain = with(
        ("fp8.safetensors", "flux1-dev-fp8.safetensors"),
        (
            "t5xxl_fp8_e4m3fn.safetensors",
            "t5xxl_fp8_e4m3fn.safetensors",
        ),
    );
    check_layout(&plain, "", "fp8");
    let scaled = with(("fp8-scaled.safetensors", "scaled.safetensors"), PARTS[3]);
    check_layout(&scaled, "", "fp8-scaled");
}

#[test]
fn gguf_with_the_names_of_both_converters() {
    let others = &PARTS[1..];
    let with = |transformer, t5| [&[transformer], &others[..2], &[t5]].concat();
    let mixed = with(
        ("mixed.gguf", "flux1-dev-mixed.gguf"),
        ("t5.gguf", "t5-v1_1-xxl.gguf"),
    );
    check_layout(&mixed, "", "gguf");
    check_layout(&mixed, "flux1-dev-mixed.gguf", "gguf");
    let prefixed = with(("prefixed.gguf", "flux1-dev.gguf"), PARTS[3]);
    check_layout(&prefixed, "", "gguf-prefixed");
}

/// Files in 8 bits and fewer where weights are multiplied by the library, as on GPUs: its products with blocks round the
/// activations to 8 bits as well.
#[test]
fn quantised_files_run_on_the_path_of_other_devices() {
    let gguf = [
        ("mixed.gguf", "flux1-dev-mixed.gguf"),
        ("t5.gguf", "t5-v1_1-xxl.gguf"),
    ];
    let fp8 = [("fp8-scaled.safetensors", "scaled.safetensors"), PARTS[3]];
    for (files, golden) in [(gguf, "gguf"), (fp8, "fp8-scaled")] {
        let place = laid_out(&[&files[..], &PARTS[1..3]].concat());
        let source = open_model(place.path(), &[]).unwrap();
        for (hardware, name) in [
            (Hardware::generic_cpu(), "f32"),
            (Hardware::generic_cpu_bf16(), "bf16"),
        ] {
            let what = format!("{golden} in {name} elsewhere");
            check_made(&made_on(&source, hardware), golden, &what, 5e-2);
        }
    }
}

/// The format that GGML calls `name`.
fn format(name: &str) -> Format {
    [
        Format::Q8_0,
        Format::Q5_0,
        Format::Q5_1,
        Format::Q4_0,
        Format::Q4_1,
        Format::Q6K,
        Format::Q5K,
        Format::Q4K,
        Format::Q3K,
        Format::Q2K,
    ]
    .into_iter()
    .find(|format| format.label() == name)
    .unwrap()
}

/// Bit for bit, since every number of a block is one product, or one product and one sum.
#[test]
fn blocks_of_every_format_are_what_ggml_says() {
    let listed = cases_in(&checkpoints(), "blocks");
    assert_eq!(listed.len(), 10);
    for case in listed {
        let name = case["format"].as_str().unwrap();
        let file = checkpoints().join(format!("blocks/{name}.safetensors"));
        let golden = Golden::at(&file);
        let wanted = golden.values("numbers");
        let bytes: Vec<u8> = golden
            .get("bytes")
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap();
        let mut numbers = vec![0.0; wanted.len()];
        assert!(decode(format(name), &bytes, &mut numbers), "{name}");
        for (i, (ours, wanted)) in numbers.iter().zip(&wanted).enumerate() {
            let close = (ours - wanted).abs() <= 1e-6 * wanted.abs().max(0.1);
            assert!(close, "{name}, number {i}: {ours} is not {wanted}");
        }
    }
}

#[test]
fn numbers_in_8_bits_are_as_near_as_8_bits_allow() {
    let numbers: Vec<f32> = (0..320)
        .map(|i| ((i * 37 % 101) as f32 - 50.0) / 7.0)
        .collect();
    let bytes = encode_q8_0(&numbers);
    let mut back = vec![0.0; numbers.len()];
    assert!(decode(Format::Q8_0, &bytes, &mut back));
    for (block, back) in numbers.chunks(32).zip(back.chunks(32)) {
        let greatest = block.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        for (number, back) in block.iter().zip(back) {
            assert!(
                (number - back).abs() <= greatest / 127.0 * 0.51,
                "{number} {back}"
            );
        }
    }
}

/// What candle itself writes in every format comes back through our header and our numbers.
#[test]
fn files_that_candle_writes_can_be_read() {
    let device = &candle_core::Device::Cpu;
    let weights = Tensor::randn(0_f32, 1.0, (3, 512), device).unwrap();
    let place = TempDir::new().unwrap();
    for kind in [
        GgmlDType::F32,
        GgmlDType::F16,
        GgmlDType::BF16,
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q5_0,
        GgmlDType::Q5_1,
        GgmlDType::Q8_0,
        GgmlDType::Q2K,
        GgmlDType::Q3K,
        GgmlDType::Q4K,
        GgmlDType::Q5K,
        GgmlDType::Q6K,
    ] {
        let written = QTensor::quantize(&weights, kind).unwrap();
        let path = place.path().join("one.gguf");
        let mut file = fs::File::create(&path).unwrap();
        let note = gguf_file::Value::String("flux".to_owned());
        let notes = [("general.architecture", &note)];
        gguf_file::write(&mut file, &notes, &[("weights", &written)]).unwrap();
        let bytes = fs::read(&path).unwrap();
        let header = flux_qfaces::weights::header::Header::parse(&bytes).unwrap();
        assert_eq!(header.notes["general.architecture"], "flux");
        let entry = &header.tensors["weights"];
        assert_eq!(entry.shape, [3, 512]);
        let mut numbers = vec![0.0; 3 * 512];
        assert!(decode(
            entry.format,
            &bytes[entry.range.clone()],
            &mut numbers
        ));
        let ours = Tensor::from_vec(numbers, (3, 512), device).unwrap();
        check(
            entry.format.label(),
            &ours,
            &written.dequantize(device).unwrap(),
            1e-6,
        );
    }
}

/// The same job in 8 bits, with the dumped tensors; `limit` is the memory that it may take.
fn made_with(source: &ModelSource, go_fast: bool, limit: Option<u64>) -> Vec<(String, Array)> {
    let mut go_on = |_| ControlFlow::Continue(());
    let mut generator =
        FluxGenerator::load(source, Model::Dev, Hardware::cpu(), &mut go_on).unwrap();
    job(&mut generator, go_fast, limit)
}

#[test]
fn go_fast_is_near_full_precision_and_the_same_every_time() {
    let place = laid_out(&PARTS);
    let source = open_model(place.path(), &[]).unwrap();
    let latents = |tensors: &[(String, Array)]| {
        let found = tensors.iter().find(|(name, _)| name == "latents_2");
        found.unwrap().1.clone()
    };
    let (full, fast) = (
        latents(&made_with(&source, false, None)),
        latents(&made_with(&source, true, None)),
    );
    let error = relative(&fast, &full);
    // Q8_0 rounds each weight by up to half of 1/127 of the greatest in its block of 32.
    assert!((1e-4..2e-2).contains(&error), "relative error {error:.2e}");
    let again = latents(&made_with(&source, true, None));
    assert!(relative(&again, &fast) == 0.0);
    // Also where the weights are read block by block, and after a job in full precision with the same generator.
    let streamed = latents(&made_with(&source, true, Some(1)));
    assert!(relative(&streamed, &fast) == 0.0);
    let mut go_on = |_| ControlFlow::Continue(());
    let mut generator =
        FluxGenerator::load(&source, Model::Dev, Hardware::cpu(), &mut go_on).unwrap();
    assert!(relative(&latents(&job(&mut generator, false, None)), &full) == 0.0);
    assert!(relative(&latents(&job(&mut generator, true, None)), &fast) == 0.0);
    assert!(relative(&latents(&job(&mut generator, false, None)), &full) == 0.0);
}

#[test]
fn a_file_in_8_bits_is_used_as_it_is() {
    let files = [
        &[("fp8.safetensors", "flux1-dev-fp8.safetensors")],
        &PARTS[1..],
    ]
    .concat();
    let place = laid_out(&files);
    let source = open_model(place.path(), &[]).unwrap();
    let (full, fast) = (
        made_with(&source, false, None),
        made_with(&source, true, None),
    );
    for ((name, full), (_, fast)) in full.iter().zip(&fast) {
        assert!(relative(fast, full) == 0.0, "{name}");
    }
}

/// The least memory there can be changes how a job runs, and nothing of what comes out.
#[test]
fn every_plan_makes_the_same_latents() {
    let place = laid_out(&PARTS);
    let source = open_model(place.path(), &[]).unwrap();
    let (free, least) = (
        made_with(&source, false, None),
        made_with(&source, false, Some(1)),
    );
    assert_eq!(free.len(), least.len());
    for ((name, free), (_, least)) in free.iter().zip(&least) {
        assert!(relative(least, free) == 0.0, "{name}");
    }
}

/// Rounding to Q8_0 by kind of layer, relative to the weights: the figures in `benches/README.md`.
#[test]
fn rounding_to_8_bits_is_below_one_per_cent_of_every_layer() {
    let file = checkpoints().join("parts/flux1-dev.safetensors");
    let weights = candle_core::safetensors::load(file, &candle_core::Device::Cpu).unwrap();
    let mut checked = 0;
    for (name, weight) in weights {
        let is_matrix = name.contains("_blocks.") && weight.dims().len() == 2;
        if !is_matrix || !name.ends_with(".weight") {
            continue;
        }
        let weight = weight.to_dtype(candle_core::DType::F32).unwrap();
        let numbers: Vec<f32> = weight.flatten_all().unwrap().to_vec1().unwrap();
        let mut back = vec![0.0; numbers.len()];
        assert!(decode(Format::Q8_0, &encode_q8_0(&numbers), &mut back));
        let back = Tensor::from_vec(back, weight.shape(), weight.device()).unwrap();
        let error = relative(&back, &weight);
        println!("{name}: {error:.2e}");
        assert!(error < 1e-2, "{name}: {error:.2e}");
        checked += 1;
    }
    assert_eq!(checked, 10 + 2 * 3);
}

#[test]
fn tiles_are_decoded_and_blended_as_the_reference_does() {
    let place = laid_out(&PARTS);
    let source = open_model(place.path(), &[]).unwrap();
    let component = Component::open(&source, Part::Vae, "vae", &Hardware::cpu()).unwrap();
    let config = Config::read(&source, &component).unwrap();
    let vae = Vae::load(&config, &Weights::of(component)).unwrap();
    let golden = Golden::at(&checkpoints().join("golden.safetensors"));
    let latents = &golden.array("tiles latents");
    let image = vae.decode(latents, Some(8), &mut || Ok(())).unwrap();
    check("tiles", &image, golden.get("tiles image"), 1e-5);
    let at_once = vae.decode(latents, None, &mut || Ok(())).unwrap();
    assert!(
        relative(&at_once, &image) > 1e-3,
        "tiles see less than the whole"
    );
}
