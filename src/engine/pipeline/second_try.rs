//! What happens when a device has less memory than it said: the job runs again in the next way that needs less, once.

use crate::engine::error::{Error, Result};
use crate::engine::plan::ways::Plan;

/// Runs a job as `first` says, and if the device has no memory left, once more as `lower` of that. Returns what was made, and
/// as which plan. `run` hears whether it is the second try.
///
/// # Errors
/// Those of `run`; [`Error::OutOfMemory`] where there is no way that needs less, or it needs too much as well.
pub(super) fn run<T>(
    first: Plan,
    lower: impl Fn(&Plan) -> Option<Plan>,
    run: &mut dyn FnMut(Plan, bool) -> Result<T>,
) -> Result<(T, Plan)> {
    let in_words = |error: Error| {
        if error.is_out_of_memory() {
            Error::OutOfMemory
        } else {
            error
        }
    };
    match run(first, false) {
        Err(error) if error.is_out_of_memory() => {
            let plan = lower(&first).ok_or(Error::OutOfMemory)?;
            Ok((run(plan, true).map_err(in_words)?, plan))
        }
        made => Ok((made?, first)),
    }
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::engine::error::{Error, Result};
    use crate::engine::plan::load::Encoders;
    use crate::engine::plan::ways::Plan;

    fn plan(resident: usize) -> Plan {
        Plan {
            text: Encoders::OneLayer,
            resident,
            blocks: 57,
            together: false,
            tile: None,
            peak: 0,
            seconds: 0.0,
            fits: true,
        }
    }

    /// What CUDA's driver says, as candle passes it on.
    fn no_memory() -> Error {
        Error::compute("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")")
    }

    fn lower(plan: &Plan) -> Option<Plan> {
        let resident = plan.resident.checked_sub(1)?;
        Some(Plan { resident, ..*plan })
    }

    /// What is tried of a job with `first` resident blocks on a device with room for fewer than `room` of them, and the result.
    fn tried(first: usize, room: usize) -> (Vec<usize>, Result<(&'static str, Plan)>) {
        let mut tried = Vec::new();
        let result = run(plan(first), lower, &mut |plan, is_second| {
            assert_eq!(is_second, !tried.is_empty());
            tried.push(plan.resident);
            if plan.resident < room {
                Ok("a picture")
            } else {
                Err(no_memory())
            }
        });
        (tried, result)
    }

    #[test]
    fn a_job_that_has_enough_memory_runs_once() {
        let (tried, result) = tried(57, 58);
        assert_eq!(tried, [57]);
        assert!(matches!(result, Ok(("a picture", ran)) if ran == plan(57)));
    }

    #[test]
    fn a_job_that_runs_out_of_memory_runs_again_with_less() {
        let (tried, result) = tried(57, 57);
        assert_eq!(tried, [57, 56]);
        assert!(matches!(result, Ok(("a picture", ran)) if ran == plan(56)));
    }

    #[test]
    fn the_second_try_is_the_last_and_says_what_to_do() {
        for (first, expected) in [(57, vec![57, 56]), (0, vec![0])] {
            let (tried, result) = tried(first, 0);
            assert_eq!(tried, expected);
            assert!(matches!(result, Err(Error::OutOfMemory)));
        }
    }

    #[test]
    fn other_failures_are_not_tried_again() {
        let mut count = 0;
        let result = run(plan(57), lower, &mut |_, _| -> Result<()> {
            count += 1;
            Err(Error::Cancelled)
        });
        assert_eq!(count, 1);
        assert!(matches!(result, Err(Error::Cancelled)));
    }
}
