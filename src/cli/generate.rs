//! `flux-qfaces generate`: one request, one flag per input.

use std::io::{IsTerminal, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::engine::checking::Picture;
use crate::engine::device::Hardware;
use crate::engine::dump::{Dump, Noise, Probe};
use crate::engine::pipeline::FluxGenerator;
use crate::engine::{self, Generator, Outcome, Progress, Stage};
use crate::files::{self, Readers};
use crate::imaging::prepare::Prepared;
use crate::imaging::read::Looks;
use crate::schema::fields::{self, Field, Kind};
use crate::schema::params::Params;
use crate::schema::request::{Circumstances, Request};
use crate::schema::{Fidelity, Problem};
use crate::session::files::{Error as SavingError, Target};
use crate::session::loras::{self, Unavailable};
use crate::session::program::random_bits;
use crate::session::record::Record;
use crate::weights::fetch::Bytes;
use crate::weights::model::{ModelCard, ModelSource};
use crate::weights::stop::Stop;

/// The command: a flag for each row of the table, and what concerns files.
pub(super) fn command() -> Command {
    let inputs = fields::all().map(flag);
    Command::new("generate")
        .about("Makes pictures and prints what was made as one JSON object")
        .args_override_self(true)
        .args(inputs)
        .next_help_heading("Files")
        .arg(path(
            "input",
            "FILE",
            "A JSON object of inputs; - reads standard input. Flags win over it",
        ))
        .arg(
            path(
                "output-dir",
                "DIR",
                "Where out-0.webp and so on are written",
            )
            .alias("output_dir")
            .default_value("."),
        )
        .arg(switch("overwrite", "Replaces files that exist already"))
        .arg(
            switch(
                "no-metadata",
                "Leaves the record of how it was made out of the pictures",
            )
            .alias("no_metadata"),
        )
        .arg(
            switch(
                "as-replicate",
                "Does what the reference does where it is odd",
            )
            .alias("as_replicate"),
        )
        .arg(
            Arg::new("max-memory")
                .long("max-memory")
                .alias("max_memory")
                .value_name("GIB")
                .value_parser(value_parser!(f64))
                .help("The most memory that the program may hold, in GiB; without it, most of what is free. The job runs as fast as fits"),
        )
        .next_help_heading("Comparing with other implementations")
        .arg(path(
            "noise",
            "FILE",
            "A safetensors file whose tensor 'noise' (n, 16, h/8, w/8) replaces the noise",
        ))
        .arg(path(
            "dump",
            "FILE",
            "Writes noise, text embeddings, sigmas, latents, image and, with a starting picture, image_latents and mask as a safetensors file, which it replaces",
        ))
}

/// The flag of one input.
fn flag(field: &'static Field) -> Arg {
    let range = field
        .range_text()
        .map(|range| format!(" [{range}]"))
        .unwrap_or_default();
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

/// An option that takes a path.
fn path(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value_name)
        .value_parser(value_parser!(PathBuf))
        .help(help)
}

/// An option without a value.
fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

/// Why the command ends without pictures.
enum Failure {
    Problems(Vec<Problem>),
    Sentence(String),
    Interrupted,
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Cancelled => Self::Interrupted,
            engine::Error::Input(problem) => Self::Problems(vec![problem]),
            other => Self::Sentence(other.to_string()),
        }
    }
}

impl From<files::Error> for Failure {
    fn from(error: files::Error) -> Self {
        SavingError::from(error).into()
    }
}

impl From<SavingError> for Failure {
    fn from(error: SavingError) -> Self {
        let hint = if matches!(error, SavingError::File(files::Error::Exists(_))) {
            " (--overwrite replaces it)"
        } else {
            ""
        };
        Self::Sentence(format!("{error}{hint}"))
    }
}

impl From<crate::weights::error::Error> for Failure {
    fn from(error: crate::weights::error::Error) -> Self {
        Self::Sentence(error.to_string())
    }
}

impl From<Unavailable> for Failure {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Cancelled => Self::Interrupted,
            Unavailable::Problem(problem) => Self::Problems(vec![problem]),
            Unavailable::Sentence(sentence) => Self::Sentence(sentence),
        }
    }
}

/// Runs the command.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    match generate(matches) {
        Ok(result) => super::print(&result),
        Err(Failure::Problems(problems)) => {
            super::complain(&problems.iter().map(Problem::to_string).collect::<Vec<_>>());
            ExitCode::from(super::PROBLEMS)
        }
        Err(Failure::Sentence(sentence)) => super::fail(&sentence),
        Err(Failure::Interrupted) => ExitCode::from(super::INTERRUPTED),
    }
}

/// Makes the pictures, writes the files, and returns what is printed.
fn generate(matches: &ArgMatches) -> Result<Value, Failure> {
    let started = Instant::now();
    let source = super::model(matches)?;
    let card = source.card()?;
    let (params, mut request) = request(matches, &card)?;
    let stop = interruption();
    let folder = matches
        .get_one::<PathBuf>("output-dir")
        .map_or(Path::new("."), PathBuf::as_path);
    let target = Target::numbered(folder, matches.get_flag("overwrite"));
    target.check(request.num_outputs, request.encoding)?;
    if let Some(start) = &request.start {
        // A damaged file is found before a model is loaded, not after.
        Prepared::read(start, &request).map_err(|problem| Failure::Problems(vec![problem]))?;
    }
    let noise = matches
        .get_one::<PathBuf>("noise")
        .map(|path| Noise::read(path))
        .transpose()?;
    let dump_path = matches.get_one::<PathBuf>("dump");
    if let Some(path) = dump_path {
        files::check_writable(path)?;
    }
    let mut probe = Probe {
        noise,
        dump: dump_path.map(|_| Dump::default()),
    };

    let memory = memory_limit(matches)?;
    let mut outcome = run_engine(&source, memory, &mut request, &mut probe, &stop)?;
    let saving = Instant::now();
    let record = Record::new(&params, &request, &outcome);
    let record = (!matches.get_flag("no-metadata")).then_some(&record);
    let saved = target.save(&outcome.pictures, request.encoding, record)?;
    outcome.notes.extend(saved.note());
    if let (Some(path), Some(dump)) = (dump_path, &probe.dump) {
        files::write(path, &dump.to_file()?, Readers::Usual)?;
    }
    outcome.timings_secs.saving = saving.elapsed().as_secs_f64();
    outcome.timings_secs.total = started.elapsed().as_secs_f64();
    let paths: Vec<_> = saved.paths.into_iter().map(|(_, path)| path).collect();
    Ok(summary(&request, &outcome, &paths))
}

/// The job, from a JSON file and flags. All problems of both come together.
fn request(matches: &ArgMatches, card: &ModelCard) -> Result<(Params, Request), Failure> {
    let mut params = Params::default();
    let mut problems = Vec::new();
    if let Some(path) = matches.get_one::<PathBuf>("input") {
        match read_input(path) {
            Ok(object) => problems.extend(params.apply_json(&object)),
            // Without the file nothing sensible can be said of the inputs in it.
            Err(problem) => return Err(Failure::Problems(vec![problem])),
        }
    }
    for field in fields::all() {
        if let Some(text) = matches.get_one::<String>(field.name) {
            // A flag wins over the file, so the file's problem with this input no longer matters.
            problems.retain(|problem| problem.field != field.name);
            problems.extend(field.set_text(&mut params, text).err());
        }
    }
    let fidelity = if matches.get_flag("as-replicate") {
        Fidelity::AsReplicate
    } else {
        Fidelity::Corrected
    };
    let looks = Looks::at(&params);
    let circumstances = Circumstances {
        fidelity,
        native_side: card.native_side,
        is_flux_sized: card.is_flux_sized(),
        random: random_bits(),
        image: looks.image.as_ref(),
        mask: looks.mask.as_ref(),
    };
    match Request::resolve(&params, circumstances) {
        Ok(request) if problems.is_empty() => Ok((params, request)),
        resolved => {
            let unreadable: Vec<_> = problems
                .iter()
                .map(|problem| problem.field.clone())
                .collect();
            let further = resolved.err().unwrap_or_default();
            problems.extend(
                further
                    .into_iter()
                    .filter(|problem| !unreadable.contains(&problem.field)),
            );
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
    let text =
        text.map_err(|error| problem(format!("cannot be read ({error}): {}", super::shown(path))))?;
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
        Some(gib) => Err(Failure::Problems(vec![Problem::new(
            "max-memory",
            format!("must be a number of GiB above 0, not {gib}"),
        )])),
    }
}

/// What Ctrl+C raises. A second Ctrl+C ends the program at once.
fn interruption() -> Stop {
    let stop = Stop::default();
    let raised = stop.clone();
    // Without a handler Ctrl+C ends the program the system's way, which leaves no half-written file either.
    let _ = ctrlc::set_handler(move || {
        if raised.is_raised() {
            std::process::exit(i32::from(super::INTERRUPTED));
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
    let mut watch = |progress: Progress| {
        show(&bar, progress);
        if stop.is_raised() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut on_bytes = |bytes: Bytes| watch(Progress::before(Stage::Fetching, bytes.share()));
    let loras = loras::collect(&super::library(), request, stop, &mut on_bytes)?;
    let mut generator = FluxGenerator::load(source, request.model, Hardware::best()?, &mut watch)?;
    generator.look_for_safety_checker(&super::elsewhere());
    generator.limit_memory(memory);
    let outcome = generator.generate_probed(request, &loras, probe, &mut watch)?;
    bar.finish_and_clear();
    if stop.is_raised() {
        Err(Failure::Interrupted)
    } else {
        Ok(outcome)
    }
}

/// A bar on standard error, where that is a terminal.
fn bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
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
fn show(bar: &ProgressBar, progress: Progress) {
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

/// The pictures that were withheld: the place of each in the job, and why.
fn withheld(outcome: &Outcome) -> Value {
    let pictures = outcome.pictures.iter().enumerate();
    let withheld = pictures.filter_map(|(index, picture)| match picture {
        Picture::Made(_) => None,
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
fn summary(request: &Request, outcome: &Outcome, paths: &[PathBuf]) -> Value {
    json!({
        "output": paths.iter().map(|path| super::shown(path)).collect::<Vec<_>>(),
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
