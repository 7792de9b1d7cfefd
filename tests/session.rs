//! The queue, the worker, the gallery and what survives a restart, with a scripted generator.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::job::Generator;
use flux_qfaces::engine::pipeline::generator::FluxGenerator;
use flux_qfaces::imaging::codec;
use flux_qfaces::schema::choices::{Fidelity, Model};
use flux_qfaces::schema::circumstances::Circumstances;
use flux_qfaces::schema::notes::Note;
use flux_qfaces::schema::params::Params;
use flux_qfaces::schema::request::Request;
use flux_qfaces::session::gallery::Entry;
use flux_qfaces::session::jobs::{Failure, JobState};
use flux_qfaces::session::naming;
use flux_qfaces::session::pictures::Pixels;
use flux_qfaces::session::program::Session;
use flux_qfaces::session::settings::{Theme, Tool};
use flux_qfaces::session::worker::{MakeGenerator, ModelState};
use flux_qfaces::weights::model::ModelSource;
use tempfile::TempDir;

use crate::support::fake::{Act, Script};
use crate::support::stage::{Stage, folders, prompted};

#[test]
fn job_becomes_pictures_in_the_folder_and_the_gallery() {
    let mut stage = Stage::new(&Script::new());
    let params = Params {
        num_outputs: 3,
        seed: Some(5),
        ..prompted("three faces")
    };
    let id = stage.session.submit(&params).unwrap();
    stage.until_ended(id);
    let entries = stage.session.gallery.entries();
    assert_eq!(entries.len(), 3);
    assert_eq!(stage.files().len(), 3);
    let record = entries[0].record.as_ref().unwrap();
    assert_eq!(
        (record.prompt(), record.seed, record.index),
        ("three faces", 5, 2),
        "the newest is first"
    );
    assert_eq!(record.params(), params);
    assert_eq!(*stage.session.model(), ModelState::Ready);
}

#[test]
fn memory_limit_and_places_of_the_safety_checker_reach_the_generator() {
    let script = Script::new();
    let mut stage = Stage::new(&script);
    stage
        .session
        .change_settings(|settings| settings.memory_gib = Some(3));
    let id = stage.submit("a face");
    stage.until_ended(id);
    assert_eq!(script.memory_limit(), Some(3 << 30));
    let places = script.checker_places();
    assert_eq!(places, stage.session.models.places());
    assert!(
        places.contains(&stage.folder.path().join("models")),
        "{places:?}"
    );
    stage
        .session
        .change_settings(|settings| settings.memory_gib = None);
    let id = stage.submit("another face");
    stage.until_ended(id);
    assert_eq!(script.memory_limit(), None);
}

#[test]
fn flagged_picture_has_no_card_as_on_replicate() {
    for (fidelity, indices) in [
        (Fidelity::Corrected, &[2, 1, 0][..]),
        (Fidelity::AsReplicate, &[2, 0]),
    ] {
        let mut stage = Stage::new(&Script::new().then(Act::Withhold(1)));
        stage
            .session
            .change_settings(|settings| settings.fidelity = fidelity);
        let params = Params {
            num_outputs: 3,
            ..prompted("three faces")
        };
        let id = stage.session.submit(&params).unwrap();
        stage.until_ended(id);
        let entries = stage.session.gallery.entries();
        let index = |entry: &Entry| entry.record.as_ref().unwrap().index;
        assert_eq!(entries.iter().map(index).collect::<Vec<_>>(), indices);
        assert_eq!(stage.files().len(), 2);
    }
}

#[test]
fn gallery_is_read_back_from_the_files() {
    let mut stage = Stage::new(&Script::new());
    let id = stage.submit("kept");
    stage.until_ended(id);
    std::fs::write(
        stage.folder.path().join("pictures/foreign.png"),
        b"no picture",
    )
    .unwrap();
    std::fs::write(stage.folder.path().join("pictures/notes.txt"), b"text").unwrap();
    let mut stage = Stage::reopened(&Script::new(), stage.folder);
    stage.until(|session| session.gallery.entries().len() == 2);
    let prompts = stage
        .session
        .gallery
        .entries()
        .iter()
        .filter_map(|entry| entry.record.as_ref());
    assert_eq!(
        prompts
            .map(|record| record.prompt().to_owned())
            .collect::<Vec<_>>(),
        ["kept"]
    );
}

#[test]
fn pictures_are_loaded_scaled_or_as_they_are() {
    let mut stage = Stage::new(&Script::new());
    let id = stage.submit("seen");
    stage.until_ended(id);
    let path = stage.session.gallery.entries()[0].path.clone();
    for (side, expected) in [(None, 64), (Some(16), 16), (Some(500), 64)] {
        let pixels = loop {
            match stage.session.loader.load(&path, side) {
                Pixels::Pending => {
                    stage.wakes.recv().unwrap();
                    stage.session.pump();
                }
                Pixels::Ready(pixels) => break pixels,
                Pixels::Failed(sentence) => panic!("{sentence}"),
            }
        };
        assert_eq!(pixels.width(), expected);
    }
}

#[test]
fn jobs_run_in_order_and_can_be_moved() {
    let script = Script::new().then(Act::Hang);
    let mut stage = Stage::new(&script);
    let first = stage.submit("first");
    let second = stage.submit("second");
    let third = stage.submit("third");
    stage.session.reorder(third, -1);
    stage.session.reorder(third, -1);
    stage.session.cancel(first);
    stage.until_ended(second);
    let prompts: Vec<_> = script
        .requests()
        .into_iter()
        .map(|request| request.prompt)
        .collect();
    assert_eq!(prompts, ["first", "third", "second"]);
}

#[test]
fn running_job_is_cancelled_and_leaves_no_file() {
    let mut stage = Stage::new(&Script::new().then(Act::Hang));
    let id = stage.submit("endless");
    stage.until(|session| matches!(&session.job(id).unwrap().state, JobState::Running(run) if run.progress().is_some()));
    stage.session.cancel(id);
    stage.until_ended(id);
    assert!(matches!(
        stage.session.job(id).unwrap().state,
        JobState::Cancelled
    ));
    assert_eq!(stage.files(), [""; 0]);
}

#[test]
fn waiting_job_is_cancelled_at_once() {
    let script = Script::new().then(Act::Hang);
    let mut stage = Stage::new(&script);
    let first = stage.submit("first");
    let second = stage.submit("second");
    stage.session.cancel(second);
    assert!(matches!(
        stage.session.job(second).unwrap().state,
        JobState::Cancelled
    ));
    stage.session.cancel(first);
    stage.until_ended(first);
    assert!(
        script.requests().len() <= 1,
        "the second never reached the generator"
    );
}

#[test]
fn failure_is_one_sentence_and_the_next_job_runs() {
    let mut stage = Stage::new(&Script::new().then(Act::Fail("the disk is full")));
    let failing = stage.submit("fails");
    let fine = stage.submit("works");
    stage.until_ended(fine);
    let JobState::Failed(Failure { sentence, .. }) = &stage.session.job(failing).unwrap().state
    else {
        panic!("must fail")
    };
    assert_eq!(sentence, "the disk is full");
    assert!(matches!(
        stage.session.job(fine).unwrap().state,
        JobState::Finished(_)
    ));
}

#[test]
fn panic_fails_one_job_and_the_generator_is_built_anew() {
    let script = Script::new().then(Act::Panic("out of numbers"));
    let mut stage = Stage::new(&script);
    let panicking = stage.submit("panics");
    let fine = stage.submit("works");
    stage.until_ended(fine);
    let JobState::Failed(Failure { sentence, .. }) = &stage.session.job(panicking).unwrap().state
    else {
        panic!("must fail")
    };
    assert!(sentence.contains("out of numbers"), "{sentence}");
    assert!(matches!(
        stage.session.job(fine).unwrap().state,
        JobState::Finished(_)
    ));
    assert_eq!(script.built(), 2);
}

#[test]
fn model_that_cannot_be_loaded_says_why_and_is_tried_again() {
    let mut stage = Stage::new(&Script::new().refuse("the weights are damaged"));
    stage.until(|session| {
        *session.model() == ModelState::Failed("the weights are damaged".to_owned())
    });
    let id = stage.submit("later");
    stage.until_ended(id);
    assert!(matches!(
        stage.session.job(id).unwrap().state,
        JobState::Finished(_)
    ));
}

#[test]
fn jobs_of_a_killed_program_wait_after_the_restart() {
    let mut stage = Stage::new(&Script::new().then(Act::Hang));
    let running = stage.submit("running");
    stage.submit("waiting");
    stage.until(|session| matches!(&session.job(running).unwrap().state, JobState::Running(_)));
    // What a killed program leaves is what is on disk now.
    let left = TempDir::new().unwrap();
    crate::support::reference_data::copy(stage.folder.path(), left.path());
    stage.session.cancel(running);

    let script = Script::new();
    let mut stage = Stage::reopened(&script, left);
    assert!(stage.session.is_paused());
    assert!(stage.session.take_notices()[0].contains("2 jobs from last time"));
    let prompts: Vec<_> = stage
        .session
        .jobs()
        .iter()
        .map(|job| job.request.prompt.clone())
        .collect();
    assert_eq!(prompts, ["running", "waiting"]);
    let last = stage.session.jobs()[1].id;
    stage.session.set_paused(false);
    stage.until_ended(last);
    assert_eq!(stage.files().len(), 2);

    let stage = Stage::reopened(&Script::new(), stage.folder);
    assert!(stage.session.jobs().is_empty(), "nothing is left to do");
}

#[test]
fn settings_survive_a_restart() {
    let mut stage = Stage::new(&Script::new());
    stage.session.change_settings(|settings| {
        settings.theme = Theme::Dark;
        settings.metadata = false;
        settings.file_names = "[prompt]-[n]".to_owned();
        settings.painting.tool = Tool::Lasso;
        settings.painting.hardness = 0.25;
        settings.params = prompted("remembered");
    });
    let painting = stage.session.settings().painting;
    let elsewhere = stage.folder.path().join("elsewhere");
    stage.session.set_output_folder(elsewhere.clone());
    let mut stage = Stage::reopened(&Script::new(), stage.folder);
    assert_eq!(stage.session.settings().theme, Theme::Dark);
    assert!(!stage.session.settings().metadata);
    assert_eq!(stage.session.settings().file_names, "[prompt]-[n]");
    assert_eq!(stage.session.settings().painting, painting);
    assert_eq!(stage.session.settings().params, prompted("remembered"));
    assert_eq!(stage.session.settings().output_folder, elsewhere);
    let id = stage.submit("without a record");
    stage.until_ended(id);
    let written = &stage.session.gallery.entries()[0].path;
    assert!(written.starts_with(&elsewhere));
    assert_eq!(flux_qfaces::session::gallery::read_record(written), None);
}

#[test]
fn what_is_no_setting_is_taken_over_once_from_the_settings_of_earlier_versions() {
    let folder = TempDir::new().unwrap();
    let settings = folder.path().join("config/settings.json");
    let state = folder.path().join("state/state.json");
    let old = r#"{
        "theme": "dark",
        "downloads": ["tiny"],
        "knows_models": true,
        "inputs": {"replicate_weights": "a/b", "extra_lora": "c/d"},
        "loras_off": ["a/b"],
        "loras_held": ["c/d"]
    }"#;
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    std::fs::write(&settings, old).unwrap();
    let mut stage = Stage::reopened(&Script::new(), folder);
    let taken = stage.session.state().clone();
    assert_eq!(taken.downloads, ["tiny"]);
    assert!(taken.knows_models);
    assert_eq!(
        (&*taken.loras_off, &*taken.loras_held),
        (&["a/b".to_owned()][..], &["c/d".to_owned()][..])
    );
    stage
        .session
        .change_settings(|settings| settings.theme = Theme::Light);
    stage.session.save();
    let written = std::fs::read_to_string(&settings).unwrap();
    assert!(!written.contains("loras_off") && !written.contains("knows_models"));
    assert!(std::fs::read_to_string(&state).unwrap().contains("a/b"));
    // From now on the state's own file counts.
    stage.session.disable_lora("a/b", false);
    std::fs::write(&settings, old).unwrap();
    stage.session.save();
    let stage = Stage::reopened(&Script::new(), stage.folder);
    assert!(stage.session.state().loras_off.is_empty());
    assert_eq!(stage.session.state().loras_held, ["c/d"]);
}

#[test]
fn a_preview_is_computed_again_when_something_has_changed() {
    let mut stage = Stage::new(&Script::new());
    let params = prompted("seen twice");
    let first = stage.session.preview(&params);
    assert!(first.problems.is_empty());
    let wrong = Params {
        num_outputs: 99,
        ..params.clone()
    };
    let preview = stage.session.preview(&wrong);
    assert_eq!(preview.problems[0].field, "num_outputs");
    assert!(preview.request.is_none());
    stage
        .session
        .change_settings(|settings| settings.fidelity = Fidelity::AsReplicate);
    let after = stage.session.preview(&params);
    let fidelity = after.request.as_ref().map(|request| request.fidelity);
    assert_eq!(fidelity, Some(Fidelity::AsReplicate));
}

#[test]
fn damaged_files_become_notices_and_defaults() {
    let folder = TempDir::new().unwrap();
    for (name, text) in [
        ("config/settings.json", "{oops"),
        ("state/queue.json", "[1, 2]"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut stage = Stage::reopened(&Script::new(), folder);
    assert_eq!(stage.session.settings().params, Params::default());
    assert!(stage.session.jobs().is_empty());
    assert_eq!(stage.session.take_notices().len(), 2);
}

#[test]
fn folder_that_cannot_be_written_fails_the_job_with_its_path() {
    let mut stage = Stage::new(&Script::new());
    let blocked = stage.folder.path().join("a file");
    std::fs::write(&blocked, b"").unwrap();
    stage.session.set_output_folder(blocked.clone());
    let id = stage.submit("nowhere to go");
    stage.until_ended(id);
    let JobState::Failed(Failure { sentence, .. }) = &stage.session.job(id).unwrap().state else {
        panic!("must fail")
    };
    assert!(sentence.contains("a file"), "{sentence}");
}

#[test]
fn job_of_last_time_that_cannot_run_is_named_and_holds_nothing_up() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir_all(folder.path().join("state")).unwrap();
    let queue = r#"[{"prompt": "old", "num_outputs": 99}]"#;
    std::fs::write(folder.path().join("state/queue.json"), queue).unwrap();
    let mut stage = Stage::reopened(&Script::new(), folder);
    assert!(stage.session.take_notices()[0].contains("num_outputs"));
    assert!(!stage.session.is_paused());
    let id = stage.submit("new");
    stage.until_ended(id);
}

#[test]
fn second_window_leaves_the_queue_of_the_first_alone() {
    let script = Script::new().then(Act::Hang);
    let mut first = Stage::new(&script);
    let running = first.submit("of the first");
    first.submit("also of the first");
    let (sender, _wakes) = channel();
    let wake = Arc::new(move || {
        let _ = sender.send(());
    });
    let second = Session::open(folders(first.folder.path()), Script::new().setup(), wake);
    assert!(second.jobs().is_empty());
    drop(second);
    let queue = std::fs::read_to_string(first.folder.path().join("state/queue.json")).unwrap();
    assert!(queue.contains("also of the first"), "{queue}");
    first.session.cancel(running);
}

#[test]
fn pictures_of_a_job_that_began_before_the_folder_changed_stay_in_theirs() {
    let mut stage = Stage::new(&Script::new().then(Act::Hang));
    let held = stage.submit("held up");
    let id = stage.submit("in the new folder");
    let elsewhere = stage.folder.path().join("elsewhere");
    stage.session.set_output_folder(elsewhere.clone());
    stage.session.cancel(held);
    stage.until_ended(id);
    assert!(
        stage
            .session
            .gallery
            .entries()
            .iter()
            .all(|entry| entry.path.starts_with(&elsewhere))
    );
    assert_eq!(stage.session.gallery.entries().len(), 1);
}

#[test]
fn record_too_long_for_a_jpeg_is_left_out_with_a_note() {
    let mut stage = Stage::new(&Script::new());
    let params = Params {
        output_format: "jpg".to_owned(),
        ..prompted(&"word ".repeat(20_000))
    };
    let id = stage.session.submit(&params).unwrap();
    stage.until_ended(id);
    let JobState::Finished(finished) = &stage.session.job(id).unwrap().state else {
        panic!("must finish")
    };
    assert!(
        finished
            .notes
            .iter()
            .any(|note| note.message.contains("too long for a JPEG"))
    );
    assert_eq!(stage.files().len(), 1);
}

#[test]
fn closing_ends_the_running_job_and_keeps_it_for_the_next_time() {
    let mut stage = Stage::new(&Script::new().then(Act::Hang));
    let id = stage.submit("interrupted");
    stage.until(|session| {
        matches!(&session.job(id).unwrap().state, JobState::Running(run) if run.progress().is_some())
    });
    let Stage {
        session, folder, ..
    } = stage;
    drop(session);
    let stage = Stage::reopened(&Script::new(), folder);
    assert_eq!(stage.session.jobs()[0].request.prompt, "interrupted");
}

#[test]
fn job_that_finished_right_before_closing_does_not_run_again() {
    let mut stage = Stage::new(&Script::new());
    stage.submit("just finished");
    // The session has not heard of it yet when it is closed.
    while stage.files().is_empty() {
        stage.wakes.recv().unwrap();
    }
    let Stage {
        session, folder, ..
    } = stage;
    drop(session);
    let stage = Stage::reopened(&Script::new(), folder);
    assert!(stage.session.jobs().is_empty());
}

/// What a pattern gives for a prompt, at one moment.
fn named(pattern: &str, prompt: &str) -> String {
    let request = Request::resolve(&prompted(prompt), Circumstances::default()).unwrap();
    let request = Request { seed: 7, ..request };
    let now = "2026-03-04T05:06:07[UTC]".parse().unwrap();
    naming::stem(pattern, &request, 2, &now)
}

#[test]
fn names_are_filled_in_and_fit_every_file_system() {
    assert_eq!(named(naming::DEFAULT, "a face"), "20260304-050607-7-2");
    assert_eq!(named("[prompt] [model]", "a  red\nface"), "a red face dev");
    assert_eq!(named("[prompt]", "a/b\\c:d*?\"<>|e"), "a_b_c_d______e");
    assert_eq!(named("[prompt]", "[seed] is a word"), "[seed] is a word");
    assert_eq!(named("", "a face"), "picture-2");
    assert_eq!(named("..[prompt]. ", ""), "picture-2");
    let long = named("[prompt]-[prompt]-[prompt]", &"word ".repeat(99));
    assert!(long.len() <= 200 && long.starts_with("word word"), "{long}");
    assert_eq!(named("../[n]", "a face"), "_2", "no way out of the folder");
}

#[test]
fn names_are_cut_by_bytes_and_words_without_spaces_by_letters() {
    let emoji = named("[date]-[prompt]-[n]", &"🙂".repeat(99));
    assert!(emoji.len() <= 200 && emoji.contains("🙂"), "{emoji}");
    assert_eq!(named("[prompt]", &"雪".repeat(70)), "雪".repeat(60));
}

#[test]
fn a_name_that_is_taken_gets_a_suffix() {
    let mut stage = Stage::new(&Script::new());
    stage
        .session
        .change_settings(|settings| settings.file_names = "same".to_owned());
    for _ in 0..3 {
        let id = stage.submit("a face");
        stage.until_ended(id);
    }
    let mut names: Vec<_> = stage
        .session
        .gallery
        .entries()
        .iter()
        .map(Entry::file_name)
        .collect();
    names.sort();
    assert_eq!(names, ["same-1.webp", "same-2.webp", "same.webp"]);
}

/// A picture, and a mask so noisy that a JPEG has no room for it.
fn noisy(folder: &Path) -> (PathBuf, PathBuf) {
    let (picture, mask) = (folder.join("in.png"), folder.join("mask.png"));
    let mut state = 1u32;
    let noise = image::GrayImage::from_fn(400, 400, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Luma([(state >> 24) as u8])
    });
    image::RgbImage::new(400, 400).save(&picture).unwrap();
    noise.save(&mask).unwrap();
    (picture, mask)
}

#[test]
fn a_mask_that_is_too_large_for_a_jpeg_leaves_the_rest_of_the_record() {
    let mut stage = Stage::new(&Script::new());
    let (image, mask) = noisy(stage.folder.path());
    let params = Params {
        image: Some(image.clone()),
        mask: Some(mask.clone()),
        output_format: "jpg".to_owned(),
        ..prompted("a face")
    };
    let id = stage.session.submit(&params).unwrap();
    stage.until_ended(id);
    let job = stage.session.job(id).unwrap();
    let JobState::Finished(finished) = &job.state else {
        panic!("{:?}", job.state)
    };
    let left_out = |note: &Note| note.message.contains("mask is too large for a JPEG");
    assert!(finished.notes.iter().any(left_out), "{:?}", finished.notes);
    let file = std::fs::read(&finished.entries[0].path).unwrap();
    let record = codec::read_record(&file).unwrap();
    assert!(record.contains("a face") && !record.contains("\"mask\":\"iVBOR"));
}

#[test]
fn a_record_gives_picture_and_mask_back() {
    let mut stage = Stage::new(&Script::new());
    let (image, mask) = noisy(stage.folder.path());
    let params = Params {
        image: Some(image.clone()),
        mask: Some(mask.clone()),
        ..prompted("a face")
    };
    let id = stage.session.submit(&params).unwrap();
    stage.until_ended(id);
    let before = std::fs::read(&image).unwrap();
    let pixels = image::open(&mask).unwrap().to_luma8();
    // Both files go, and the program starts anew.
    std::fs::remove_file(image).unwrap();
    std::fs::remove_file(mask).unwrap();
    let mut stage = Stage::reopened(&Script::new(), stage.folder);
    stage.until(|session| session.gallery.entries().len() == 1);
    let record = stage.session.gallery.entries()[0].record.clone().unwrap();
    let (params, remark) = stage.session.params_of(&record);
    assert_eq!(remark, None);
    assert_eq!(std::fs::read(params.image.unwrap()).unwrap(), before);
    let again = image::open(params.mask.unwrap()).unwrap().to_luma8();
    assert_eq!(again, pixels);

    let (params, remark) = stage.session.params_of(&record.without_mask());
    assert_eq!(params.mask, None, "neither in the record nor kept");
    assert!(remark.unwrap().contains("The mask of this picture"));
    std::fs::remove_dir_all(stage.folder.path().join("inputs")).unwrap();
    let (params, remark) = stage.session.params_of(&record);
    assert_eq!(params.image, None);
    assert!(remark.unwrap().contains("is not kept here"));
}

#[test]
fn a_picture_that_is_gone_before_its_job_runs_fails_that_job_only() {
    // The real engine, for it is what reads the picture.
    let make: MakeGenerator = Box::new(|_, watch| {
        let source = ModelSource::Embedded;
        let generator = FluxGenerator::load(&source, Model::Dev, Hardware::cpu(), watch)?;
        Ok(Box::new(generator) as Box<dyn Generator>)
    });
    let mut stage = Stage::with(make, TempDir::new().unwrap());
    let (image, mask) = noisy(stage.folder.path());
    let params = Params {
        image: Some(image.clone()),
        mask: Some(mask),
        ..prompted("a face")
    };
    stage.session.set_paused(true);
    let first = stage.session.submit(&params).unwrap();
    let second = stage.submit("a face from noise");
    std::fs::remove_file(image).unwrap();
    stage.session.set_paused(false);
    stage.until_ended(second);
    let JobState::Failed(Failure { sentence, .. }) = &stage.session.job(first).unwrap().state
    else {
        panic!("must fail")
    };
    assert!(
        sentence.starts_with("the starting picture cannot be read"),
        "{sentence}"
    );
    assert!(sentence.ends_with("in.png"), "{sentence}");
    let JobState::Finished(_) = &stage.session.job(second).unwrap().state else {
        panic!("the next job runs")
    };
    assert_eq!(stage.session.job(first).unwrap().params, params);
}

#[test]
fn a_job_whose_picture_is_not_there_after_a_restart_waits_for_it() {
    let mut stage = Stage::new(&Script::new());
    let (image, _) = noisy(stage.folder.path());
    let away = image.with_extension("away");
    let params = Params {
        image: Some(image.clone()),
        ..prompted("a face")
    };
    stage.session.set_paused(true);
    stage.session.submit(&params).unwrap();
    std::fs::rename(&image, &away).unwrap();
    drop(stage.session);
    let mut stage = Stage::reopened(&Script::new(), stage.folder);
    assert!(stage.session.jobs().is_empty());
    let notices = stage.session.take_notices().join("\n");
    assert!(notices.contains("cannot be read"), "{notices}");
    std::fs::rename(&away, &image).unwrap();
    drop(stage.session);
    let stage = Stage::reopened(&Script::new(), stage.folder);
    assert_eq!(stage.session.jobs().len(), 1);
    assert_eq!(stage.session.jobs()[0].params, params);
}
