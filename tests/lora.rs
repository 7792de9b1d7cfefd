//! LoRAs against the reference, on tiny random weights: `tests/reference/loras.py` made the files and what they lead to.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flux_qfaces::engine::compute::array::Array;
use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::error::Error;
use flux_qfaces::engine::job::{Job, Outcome};
use flux_qfaces::engine::lora::adapters::Applied;
use flux_qfaces::engine::lora::load::inspect;
use flux_qfaces::engine::lora::targets::Targets;
use flux_qfaces::engine::pipeline::dump::{Dump, Noise, Probe};
use flux_qfaces::engine::pipeline::generator::FluxGenerator;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

use flux_qfaces::schema::choices::Model;
use flux_qfaces::schema::circumstances::Circumstances;
use flux_qfaces::schema::params::Params;
use flux_qfaces::schema::request::Request;
use flux_qfaces::weights::lora::{LoraFile, LoraPlace};

use crate::support::reference_data::{
    Golden, both_transformers, check, lora_cases, lora_folder, model,
};

/// The bound between two layouts of one change, and between ours and the reference.
const BOUND: f64 = 1e-5;

/// A file and its scale.
type Asked<'a> = (&'a str, f64);

/// The file `name` of the golden LoRAs.
fn file(name: &str) -> LoraFile {
    LoraFile {
        name: name.to_owned(),
        // The name tells the contents apart as well as their sum does.
        sha256: name.to_owned(),
        place: LoraPlace::File(path(name)),
        peft_config: None,
    }
}

fn path(name: &str) -> PathBuf {
    lora_folder().join(name)
}

/// A job of the size and prompt of the goldens.
fn request(loras: &[Asked<'_>], model: &str) -> Request {
    let reference = |index: usize| {
        loras
            .get(index)
            .map(|(name, _)| path(name).to_string_lossy().into_owned())
    };
    let scale = |index: usize| loras.get(index).map_or(1.0, |(_, scale)| *scale);
    let params = Params {
        prompt: Some("A knight in silver armour holds a broken sword".to_owned()),
        model: model.to_owned(),
        num_inference_steps: 2,
        guidance_scale: 3.5,
        seed: Some(0),
        replicate_weights: reference(0),
        lora_scale: scale(0),
        extra_lora: reference(1),
        extra_lora_scale: scale(1),
        ..Params::default()
    };
    let circumstances = Circumstances {
        native_side: 64,
        ..Circumstances::default()
    };
    Request::resolve(&params, circumstances).unwrap()
}

fn generator() -> FluxGenerator {
    let (source, _) = model("dev");
    FluxGenerator::load(&source, Model::Dev, Hardware::cpu(), &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

/// Runs a job with LoRAs; returns the dumped tensors too.
fn run(
    generator: &mut FluxGenerator,
    loras: &[Asked<'_>],
) -> Result<(Vec<(String, Array)>, Outcome), Error> {
    run_model(generator, loras, "dev")
}

fn run_model(
    generator: &mut FluxGenerator,
    loras: &[Asked<'_>],
    model: &str,
) -> Result<(Vec<(String, Array)>, Outcome), Error> {
    let files: Vec<_> = loras.iter().map(|(name, _)| file(name)).collect();
    run_files(generator, loras, &files, model)
}

fn run_files(
    generator: &mut FluxGenerator,
    loras: &[Asked<'_>],
    files: &[LoraFile],
    model: &str,
) -> Result<(Vec<(String, Array)>, Outcome), Error> {
    let mut probe = Probe {
        noise: Some(Noise::read(&path("noise.safetensors")).unwrap()),
        dump: Some(Dump::default()),
    };
    let mut watch = |_| ControlFlow::Continue(());
    let request = request(loras, model);
    let job = Job {
        loras: files,
        ..Job::new(&request)
    };
    let outcome = generator.generate_probed(&job, &mut probe, &mut watch)?;
    Ok((probe.dump.unwrap().tensors().unwrap(), outcome))
}

fn tensor<'a>(dump: &'a [(String, Array)], name: &str) -> &'a Array {
    &dump.iter().find(|(found, _)| found == name).unwrap().1
}

/// The files of the list `kind`.
fn listed(kind: &str) -> Vec<(String, Value)> {
    let cases = lora_cases(kind);
    cases
        .into_iter()
        .map(|case| (case["file"].as_str().unwrap().to_owned(), case))
        .collect()
}

/// A file that says the change.
fn of_change(change: &str) -> String {
    let files = listed("files");
    let found = files.into_iter().find(|(_, case)| case["change"] == change);
    found.unwrap().0
}

#[test]
fn every_layout_equals_the_reference_at_every_scale() {
    let golden = Golden::at(&path("golden.safetensors"));
    let mut generator = generator();
    let files = listed("files");
    assert!(files.len() > 40, "{} files", files.len());
    let mut failures = Vec::new();
    for (name, case) in files {
        let change = case["change"].as_str().unwrap();
        for scale in ["-1", "0", "0.5", "1", "1.5"] {
            let asked = [(name.as_str(), scale.parse().unwrap())];
            let (dump, outcome) = run(&mut generator, &asked).unwrap();
            let [Applied { report, .. }] = &outcome.loras[..] else {
                panic!("{} LoRAs", outcome.loras.len());
            };
            assert!(report.is_complete(), "{name}: {}", report.sentence());
            assert_eq!(report.matched, report.layers, "{name}");
            let mut compare = |ours: &str, theirs: &str| {
                let theirs = golden.get(&format!("{change}@{scale}.{theirs}"));
                let error = crate::support::reference_data::relative(tensor(&dump, ours), theirs);
                println!("{name} at {scale}, {ours}: {error:.2e}");
                if error > BOUND {
                    failures.push(format!("{name} at {scale}, {ours}: {error:.2e}"));
                }
            };
            compare("latents_2", "latents");
            if change == "text" {
                compare("clip_pooled", "clip_pooled");
                compare("t5_hidden", "t5_hidden");
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn two_loras_at_once_equal_the_reference() {
    let golden = Golden::at(&path("golden.safetensors"));
    let mut generator = generator();
    let mut pairs = 0;
    for case in lora_cases("goldens") {
        let loras: Vec<_> = case["loras"]
            .as_array()
            .unwrap()
            .iter()
            .map(|lora| {
                (
                    of_change(lora["change"].as_str().unwrap()),
                    lora["scale"].as_f64().unwrap(),
                )
            })
            .collect();
        if loras.len() != 2 {
            continue;
        }
        pairs += 1;
        let asked: Vec<_> = loras
            .iter()
            .map(|(name, scale)| (name.as_str(), *scale))
            .collect();
        let (dump, _) = run(&mut generator, &asked).unwrap();
        let name = case["name"].as_str().unwrap();
        check(
            name,
            tensor(&dump, "latents_2"),
            golden.get(&format!("{name}.latents")),
            BOUND,
        );
    }
    assert_eq!(pairs, 5);
}

#[test]
fn on_and_off_again_leaves_every_tensor_as_it_was() {
    let mut generator = generator();
    let (base, _) = run(&mut generator, &[]).unwrap();
    for change in [
        "whole",
        "text",
        "norms",
        "dora_peft",
        "loha",
        "lokr_low",
        "full",
    ] {
        let name = of_change(change);
        let (changed, _) = run(&mut generator, &[(&name, 1.0)]).unwrap();
        assert_ne!(bits(&changed), bits(&base), "{change} does nothing");
        let (after, _) = run(&mut generator, &[]).unwrap();
        assert_eq!(bits(&after), bits(&base), "{change} leaves a trace");
    }
}

/// Every number of every tensor, to the last bit.
fn bits(dump: &[(String, Array)]) -> Vec<(String, Vec<u32>)> {
    dump.iter()
        .map(|(name, tensor)| {
            let values = tensor.to_vec().unwrap();
            (name.clone(), values.into_iter().map(f32::to_bits).collect())
        })
        .collect()
}

#[test]
fn another_scale_or_order_reads_no_file_again() {
    let mut generator = generator();
    let (whole, second) = (of_change("whole"), of_change("second"));
    run(&mut generator, &[(&whole, 1.0)]).unwrap();
    assert_eq!(generator.lora_files_read(), 1);
    run(&mut generator, &[(&whole, 0.3)]).unwrap();
    run(&mut generator, &[]).unwrap();
    run(&mut generator, &[(&whole, 1.0), (&second, 1.0)]).unwrap();
    run(&mut generator, &[(&second, 0.5), (&whole, -1.0)]).unwrap();
    assert_eq!(generator.lora_files_read(), 2);
}

#[test]
fn one_lora_twice_acts_twice() {
    let golden = Golden::at(&path("golden.safetensors"));
    let mut generator = generator();
    let whole = of_change("whole");
    let (dump, outcome) = run(&mut generator, &[(&whole, 0.5), (&whole, 1.0)]).unwrap();
    assert_eq!(outcome.loras.len(), 2);
    check(
        "0.5 and 1",
        tensor(&dump, "latents_2"),
        golden.get("whole@1.5.latents"),
        BOUND,
    );
}

#[test]
fn a_lora_acts_on_the_transformer_that_runs() {
    let (source, _folder) = both_transformers();
    let mut watch = |_| ControlFlow::Continue(());
    let mut generator =
        FluxGenerator::load(&source, Model::Dev, Hardware::cpu(), &mut watch).unwrap();
    let text = of_change("text");
    let (dev, _) = run_model(&mut generator, &[], "dev").unwrap();
    let (schnell, _) = run_model(&mut generator, &[], "schnell").unwrap();
    run_model(&mut generator, &[(&text, 1.0)], "schnell").unwrap();
    let (after, _) = run_model(&mut generator, &[], "dev").unwrap();
    assert_eq!(
        bits(&after),
        bits(&dev),
        "the other transformer's LoRA acts on dev"
    );
    run_model(&mut generator, &[(&text, 1.0)], "dev").unwrap();
    let (after, _) = run_model(&mut generator, &[], "schnell").unwrap();
    assert_eq!(bits(&after), bits(&schnell), "dev's LoRA acts on schnell");
}

#[test]
fn files_for_something_else_say_what_they_are() {
    let mut generator = generator();
    for (name, words) in [
        ("foreign-sdxl", "SDXL"),
        ("foreign-sd15", "Stable Diffusion 1.5"),
        ("foreign-checkpoint", "whole FLUX.1 transformer"),
        (
            "foreign-checkpoint-diffusers",
            "whole FLUX.1 transformer in the layout of diffusers",
        ),
        ("foreign-embedding", "textual inversion"),
        ("foreign-embedding-sd", "textual inversion"),
        ("foreign-controlnet", "ControlNet"),
        ("foreign-vae", "VAE"),
        ("foreign-control-lora", "input is wider"),
        ("foreign-transformer", "another kind of model"),
        ("foreign-wan", "another kind of model"),
    ] {
        let error = run(&mut generator, &[(&format!("{name}.safetensors"), 1.0)]).unwrap_err();
        let Error::Input(problem) = &error else {
            panic!("{name}: {error}");
        };
        assert_eq!(problem.field, "replicate_weights");
        assert!(problem.message.contains(words), "{name}: {error}");
        println!("{error}");
    }
    assert_eq!(listed("foreign").len(), 11);
}

/// A file of the golden LoRAs with other names; it lives as long as the folder.
fn renamed(folder: &Path, from: &str, rename: impl Fn(&str) -> String) -> LoraFile {
    let bytes = fs::read(path(from)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let views = tensors.iter().map(|(name, view)| (rename(name), view));
    let renamed = safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap();
    let path = folder.join("renamed.safetensors");
    fs::write(&path, renamed).unwrap();
    LoraFile {
        name: "renamed".to_owned(),
        sha256: String::new(),
        place: LoraPlace::File(path),
        peft_config: None,
    }
}

/// A change, a file that says it, and how its names are changed.
type Renaming<'a> = (&'a str, &'a str, &'a dyn Fn(&str) -> String);

#[test]
fn other_names_of_the_same_layers_match() {
    let golden = Golden::at(&path("golden.safetensors"));
    let folder = tempfile::tempdir().unwrap();
    let mut generator = generator();
    let pieces = |name: &str| {
        let table = [
            (".transformer_blocks.", ".double_blocks."),
            (".single_transformer_blocks.", ".single_blocks."),
            ("proj_mlp", "linear1.3"),
            ("add_q_proj", "txt_attn.qkv.0"),
            ("add_k_proj", "txt_attn.qkv.1"),
            ("add_v_proj", "txt_attn.qkv.2"),
            ("lora_A", "lora_down"),
            ("lora_B", "lora_up"),
        ];
        let is_single = name.contains("single");
        let mut name = table
            .iter()
            .fold(name.to_owned(), |name, (from, to)| name.replace(from, to));
        for (index, letter) in ["q", "k", "v"].into_iter().enumerate() {
            let fused = if is_single { "linear1" } else { "img_attn.qkv" };
            name = name.replace(&format!("attn.to_{letter}."), &format!("{fused}.{index}."));
        }
        name.replace("attn.txt_attn", "txt_attn")
    };
    let diffsynth = |name: &str| {
        let table = [
            ("double_blocks", "blocks"),
            ("img_attn.qkv", "attn.a_to_qkv"),
            ("txt_attn.qkv", "attn.b_to_qkv"),
            ("img_attn.proj", "attn.a_to_out"),
            ("txt_attn.proj", "attn.b_to_out"),
            ("img_mlp", "ff_a"),
            ("txt_mlp", "ff_b"),
            ("img_mod.lin", "norm1_a.linear"),
            ("txt_mod.lin", "norm1_b.linear"),
            ("linear1", "to_qkv_mlp"),
            ("linear2", "proj_out"),
            ("modulation.lin", "norm.linear"),
            (".weight", ".default.weight"),
        ];
        table
            .iter()
            .fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
    };
    let cases: [Renaming<'_>; 11] = [
        ("dora_peft", "dora_peft-peft", &|name| {
            name.replace(".lora_magnitude_vector", ".magnitude")
        }),
        ("blocks", "blocks-bfl", &diffsynth),
        ("blocks", "blocks-peft", &|name| {
            let name = name.replace(".ff.net.0.proj.", ".ff.linear1.");
            let name = name.replace(".ff.net.2.", ".ff.linear2.");
            let name = name.replace(".ff_context.net.0.proj.", ".ff_context.linear1.");
            name.replace(".ff_context.net.2.", ".ff_context.linear2.")
        }),
        ("blocks", "blocks-peft", &|name| {
            name.trim_start_matches("transformer.").to_owned()
        }),
        ("partial", "partial-peft-f32", &|name| {
            name.replace(".weight", ".default_0.weight")
        }),
        ("partial", "partial-peft-f32", &|name| {
            name.replace(".weight", "")
        }),
        ("partial", "partial-peft-f32", &|name| {
            format!(
                "transformer.base_model.model.{}",
                name.trim_start_matches("transformer.")
            )
        }),
        ("partial", "partial-peft-f32", &pieces),
        ("partial", "partial-kohya-split", &|name| {
            name.replacen('.', "_.", 1)
        }),
        ("blocks", "blocks-lycoris", &|name| {
            name.replace("lycoris_", "lycoris__")
        }),
        ("text", "text-kohya-te2", &|name| {
            name.replace("lora_te1_", "lora_te_")
        }),
    ];
    for (number, (change, from, rename)) in cases.into_iter().enumerate() {
        let mut file = renamed(folder.path(), &format!("{from}.safetensors"), rename);
        file.sha256 = number.to_string();
        let asked = format!("{from}.safetensors");
        let (dump, outcome) = run_files(&mut generator, &[(&asked, 1.0)], &[file], "dev").unwrap();
        let report = &outcome.loras[0].report;
        assert!(
            report.is_complete(),
            "{from}, {number}: {}",
            report.sentence()
        );
        let theirs = golden.get(&format!("{change}@1.latents"));
        check(
            &format!("{from}, {number}"),
            tensor(&dump, "latents_2"),
            theirs,
            BOUND,
        );
    }
}

#[test]
fn relatives_of_flux_are_refused_although_much_of_them_fits() {
    let (source, _) = model("dev");
    let targets = Targets::of(&source, Model::Dev).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (layer, words) in [
        (
            "lora_unet_transformer_blocks_0_img_mlp_net_0_proj",
            "Qwen-Image",
        ),
        ("lora_unet_double_blocks_0_img_mlp_fc1", "HunyuanVideo"),
        (
            "lora_unet_distilled_guidance_layer_layers_0_in_layer",
            "Chroma",
        ),
        ("transformer.transformer_blocks.19.attn.to_q", "more blocks"),
        ("lora_unet_single_blocks_38_linear1", "more blocks"),
    ] {
        let victim = "lora_unet_double_blocks_1_img_mlp_0";
        let file = renamed(folder.path(), "blocks-kohya.safetensors", |name| {
            name.replace(victim, layer)
        });
        let sentence = inspect(&file, &targets).unwrap_err();
        assert!(sentence.contains(words), "{layer}: {sentence}");
    }
}

#[test]
fn a_header_that_names_a_relative_is_believed() {
    let (source, _) = model("dev");
    let targets = Targets::of(&source, Model::Dev).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let with = |architecture: &str| {
        let note = ("modelspec.architecture", architecture);
        noted(folder.path(), "blocks-kohya.safetensors", &[note])
    };
    let sentence = inspect(&with("chroma/lora"), &targets).unwrap_err();
    assert!(sentence.contains("Chroma"), "{sentence}");
    assert!(
        inspect(&with("flux-1-dev/lora"), &targets)
            .unwrap()
            .is_complete()
    );
}

/// A file of the golden LoRAs with notes in its header in place of its own; it lives as long as the folder.
fn noted(folder: &Path, from: &str, notes: &[(&str, &str)]) -> LoraFile {
    let bytes = fs::read(path(from)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let notes = notes
        .iter()
        .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
        .collect();
    let file = folder.join("noted.safetensors");
    fs::write(
        &file,
        safetensors::serialize(tensors.iter(), Some(notes)).unwrap(),
    )
    .unwrap();
    LoraFile {
        place: LoraPlace::File(file),
        ..self::file("noted")
    }
}

/// What is told about alphas in a file of the golden LoRAs.
fn told_alphas(from: &str) -> String {
    let bytes = fs::read(path(from)).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    header.metadata().as_ref().unwrap()["lora_adapter_metadata"].clone()
}

#[test]
fn alphas_are_found_wherever_peft_and_diffusers_write_them() {
    let golden = Golden::at(&path("golden.safetensors"));
    let folder = tempfile::tempdir().unwrap();
    let mut generator = generator();
    for change in ["mixed", "mixed_rslora"] {
        let from = format!("{change}-metadata.safetensors");
        let plain = told_alphas(&from).replace("\"transformer.", "\"");
        let beside = LoraFile {
            sha256: format!("{change}, beside"),
            peft_config: Some(plain.clone()),
            ..noted(folder.path(), &from, &[])
        };
        let mut check_file = |what: &str, file: LoraFile| {
            let asked = [(from.as_str(), 1.0)];
            let (dump, _) = run_files(&mut generator, &asked, &[file], "dev").unwrap();
            let theirs = golden.get(&format!("{change}@1.latents"));
            let what = format!("{change}, {what}");
            check(&what, tensor(&dump, "latents_2"), theirs, BOUND);
        };
        check_file("beside the file", beside);
        let whole = LoraFile {
            sha256: format!("{change}, without a prefix"),
            ..noted(
                folder.path(),
                &from,
                &[("lora_adapter_metadata", plain.as_str())],
            )
        };
        check_file("without a prefix", whole);
    }
}

#[test]
fn one_adapter_of_several_acts() {
    let (source, _) = model("dev");
    let targets = Targets::of(&source, Model::Dev).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = ("attn.to_q", "attn.to_k");
    for (adapters, other) in [
        (["first", "second"], "second"),
        (["another", "default"], "another"),
    ] {
        let tensors: Vec<_> = [(one, adapters[0]), (two, adapters[1])]
            .into_iter()
            .flat_map(|(layer, adapter)| {
                let layer = format!("transformer.transformer_blocks.0.{layer}");
                [
                    (format!("{layer}.lora_A.{adapter}.weight"), vec![2, 48]),
                    (format!("{layer}.lora_B.{adapter}.weight"), vec![48, 2]),
                ]
            })
            .collect();
        let report = inspect(&made(folder.path(), &tensors), &targets).unwrap();
        assert_eq!((report.matched, report.layers), (1, 1), "{adapters:?}");
        let sentence = report.sentence();
        let words = format!("another adapter, {other}");
        assert!(sentence.contains(&words), "{sentence}");
    }
}

#[test]
fn names_that_fit_with_sizes_that_do_not_are_another_models() {
    let (source, _) = model("dev");
    let targets = Targets::of(&source, Model::Dev).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pair = |layer: &str, output: usize, input: usize| {
        [
            (
                format!("diffusion_model.{layer}.lora_A.weight"),
                vec![2, input],
            ),
            (
                format!("diffusion_model.{layer}.lora_B.weight"),
                vec![output, 2],
            ),
        ]
    };
    let klein = [
        pair("double_blocks.0.img_attn.qkv", 144, 48),
        pair("double_blocks.0.img_attn.proj", 48, 48),
        pair("double_blocks.0.img_mlp.0", 288, 48),
    ];
    let sentence = inspect(&made(folder.path(), &klein.concat()), &targets).unwrap_err();
    assert!(sentence.contains("FLUX.2 Klein"), "{sentence}");
}

#[test]
fn a_layer_that_could_not_be_read_does_not_match() {
    let (source, _) = model("dev");
    let targets = Targets::of(&source, Model::Dev).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let layer = |name: &str| format!("lora_unet_double_blocks_0_{name}");
    let low_rank = |name: &str, output: usize| {
        vec![
            (format!("{}.lora_down.weight", layer(name)), vec![2, 48]),
            (format!("{}.lora_up.weight", layer(name)), vec![output, 2]),
        ]
    };
    let fine = low_rank("img_attn_proj", 48);
    for (bad, reason) in [
        (
            vec![
                (format!("{}.lokr_w1_a", layer("img_mlp_0")), vec![1024, 1]),
                (format!("{}.lokr_w1_b", layer("img_mlp_0")), vec![1, 1024]),
                (format!("{}.lokr_w2", layer("img_mlp_0")), vec![1, 1]),
            ],
            "its left factor is too large",
        ),
        (
            [
                low_rank("txt_attn_proj", 48),
                vec![(
                    format!("{}.dora_scale", layer("txt_attn_proj")),
                    vec![48, 2],
                )],
            ]
            .concat(),
            "another size",
        ),
    ] {
        let file = made(folder.path(), &[fine.clone(), bad].concat());
        let sentence = match inspect(&file, &targets) {
            Ok(report) => report.sentence(),
            Err(sentence) => sentence,
        };
        assert!(sentence.contains(reason), "{sentence}");
    }
}

#[test]
fn a_file_that_says_everything_twice_acts_once() {
    let (source, _) = model("dev");
    let targets = Targets::of(&source, Model::Dev).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (
        fs::read(path("blocks-peft.safetensors")).unwrap(),
        fs::read(path("blocks-bfl.safetensors")).unwrap(),
    );
    let (one, two) = (
        SafeTensors::deserialize(&one).unwrap(),
        SafeTensors::deserialize(&two).unwrap(),
    );
    let both = one
        .iter()
        .chain(two.iter())
        .map(|(name, view)| (name.to_owned(), view));
    let file = LoraFile {
        place: LoraPlace::File(folder.path().join("both.safetensors")),
        ..file("both")
    };
    fs::write(
        folder.path().join("both.safetensors"),
        safetensors::serialize(both.collect::<Vec<_>>(), None).unwrap(),
    )
    .unwrap();
    let alone = inspect(&self::file("blocks-peft.safetensors"), &targets).unwrap();
    let report = inspect(&file, &targets).unwrap();
    assert_eq!(report.matched, alone.matched);
    assert!(!report.is_complete());
}

/// A file of zeros with these tensors; it lives as long as the folder.
fn made(folder: &Path, tensors: &[(String, Vec<usize>)]) -> LoraFile {
    let views = tensors.iter().map(|(name, shape)| {
        let bytes: &'static [u8] = vec![0; 4 * shape.iter().product::<usize>()].leak();
        (
            name,
            TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    let path = folder.join("made.safetensors");
    fs::write(
        &path,
        safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap(),
    )
    .unwrap();
    LoraFile {
        place: LoraPlace::File(path),
        ..file("made")
    }
}

#[test]
fn a_text_encoder_that_fits_makes_no_lora_of_another_models() {
    let (source, _) = model("dev");
    let targets = Targets::of(&source, Model::Dev).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pair = |layer: &str, output: usize, input: usize| {
        let tensor = |ending: &str, shape| (format!("{layer}.{ending}.weight"), shape);
        [
            tensor("lora_down", vec![4, input]),
            tensor("lora_up", vec![output, 4]),
        ]
    };
    let clip = pair(
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj",
        32,
        32,
    );
    let unet = pair("lora_unet_down_blocks_0_attentions_0_proj_in", 320, 320);
    let sentence = inspect(
        &made(folder.path(), &[clip.clone(), unet].concat()),
        &targets,
    )
    .unwrap_err();
    assert!(sentence.contains("Stable Diffusion"), "{sentence}");
    let flux = pair("lora_unet_double_blocks_0_img_mlp_0", 12288, 3072);
    let sentence = inspect(
        &made(folder.path(), &[clip.clone(), flux].concat()),
        &targets,
    )
    .unwrap_err();
    assert!(sentence.contains("another size"), "{sentence}");
    // A LoRA for the text encoder alone is one.
    assert_eq!(
        inspect(&made(folder.path(), &clip), &targets)
            .unwrap()
            .matched,
        1
    );
}

#[test]
fn a_whole_checkpoint_of_this_size_is_no_lora() {
    let (source, _) = model("dev");
    let targets = Targets::of(&source, Model::Dev).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let norm = |name: &str| {
        (
            format!("double_blocks.0.img_attn.norm.{name}.scale"),
            vec![16],
        )
    };
    let whole = [
        (
            "double_blocks.0.img_attn.qkv.weight".to_owned(),
            vec![144, 48],
        ),
        norm("query_norm"),
        norm("key_norm"),
    ];
    let sentence = inspect(&made(folder.path(), &whole), &targets).unwrap_err();
    assert!(sentence.contains("whole FLUX.1 transformer"), "{sentence}");
}

#[test]
fn an_alpha_may_be_a_whole_number() {
    let golden = Golden::at(&path("golden.safetensors"));
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(path("blocks-kohya.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut whole = 0;
    let views = tensors.iter().map(|(name, view)| {
        let number = half::f16::from_le_bytes(view.data()[..2].try_into().unwrap()).to_f32();
        if name.strip_suffix(".alpha").is_none() || number.fract() != 0.0 {
            return (name, view);
        }
        whole += 1;
        let bytes: &'static [u8] = Box::leak(Box::new((number as i64).to_le_bytes()));
        (name, TensorView::new(Dtype::I64, vec![], bytes).unwrap())
    });
    let views: Vec<_> = views.collect();
    assert!(whole > 0, "no alpha is a whole number");
    let target = folder.path().join("whole.safetensors");
    fs::write(&target, safetensors::serialize(views, None).unwrap()).unwrap();
    let lora = LoraFile {
        place: LoraPlace::File(target),
        ..file("whole")
    };
    let mut generator = generator();
    let (dump, outcome) = run_files(
        &mut generator,
        &[("blocks-kohya.safetensors", 1.0)],
        &[lora],
        "dev",
    )
    .unwrap();
    assert!(outcome.loras[0].report.is_complete());
    check(
        "whole alphas",
        tensor(&dump, "latents_2"),
        golden.get("blocks@1.latents"),
        BOUND,
    );
}
