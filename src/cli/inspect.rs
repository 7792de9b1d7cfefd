//! `flux-qfaces inspect FILE`: what a picture is and how it was made, or what a LoRA is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use crate::engine::lora::inspect;
use crate::engine::lora::targets::Targets;
use crate::imaging::codec;
use crate::schema::reference::Reference;
use crate::schema::request::Model;

/// The command.
pub(super) fn command() -> Command {
    Command::new("inspect")
        .about("Prints what a picture is and how it was made, or what a LoRA is")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("A picture made by this program, or a LoRA"),
        )
}

/// Prints the record inside a picture, `null` when it carries none; or what of a LoRA matches the model.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    let Some(path) = matches.get_one::<PathBuf>("file") else {
        return super::fail("no file was given");
    };
    if is_lora(path) {
        return inspect_lora(matches, path);
    }
    let file = match std::fs::read(path) {
        Ok(file) => file,
        Err(error) => {
            return super::fail(&format!(
                "the file cannot be read ({error}): {}",
                super::shown(path)
            ));
        }
    };
    let header = match codec::header(&file) {
        Ok(header) => header,
        Err(error) => return super::fail(&format!("{error}: {}", super::shown(path))),
    };
    let record: Value = codec::read_record(&file)
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    super::print(&json!({
        "kind": "picture",
        "format": header.format,
        "width": header.width,
        "height": header.height,
        "record": record,
    }))
}

/// Whether a file is a LoRA's, or at least called like one.
fn is_lora(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("safetensors"))
}

/// Prints what a LoRA is, and what of it matches the model that was chosen.
fn inspect_lora(matches: &ArgMatches, path: &Path) -> ExitCode {
    let reference = Reference::Path(path.to_owned());
    let info = match super::library().find(&reference) {
        Ok(Some(info)) => info,
        Ok(None) => return super::fail("there is no such LoRA"),
        Err(error) => return super::fail(&error.to_string()),
    };
    let targets = super::model(matches)
        .map_err(|error| error.to_string())
        .and_then(|source| Targets::of(&source, Model::Dev).map_err(|error| error.to_string()));
    let targets = match targets {
        Ok(targets) => targets,
        Err(sentence) => return super::fail(&sentence),
    };
    let report = inspect(&info.file, &targets);
    super::print(&json!({
        "kind": if report.is_ok() { "lora" } else { "other" },
        "name": info.file.name,
        "sha256": info.file.sha256,
        "bytes": info.size,
        "trigger_words": info.triggers,
        "report": report.as_ref().ok(),
        "reason": report.as_ref().err(),
    }))
}
