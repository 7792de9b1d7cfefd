//! `flux-qfaces inspect FILE`: what a picture is, and how it was made.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use crate::imaging::codec;

/// The command.
pub(super) fn command() -> Command {
    Command::new("inspect")
        .about("Prints what a picture is and how it was made")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("A picture made by this program"),
        )
}

/// Prints the record inside a picture; `null` when it carries none.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    let Some(path) = matches.get_one::<PathBuf>("file") else {
        return super::fail("no file was given");
    };
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
