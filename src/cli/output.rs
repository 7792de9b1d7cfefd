//! What a command leaves behind: the result on standard output, sentences on standard error, and an exit code.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// The exit code when the inputs have problems.
pub(super) const PROBLEMS: u8 = 2;

/// The exit code after Ctrl+C: 128 and the number of SIGINT.
pub(super) const INTERRUPTED: u8 = 130;

/// Says one sentence on standard error and returns the exit code of a failure.
pub fn fail(sentence: &str) -> ExitCode {
    complain(&[sentence.to_owned()]);
    ExitCode::FAILURE
}

/// Writes lines to standard error. Nobody can be told when that fails.
pub(super) fn complain(lines: &[String]) {
    let mut stderr = std::io::stderr().lock();
    for line in lines {
        let _ = writeln!(stderr, "{line}");
    }
}

/// Writes the result to standard output.
pub(super) fn print(result: &serde_json::Value) -> ExitCode {
    match writeln!(std::io::stdout().lock(), "{result:#}") {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&format!("the result could not be printed: {error}")),
    }
}

/// A path for JSON and messages.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
