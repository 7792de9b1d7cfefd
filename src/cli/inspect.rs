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
    let ending = path.extension().unwrap_or_default();
    let has_ending = |known: &&str| ending.eq_ignore_ascii_case(known);
    let inspected = if path.is_dir() {
        inspect_model(path)
    } else if WEIGHTS.iter().any(has_ending) {
        inspect_weights(matches, path)
    } else {
        inspect_picture(path)
    };
    match inspected {
        Ok(json) => output::print(&json),
        Err(sentence) => output::fail(&sentence),
    }
}

/// The record inside a picture, `null` when it carries none.
fn inspect_picture(path: &Path) -> Result<Value, String> {
    let shown = output::shown(path);
    let file = std::fs::read(path)
        .map_err(|error| format!("the file cannot be read ({error}): {shown}"))?;
    let header = codec::header(&file).map_err(|error| format!("{error}: {shown}"))?;
    let record = codec::read_record(&file);
    let record: Option<Value> = record.and_then(|text| serde_json::from_str(&text).ok());
    Ok(json!({
        "kind": "picture",
        "format": header.format,
        "width": header.width,
        "height": header.height,
        "record": record,
    }))
}

/// Which model a folder or a transformer belongs to, and what it lacks.
fn inspect_model(path: &Path) -> Result<Value, String> {
    let survey = survey(path, &sources::elsewhere()).map_err(|error| error.to_string())?;
    Ok(of_model(&survey))
}

/// Describes a file of weights: a model, a part of one, a LoRA, or something else.
fn inspect_weights(matches: &ArgMatches, path: &Path) -> Result<Value, String> {
    let candidate = match Candidate::look(&shards_of(path)) {
        Ok(candidate) => candidate,
        Err(error) if path.is_file() => return Err(error.to_string()),
        Err(_) => return inspect_lora(matches, path),
    };
    match candidate.obstacle().filter(|_| !candidate.is_lora()) {
        Some(reason) => Ok(of_file(&candidate, Some(reason))),
        None if candidate.has(Part::Transformer) => inspect_model(path),
        None if candidate.found.is_empty() => inspect_lora(matches, path),
        None => Ok(of_file(&candidate, None)),
    }
}

/// A model, complete or not.
fn of_model(survey: &Survey) -> Value {
    let mut json = of_file(&survey.transformer, None);
    let needs = survey.needs();
    if let (Some(needs), Some(about)) = (&needs, json["about"].as_str()) {
        json["about"] = format!("{about}; needs {needs}").into();
    }
    let missing = survey.missing.iter();
    let missing = missing.map(|missing| json!({ "file": missing.file, "bytes": missing.bytes }));
    json["missing"] = missing.collect();
    json["needs"] = needs.into();
    json["bytes"] = survey.files.bytes().into();
    json
}

/// A file by itself; `reason` tells why it cannot be used.
fn of_file(candidate: &Candidate, reason: Option<String>) -> Value {
    let model = candidate.architecture.map(Architecture::name);
    let parts = candidate.found.iter();
    let parts: Vec<_> = parts.map(|found| found.part.label()).collect();
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

/// Describes a LoRA, and how much of it matches the chosen model.
fn inspect_lora(matches: &ArgMatches, path: &Path) -> Result<Value, String> {
    let info = sources::library().find(&Reference::Path(path.to_owned()));
    let info = info.map_err(|error| error.to_string())?;
    let info = info.ok_or("there is no such LoRA")?;
    let source = sources::model(matches).map_err(|error| error.to_string())?;
    let targets = Targets::of(&source, Model::Dev).map_err(|error| error.to_string())?;
    let report = inspect(&info.file, &targets);
    Ok(json!({
        "kind": if report.is_ok() { "lora" } else { "other" },
        "name": info.file.name,
        "sha256": info.file.sha256,
        "bytes": info.size,
        "trigger_words": info.triggers,
        "report": report.as_ref().ok(),
        "reason": report.as_ref().err(),
    }))
}
