//! The tiny models and golden tensors that `tests/reference/make.py` made with diffusers.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use tempfile::TempDir;

use flux_qfaces::engine::compute::array::Array;
use flux_qfaces::weights::model::ModelSource;

/// What lies at `path` among the data of the tests.
pub fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

/// The folder of the golden data.
pub fn folder() -> PathBuf {
    data("reference")
}

/// The folder of the golden LoRAs.
pub fn lora_folder() -> PathBuf {
    data("loras")
}

/// The list of cases called `kind`.
pub fn cases(kind: &str) -> Vec<Value> {
    cases_in(&folder(), kind)
}

/// The list of LoRAs or of their results called `kind`.
pub fn lora_cases(kind: &str) -> Vec<Value> {
    cases_in(&lora_folder(), kind)
}

pub fn cases_in(folder: &Path, kind: &str) -> Vec<Value> {
    let text = fs::read(folder.join("cases.json")).unwrap();
    let all: Value = serde_json::from_slice(&text).unwrap();
    all[kind].as_array().unwrap().clone()
}

/// Golden tensors of one file.
pub struct Golden(HashMap<String, Tensor>);

impl Golden {
    /// The tensors of single stages.
    pub fn stages() -> Self {
        Self::file("stages")
    }

    /// The tensors of `{name}.safetensors`.
    pub fn file(name: &str) -> Self {
        Self::at(&folder().join(format!("{name}.safetensors")))
    }

    /// The tensors of the file at `path`.
    pub fn at(path: &Path) -> Self {
        Self(candle_core::safetensors::load(path, &Device::Cpu).unwrap())
    }

    /// The tensor `name`.
    pub fn get(&self, name: &str) -> &Tensor {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("no golden tensor {name}"))
    }

    /// The tensor `name` as the engine takes it.
    pub fn array(&self, name: &str) -> Array {
        self.get(name).clone().into()
    }

    /// How many tensors there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The values of the tensor `name`.
    pub fn values(&self, name: &str) -> Vec<f32> {
        self.get(name).flatten_all().unwrap().to_vec1().unwrap()
    }
}

/// A complete folder of the tiny dev or schnell model; it lives as long as the second value.
pub fn model(kind: &str) -> (ModelSource, Option<TempDir>) {
    if kind == "dev" {
        return (ModelSource::folder(&folder().join("dev")).unwrap(), None);
    }
    // schnell is stored as what differs from dev.
    let whole = TempDir::new().unwrap();
    copy(&folder().join("dev"), whole.path());
    fs::remove_dir_all(whole.path().join("transformer")).unwrap();
    copy(&folder().join(kind), whole.path());
    (ModelSource::folder(whole.path()).unwrap(), Some(whole))
}

/// A folder of the tiny models with dev's transformer and schnell's; it lives as long as the second value.
pub fn both_transformers() -> (ModelSource, TempDir) {
    let whole = TempDir::new().unwrap();
    copy(&folder().join("dev"), whole.path());
    copy(
        &folder().join("schnell/transformer"),
        &whole.path().join("transformer_schnell"),
    );
    (ModelSource::folder(whole.path()).unwrap(), whole)
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Numbers in a shape: those of the engine, and those of the tensor library.
pub trait Numbers {
    /// The length of each dimension.
    fn lengths(&self) -> &[usize];
    /// All numbers in order.
    fn all(&self) -> Vec<f64>;
}

impl Numbers for Tensor {
    fn lengths(&self) -> &[usize] {
        self.dims()
    }

    fn all(&self) -> Vec<f64> {
        let wide = self.to_dtype(DType::F64).unwrap();
        wide.flatten_all().unwrap().to_vec1().unwrap()
    }
}

impl Numbers for Array {
    fn lengths(&self) -> &[usize] {
        self.dims()
    }

    fn all(&self) -> Vec<f64> {
        self.to_vec().unwrap().into_iter().map(f64::from).collect()
    }
}

/// Fails unless `ours` equals `golden` up to a relative L2 error of `tolerance`.
pub fn check(what: &str, ours: &impl Numbers, golden: &impl Numbers, tolerance: f64) {
    assert_eq!(ours.lengths(), golden.lengths(), "shape of {what}");
    let error = relative(ours, golden);
    println!("{what}: relative L2 error {error:.2e}");
    assert!(
        error <= tolerance,
        "{what}: relative L2 error {error:.2e} is above {tolerance:.0e}"
    );
}

/// The relative L2 error of `ours`.
pub fn relative(ours: &impl Numbers, golden: &impl Numbers) -> f64 {
    let (ours, golden) = (ours.all(), golden.all());
    let square =
        |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let difference = square(&mut ours.iter().zip(&golden).map(|(a, b)| a - b)).sqrt();
    difference
        / square(&mut golden.iter().copied())
            .sqrt()
            .max(f64::MIN_POSITIVE)
}

/// A message must be one sentence with all of `words` in it.
pub(crate) fn check_sentence(sentence: &str, words: &[&str]) {
    for word in words {
        assert!(
            sentence.contains(word),
            "'{sentence}' does not say '{word}'"
        );
    }
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
}
