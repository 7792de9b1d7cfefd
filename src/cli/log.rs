//! The log on standard error. It names no token, no prompt and no path of this machine.

use env_logger::Builder;
use log::LevelFilter;

/// The environment variable that turns the log on: `error`, `warn`, `info` or `debug`.
const VARIABLE: &str = "FLUX_QFACES_LOG";

/// Starts the log, if the environment asks for one. Only this program writes to it: libraries might write what is secret.
pub fn start() {
    let level = std::env::var(VARIABLE).ok();
    let level = level.and_then(|level| level.trim().parse().ok());
    if let Some(level) = level.filter(|level| *level != LevelFilter::Off) {
        let mut builder = Builder::new();
        // A logger that is already set stays in place.
        let _ = builder.filter_module("flux_qfaces", level).try_init();
    }
}
