//! What a person can do in the window, through the accessibility tree: no display, no model.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use egui::{Key, Modifiers, Role};
use egui_kittest::kittest::{Queryable, by};
use flux_qfaces::engine::compute::hardware::Hardware;
use flux_qfaces::engine::compute::stored::Precision;
use flux_qfaces::engine::plan::outlook::Outlook;
use flux_qfaces::engine::plan::sizes::Sizes;
use flux_qfaces::schema::choices::Model;
use flux_qfaces::schema::field::{Group, Kind};
use flux_qfaces::schema::fields;
use flux_qfaces::session::jobs::JobState;
use flux_qfaces::session::worker::ModelState;
use flux_qfaces::weights::model::ModelSource;

use crate::support::desk::Desk;
use crate::support::fake::{Act, Script, card};

#[test]
fn a_typed_prompt_and_generate_give_a_picture_in_the_gallery() {
    let script = Script::new();
    let mut desk = Desk::open(&script);
    desk.type_prompt("a red face");
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    assert_eq!(script.requests()[0].prompt, "a red face");
    let entry = desk.session().gallery.entries()[0].clone();
    assert!(entry.path.is_file());
    assert!(
        desk.shows(&entry.file_name()),
        "the strip has no such picture"
    );
    assert!(
        desk.shows(&script.requests()[0].seed.to_string()),
        "the seed is not shown"
    );
}

#[test]
fn ctrl_enter_generates_while_the_prompt_has_the_focus() {
    let script = Script::new();
    let mut desk = Desk::open(&script);
    desk.type_prompt("a blue face");
    desk.harness
        .key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    desk.until("a picture", |desk| desk.pictures() == 1);
    assert_eq!(
        script.requests()[0].prompt,
        "a blue face",
        "the key must not end up in the text"
    );
}

#[test]
fn an_empty_prompt_is_allowed() {
    let mut desk = Desk::open(&Script::new());
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
}

#[test]
fn every_input_has_a_control_with_its_label() {
    let mut desk = Desk::open_tall(&Script::new());
    for group in [Group::Input, Group::Lora] {
        desk.click(Role::DisclosureTriangle, group.label());
    }
    desk.harness.run_steps(20);
    for field in fields::all() {
        let lower = format!("Choose {}", field.label.to_lowercase());
        let (role, label) = match field.kind {
            Kind::Text(_) => (Role::MultilineTextInput, field.label),
            Kind::Weights(_) | Kind::OptionalInteger { .. } => (Role::TextInput, field.label),
            Kind::Integer { .. } | Kind::Number { .. } => (Role::Slider, field.label),
            Kind::Choice { .. } => (Role::RadioGroup, field.label),
            Kind::Boolean { .. } => (Role::CheckBox, field.label),
            Kind::Image(_) => (Role::Button, lower.as_str()),
            Kind::Loras(_) => (Role::Button, "Add a LoRA"),
        };
        assert!(
            desk.harness.query(by().role(role).label(label)).is_some(),
            "no control for {}",
            field.name
        );
        let help = format!("About {}", field.label);
        assert!(
            desk.harness
                .query(by().role(Role::Button).label(&help))
                .is_some(),
            "no help for {}",
            field.name
        );
    }
}

#[test]
fn a_problem_stands_beside_its_field_and_holds_the_button() {
    let mut desk = Desk::open_tall(&Script::new());
    desk.type_into(Role::TextInput, "Steps", "99");
    assert!(desk.shows("Must be 1 to 50, not 99"));
    assert!(desk.is_disabled(Role::Button, "Generate"));
    assert!(desk.shows("Needs a change: Steps"));
    desk.type_into(Role::TextInput, "Steps", "many");
    assert!(desk.shows("Must be a whole number, not 'many'"));
    desk.type_into(Role::TextInput, "Steps", "12");
    assert!(!desk.shows("Must be"));
    assert!(!desk.is_disabled(Role::Button, "Generate"));
}

#[test]
fn a_field_keeps_the_focus_while_its_reset_and_its_problem_appear() {
    let mut desk = Desk::open_tall(&Script::new());
    desk.click(Role::RadioButton, "custom");
    desk.control(Role::TextInput, "Width").focus();
    desk.settle();
    for digit in ["9", "9", "9"] {
        desk.control(Role::TextInput, "Width").type_text(digit);
        desk.settle();
        assert!(desk.control(Role::TextInput, "Width").is_focused());
    }
    assert_eq!(desk.session().settings().params.width, Some(999));
}

/// What jobs of the demo model take, on a machine that does a billion operations a second.
fn outlook_of_demo() -> Outlook {
    let (model, precision) = (Model::Dev, Precision::Stored);
    let sizes = Sizes::of(&ModelSource::Embedded, model, precision, &Hardware::cpu());
    Outlook {
        sizes: vec![((model, precision), sizes.unwrap())],
        text_tokens: vec![(model, 64)],
        checker: 0,
        total: None,
        allowed: || None,
        base: 0,
        operations: 1e9,
    }
}

#[test]
fn how_the_job_will_run_stands_below_the_button() {
    let mut desk = Desk::open_tall(&Script::new().with_outlook(outlook_of_demo));
    desk.until("the plan", |desk| desk.shows("In memory · "));
    desk.type_into(Role::TextInput, "Steps", "99");
    assert!(
        !desk.shows("In memory · "),
        "a job that cannot run has no plan"
    );
    desk.type_into(Role::TextInput, "Steps", "50");
    assert!(desk.shows("In memory · "));
    // The demo model has no sizes of schnell here, so nothing is known of such a job.
    desk.click(Role::RadioButton, "schnell");
    assert!(!desk.shows("In memory · "));
}

#[test]
fn a_problem_in_a_folded_group_unfolds_it() {
    let mut desk = Desk::open_tall(&Script::new());
    desk.click(Role::DisclosureTriangle, "LoRA");
    desk.harness.run_steps(20);
    desk.type_into(Role::TextInput, "LoRA", "owner");
    desk.click(Role::DisclosureTriangle, "LoRA");
    desk.harness.run_steps(20);
    assert!(desk.shows("Is no reference to a LoRA"));
}

#[test]
fn fields_that_do_not_act_are_grey() {
    let mut desk = Desk::open_tall(&Script::new());
    assert!(desk.is_disabled(Role::TextInput, "Width"));
    assert!(!desk.is_disabled(Role::RadioButton, "0.25"));
    desk.click(Role::RadioButton, "custom");
    assert!(!desk.is_disabled(Role::TextInput, "Width"));
    assert!(desk.is_disabled(Role::RadioButton, "0.25"));
    assert!(desk.shows("Must be given when aspect_ratio is 'custom'"));

    assert!(!desk.is_disabled(Role::Slider, "Guidance"));
    desk.click(Role::RadioButton, "schnell");
    assert!(desk.is_disabled(Role::Slider, "Guidance"));

    assert!(!desk.is_disabled(Role::Slider, "Quality"));
    desk.click(Role::RadioButton, "png");
    assert!(desk.is_disabled(Role::Slider, "Quality"));
}

#[test]
fn four_steps_are_offered_for_schnell_and_taken_only_on_request() {
    let mut desk = Desk::open_tall(&Script::new());
    desk.click(Role::RadioButton, "schnell");
    assert_eq!(desk.session().settings().params.num_inference_steps, 28);
    desk.click(Role::Link, "Use 4 steps, enough for schnell");
    assert_eq!(desk.session().settings().params.num_inference_steps, 4);
    assert!(!desk.shows("enough for schnell"));
}

#[test]
fn reset_brings_the_default_back() {
    let mut desk = Desk::open_tall(&Script::new());
    desk.type_into(Role::TextInput, "Guidance", "7.5");
    assert!((desk.session().settings().params.guidance_scale - 7.5).abs() < 1e-9);
    desk.press("Reset Guidance");
    assert!((desk.session().settings().params.guidance_scale - 3.0).abs() < 1e-9);
    assert!(desk.harness.query_by_label("Reset Guidance").is_none());
}

#[test]
fn the_button_shows_how_many_pictures_come() {
    let mut desk = Desk::open_tall(&Script::new());
    desk.type_into(Role::TextInput, "Pictures", "4");
    desk.press("Generate 4 pictures");
    desk.until("four pictures", |desk| desk.pictures() == 4);
}

#[test]
fn a_rolled_seed_stays_until_random_is_chosen_again() {
    let mut desk = Desk::open_tall(&Script::new());
    desk.press("Roll a seed and keep it");
    assert!(desk.session().settings().params.seed.is_some());
    desk.press("Random seed each time");
    assert_eq!(desk.session().settings().params.seed, None);
}

#[test]
fn cancel_ends_the_running_job() {
    let script = Script::new();
    let mut desk = Desk::open(&script);
    script.push(Act::Hang);
    desk.press("Generate");
    desk.until("progress", |desk| desk.shows("Denoising · step 1 of 28"));
    desk.press("Cancel");
    desk.until("the end", |desk| {
        matches!(desk.session().jobs()[0].state, JobState::Cancelled)
    });
    assert_eq!(desk.pictures(), 0);
}

#[test]
fn jobs_wait_in_the_queue_and_can_be_taken_out() {
    let mut desk = Desk::open(&Script::new().then(Act::Hang));
    desk.type_prompt("first");
    desk.press("Generate");
    desk.type_prompt("second");
    desk.press("Generate");
    desk.press("Queue (2)");
    desk.harness.run_steps(10);
    desk.press("Cancel second");
    assert!(
        desk.session()
            .jobs()
            .iter()
            .any(|job| matches!(job.state, JobState::Cancelled))
    );
    desk.press("Cancel first");
    desk.until("an empty queue", |desk| {
        desk.session()
            .jobs()
            .iter()
            .all(flux_qfaces::session::jobs::Job::has_ended)
    });
    desk.press("Clear ended jobs");
    assert!(desk.session().jobs().is_empty());
}

#[test]
fn a_failed_job_says_why_and_leaves_the_form_alone() {
    let mut desk = Desk::open(&Script::new().then(Act::Fail("the weights are upside down")));
    desk.type_prompt("keep me");
    desk.press("Generate");
    desk.until("the sentence", |desk| {
        desk.shows("No picture was made: the weights are upside down")
    });
    assert_eq!(
        desk.session().settings().params.prompt.as_deref(),
        Some("keep me")
    );
    desk.press("Try again");
    desk.until("a picture", |desk| desk.pictures() == 1);
    assert!(!desk.shows("upside down"));
}

#[test]
fn a_panic_fails_one_job_and_not_the_window() {
    let script = Script::new().then(Act::Panic("scripted"));
    let mut desk = Desk::open(&script);
    desk.press("Generate");
    desk.until("the sentence", |desk| {
        desk.shows("the engine stopped unexpectedly (scripted)")
    });
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    assert_eq!(script.built(), 2);
}

#[test]
fn a_model_that_cannot_be_used_says_so_and_can_be_loaded_again() {
    let mut desk = Desk::open(&Script::new().refuse("a tensor is missing"));
    desk.until("the model's end", |desk| {
        matches!(desk.session().model(), ModelState::Failed(_))
    });
    assert!(desk.shows("The model cannot be used: a tensor is missing"));
    assert!(desk.is_disabled(Role::Button, "Generate"));
    desk.press("Load again");
    desk.until("the model", |desk| {
        *desk.session().model() == ModelState::Ready
    });
    assert!(!desk.is_disabled(Role::Button, "Generate"));
}

#[test]
fn the_window_says_what_the_model_is() {
    let desk = Desk::open(&Script::new());
    assert!(desk.shows("A pretended model for tests"));
}

#[test]
fn an_example_of_the_model_fills_the_prompt() {
    let script = Script::new();
    let mut desk = Desk::open(&script);
    desk.press(&card().examples[0]);
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    assert_eq!(script.requests()[0].prompt, card().examples[0]);
}

#[test]
fn the_settings_of_a_picture_can_be_used_again() {
    let script = Script::new();
    let mut desk = Desk::open(&script);
    desk.type_prompt("remember me");
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    desk.type_prompt("something else");
    desk.press("Use these settings");
    let params = &desk.session().settings().params;
    assert_eq!(params.prompt.as_deref(), Some("remember me"));
    assert_eq!(params.seed, Some(script.requests()[0].seed.into()));
}

#[test]
fn the_seed_goes_to_the_clipboard() {
    let script = Script::new();
    let mut desk = Desk::open(&script);
    desk.press("Generate");
    desk.until("a picture", |desk| desk.pictures() == 1);
    desk.control(Role::Button, "Copy seed").click();
    let seed = script.requests()[0].seed.to_string();
    let copied = (0..6).any(|_| {
        desk.harness.step();
        let commands = &desk.harness.output().platform_output.commands;
        commands
            .iter()
            .any(|command| matches!(command, egui::OutputCommand::CopyText(text) if *text == seed))
    });
    assert!(copied);
    desk.settle();
    assert!(desk.shows("Seed copied"));
}

#[test]
fn arrow_keys_walk_through_the_gallery() {
    let mut desk = Desk::open(&Script::new());
    for prompt in ["older", "newer"] {
        desk.type_prompt(prompt);
        let count = desk.pictures();
        desk.press("Generate");
        desk.until("a picture", |desk| desk.pictures() == count + 1);
    }
    // The strip and the viewer name the picture by its file.
    let name = |desk: &Desk, index: usize| {
        format!(
            "Picture {}",
            desk.session().gallery.entries()[index].file_name()
        )
    };
    let viewed = |desk: &Desk, name: &str| {
        desk.harness
            .query(by().role(Role::Image).label(name))
            .is_some()
    };
    let (newest, oldest) = (name(&desk, 0), name(&desk, 1));
    assert!(
        viewed(&desk, &newest),
        "the newest picture is shown when it is finished"
    );
    desk.control(Role::MultilineTextInput, "Prompt").focus();
    desk.settle();
    desk.harness.key_press(Key::ArrowRight);
    desk.settle();
    assert!(
        viewed(&desk, &newest),
        "while the prompt has the focus the keys move its cursor"
    );
    desk.harness.key_press(Key::Escape);
    desk.settle();
    desk.harness.key_press(Key::ArrowRight);
    desk.settle();
    assert!(viewed(&desk, &oldest));
    desk.harness.key_press(Key::Home);
    desk.settle();
    assert!(viewed(&desk, &newest));
}

#[test]
fn single_letters_are_dead_while_text_is_typed() {
    let mut desk = Desk::open(&Script::new());
    desk.type_prompt("f");
    desk.harness.key_press(Key::F);
    desk.settle();
    let form_is_open = |desk: &Desk| {
        desk.harness
            .query(by().role(Role::MultilineTextInput).label("Prompt"))
            .is_some()
    };
    assert!(form_is_open(&desk));
    desk.harness.key_press(Key::Escape);
    desk.settle();
    desk.harness.key_press(Key::F);
    desk.harness.run_steps(20);
    assert!(!form_is_open(&desk), "F hides the form");
}

#[test]
fn settings_open_with_the_keyboard_and_keep_what_is_chosen() {
    let mut desk = Desk::open(&Script::new());
    desk.harness
        .key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    desk.settle();
    desk.click(Role::RadioButton, "As Replicate");
    desk.click(Role::CheckBox, "Write the settings into each picture");
    assert_eq!(
        desk.session().settings().fidelity,
        flux_qfaces::schema::choices::Fidelity::AsReplicate
    );
    assert!(!desk.session().settings().metadata);
    desk.press("Close settings");
    assert!(desk.harness.query_by_label("As Replicate").is_none());
}
