//! Which model runs, what another choice does to jobs, and what goes with a model that is deleted.

use std::fs;
use std::path::{Path, PathBuf};

use flux_qfaces::session::downloads::Purpose;
use flux_qfaces::session::jobs::JobState;
use flux_qfaces::session::program::{Session, Setup};
use flux_qfaces::weights::model::ModelSource;
use flux_qfaces::weights::survey::found::FoundModel;
use tempfile::TempDir;

use crate::support::fake::{Act, Script, setup};
use crate::support::stage::{Stage, folders};
use crate::support::tiny_model::{catalog, laid_out};

const DEV: &str = "diffusion_models/flux1-dev.safetensors";

/// A session without a model that was asked for, with the tiny model in its folder of models.
fn stage(script: &Script, prepare: impl FnOnce(&Path)) -> Stage {
    let folder = TempDir::new().unwrap();
    prepare(folder.path());
    let mut folders = folders(folder.path());
    folders.foreign_models = vec![folder.path().join("foreign")];
    let setup = Setup {
        model: None,
        catalog: catalog(),
        ..setup(script.maker())
    };
    let mut stage = Stage::on(setup, folders, folder);
    stage.until(|session| session.models.found().is_some());
    stage
}

fn with_tiny_model(script: &Script) -> Stage {
    stage(script, |root| laid_out(&root.join("models"), ""))
}

impl Stage {
    fn models(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    fn choose(&mut self, path: &Path) {
        self.session.choose_model(Some(path.to_owned()));
        self.until(|session| session.models.opening().is_none());
    }

    fn found(&self, name: &str) -> FoundModel {
        let found = self.session.models.found().unwrap();
        let model = found.iter().find(|model| model.path.ends_with(name));
        model
            .unwrap_or_else(|| panic!("no {name} in {found:?}"))
            .clone()
    }

    /// What goes with a model, by the ends of the paths.
    fn goes_with(&self, name: &str) -> Vec<String> {
        let files = self.session.removable(&self.found(name));
        let names = files
            .iter()
            .map(|file| file.file_name().unwrap().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

fn runs(session: &Session, name: &str) -> bool {
    session.card().name == name
}

#[test]
fn another_model_takes_over_when_the_running_job_has_ended_and_waiting_jobs_run_on_it() {
    let script = Script::new().then(Act::Hang);
    let mut stage = with_tiny_model(&script);
    let running = stage.submit("one");
    let waiting = stage.submit("two");
    let size = |stage: &Stage| stage.session.job(waiting).unwrap().request.size;
    let before = size(&stage);
    let seed = stage.session.job(waiting).unwrap().request.seed;
    stage.choose(&stage.models().join(DEV));
    // The form has it at once; the running job goes on.
    assert!(runs(&stage.session, "flux1-dev.safetensors"));
    assert!(matches!(
        stage.session.job(running).unwrap().state,
        JobState::Running(_)
    ));
    assert_ne!(
        size(&stage),
        before,
        "the waiting job has the demo model's size"
    );
    assert_eq!(stage.session.job(waiting).unwrap().request.seed, seed);
    stage.session.cancel(running);
    stage.until_ended(waiting);
    assert!(matches!(
        stage.session.job(waiting).unwrap().state,
        JobState::Finished(_)
    ));
    let sources = script.sources();
    assert_eq!(sources.len(), 2);
    assert!(matches!(sources[1], ModelSource::Files(_)));
}

#[test]
fn the_model_that_a_job_goes_on_with_stays_in_use() {
    let script = Script::new();
    let mut stage = with_tiny_model(&script);
    stage.choose(&stage.models().join(DEV));
    script.push(Act::Hang);
    let running = stage.submit("one");
    stage.session.choose_model(None);
    assert!(stage.session.runs_demo());
    let dev = stage.found(DEV);
    assert!(stage.session.is_in_use(&dev));
    assert!(stage.session.removable(&dev).is_empty());
    stage.session.cancel(running);
    stage.until_ended(running);
    assert!(!stage.session.is_in_use(&dev));
}

#[test]
fn the_later_choice_counts() {
    let script = Script::new();
    let mut stage = with_tiny_model(&script);
    stage.session.choose_model(Some(stage.models().join(DEV)));
    stage.session.choose_model(None);
    let id = stage.submit("one");
    stage.until_ended(id);
    assert!(stage.session.runs_demo());
    assert_eq!(stage.session.settings().model, None);
}

#[test]
fn jobs_wait_for_a_model_that_is_being_opened() {
    let script = Script::new();
    let mut stage = with_tiny_model(&script);
    stage.session.choose_model(Some(stage.models().join(DEV)));
    let id = stage.submit("one");
    assert!(stage.session.job(id).unwrap().is_waiting());
    stage.until_ended(id);
    assert!(runs(&stage.session, "flux1-dev.safetensors"));
    // One that cannot be opened holds nothing back.
    stage
        .session
        .choose_model(Some(stage.models().join("nothing.gguf")));
    let id = stage.submit("two");
    stage.until_ended(id);
    let refusal = stage.session.refusal().unwrap();
    assert!(
        refusal.contains("there is no model folder or file"),
        "{refusal}"
    );
    stage.session.choose_model(None);
    assert_eq!(stage.session.refusal(), None);
}

#[test]
fn parts_that_nothing_else_uses_go_with_a_model() {
    let stage = with_tiny_model(&Script::new());
    let all = [
        "ae.safetensors",
        "clip_l.safetensors",
        "flux1-dev.safetensors",
        "t5xxl_fp16.safetensors",
    ];
    assert_eq!(stage.goes_with(DEV), all);
}

#[test]
fn parts_that_another_model_uses_stay() {
    let stage = stage(&Script::new(), |root| {
        let models = root.join("models");
        laid_out(&models, "");
        fs::copy(
            models.join(DEV),
            models.join("diffusion_models/other.safetensors"),
        )
        .unwrap();
    });
    assert_eq!(stage.goes_with("other.safetensors"), ["other.safetensors"]);
    assert_eq!(stage.goes_with(DEV), ["flux1-dev.safetensors"]);
}

#[test]
fn nothing_of_the_model_in_use_goes_with_another() {
    let mut stage = stage(&Script::new(), |root| {
        laid_out(&root.join("models"), "");
        // A transformer in another place runs with the parts among the downloads.
        fs::copy(root.join("models").join(DEV), root.join("mine.safetensors")).unwrap();
    });
    let mine = stage.folder.path().join("mine.safetensors");
    stage.choose(&mine);
    assert!(runs(&stage.session, "mine.safetensors"));
    assert_eq!(stage.goes_with(DEV), ["flux1-dev.safetensors"]);
}

#[test]
fn what_a_download_has_brought_stays() {
    let mut stage = stage(&Script::new(), |root| {
        laid_out(&root.join("models"), "");
        let dev = root.join("models").join(DEV);
        fs::rename(&dev, dev.with_file_name("other.safetensors")).unwrap();
    });
    stage.session.fetch_model(Purpose::Offer("tiny".to_owned()));
    assert_eq!(stage.goes_with("other.safetensors"), ["other.safetensors"]);
}

#[test]
fn in_a_named_folder_only_the_transformer_goes_and_in_foreign_ones_nothing() {
    let mut stage = stage(&Script::new(), |root| {
        laid_out(&root.join("foreign"), "");
        laid_out(&root.join("named"), "");
        let dev = root.join("named").join(DEV);
        fs::rename(&dev, dev.with_file_name("named.safetensors")).unwrap();
    });
    assert!(stage.goes_with(DEV).is_empty());
    for folder in ["named", "foreign"] {
        let folder = stage.folder.path().join(folder);
        stage.session.add_model_folder(folder);
        stage.until(|session| !session.models.is_looking());
    }
    assert_eq!(stage.goes_with("named.safetensors"), ["named.safetensors"]);
    // Also when the user has named it.
    assert!(stage.goes_with(DEV).is_empty());
}

#[test]
fn a_transformer_that_lies_elsewhere_is_used_with_the_rest_that_was_downloaded() {
    let script = Script::new();
    let mut stage = stage(&script, |root| {
        laid_out(&root.join("models"), "diffusion_models");
        laid_out(&root.join("foreign"), "");
        for folder in ["text_encoders", "vae", "tokenizer", "tokenizer_2"] {
            fs::remove_dir_all(root.join("foreign").join(folder)).unwrap();
        }
    });
    let lacking = stage.session.models.lacking("tiny").unwrap();
    assert!(lacking.is_empty(), "{lacking:?}");
    stage.session.fetch_model(Purpose::Offer("tiny".to_owned()));
    stage.until(|session| session.downloads.all().is_empty());
    stage.until(|session| session.models.opening().is_none());
    assert!(runs(&stage.session, "flux1-dev.safetensors"));
    let path = stage.folder.path().join("foreign").join(DEV);
    assert_eq!(stage.session.settings().model, Some(path));
}
