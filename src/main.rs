//! Reads the command line; runs one command or opens the window.

use std::process::ExitCode;

use flux_qfaces::cli;

fn main() -> ExitCode {
    let matches = cli::command().get_matches();
    cli::run(&matches).unwrap_or_else(|| cli::fail("the window is not wired yet"))
}
