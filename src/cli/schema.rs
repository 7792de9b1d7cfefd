//! `flux-qfaces schema`: the contract.

use std::process::ExitCode;

use clap::Command;

use crate::cli::output;
use crate::schema::openapi;

/// The command.
pub(super) fn command() -> Command {
    Command::new("schema").about("Prints the inputs and the output as JSON Schema")
}

/// Prints the contract.
pub(super) fn run() -> ExitCode {
    output::print(&openapi::document())
}
