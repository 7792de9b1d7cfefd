//! Any bytes as a LoRA's file for the demo model: an error or a LoRA, never a panic or an outsized allocation.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::lora::load::Opened;
use flux_qfaces::engine::lora::targets::Targets;
use flux_qfaces::schema::choices::Model;
use flux_qfaces::weights::lora::{LoraFile, LoraPlace};
use flux_qfaces::weights::model::ModelSource;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    static TARGETS: OnceLock<Targets> = OnceLock::new();
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let targets = TARGETS.get_or_init(|| {
        Targets::of(&ModelSource::Embedded, Model::Dev).expect("the demo model is whole")
    });
    let path = PATH.get_or_init(|| {
        std::env::temp_dir().join(format!("fuzz-{}.safetensors", std::process::id()))
    });
    fs::write(path, bytes).expect("a temporary file can be written");
    let file = LoraFile {
        name: "fuzz".to_owned(),
        sha256: String::new(),
        place: LoraPlace::File(path.clone()),
        peft_config: None,
    };
    if let Ok(opened) = Opened::open(&file, targets) {
        let _ = opened.load(&Hardware::cpu());
    }
});
