//! The same work without a window: one file per command.
//!
//! Exit codes: 0 done, 1 failed (one sentence on standard error), 2 problems with the inputs (one line per field) or a
//! flag that does not exist,
//! 130 interrupted. Standard output holds the result and nothing else.

mod generate;
mod inspect;
pub mod log;
mod schema;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::session::folders::Folders;
use crate::weights;
use crate::weights::http::Network;
use crate::weights::library::Library;
use crate::weights::model::ModelSource;
use crate::weights::survey::assembly::open_model;
use crate::weights::tokens::Tokens;

/// The exit code when something failed.
const FAILED: u8 = 1;

/// The exit code when the inputs have problems.
const PROBLEMS: u8 = 2;

/// The exit code after Ctrl+C: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// The whole command line. Without a command, the window opens.
pub fn command() -> Command {
    Command::new("flux-qfaces")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Makes pictures with a FLUX.1 model on your own machine. Without a command, opens the window.")
        .arg(model_dir())
        .subcommand(generate::command())
        .subcommand(schema::command())
        .subcommand(inspect::command())
}

/// Runs the command that was given; `None` when none was.
pub fn run(matches: &ArgMatches) -> Option<ExitCode> {
    match matches.subcommand()? {
        ("generate", matches) => Some(generate::run(matches)),
        ("schema", _) => Some(schema::run()),
        ("inspect", matches) => Some(inspect::run(matches)),
        _ => None,
    }
}

/// The model that was asked for: the folder or file given by `--model-dir`, or the embedded one.
///
/// # Errors
/// When there is no model at that path, or it lacks files.
fn model(matches: &ArgMatches) -> Result<ModelSource, weights::error::Error> {
    Ok(model_asked_for(matches)?.unwrap_or(ModelSource::Embedded))
}

/// The model that `--model-dir` names, if it is given.
///
/// # Errors
/// When there is no model at that path, or it lacks files.
pub fn model_asked_for(matches: &ArgMatches) -> Result<Option<ModelSource>, weights::error::Error> {
    let path = matches.get_one::<PathBuf>("model-dir");
    path.map(|path| open_model(path, &elsewhere())).transpose()
}

/// Where parts of models are looked for that do not lie beside the rest.
pub fn elsewhere() -> Vec<PathBuf> {
    Folders::of_user().map_or_else(Vec::new, |folders| folders.of_models())
}

/// The LoRAs on this machine, and the way to others.
fn library() -> Library {
    let folders = Folders::of_user();
    let tokens = folders
        .as_ref()
        .map(|folders| Tokens::known(&folders.config));
    let network = Network::new(tokens.unwrap_or_default());
    // Without a folder of the user, what is downloaded is kept for as long as the system keeps temporary files.
    let temporary = || std::env::temp_dir().join("flux-qfaces-loras");
    Library::new(
        folders.map_or_else(temporary, |folders| folders.loras),
        network,
    )
}

/// Says one sentence on standard error and returns the exit code of a failure.
pub fn fail(sentence: &str) -> ExitCode {
    complain(&[sentence.to_owned()]);
    ExitCode::from(FAILED)
}

/// `--model-dir`, for the window and for every command.
fn model_dir() -> Arg {
    Arg::new("model-dir")
        .long("model-dir")
        .alias("model_dir")
        .value_name("PATH")
        .value_parser(value_parser!(PathBuf))
        .global(true)
        .help("A FLUX.1 model in place of the embedded demo model: a folder of diffusers, ComfyUI or InvokeAI, or the file of a transformer (.safetensors, .gguf)")
}

/// Writes lines to standard error. Nobody can be told when that fails.
fn complain(lines: &[String]) {
    let mut stderr = std::io::stderr().lock();
    for line in lines {
        let _ = writeln!(stderr, "{line}");
    }
}

/// Writes the result to standard output.
fn print(result: &serde_json::Value) -> ExitCode {
    match writeln!(std::io::stdout().lock(), "{result:#}") {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&format!("the result could not be printed: {error}")),
    }
}

/// A path for JSON and messages.
fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
