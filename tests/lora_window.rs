//! The list of LoRAs in the window, on a script and a server on loopback.

use egui::Role;
use egui_kittest::kittest::{NodeT, Queryable, by};
use flux_qfaces::imaging::codec;
use flux_qfaces::schema::choices::{Encoding, Format};
use flux_qfaces::schema::params::Params;
use flux_qfaces::session::loras::LoraState;
use image::RgbImage;
use url::Url;

use crate::support::desk::Desk;
use crate::support::fake::Script;
use crate::support::reference_data::lora_folder;
use crate::support::server::{Reply, Server};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/lora/");

fn open() -> Desk {
    let mut desk = Desk::open_tall(&Script::new());
    desk.click(Role::DisclosureTriangle, "LoRA");
    desk.harness.run_steps(20);
    desk
}

impl Desk {
    fn loras(&self) -> &Params {
        &self.session().settings().params
    }

    /// Types a reference and leaves the field.
    fn type_reference(&mut self, text: &str) {
        self.type_into(Role::TextInput, "LoRA", text);
        self.harness.key_press(egui::Key::Enter);
        self.settle();
    }

    /// Makes a picture, has somebody else put other LoRAs into its settings, and takes them.
    fn use_picture_that_names(&mut self, main: &str, extra: &str) {
        self.press("Generate");
        self.until("a picture", |desk| desk.pictures() == 1);
        let mut record = self.session().gallery.entries()[0].record.clone().unwrap();
        let inputs = &mut record.inputs;
        inputs.insert("replicate_weights".to_owned(), main.into());
        inputs.insert("extra_lora".to_owned(), extra.into());
        let text = serde_json::to_string(&record).unwrap();
        let encoding = Encoding {
            format: Format::Png,
            quality: 0,
        };
        let file = codec::encode(&RgbImage::new(16, 16), encoding, Some(&text)).unwrap();
        std::fs::write(self.folder.path().join("strange.png"), file).unwrap();
        self.take_settings_of_strange_picture();
    }

    fn take_settings_of_strange_picture(&mut self) {
        let picture = self.folder.path().join("strange.png");
        self.drop_file(&picture, None);
        self.until("the question", |desk| desk.shows("What is it"));
        self.press("Settings from this picture");
        self.settle();
    }

    fn is_ready(&self, typed: &str) -> bool {
        matches!(self.session().loras.state(typed), Some(LoraState::Ready(_)))
    }
}

#[test]
fn the_demo_models_lora_is_offered_and_matches() {
    let mut desk = open();
    desk.click(Role::Link, "QFACE, for the demo model");
    desk.until("the LoRA is there", |desk| desk.is_ready("embedded:qface"));
    assert!(desk.shows("52 of 52 layers"), "no badge");
    desk.press("Trigger word QFACE");
    assert_eq!(desk.loras().prompt.as_deref(), Some("QFACE"));
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    let record = desk.session().gallery.entries()[0].record.clone().unwrap();
    assert_eq!(record.loras[0].name, "QFACE");
    assert_eq!(record.inputs["replicate_weights"], "embedded:qface");
    assert!(desk.shows("QFACE × 1"), "the details do not name it");
}

#[test]
fn this_fine_tunes_own_weights_are_offered_first() {
    let desk = open();
    let links: Vec<_> = desk.harness.query_all(by().role(Role::Link)).collect();
    let labels: Vec<_> = links
        .iter()
        .filter_map(|link| link.accesskit_node().label())
        .collect();
    let place = |name: &str| {
        labels
            .iter()
            .position(|label| label.contains(name))
            .unwrap()
    };
    assert!(place("own") < place("QFACE"), "{labels:?}");
}

#[test]
fn a_link_is_downloaded_once_the_field_is_left() {
    let lora = std::fs::read(format!("{DEMO}qface-lora.safetensors")).unwrap();
    let server = Server::start(move |heard| Reply::file(heard, &lora, "\"a\""));
    let mut desk = open();
    let link = server.at("/face.safetensors").to_string();
    desk.type_into(Role::TextInput, "LoRA", &link);
    assert!(
        server.heard().is_empty(),
        "every letter would be a download"
    );
    desk.harness.key_press(egui::Key::Enter);
    desk.until("the LoRA is there", |desk| desk.is_ready(&link));
    assert!(desk.shows("52 of 52 layers"));
    assert_eq!(server.heard().len(), 1);
}

#[test]
fn a_failure_is_a_sentence_and_can_be_tried_again() {
    let fails = std::sync::atomic::AtomicBool::new(true);
    let lora = std::fs::read(format!("{DEMO}qface-lora.safetensors")).unwrap();
    let server = Server::start(move |heard| {
        if fails.swap(false, std::sync::atomic::Ordering::SeqCst) {
            Reply::status(404)
        } else {
            Reply::file(heard, &lora, "\"a\"")
        }
    });
    let mut desk = open();
    let link = server.at("/face.safetensors").to_string();
    desk.type_reference(&link);
    desk.until("a sentence", |desk| desk.shows("There is no such file"));
    desk.press("Try again");
    desk.until("the LoRA is there", |desk| desk.is_ready(&link));
}

#[test]
fn a_lora_for_another_model_holds_the_button() {
    let mut desk = open();
    let path = lora_folder().join("foreign-sdxl.safetensors");
    desk.type_reference(path.to_str().unwrap());
    desk.until("a sentence", |desk| desk.shows("it is a LoRA for SDXL"));
    assert!(desk.is_disabled(Role::Button, "Generate"));
}

#[test]
fn a_dropped_lora_takes_the_first_free_place() {
    let mut desk = open();
    let path = format!("{DEMO}qface-lora.safetensors");
    for _ in 0..3 {
        desk.drop_file(path.as_ref(), None);
        desk.settle();
    }
    let params = desk.loras();
    assert_eq!(params.replicate_weights.as_ref(), Some(&path));
    assert_eq!(params.extra_lora.as_ref(), Some(&path));
    assert_eq!(params.more_loras[0].lora, path);
    desk.until("the LoRA is there", |desk| desk.is_ready(&path));
}

#[test]
fn more_loras_can_be_added_scaled_and_removed() {
    let mut desk = open();
    desk.press("Add a LoRA");
    desk.press("Add a LoRA");
    desk.type_into(Role::TextInput, "LoRA 4", "o/n");
    assert_eq!(desk.loras().more_loras.len(), 2);
    assert!(
        desk.harness
            .query(by().role(Role::Slider).label("LoRA 4 scale"))
            .is_some()
    );
    desk.press("Remove LoRA 3");
    assert_eq!(desk.loras().more_loras.len(), 1);
    assert_eq!(desk.loras().more_loras[0].lora, "o/n");
}

#[test]
fn a_lora_is_left_out_and_used_again() {
    let mut desk = open();
    desk.click(Role::Link, "QFACE, for the demo model");
    desk.until("the LoRA is there", |desk| desk.is_ready("embedded:qface"));
    desk.press("Leave it out for now");
    assert!(desk.shows("Left out") && !desk.shows("52 of 52 layers"));
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    let record = desk.session().gallery.entries()[0].record.clone().unwrap();
    assert!(record.loras.is_empty() && !record.inputs.contains_key("replicate_weights"));
    desk.press("Use it again");
    desk.until("a badge", |desk| desk.shows("52 of 52 layers"));
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 2);
    let record = desk.session().gallery.entries()[0].record.clone().unwrap();
    assert_eq!(record.loras.len(), 1);
}

#[test]
fn a_lora_that_is_left_out_holds_nothing_and_stays_so() {
    let mut desk = open();
    let path = lora_folder().join("foreign-sdxl.safetensors");
    let typed = path.to_str().unwrap().to_owned();
    desk.type_reference(&typed);
    desk.until("a sentence", |desk| desk.shows("it is a LoRA for SDXL"));
    desk.press("Leave it out for now");
    assert!(!desk.is_disabled(Role::Button, "Generate"));
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    let state = std::fs::read_to_string(desk.folder.path().join("state/state.json"));
    assert!(state.unwrap().contains("loras_off"), "not kept");
    desk.type_reference("embedded:qface");
    assert!(desk.session().state().loras_off.is_empty());
}

#[test]
fn a_page_with_several_files_lets_choose() {
    let folder = tempfile::tempdir().unwrap();
    let lora = std::fs::read(format!("{DEMO}qface-lora.safetensors")).unwrap();
    for name in ["a.safetensors", "b.safetensors"] {
        std::fs::write(folder.path().join(name), &lora).unwrap();
    }
    let mut desk = open();
    desk.type_reference(folder.path().to_str().unwrap());
    desk.until("a choice", |desk| desk.shows("choose one"));
    // As on Replicate, it is a problem that lists them.
    desk.set_behaviour("As Replicate");
    assert!(desk.shows("name one of them: a.safetensors, b.safetensors"));
    assert!(desk.harness.query_by_label("b.safetensors").is_none());
    desk.set_behaviour("Corrected");
    desk.press("b.safetensors");
    let chosen = folder.path().join("b.safetensors");
    desk.until("the LoRA is there", |desk| {
        desk.is_ready(chosen.to_str().unwrap())
    });
}

#[test]
fn a_private_path_does_not_get_into_the_record() {
    let mut desk = open();
    let path = format!("{DEMO}qface-lora.safetensors");
    desk.type_reference(&path);
    desk.until("the LoRA is there", |desk| desk.is_ready(&path));
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    let record = desk.session().gallery.entries()[0].record.clone().unwrap();
    let reference = record.inputs["replicate_weights"].as_str().unwrap();
    assert!(reference.starts_with("sha256:"), "{reference}");
    assert!(!serde_json::to_string(&record).unwrap().contains("assets"));
    // It is enough to use the settings again.
    desk.press("Use these settings");
    let reference = reference.to_owned();
    desk.until("the LoRA is there", |desk| desk.is_ready(&reference));
}

#[test]
fn a_token_is_stored_and_not_shown() {
    let mut desk = open();
    desk.press("Settings");
    // The field is a password's.
    desk.type_into(Role::PasswordInput, "Token for CivitAI", "key-123");
    desk.harness.key_press(egui::Key::Enter);
    desk.settle();
    let stored = std::fs::read_to_string(desk.folder.path().join("config/tokens.json")).unwrap();
    assert!(stored.contains("key-123"));
    assert!(!desk.shows("key-123"));
    desk.press("Remove the token for CivitAI");
    let stored = std::fs::read_to_string(desk.folder.path().join("config/tokens.json")).unwrap();
    assert!(!stored.contains("key-123"));
}

#[test]
fn a_pasted_page_becomes_a_lora() {
    let mut desk = open();
    let url = Url::parse("https://civitai.com/models/1?modelVersionId=2").unwrap();
    // The prompt has the keyboard when the window opens, and what is pasted there is text.
    desk.press("Settings");
    desk.harness.key_press(egui::Key::Escape);
    desk.settle();
    let focused = desk.harness.ctx.memory(egui::Memory::focused);
    if let Some(focused) = focused {
        desk.harness
            .ctx
            .memory_mut(|memory| memory.surrender_focus(focused));
    }
    desk.settle();
    desk.harness.event(egui::Event::Paste(url.to_string()));
    desk.settle();
    assert_eq!(
        desk.loras().replicate_weights.as_deref(),
        Some(url.as_str())
    );
}

#[test]
fn a_file_that_is_replaced_is_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    std::fs::copy(lora_folder().join("foreign-sdxl.safetensors"), &path).unwrap();
    let mut desk = open();
    desk.type_reference(path.to_str().unwrap());
    desk.until("a sentence", |desk| desk.shows("it is a LoRA for SDXL"));
    std::fs::copy(format!("{DEMO}qface-lora.safetensors"), &path).unwrap();
    desk.until("a badge", |desk| desk.shows("52 of 52 layers"));
    assert!(!desk.is_disabled(Role::Button, "Generate"));
}

#[test]
fn what_a_strangers_picture_names_is_not_downloaded_without_a_word() {
    let lora = std::fs::read(format!("{DEMO}qface-lora.safetensors")).unwrap();
    let server = Server::start(move |heard| Reply::file(heard, &lora, "\"a\""));
    let mut desk = open();
    let link = server.at("/x.safetensors").to_string();
    desk.use_picture_that_names(&link, "/etc/x.safetensors");
    assert_eq!(desk.loras().replicate_weights.as_ref(), Some(&link));
    assert_eq!(desk.loras().extra_lora, None);
    assert!(desk.is_disabled(Role::Button, "Generate"));
    desk.press("Settings");
    desk.type_into(Role::PasswordInput, "Token for CivitAI", "key-123");
    desk.harness.key_press(egui::Key::Enter);
    desk.settle();
    desk.harness.key_press(egui::Key::Escape);
    desk.settle();
    assert!(server.heard().is_empty(), "a token is not the user's word");
    let state = std::fs::read_to_string(desk.folder.path().join("state/state.json"));
    assert!(state.unwrap().contains("loras_held"), "not kept");
    let params = desk.loras().clone();
    let preview = desk.session().preview(&params);
    assert_eq!(
        preview.problems[0].field, "replicate_weights",
        "{preview:?}"
    );
    desk.press("Download it");
    desk.until("the LoRA is there", |desk| desk.is_ready(&link));
    assert!(!desk.is_disabled(Role::Button, "Generate"));
}

#[test]
fn a_picture_that_names_a_lora_on_its_way_does_not_touch_the_download() {
    let lora = std::fs::read(format!("{DEMO}qface-lora.safetensors")).unwrap();
    let server = Server::start(move |heard| Reply::file(heard, &lora, "\"a\"").stall_at(1000));
    let mut desk = open();
    let link = server.at("/x.safetensors").to_string();
    desk.use_picture_that_names(&link, "");
    desk.press("Download it");
    let arrives = |desk: &Desk| {
        matches!(
            desk.session().loras.state(&link),
            Some(LoraState::Arriving(_))
        )
    };
    desk.until("something arrives", arrives);
    desk.take_settings_of_strange_picture();
    assert!(desk.session().state().loras_held.is_empty());
    assert!(arrives(&desk));
    desk.press("Cancel the download");
    desk.until("the end", |desk| desk.shows("what has arrived is kept"));
}

#[test]
fn a_scale_that_is_no_number_is_said_and_holds_the_button() {
    let mut desk = open();
    desk.press("Add a LoRA");
    let field = "LoRA 3 scale, as a number";
    for text in ["0,5", "nan"] {
        desk.type_into(Role::TextInput, field, text);
        desk.harness.key_press(egui::Key::Enter);
        desk.settle();
        assert!(desk.shows("the scale must be a number"), "{text}");
        assert!(desk.is_disabled(Role::Button, "Generate"), "{text}");
    }
    desk.type_into(Role::TextInput, field, "0.5");
    desk.settle();
    assert!(!desk.is_disabled(Role::Button, "Generate"));
    assert!((desk.loras().more_loras[0].scale - 0.5).abs() < 1e-9);
}
