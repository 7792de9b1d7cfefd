//! `flux-qfaces inspect PATH`: what a picture is and how it was made, what a LoRA is, or what a model is and what it lacks.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use crate::cli::{output, sources};
use crate::engine::lora::load::inspect;
use crate::engine::lora::targets::Targets;
use crate::imaging::codec;
use crate::schema::choices::Model;
use crate::schema::reference::Reference;
use crate::text::size_text;
use crate::weights::architecture::Architecture;
use crate::weights::inspect::Part;
use crate::weights::survey::assembly::{Survey, survey};
use crate::weights::survey::candidate::Candidate;
use crate::weights::walk::shards_of;

/// The endings of files of weights.
const WEIGHTS: [&str; 3] = ["safetensors", "gguf", "sft"];

/// The command.
pub(super) fn command() -> Command {
    Command::new("inspect")
        .about("Prints what a picture is and how it was made, or what a LoRA, a checkpoint or a model folder is")
        .arg(
            Arg::new("file")
                .value_name("PATH")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("A picture made by this program, a file of weights, or the folder of a model; of weights only the header is read"),
        )
}

/// Prints what is at the path.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    let Some(path) = matches.get_one::<PathBuf>("file") else {
        return output::fail("no file was given");
    };
    if path.is_dir() {
        return inspect_folder(path);
    }
    let ending = path.extension().unwrap_or_default();
    if WEIGHTS
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
    {
        return inspect_weights(matches, path);
    }
    inspect_picture(path)
}

/// Prints the record inside a picture, `null` when it carries none.
fn inspect_picture(path: &Path) -> ExitCode {
    let file = match std::fs::read(path) {
        Ok(file) => file,
        Err(error) => {
            return output::fail(&format!(
                "the file cannot be read ({error}): {}",
                output::shown(path)
            ));
        }
    };
    let header = match codec::header(&file) {
        Ok(header) => header,
        Err(error) => return output::fail(&format!("{error}: {}", output::shown(path))),
    };
    let record: Value = codec::read_record(&file)
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    output::print(&json!({
        "kind": "picture",
        "format": header.format,
        "width": header.width,
        "height": header.height,
        "record": record,
    }))
}

/// Prints which model a folder holds and what it lacks.
fn inspect_folder(path: &Path) -> ExitCode {
    match survey(path, &sources::elsewhere()) {
        Ok(survey) => output::print(&of_model(&survey)),
        Err(error) => output::fail(&error.to_string()),
    }
}

/// Prints what a file of weights is: a model, a part of one, a LoRA, or something else.
fn inspect_weights(matches: &ArgMatches, path: &Path) -> ExitCode {
    let candidate = match Candidate::look(&shards_of(path)) {
        Ok(candidate) => candidate,
        Err(error) if path.is_file() => return output::fail(&error.to_string()),
        Err(_) => return inspect_lora(matches, path),
    };
    if let Some(reason) = candidate.obstacle().filter(|_| !candidate.is_lora()) {
        return output::print(&of_file(&candidate, Some(reason)));
    }
    if candidate.has(Part::Transformer) {
        return match survey(path, &sources::elsewhere()) {
            Ok(survey) => output::print(&of_model(&survey)),
            Err(error) => output::fail(&error.to_string()),
        };
    }
    if candidate.found.is_empty() {
        return inspect_lora(matches, path);
    }
    output::print(&of_file(&candidate, None))
}

/// A model, complete or not.
fn of_model(survey: &Survey) -> Value {
    let mut json = of_file(&survey.transformer, None);
    let needs = survey.needs();
    if let (Some(needs), Some(about)) = (&needs, json["about"].as_str()) {
        json["about"] = format!("{about}; needs {needs}").into();
    }
    let missing = survey.missing.iter().map(|missing| {
        json!({
            "file": missing.file,
            "bytes": missing.bytes,
        })
    });
    json["missing"] = missing.collect();
    json["needs"] = needs.into();
    json["bytes"] = survey.files.bytes().into();
    json
}

/// A file by itself; `reason` tells why it cannot be used.
fn of_file(candidate: &Candidate, reason: Option<String>) -> Value {
    let model = candidate.architecture.map(Architecture::name);
    let parts = candidate.found.iter().map(|found| found.part.label());
    let parts: Vec<_> = parts.collect();
    let precision = candidate.format.map(crate::weights::header::Format::label);
    let what = match (&model, &reason, parts.first()) {
        (Some(model), _, _) => model.clone(),
        (None, Some(_), _) => candidate.foreign.unwrap_or("a file of weights").to_owned(),
        (None, None, first) => first.copied().unwrap_or("a file of weights").to_owned(),
    };
    let size = size_text(candidate.bytes);
    json!({
        "kind": if reason.is_some() { "other" } else { "checkpoint" },
        "about": format!("{what}, {}, {size}", precision.unwrap_or("no numbers")),
        "model": model,
        "parts": parts,
        "precision": precision,
        "bytes": candidate.bytes,
        "reason": reason.map(|reason| format!("it {reason}")),
    })
}

/// Prints what a LoRA is, and what of it matches the model that was chosen.
fn inspect_lora(matches: &ArgMatches, path: &Path) -> ExitCode {
    let reference = Reference::Path(path.to_owned());
    let info = match sources::library().find(&reference) {
        Ok(Some(info)) => info,
        Ok(None) => return output::fail("there is no such LoRA"),
        Err(error) => return output::fail(&error.to_string()),
    };
    let targets = sources::model(matches)
        .map_err(|error| error.to_string())
        .and_then(|source| Targets::of(&source, Model::Dev).map_err(|error| error.to_string()));
    let targets = match targets {
        Ok(targets) => targets,
        Err(sentence) => return output::fail(&sentence),
    };
    let report = inspect(&info.file, &targets);
    output::print(&json!({
        "kind": if report.is_ok() { "lora" } else { "other" },
        "name": info.file.name,
        "sha256": info.file.sha256,
        "bytes": info.size,
        "trigger_words": info.triggers,
        "report": report.as_ref().ok(),
        "reason": report.as_ref().err(),
    }))
}
