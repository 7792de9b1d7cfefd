//! The flags of `flux-qfaces generate`: one per input, and those that concern files.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};
use serde_json::Value;

use crate::schema::field::{Field, Kind};
use crate::schema::fields;
use crate::schema::params::Params;

/// The command: a flag for each row of the table, and what concerns files.
pub(super) fn command() -> Command {
    Command::new("generate")
        .about("Makes pictures and prints what was made as one JSON object")
        .args_override_self(true)
        .args(fields::all().map(flag))
        .next_help_heading("Files")
        .args([
            path(
                "input",
                "FILE",
                "A JSON object of inputs; - reads standard input. Flags win over it",
            ),
            path("output-dir", "DIR", "Where out-0.webp and so on are written").default_value("."),
            switch("overwrite", "Replaces files that exist already"),
            switch("no-metadata", "Leaves the record of how it was made out of the pictures"),
            switch("as-replicate", "Does what the reference does where it is odd"),
            option(
                "max-memory",
                "The most memory that the program may hold, in GiB; without it, most of what is free. The job runs as fast as fits",
            )
            .value_name("GIB")
            .value_parser(value_parser!(f64)),
        ])
        .next_help_heading("Comparing with other implementations")
        .args([
            path(
                "noise",
                "FILE",
                "A safetensors file whose tensor 'noise' (n, 16, h/8, w/8) replaces the noise",
            ),
            path(
                "dump",
                "FILE",
                "Writes noise, text embeddings, sigmas, latents, image and, with a starting picture, image_latents and mask as a safetensors file, which it replaces",
            ),
        ])
}

/// The flag of one input.
fn flag(field: &'static Field) -> Arg {
    let range = field.range_text();
    let range = range.map_or_else(String::new, |range| format!(" [{range}]"));
    let arg = Arg::new(field.name)
        .long(field.name)
        .alias(field.name.replace('_', "-"))
        .help(format!("{}{range}{}", field.help, default_text(field)))
        .help_heading(field.group.label())
        .allow_hyphen_values(true);
    match field.kind {
        // `--go_fast` alone means true.
        Kind::Boolean { .. } => arg
            .num_args(0..=1)
            .default_missing_value("true")
            .value_name("true|false")
            .allow_hyphen_values(false),
        Kind::Choice { choices, .. } => arg.value_name(choices.join("|")),
        Kind::Text(_) | Kind::Weights(_) => arg.value_name("TEXT"),
        Kind::Loras(_) => arg.value_name("JSON"),
        Kind::Image(_) => arg.value_name("FILE"),
        Kind::Integer { .. } | Kind::OptionalInteger { .. } | Kind::Number { .. } => {
            arg.value_name("NUMBER")
        }
    }
}

/// The default, for the help.
fn default_text(field: &Field) -> String {
    match field.to_json(&Params::default()) {
        Value::Null => String::new(),
        Value::String(text) => format!(" [default: {text}]"),
        value => format!(" [default: {value}]"),
    }
}

/// An option, which may be written with underscores as well.
fn option(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .alias(name.replace('-', "_"))
        .help(help)
}

/// An option that takes a path.
pub(super) fn path(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    option(name, help)
        .value_name(value_name)
        .value_parser(value_parser!(PathBuf))
}

/// An option without a value.
fn switch(name: &'static str, help: &'static str) -> Arg {
    option(name, help).action(ArgAction::SetTrue)
}
