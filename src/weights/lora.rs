//! The file of a LoRA on this machine.

use std::path::PathBuf;

use crate::weights::bytes::Contents;
use crate::weights::demo;
use crate::weights::error::Error;

/// A LoRA's file on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoraFile {
    /// What it is called, for people.
    pub name: String,
    /// SHA-256 of its contents, in hexadecimal: the same file is the same LoRA, wherever it lies.
    pub sha256: String,
    /// Where it lies.
    pub place: LoraPlace,
    /// What PEFT has written beside it, as JSON: the alphas that the file itself may lack.
    pub peft_config: Option<String>,
}

/// Where a LoRA's file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoraPlace {
    /// Inside the program.
    Embedded,
    /// In a file.
    File(PathBuf),
}

impl LoraFile {
    /// Its bytes.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(&self) -> Result<Contents, Error> {
        match &self.place {
            LoraPlace::Embedded => Ok(Contents::Embedded(demo::LORA)),
            LoraPlace::File(path) => Contents::open(path),
        }
    }
}
