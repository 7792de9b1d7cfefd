//! The demo model, inside the program. `assets/demo/README.md` says what it is and how it was trained.

/// Lists the files of the embedded model by their path inside it.
macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../assets/demo/model/", $name)).as_slice())),*]
    };
}

/// Every file that is needed to run it.
static FILES: [(&str, &[u8]); 17] = embedded![
    "flux-qfaces.json",
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "text_encoder_2/config.json",
    "text_encoder_2/model.safetensors",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer_2/tokenizer.json",
    "tokenizer_2/tokenizer_config.json",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model.safetensors",
    "transformer_schnell/config.json",
    "transformer_schnell/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
];

/// The demo model's own LoRA.
pub(super) static LORA: &[u8] = include_bytes!("../../assets/demo/lora/qface-lora.safetensors");

pub(super) fn find(name: &str) -> Option<&'static [u8]> {
    FILES
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, contents)| *contents)
}
