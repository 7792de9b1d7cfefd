//! `flux-qfaces generate`: one request, from flags and a JSON file to picture files and a JSON object.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::cli::{output, sources};
use crate::engine::compute::hardware::Hardware;
use crate::engine::error::Error;
use crate::engine::job::{Job, Outcome, Picture};
use crate::engine::pipeline::dump::{Dump, Noise, Probe};
use crate::engine::pipeline::generator::FluxGenerator;
use crate::engine::progress::{Progress, Stage};
use crate::files::{self, Readers};
use crate::imaging::prepare::Prepared;
use crate::imaging::read::Looks;
use crate::schema::choices::Fidelity;
use crate::schema::circumstances::Circumstances;
use crate::schema::fields;
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::schema::request::Request;
use crate::session::files::{Error as SavingError, Target};
use crate::session::loras;
use crate::session::program::random_bits;
use crate::session::record::Record;
use crate::weights::fetch::Bytes;
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::stop::Stop;

/// Why the command ends without pictures.
enum Failure {
    Problems(Vec<Problem>),
    Sentence(String),
    Interrupted,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Self::Interrupted,
            Error::Input(problem) => problem.into(),
            other => Self::Sentence(other.to_string()),
        }
    }
}

impl From<SavingError> for Failure {
    fn from(error: SavingError) -> Self {
        let exists = matches!(error, SavingError::File(files::Error::Exists(_)));
        let hint = if exists {
            " (--overwrite replaces it)"
        } else {
            ""
        };
        Self::Sentence(format!("{error}{hint}"))
    }
}

/// Runs the command.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    match generate(matches) {
        Ok(result) => output::print(&result),
        Err(Failure::Problems(problems)) => {
            output::complain(&problems.iter().map(Problem::to_string).collect::<Vec<_>>());
            ExitCode::from(output::PROBLEMS)
        }
        Err(Failure::Sentence(sentence)) => output::fail(&sentence),
        Err(Failure::Interrupted) => ExitCode::from(output::INTERRUPTED),
    }
}

/// Makes the pictures, writes the files, and returns what is printed.
fn generate(matches: &ArgMatches) -> Result<Value, Failure> {
    let started = Instant::now();
    let source = sources::model(matches).map_err(Error::from)?;
    let card = source.card().map_err(Error::from)?;
    let (params, mut request) = request(matches, &card)?;
    let stop = interruption();
    let folder = matches
        .get_one::<PathBuf>("output-dir")
        .map_or(Path::new("."), PathBuf::as_path);
    let target = Target::numbered(folder, matches.get_flag("overwrite"));
    target.check(request.num_outputs, request.encoding)?;
    if let Some(start) = &request.start {
        // A damaged file is found before a model is loaded, not after.
        Prepared::read(start, &request)?;
    }
    let noise = matches.get_one::<PathBuf>("noise");
    let dump_path = matches.get_one::<PathBuf>("dump");
    if let Some(path) = dump_path {
        files::check_writable(path).map_err(SavingError::from)?;
    }
    let mut probe = Probe {
        noise: noise.map(|path| Noise::read(path)).transpose()?,
        dump: dump_path.map(|_| Dump::default()),
    };

    let memory = memory_limit(matches)?;
    let mut outcome = run_engine(&source, memory, &mut request, &mut probe, &stop)?;
    let saving = Instant::now();
    let record = Record::new(&params, &request, &outcome);
    let record = (!matches.get_flag("no-metadata")).then_some(&record);
    let saved = target.save(&mut outcome, request.encoding, record)?;
    if let (Some(path), Some(dump)) = (dump_path, &probe.dump) {
        files::write(path, &dump.to_file()?, Readers::Usual).map_err(SavingError::from)?;
    }
    outcome.timings_secs.saving = saving.elapsed().as_secs_f64();
    outcome.timings_secs.total = started.elapsed().as_secs_f64();
    let paths: Vec<_> = saved.iter().map(|(_, path)| output::shown(path)).collect();
    Ok(summary(&request, &outcome, &paths))
}

/// The job, from a JSON file and flags. All problems of both come together.
fn request(matches: &ArgMatches, card: &ModelCard) -> Result<(Params, Request), Failure> {
    let mut params = Params::default();
    let mut problems = Vec::new();
    if let Some(path) = matches.get_one::<PathBuf>("input") {
        // Without the file nothing sensible can be said of the inputs in it.
        problems.extend(params.apply_json(&read_input(path)?));
    }
    for field in fields::all() {
        if let Some(text) = matches.get_one::<String>(field.name) {
            // A flag wins over the file, so the file's problem with this input no longer matters.
            problems.retain(|problem| problem.field != field.name);
            problems.extend(field.set_text(&mut params, text).err());
        }
    }
    let is_exact = matches.get_flag("as-replicate");
    let looks = Looks::at(&params);
    let circumstances = Circumstances {
        fidelity: if is_exact {
            Fidelity::AsReplicate
        } else {
            Fidelity::Corrected
        },
        native_side: card.native_side,
        is_flux_sized: card.is_flux_sized(),
        random: random_bits(),
        image: looks.image.as_ref(),
        mask: looks.mask.as_ref(),
    };
    match Request::resolve(&params, circumstances) {
        Ok(request) if problems.is_empty() => Ok((params, request)),
        resolved => {
            let mut further = resolved.err().unwrap_or_default();
            further.retain(|new| problems.iter().all(|known| known.field != new.field));
            problems.extend(further);
            Err(Failure::Problems(problems))
        }
    }
}

/// Reads a JSON object of inputs.
fn read_input(path: &Path) -> Result<Map<String, Value>, Problem> {
    let problem = |reason: String| Problem::new("input", reason);
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text
        .map_err(|error| problem(format!("cannot be read ({error}): {}", output::shown(path))))?;
    match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(problem("must hold one JSON object of inputs".to_owned())),
        Err(error) => Err(problem(format!("is not JSON: {error}"))),
    }
}

/// The memory that the user allows, in bytes.
fn memory_limit(matches: &ArgMatches) -> Result<Option<u64>, Failure> {
    const GIB: f64 = (1_u64 << 30) as f64;
    match matches.get_one::<f64>("max-memory") {
        None => Ok(None),
        Some(gib) if gib.is_finite() && *gib > 0.0 => Ok(Some((gib * GIB) as u64)),
        Some(gib) => {
            let message = format!("must be a number of GiB above 0, not {gib}");
            Err(Problem::new("max-memory", message).into())
        }
    }
}

/// What Ctrl+C raises. A second Ctrl+C ends the program at once.
fn interruption() -> Stop {
    let stop = Stop::default();
    let raised = stop.clone();
    // Without a handler Ctrl+C ends the program the system's way, which leaves no half-written file either.
    let _ = ctrlc::set_handler(move || {
        if raised.is_raised() {
            std::process::exit(i32::from(output::INTERRUPTED));
        }
        raised.raise();
    });
    stop
}

/// Finds the LoRAs, loads the model and runs the job under a progress bar.
fn run_engine(
    source: &ModelSource,
    memory: Option<u64>,
    request: &mut Request,
    probe: &mut Probe,
    stop: &Stop,
) -> Result<Outcome, Failure> {
    let bar = bar();
    let mut watch = |now: Progress| {
        show(&bar, now);
        if stop.is_raised() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut on_bytes = |bytes: Bytes| watch(Progress::before(Stage::Fetching, bytes.share()));
    let loras = loras::collect(&sources::library(), request, stop, &mut on_bytes)?;
    let mut generator = FluxGenerator::load(source, request.model, Hardware::best()?, &mut watch)?;
    let job = Job {
        request,
        loras: &loras,
        memory_limit: memory,
        safety_checkers: &sources::elsewhere(),
    };
    let outcome = generator.generate_probed(&job, probe, &mut watch)?;
    bar.finish_and_clear();
    if stop.is_raised() {
        Err(Failure::Interrupted)
    } else {
        Ok(outcome)
    }
}

/// A bar on standard error, which hides itself where that is no terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:32} {bar:32} {percent:>3} %  {eta} left");
    ProgressBar::new(1000).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Shows how far the job is.
fn show(bar: &ProgressBar, progress: Progress) {
    let share = match progress.stage {
        Stage::Fetching => progress.part,
        _ => progress.fraction(),
    };
    bar.set_position((share * 1000.0) as u64);
    let (picture, pictures) = (progress.picture + 1, progress.pictures);
    let (step, steps) = (progress.step + 1, progress.steps);
    let label = progress.stage.label();
    bar.set_message(match progress.stage {
        Stage::Denoising if pictures > 1 => {
            format!("Picture {picture} of {pictures}, step {step} of {steps}")
        }
        Stage::Denoising => format!("{label}, step {step} of {steps}"),
        _ => label.to_owned(),
    });
}

/// The pictures that were withheld: the place of each in the job, and why.
fn withheld(outcome: &Outcome) -> Value {
    let pictures = outcome.pictures.iter().enumerate();
    let withheld = pictures.filter_map(|(index, picture)| match picture {
        Picture::Made(_) | Picture::Dropped(_) => None,
        Picture::Withheld(reason) => Some(json!({
            "index": index,
            "reason": reason.to_string(),
            "concepts": reason.concepts,
            "label": reason.label,
            "probability": reason.probability,
        })),
    });
    withheld.collect()
}

/// What is printed.
fn summary(request: &Request, outcome: &Outcome, paths: &[String]) -> Value {
    json!({
        "output": paths,
        "withheld": withheld(outcome),
        "seed": request.seed,
        "width": request.size.width,
        "height": request.size.height,
        "steps": outcome.steps,
        "loras": outcome.loras,
        "notes": outcome.notes.iter().map(|note| note.message.as_str()).collect::<Vec<_>>(),
        "timings_secs": outcome.timings_secs,
        "peak_memory_bytes": outcome.peak_memory_bytes,
        "plan": outcome.plan,
    })
}
