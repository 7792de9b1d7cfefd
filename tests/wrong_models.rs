//! Files and folders that are no model that can run: each gets one sentence that says what it is and what to do.

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::{Map, json};
use tempfile::TempDir;

use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::pipeline::generator::FluxGenerator;
use flux_qfaces::schema::choices::Model;
use flux_qfaces::weights::header::{Entry, Header};
use flux_qfaces::weights::survey::assembly::open_model;

use crate::support::reference_data::{check_sentence, copy, data, folder};

/// The folder of the golden checkpoints.
fn checkpoint(name: &str) -> std::path::PathBuf {
    data("checkpoints").join(name)
}

/// Opening and loading what `spoil` has made in a folder, at the path that it returns, must fail with a sentence that has all
/// of `words` in it.
fn check(spoil: impl FnOnce(&Path) -> &'static str, words: &[&str]) {
    let place = TempDir::new().unwrap();
    let path = place.path().join(spoil(place.path()));
    let mut go_on = |_| ControlFlow::Continue(());
    let sentence = match open_model(&path, &[]) {
        Err(error) => error.to_string(),
        Ok(source) => match FluxGenerator::load(&source, Model::Dev, Hardware::cpu(), &mut go_on) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("must fail: {words:?}"),
        },
    };
    check_sentence(&sentence, words);
}

/// Writes a safetensors file with tensors of two bytes for each number.
fn write(path: &Path, tensors: &[(&str, &[usize])]) {
    let (mut header, mut place) = (Map::new(), 0);
    for (name, shape) in tensors {
        let end = place + 2 * shape.iter().product::<usize>();
        let tensor = json!({"dtype": "BF16", "shape": shape, "data_offsets": [place, end]});
        header.insert((*name).to_owned(), tensor);
        place = end;
    }
    let text = serde_json::to_vec(&header).unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(&(text.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&text).unwrap();
    file.write_all(&vec![0; place]).unwrap();
}

/// Every part of the tiny model in one folder.
fn parts(place: &Path) {
    for name in ["flux1-dev", "ae", "clip_l", "t5xxl_fp16"] {
        let file = format!("{name}.safetensors");
        fs::copy(checkpoint(&format!("parts/{file}")), place.join(file)).unwrap();
    }
    for tokenizer in ["tokenizer", "tokenizer_2"] {
        copy(
            &folder().join("dev").join(tokenizer),
            &place.join(tokenizer),
        );
    }
}

fn cut(path: &Path, length: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

#[test]
fn files_that_are_no_weights_say_what_they_are() {
    for (bytes, words) in [
        (&b""[..], "is empty"),
        (b"<html><body>Please log in</body></html>", "is a web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
            "git lfs pull",
        ),
        (
            b"PK\x03\x04 and more of a PyTorch file, and more",
            "PyTorch",
        ),
        (
            b"GGUF\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            "version 1",
        ),
        (b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x01", "cut short"),
        (b"this is just a text that somebody has renamed", "damaged"),
    ] {
        check(
            |place| {
                fs::write(place.join("flux1-dev.safetensors"), bytes).unwrap();
                "flux1-dev.safetensors"
            },
            &["flux1-dev.safetensors", words],
        );
    }
}

/// Headers in which anything may stand are read or refused; what is read lies inside the file.
#[test]
fn no_header_leads_out_of_its_file() {
    let (mut state, mut read) = (1_u64, 0);
    let mut random = |below: usize| {
        // Numerical Recipes' generator: any will do.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for name in ["mixed.gguf", "fp8.safetensors"] {
        let whole = fs::read(checkpoint(name)).unwrap();
        for _ in 0..4000 {
            let mut bytes = whole.clone();
            for _ in 0..=random(4) {
                let place = random(2500);
                bytes[place] = random(256) as u8;
            }
            if random(4) == 0 {
                bytes.truncate(random(bytes.len()));
            }
            if let Ok(header) = Header::parse(&bytes) {
                read += 1;
                let inside = |entry: &Entry| {
                    entry.range.start <= entry.range.end && entry.range.end <= bytes.len()
                };
                assert!(header.tensors.values().all(inside));
            }
        }
    }
    assert!(read > 100, "some changes do no harm: {read}");
}

#[test]
fn files_that_are_cut_short_say_so() {
    for (name, length) in [
        ("fp8.safetensors", 90_000),
        ("mixed.gguf", 90_000),
        ("mixed.gguf", 2_000),
    ] {
        check(
            |place| {
                fs::copy(checkpoint(name), place.join(name)).unwrap();
                cut(&place.join(name), length);
                name
            },
            &[name, "cut short", "completed"],
        );
    }
    check(
        |place| {
            parts(place);
            cut(&place.join("ae.safetensors"), 100_000);
            "flux1-dev.safetensors"
        },
        &["needs ae.safetensors"],
    );
}

#[test]
fn shards_that_are_missing_or_cut_are_named() {
    let shard = "transformer/diffusion_pytorch_model.bf16-00002-of-00004.safetensors";
    let prepare = |place: &Path| {
        copy(&checkpoint("diffusers"), place);
        for tokenizer in ["tokenizer", "tokenizer_2"] {
            copy(
                &folder().join("dev").join(tokenizer),
                &place.join(tokenizer),
            );
        }
    };
    check(
        |place| {
            prepare(place);
            fs::remove_file(place.join(shard)).unwrap();
            ""
        },
        &["lacks the file", "00002-of-00004"],
    );
    check(
        |place| {
            prepare(place);
            cut(&place.join(shard), 20_000);
            ""
        },
        &["00002-of-00004", "cut short"],
    );
    check(
        |place| {
            prepare(place);
            let index = "transformer/diffusion_pytorch_model.safetensors.index.bf16.json";
            fs::write(
                place.join(index),
                "{\"weight_map\": {\"x\": \"../../etc/passwd\"}}",
            )
            .unwrap();
            ""
        },
        &["index", "weight_map"],
    );
}

#[test]
fn models_of_other_families_are_named() {
    for (tensor, family) in [
        (
            "conditioner.embedders.1.model.ln_final.weight",
            "an SDXL checkpoint",
        ),
        (
            "cond_stage_model.transformer.x.weight",
            "a Stable Diffusion checkpoint",
        ),
        (
            "model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight",
            "a Stable Diffusion 3 model",
        ),
        ("distilled_guidance_layer.in_proj.weight", "a Chroma model"),
        ("double_stream_modulation_img.lin.weight", "a FLUX.2 model"),
        (
            "transformer_blocks.0.img_mod.1.weight",
            "a Qwen-Image model",
        ),
        (
            "double_blocks.0.img_attn.qkv.weight.absmax",
            "GGUF file, such as Q4_K_S",
        ),
        (
            "transformer_blocks.0.qkv_proj.qweight",
            "GGUF file, such as Q4_K_S",
        ),
        ("blocks.0.cross_attn.norm_q.weight", "a Wan model"),
        (
            "condition_embedder.time_embedder.linear_1.weight",
            "a Wan model",
        ),
        ("controlnet_blocks.0.weight", "a ControlNet"),
        (
            "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight",
            "a LoRA",
        ),
    ] {
        check(
            |place| {
                write(&place.join("model.safetensors"), &[(tensor, &[4, 4])]);
                "model.safetensors"
            },
            &["model.safetensors", family],
        );
    }
}

#[test]
fn a_part_in_place_of_the_transformer_is_named() {
    for (name, part) in [
        ("ae.safetensors", "VAE"),
        ("clip_l.safetensors", "CLIP text encoder"),
        ("t5xxl_fp16.safetensors", "T5 text encoder"),
    ] {
        check(
            |place| {
                fs::copy(checkpoint(&format!("parts/{name}")), place.join(name)).unwrap();
                name
            },
            &[name, part, "transformer"],
        );
    }
}

#[test]
fn transformers_that_cannot_run_say_why() {
    let block = "double_blocks.0.img_attn.qkv.weight";
    check(
        |place| {
            write(
                &place.join("cut.safetensors"),
                &[(block, &[96, 32]), ("txt_in.weight", &[32, 32])],
            );
            "cut.safetensors"
        },
        &["img_in.weight", "complete file"],
    );
    check(
        |place| {
            let outside: [(&str, &[usize]); 6] = [
                (block, &[96, 32]),
                ("img_in.weight", &[32, 384]),
                ("txt_in.weight", &[32, 32]),
                ("time_in.in_layer.weight", &[32, 32]),
                ("vector_in.in_layer.weight", &[32, 32]),
                ("final_layer.linear.weight", &[64, 32]),
            ];
            write(&place.join("fill.safetensors"), &outside);
            "fill.safetensors"
        },
        &["Fill", "mask"],
    );
}

#[test]
fn wrong_shapes_name_the_tensor() {
    check(
        |place| {
            parts(place);
            let from = checkpoint("parts/flux1-dev.safetensors");
            let bytes = fs::read(from).unwrap();
            let text = String::from_utf8_lossy(&bytes[8..]).into_owned();
            let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let header = &text[..end - 8];
            // The rows of one matrix become its columns.
            let mut parsed: Map<String, serde_json::Value> =
                serde_json::from_str(header.trim()).unwrap();
            parsed["double_blocks.0.txt_mlp.2.weight"]["shape"] = json!([128, 32]);
            let header = serde_json::to_vec(&parsed).unwrap();
            let mut file = File::create(place.join("flux1-dev.safetensors")).unwrap();
            file.write_all(&(header.len() as u64).to_le_bytes())
                .unwrap();
            file.write_all(&header).unwrap();
            file.write_all(&bytes[end..]).unwrap();
            ""
        },
        &["double_blocks.0.txt_mlp.2.weight", "[128, 32]", "[32, 128]"],
    );
}

#[test]
fn folders_without_a_model_or_with_several_say_so() {
    check(|_| "nowhere", &["no model folder or file"]);
    check(|_| "", &["holds no model"]);
    check(
        |place| {
            parts(place);
            fs::copy(checkpoint("mixed.gguf"), place.join("another.gguf")).unwrap();
            ""
        },
        &["several", "another.gguf, flux1-dev.safetensors"],
    );
    check(
        |place| {
            write(
                &place.join("sdxl.safetensors"),
                &[("conditioner.embedders.1.model.ln_final.weight", &[4])],
            );
            ""
        },
        &["sdxl.safetensors is an SDXL checkpoint"],
    );
}
