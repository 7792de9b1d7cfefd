//! The same work without a window: one file per command.
//!
//! Exit codes: 0 done, 1 failed (one sentence on standard error), 2 problems with the inputs (one line per field) or a
//! flag that does not exist, 130 interrupted. Standard output holds the result and nothing else.

mod flags;
mod generate;
mod inspect;
pub mod log;
pub mod output;
pub mod sources;

use std::process::ExitCode;

use clap::{ArgMatches, Command};

use crate::schema::openapi;

/// The whole command line. Without a command, the window opens.
pub fn command() -> Command {
    Command::new("flux-qfaces")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Makes pictures with a FLUX.1 model on your own machine. Without a command, opens the window.")
        .arg(
            flags::path("model-dir", "PATH", "A FLUX.1 model in place of the embedded demo model: a folder of diffusers, ComfyUI or InvokeAI, or the file of a transformer (.safetensors, .gguf)")
                .global(true),
        )
        .subcommand(flags::command())
        .subcommand(Command::new("schema").about("Prints the inputs and the output as JSON Schema"))
        .subcommand(inspect::command())
}

/// Runs the command that was given; `None` when none was.
pub fn run(matches: &ArgMatches) -> Option<ExitCode> {
    match matches.subcommand()? {
        ("generate", matches) => Some(generate::run(matches)),
        ("schema", _) => Some(output::print(&openapi::document())),
        ("inspect", matches) => Some(inspect::run(matches)),
        _ => None,
    }
}
