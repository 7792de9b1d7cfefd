//! Whose pictures go through the safety checker, and what becomes of those that it withholds.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::error::Error;
use flux_qfaces::engine::job::{Generator, Job, Outcome};
use flux_qfaces::engine::pipeline::generator::FluxGenerator;
use flux_qfaces::engine::progress::{Progress, Stage};
use flux_qfaces::schema::choices::{Fidelity, Model};
use flux_qfaces::schema::circumstances::Circumstances;
use flux_qfaces::schema::params::Params;
use flux_qfaces::schema::request::Request;
use flux_qfaces::weights::model::ModelSource;

use crate::support::reference_data::{copy, data, folder};

/// Both models of the checker, with the random weights of the tests.
const PARTS: [&str; 2] = ["safety_checker", "safety_classifier"];

fn safety() -> PathBuf {
    data("safety")
}

/// The tiny dev model, with the checker or without it.
fn model(has_checker: bool) -> TempDir {
    let place = TempDir::new().unwrap();
    copy(&folder().join("dev"), place.path());
    if has_checker {
        for part in PARTS {
            copy(&safety().join(part), &place.path().join(part));
        }
    }
    place
}

fn request(change: impl FnOnce(&mut Params), fidelity: Fidelity) -> Request {
    let mut params = Params {
        prompt: Some("a face".to_owned()),
        num_inference_steps: 1,
        num_outputs: 2,
        seed: Some(1),
        ..Params::default()
    };
    change(&mut params);
    let circumstances = Circumstances {
        native_side: 32,
        fidelity,
        ..Circumstances::default()
    };
    Request::resolve(&params, circumstances).unwrap()
}

fn load(source: &ModelSource) -> FluxGenerator {
    let mut go_on = |_| ControlFlow::Continue(());
    FluxGenerator::load(source, Model::Dev, Hardware::cpu(), &mut go_on).unwrap()
}

/// Runs a job; also tells whether pictures were looked at.
fn made(place: &TempDir, request: &Request) -> (Result<Outcome, Error>, bool) {
    let mut generator = load(&ModelSource::in_folder(place.path()));
    let mut has_looked = false;
    let made = generator.generate(&Job::new(request), &mut |progress: Progress| {
        has_looked |= progress.stage == Stage::Checking;
        ControlFlow::Continue(())
    });
    (made, has_looked)
}

fn notes(outcome: &Outcome) -> String {
    let notes: Vec<_> = outcome
        .notes
        .iter()
        .map(|note| note.message.as_str())
        .collect();
    notes.join("; ")
}

#[test]
fn a_model_with_a_checker_has_its_pictures_looked_at() {
    let (outcome, has_looked) = made(&model(true), &request(|_| (), Fidelity::Corrected));
    let outcome = outcome.unwrap();
    assert!(has_looked);
    assert_eq!(outcome.pictures.len(), 2);
    // Random weights find something in random pictures.
    assert!(
        outcome
            .pictures
            .iter()
            .all(|picture| picture.shown().is_none())
    );
    let notes = notes(&outcome);
    for words in [
        "Picture 1 was withheld: the safety checker takes it for unsafe",
        "Picture 2",
    ] {
        assert!(notes.contains(words), "{notes}");
    }
}

#[test]
fn as_replicate_fails_where_no_picture_is_left() {
    let (outcome, _) = made(&model(true), &request(|_| (), Fidelity::AsReplicate));
    let sentence = outcome.unwrap_err().to_string();
    assert_eq!(
        sentence,
        "All generated images contained NSFW content. Try running it again with a different prompt."
    );
}

#[test]
fn a_checker_that_is_turned_off_looks_at_nothing() {
    let request = request(
        |params| params.disable_safety_checker = true,
        Fidelity::Corrected,
    );
    let (outcome, has_looked) = made(&model(true), &request);
    let outcome = outcome.unwrap();
    assert!(!has_looked);
    assert!(
        outcome
            .pictures
            .iter()
            .all(|picture| picture.shown().is_some())
    );
    assert!(notes(&outcome).contains("The pictures were not checked, as asked"));
}

#[test]
fn small_models_without_a_checker_are_exempt_and_say_so() {
    let request = request(|_| (), Fidelity::Corrected);
    let (outcome, has_looked) = made(&model(false), &request);
    let outcome = outcome.unwrap();
    assert!(!has_looked);
    assert!(notes(&outcome).contains("models smaller than FLUX.1 are exempt"));
    let mut demo = load(&ModelSource::Embedded);
    // A checker elsewhere changes nothing for a model that is exempt.
    let job = Job {
        safety_checkers: &[safety()],
        ..Job::new(&request)
    };
    let outcome = demo
        .generate(&job, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert!(notes(&outcome).contains("the demo model draws toy faces and is exempt"));
}

#[test]
fn a_damaged_checker_ends_the_job_and_passes_nothing() {
    let place = model(true);
    let path = place.path().join("safety_checker/model.safetensors");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (outcome, _) = made(&place, &request(|_| (), Fidelity::Corrected));
    let sentence = outcome.unwrap_err().to_string();
    assert!(
        sentence.contains("safety_checker/model.safetensors"),
        "{sentence}"
    );

    // One of zeros would pass everything.
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let mut zeros = whole;
    zeros[header..].fill(0);
    fs::write(&path, zeros).unwrap();
    let (outcome, _) = made(&place, &request(|_| (), Fidelity::Corrected));
    let sentence = outcome.unwrap_err().to_string();
    assert!(sentence.contains("must be damaged"), "{sentence}");
}

#[test]
fn withheld_pictures_are_not_written_and_listed_with_their_reasons() {
    let place = model(true);
    let output = place.path().join("made");
    let done = Command::new(env!("CARGO_BIN_EXE_flux-qfaces"))
        .args([
            "generate",
            "--prompt",
            "a face",
            "--num_inference_steps",
            "1",
            "--num_outputs",
            "2",
            "--seed",
            "1",
        ])
        .args([
            "--aspect_ratio",
            "custom",
            "--width",
            "256",
            "--height",
            "256",
        ])
        .arg("--model-dir")
        .arg(place.path())
        .arg("--output-dir")
        .arg(&output)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let json: Value = serde_json::from_slice(&done.stdout).unwrap();
    let withheld = json["withheld"].as_array().unwrap();
    assert!(!withheld.is_empty(), "{json}");
    assert_eq!(
        withheld[0]["reason"],
        "the safety checker takes it for unsafe"
    );
    // The others keep their numbers.
    let is_withheld = |index: usize| withheld.iter().any(|picture| picture["index"] == index);
    for index in 0..2 {
        let path = output.join(format!("out-{index}.webp"));
        assert_eq!(path.exists(), !is_withheld(index), "{}", path.display());
    }
    assert_eq!(json["output"].as_array().unwrap().len() + withheld.len(), 2);
}
