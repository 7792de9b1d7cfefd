//! The page of models in the window: what a person sees first, a download from a server on loopback, and other models.

use std::fs;

use egui::Role;
use flux_qfaces::schema::choices::Model;
use flux_qfaces::session::downloads::Halt;
use flux_qfaces::session::program::Setup;
use flux_qfaces::session::worker::ModelState;
use flux_qfaces::weights::architecture::Architecture;
use flux_qfaces::weights::install::page;
use flux_qfaces::weights::model::{ModelCard, ModelSource};
use serde_json::json;
use tempfile::TempDir;

use crate::support::desk::Desk;
use crate::support::fake::{Act, Script, card, setup};
use crate::support::places::network;
use crate::support::server::Server;
use crate::support::tiny_model::{catalog, laid_out, serve};

const SIZE: [f32; 2] = [1280.0, 2600.0];

/// A window without a model that was asked for, and with the tiny catalogue.
fn open(script: &Script, server: &Server) -> Desk {
    open_in(script, server, tempfile::tempdir().unwrap())
}

fn open_in(script: &Script, server: &Server, folder: TempDir) -> Desk {
    let setup = Setup {
        model: None,
        network: network(server),
        catalog: catalog(),
        ..setup(script.maker())
    };
    Desk::open_with(setup, SIZE, folder)
}

/// The window as somebody sees it who opens the program for the first time.
fn open_first(size: [f32; 2]) -> Desk {
    let setup = Setup {
        model: None,
        ..setup(Script::new().maker())
    };
    Desk::open_with(setup, size, tempfile::tempdir().unwrap())
}

impl Desk {
    fn give_token(&mut self) {
        self.type_into(Role::PasswordInput, "Token for Hugging Face", "hf_mine");
        self.harness.key_press(egui::Key::Enter);
        self.settle();
    }

    fn halt(&self) -> Option<&Halt> {
        self.session().downloads.all().first()?.halt.as_ref()
    }
}

#[test]
fn whoever_opens_the_program_first_sees_what_models_there_are() {
    let mut desk = open_first(SIZE);
    assert!(desk.shows("Welcome"));
    assert!(desk.shows("In use"));
    for offer in ["FLUX.1 schnell", "FLUX.1 dev"] {
        assert!(desk.shows(offer));
    }
    desk.until("the sizes", |desk| desk.shows("GB to download"));
    assert!(desk.shows("Recommended for this machine"));
    assert!(desk.shows("Apache 2.0"));
    assert!(desk.shows("Non-Commercial License"));
    // The form is there all the same, and has the keyboard.
    assert!(
        desk.control(Role::MultilineTextInput, "Prompt")
            .is_focused()
    );
    desk.press("Begin with the demo model");
    assert!(desk.shows("What would you like to see?"));
    assert!(desk.session().state().knows_models);
    desk.click(Role::RadioButton, "Models");
    assert!(!desk.shows("Welcome"));
}

#[test]
fn the_page_follows_the_keyboard() {
    let mut desk = open_first([1280.0, 560.0]);
    desk.until("the look is over", |desk| {
        desk.session().models.found().is_some()
    });
    let last = "Use a file…";
    for _ in 0..200 {
        if desk.control(Role::Button, last).is_focused() {
            break;
        }
        desk.harness.key_press(egui::Key::Tab);
        desk.harness.run_steps(2);
    }
    let button = desk.control(Role::Button, last);
    assert!(
        button.is_focused(),
        "Tab does not come to the end of the page"
    );
    desk.settle();
    let rect = desk.control(Role::Button, last).rect();
    assert!(
        rect.top() > 100.0 && rect.bottom() < 470.0,
        "it is out of sight: {rect:?}"
    );
}

#[test]
fn a_picture_can_be_made_at_once_and_is_shown() {
    let mut desk = open_first(SIZE);
    desk.type_prompt("a red face");
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    assert!(!desk.shows("Welcome"));
    let name = desk.session().gallery.entries()[0].file_name();
    assert!(desk.shows(&name));
}

#[test]
fn a_gated_model_wants_a_token_arrives_and_runs() {
    let script = Script::new();
    let server = serve(|_, _, reply| reply);
    let mut desk = open(&script, &server);
    desk.until("the look is over", |desk| {
        desk.session().models.found().is_some()
    });
    assert!(desk.shows("Hugging Face asks you to accept the licence"));
    desk.press("Download FLUX.1 dev, f32");
    desk.until("it is refused", |desk| {
        matches!(desk.halt(), Some(Halt::Failed { .. }))
    });
    assert!(desk.shows("Accept the licence"));
    let Some(Halt::Failed {
        licence_page,
        sentence,
    }) = desk.halt()
    else {
        panic!("it is not refused");
    };
    assert!(sentence.contains("accept the licence"), "{sentence}");
    let gated = catalog().files(catalog().offer("tiny").unwrap())[0].clone();
    assert_eq!(*licence_page, Some(page(&gated)));
    // The token alone opens it; nothing else has to be pressed.
    desk.give_token();
    desk.until("it runs", |desk| {
        desk.session().card().name == "flux1-dev.safetensors"
    });
    desk.until("it is ready", |desk| {
        *desk.session().model() == ModelState::Ready
    });
    let sources = script.sources();
    assert!(
        matches!(sources.last(), Some(ModelSource::Files(_))),
        "{sources:?}"
    );
    assert!(desk.session().downloads.all().is_empty());
    assert!(desk.shows("It is on this machine"));
    let path = desk
        .folder
        .path()
        .join("models/diffusion_models/flux1-dev.safetensors");
    assert_eq!(desk.session().settings().model, Some(path));
    // The token goes to the Hub's address alone, and only there is it needed.
    desk.type_prompt("anything");
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
}

#[test]
fn a_download_is_paused_and_goes_on_where_it_was_also_after_a_restart() {
    let script = Script::new();
    // The first answer with the transformer stalls in the middle.
    let server = serve(|number, heard, reply| {
        if number == 0 && heard.path.contains("flux1-dev") {
            reply.stall_at(100_000)
        } else {
            reply
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut with_token = setup(script.maker());
    with_token.model = None;
    with_token.catalog = catalog();
    with_token.network = network(&server);
    with_token.network.stall = std::time::Duration::from_secs(30);
    let place = folder.path().to_owned();
    let mut desk = Desk::open_with(with_token, SIZE, folder);
    desk.until("the look is over", |desk| {
        desk.session().models.found().is_some()
    });
    desk.give_token();
    desk.press("Download FLUX.1 dev, f32");
    let parts = place.join("models/.parts");
    desk.until("a part is there", |_| {
        let files = fs::read_dir(&parts).into_iter().flatten().flatten();
        files
            .map(|file| file.metadata().unwrap().len())
            .sum::<u64>()
            >= 100_000
    });
    desk.press("Pause the download");
    desk.until("it is paused", |desk| desk.halt() == Some(&Halt::Paused));
    assert!(desk.shows("paused; what has arrived is kept"));
    assert!(
        desk.shows("Download paused at 1"),
        "what lies on the disk counts"
    );
    assert_eq!(desk.session().state().downloads, ["tiny"]);

    // The next run shows it, and goes on with it.
    let Desk { harness, folder } = desk;
    drop(harness);
    assert_eq!(folder.path(), place);
    let mut desk = open_in(&script, &server, folder);
    desk.until("it is shown", |desk| desk.shows("Download paused at 1"));
    desk.click(Role::RadioButton, "Models");
    desk.until("the look is over", |desk| {
        desk.session().models.found().is_some()
    });
    desk.press("Go on with the download");
    desk.until("it is refused or runs", |desk| {
        matches!(desk.halt(), Some(Halt::Failed { .. }))
            || desk.session().card().name == "flux1-dev.safetensors"
    });
    if desk.halt().is_some() {
        desk.give_token();
        desk.until("it runs", |desk| {
            desk.session().card().name == "flux1-dev.safetensors"
        });
    }
    let resumed = server
        .heard()
        .into_iter()
        .filter(|heard| heard.path.contains("flux1-dev"));
    let starts: Vec<_> = resumed
        .filter(|heard| heard.header("authorization").is_some())
        .map(|heard| heard.range_start())
        .collect();
    assert_eq!(starts, [None, Some(100_000)]);
    assert_eq!(desk.session().state().downloads, [""; 0]);
}

#[test]
fn a_download_that_is_given_up_leaves_nothing() {
    let script = Script::new();
    let server = serve(|_, _, reply| reply);
    let mut desk = open(&script, &server);
    desk.until("the look is over", |desk| {
        desk.session().models.found().is_some()
    });
    desk.press("Download FLUX.1 dev, f32");
    desk.until("it is refused", |desk| desk.halt().is_some());
    desk.press("Give up the download");
    assert!(desk.shows("What has arrived of unfinished files is thrown away"));
    desk.press("Keep");
    assert_eq!(desk.session().downloads.all().len(), 1);
    desk.press("Give up the download");
    desk.press("Give up");
    assert!(desk.session().downloads.all().is_empty());
    assert_eq!(desk.session().state().downloads, [""; 0]);
    assert!(!desk.is_disabled(Role::Button, "Download FLUX.1 dev, f32"));
}

#[test]
fn a_model_that_is_there_is_used_and_the_demo_model_again() {
    let script = Script::new();
    let server = serve(|_, _, reply| reply);
    let folder = tempfile::tempdir().unwrap();
    laid_out(&folder.path().join("models"), "");
    let mut desk = open_in(&script, &server, folder);
    desk.until("it is found", |desk| desk.shows("flux1-dev.safetensors"));
    desk.press("Use flux1-dev.safetensors");
    desk.until("it runs", |desk| {
        desk.session().card().name == "flux1-dev.safetensors"
    });
    desk.until("it is ready", |desk| {
        *desk.session().model() == ModelState::Ready
    });
    assert_eq!(desk.session().settings().params.model, "dev");
    assert!(desk.is_disabled(
        Role::Button,
        "The model in use cannot be deleted: choose another one first"
    ));
    desk.press("Use the demo model");
    desk.until("the demo model", |desk| desk.session().runs_demo());
    assert_eq!(desk.session().settings().model, None);
    assert_eq!(script.sources().last(), Some(&ModelSource::Embedded));
}

#[test]
fn a_model_that_was_chosen_runs_again_next_time_and_one_that_is_gone_is_said() {
    let script = Script::new();
    let server = serve(|_, _, reply| reply);
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    laid_out(&models, "");
    let path = models.join("diffusion_models/flux1-dev.safetensors");
    let settings = json!({ "model": path });
    fs::create_dir_all(folder.path().join("config")).unwrap();
    fs::write(
        folder.path().join("config/settings.json"),
        settings.to_string(),
    )
    .unwrap();
    let mut desk = open_in(&script, &server, folder);
    desk.until("it runs", |desk| {
        desk.session().card().name == "flux1-dev.safetensors"
    });
    let Desk { harness, folder } = desk;
    drop(harness);
    fs::remove_file(path).unwrap();
    let mut desk = open_in(&script, &server, folder);
    desk.until("a sentence", |desk| {
        desk.shows("The demo model runs, for the one that was chosen cannot")
    });
    assert!(desk.session().runs_demo());
    desk.click(Role::RadioButton, "Models");
    desk.press("Keep the demo model");
    assert_eq!(desk.session().settings().model, None);
}

#[test]
fn what_a_model_lacks_is_said_and_downloaded() {
    let script = Script::new();
    let server = serve(|_, _, reply| reply);
    let folder = tempfile::tempdir().unwrap();
    laid_out(&folder.path().join("models"), "vae");
    let mut desk = open_in(&script, &server, folder);
    desk.until("it is found", |desk| desk.shows("It still needs"));
    assert!(desk.shows("ae.safetensors"));
    desk.press("Get the rest (0.4 MB)");
    desk.until("it runs", |desk| {
        desk.session().card().name == "flux1-dev.safetensors"
    });
    assert!(
        desk.folder
            .path()
            .join("models/vae/ae.safetensors")
            .is_file()
    );
}

#[test]
fn a_folder_that_is_dropped_becomes_the_model_and_one_without_is_said() {
    let script = Script::new();
    let server = serve(|_, _, reply| reply);
    let mut desk = open(&script, &server);
    let other = desk.folder.path().join("elsewhere");
    fs::create_dir_all(&other).unwrap();
    desk.drop_file(&other, None);
    desk.until("a sentence", |desk| desk.shows("holds no model"));
    laid_out(&other, "");
    desk.drop_file(&other, None);
    desk.until("it runs", |desk| {
        desk.session().card().name == "flux1-dev.safetensors"
    });
    assert_eq!(desk.session().settings().model, Some(other));
}

#[test]
fn a_withheld_picture_is_a_card_and_the_others_keep_their_numbers() {
    let script = Script::new().then(Act::Withhold(1));
    let mut desk = Desk::open_tall(&script);
    desk.type_into(Role::TextInput, "Pictures", "3");
    desk.press("Generate 3 pictures");
    desk.until("three cards", |desk| desk.pictures() == 3);
    let pictures = fs::read_dir(desk.folder.path().join("pictures")).unwrap();
    let mut names: Vec<_> = pictures
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(
        names[0].ends_with("-0.webp") && names[1].ends_with("-2.webp"),
        "{names:?}"
    );
    let withheld = desk
        .session()
        .gallery
        .entries()
        .iter()
        .find(|entry| entry.withheld.is_some());
    let withheld = withheld.unwrap().clone();
    assert!(!withheld.path.exists());
    let card = format!("Picture {}", withheld.file_name());
    desk.click(Role::ListBoxOption, &card);
    assert!(desk.shows("This picture is withheld"));
    assert!(desk.shows("The safety checker takes it for unsafe"));
}

#[test]
fn a_job_without_its_checker_offers_to_fetch_it_or_to_turn_it_off() {
    let script = Script::new().then(Act::LackChecker);
    let folder = tempfile::tempdir().unwrap();
    let source = ModelSource::in_folder(&folder.path().join("elsewhere"));
    let large = ModelCard {
        architecture: Some(Architecture::flux1(Model::Dev)),
        ..card()
    };
    let setup = Setup {
        model: Some((source, large)),
        ..setup(script.maker())
    };
    let mut desk = Desk::open_with(setup, SIZE, folder);
    desk.press("Generate");
    desk.until("it fails", |desk| {
        desk.shows("The safety checker is not on this machine")
            || desk.shows("the safety checker is not on this machine")
    });
    desk.press("Turn the checker off");
    desk.until("a picture", |desk| desk.pictures() == 1);
    let requests = script.requests();
    assert!(requests[0].safety_checked && !requests[1].safety_checked);
    assert!(desk.session().settings().params.disable_safety_checker);
}
