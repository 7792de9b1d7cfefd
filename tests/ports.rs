//! The engine next to candle-transformers' ports of the same models, on the same tiny weights: two implementations that know
//! nothing of each other, beside the goldens of diffusers.

use std::collections::HashMap;
use std::fs;

use candle_core::{DType, Device, IndexOp, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::clip::text_model::{
    Activation, ClipTextConfig, ClipTextTransformer,
};
use candle_transformers::models::flux::{WithForward, model as flux};
use candle_transformers::models::t5;
use serde_json::Value;

use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::layers::weights::Weights;
use flux_qfaces::engine::pipeline::prompt::{Encoded, TextEncoders};
use flux_qfaces::engine::plan::load::Encoders;
use flux_qfaces::engine::tensors::component::Component;
use flux_qfaces::engine::tensors::config::read_json;
use flux_qfaces::engine::tensors::diffusers;
use flux_qfaces::schema::choices::Model;
use flux_qfaces::weights::inspect::Part;

use crate::support::reference_data::{Golden, cases, check, folder, model};

/// The bound on the difference of two implementations in f32.
const TOLERANCE: f64 = 1e-5;

/// The weights of a part of the tiny dev model, by their names in its file.
fn weights(part: &str) -> VarBuilder<'static> {
    let path = folder().join("dev").join(part).join("model.safetensors");
    let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)
}

/// The configuration of a part of the tiny dev model.
fn config(part: &str) -> Value {
    let path = folder().join("dev").join(part).join("config.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Calls `check` with each prompt's tokens and the engine's encoding of it.
fn for_each_prompt(
    pick: impl Fn((Vec<u32>, Vec<u32>)) -> Vec<u32>,
    check: &mut dyn FnMut(&[u32], &Encoded),
) {
    let (source, _whole) = model("dev");
    let stay = Encoders::Both;
    let mut ours = TextEncoders::open(&source, &Hardware::cpu(), stay, &mut || Ok(())).unwrap();
    for prompt in cases("prompts") {
        let prompt = prompt.as_str().unwrap();
        let ids = pick(ours.tokens(prompt, Model::Dev).unwrap());
        let encoded = ours.encode(prompt, Model::Dev, stay, &mut |_| Ok(()));
        check(&ids, &encoded.unwrap());
    }
}

#[test]
fn clip_equals_the_port() {
    let config = config("text_encoder");
    let number = |name: &str| config[name].as_u64().unwrap() as usize;
    let theirs = ClipTextConfig {
        vocab_size: number("vocab_size"),
        embed_dim: number("hidden_size"),
        activation: Activation::QuickGelu,
        intermediate_size: number("intermediate_size"),
        max_position_embeddings: number("max_position_embeddings"),
        pad_with: None,
        num_hidden_layers: number("num_hidden_layers"),
        num_attention_heads: number("num_attention_heads"),
        projection_dim: number("projection_dim"),
    };
    let port = ClipTextTransformer::new(weights("text_encoder").pp("text_model"), &theirs).unwrap();
    let end = number("eos_token_id") as u32;
    for_each_prompt(|(clip, _)| clip, &mut |ids, encoded| {
        let tokens = Tensor::new(vec![ids.to_vec()], &Device::Cpu).unwrap();
        let hidden = port.forward_with_mask(&tokens, usize::MAX).unwrap();
        // The port takes the highest token for the end, which is that of the published vocabulary only.
        let place = ids.iter().position(|id| *id == end).unwrap();
        let theirs = hidden.i((.., place)).unwrap();
        check("CLIP", &encoded.pooled, &theirs, TOLERANCE);
    });
}

#[test]
fn t5_equals_the_port() {
    let config: t5::Config = serde_json::from_value(config("text_encoder_2")).unwrap();
    let mut port = t5::T5EncoderModel::load(weights("text_encoder_2"), &config).unwrap();
    for_each_prompt(|(_, t5)| t5, &mut |ids, encoded| {
        let tokens = Tensor::new(vec![ids.to_vec()], &Device::Cpu).unwrap();
        let theirs = port.forward(&tokens).unwrap();
        check("T5", &encoded.hidden, &theirs, TOLERANCE);
    });
}

/// The port of the transformer with the tiny weights of `kind`, which it wants by BFL's names.
fn port_of_flux(kind: &str) -> flux::Flux {
    let (source, _whole) = model(kind);
    let config: Value = read_json(&source, "transformer/config.json").unwrap();
    let number = |name: &str| config[name].as_u64().unwrap() as usize;
    let config = flux::Config {
        in_channels: number("in_channels"),
        vec_in_dim: number("pooled_projection_dim"),
        context_in_dim: number("joint_attention_dim"),
        hidden_size: number("num_attention_heads") * number("attention_head_dim"),
        mlp_ratio: 4.0,
        num_heads: number("num_attention_heads"),
        depth: number("num_layers"),
        depth_single_blocks: number("num_single_layers"),
        axes_dim: serde_json::from_value(config["axes_dims_rope"].clone()).unwrap(),
        theta: 10_000,
        qkv_bias: true,
        guidance_embed: config["guidance_embeds"] == true,
    };
    let part = Component::open(&source, Part::Transformer, "transformer", &Hardware::cpu());
    let weights = Weights::of(part.unwrap());
    let modules = diffusers::modules(config.depth, config.depth_single_blocks);
    let names = modules
        .iter()
        .flat_map(|module| ["weight", "bias", "scale"].map(|leaf| format!("{module}.{leaf}")));
    let tensors = names.filter(|name| weights.has(name)).map(|name| {
        let array = weights.any(&name).unwrap();
        let numbers = array.to_vec().unwrap();
        (
            name,
            Tensor::from_vec(numbers, array.dims(), &Device::Cpu).unwrap(),
        )
    });
    let tensors: HashMap<_, _> = tensors.collect();
    let weights = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    flux::Flux::new(&config, weights).unwrap()
}

#[test]
fn transformer_equals_the_port() {
    let golden = Golden::stages();
    for case in cases("transformer") {
        let name = case["name"].as_str().unwrap();
        let kind = case["checkpoint"].as_str().unwrap();
        let tensor = |part: &str| golden.get(&format!("transformer.{name}.{part}"));
        let batch = tensor("hidden_states").dim(0).unwrap();
        let ids = |part: &str| {
            let ids = tensor(part).unsqueeze(0).unwrap();
            ids.repeat((batch, 1, 1)).unwrap()
        };
        let guidance = (kind == "dev").then(|| tensor("guidance"));
        let theirs = port_of_flux(kind).forward(
            tensor("hidden_states"),
            &ids("img_ids"),
            tensor("encoder_hidden_states"),
            &ids("txt_ids"),
            tensor("timestep"),
            tensor("pooled_projections"),
            guidance,
        );
        let ours = crate::parity::velocity(&case, &Hardware::cpu());
        check(
            &format!("transformer {name}"),
            &ours,
            &theirs.unwrap(),
            TOLERANCE,
        );
    }
}
