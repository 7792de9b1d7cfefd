//! The bar that shows how far a job is.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::progress::{Progress, Stage};

/// A bar on standard error, where that is a terminal.
pub(super) fn bar() -> ProgressBar {
    let target = if stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(1000), target);
    if let Ok(style) = ProgressStyle::with_template("{msg:32} {bar:32} {percent:>3} %  {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

/// Shows how far the job is.
pub(super) fn show(bar: &ProgressBar, progress: Progress) {
    let share = if progress.stage == Stage::Fetching {
        progress.part
    } else {
        progress.fraction()
    };
    bar.set_position((share * 1000.0) as u64);
    let label = progress.stage.label();
    bar.set_message(match progress.stage {
        Stage::Denoising if progress.pictures > 1 => format!(
            "Picture {} of {}, step {} of {}",
            progress.picture + 1,
            progress.pictures,
            progress.step + 1,
            progress.steps
        ),
        Stage::Denoising => format!("{label}, step {} of {}", progress.step + 1, progress.steps),
        _ => label.to_owned(),
    });
}
