//! The table against the contract, and the way from inputs to a job.

use flux_qfaces::schema::choices::Fidelity::{self, AsReplicate, Corrected};
use flux_qfaces::schema::choices::{Format, Model};
use flux_qfaces::schema::circumstances::{Circumstances, Look, PictureFacts};
use flux_qfaces::schema::field::Kind;
use flux_qfaces::schema::fields::{EXTRAS, FIELDS};
use flux_qfaces::schema::notes::Problem;
use flux_qfaces::schema::params::Params;
use flux_qfaces::schema::request::Request;
use flux_qfaces::schema::size::{self, Size};
use flux_qfaces::schema::{openapi, quirks};
use serde_json::{Value, json};

const REPLICATE: Circumstances<'_> = Circumstances {
    is_flux_sized: false,
    image: None,
    mask: None,
    fidelity: Fidelity::AsReplicate,
    native_side: 1024,
    random: 0xABCD_1234_5678_9ABC,
};
const CORRECTED: Circumstances<'_> = Circumstances {
    fidelity: Fidelity::Corrected,
    ..REPLICATE
};

/// The inputs named in `given`, with a prompt.
fn params(given: &Value) -> Params {
    let mut params = Params {
        prompt: Some("a face".to_owned()),
        ..Params::default()
    };
    assert_eq!(
        params.apply_json(given.as_object().unwrap()),
        [],
        "{given} can be read"
    );
    params
}

fn resolve(given: &Value) -> Result<Request, Vec<Problem>> {
    Request::resolve(&params(given), CORRECTED)
}

/// The fields that have problems.
fn problem_fields(given: &Value, circumstances: Circumstances<'_>) -> Vec<String> {
    let problems = Request::resolve(&params(given), circumstances)
        .err()
        .unwrap_or_default();
    problems.into_iter().map(|problem| problem.field).collect()
}

/// The fields that have notes; the job must be possible.
fn note_fields(given: &Value, circumstances: Circumstances<'_>) -> Vec<String> {
    let request = Request::resolve(&params(given), circumstances)
        .unwrap_or_else(|problems| panic!("{given}: {problems:?}"));
    request
        .notes
        .into_iter()
        .filter_map(|note| note.field)
        .collect()
}

#[test]
fn table_equals_the_contract() {
    let contract: Value = serde_json::from_str(include_str!("data/schema.json")).unwrap();
    let inputs = contract["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), FIELDS.len());
    for (field, input) in FIELDS.iter().zip(inputs) {
        let name = field.name;
        assert_eq!(name, input["name"]);
        assert_eq!(field.is_required(), input["required"] == true, "{name}");
        assert_eq!(
            field.unit.map(Value::from),
            input.get("unit").cloned(),
            "unit of {name}"
        );
        let (kind, limits, choices) = match field.kind {
            Kind::Text(_) => ("string", None, None),
            Kind::Image(_) => ("image", None, None),
            Kind::Weights(_) => ("weights", None, None),
            Kind::Loras(_) => panic!("the contract has no list of LoRAs"),
            Kind::Choice { choices, .. } => ("choice", None, Some(json!(choices))),
            Kind::Integer { min, max, .. } => ("integer", Some((min as f64, max as f64)), None),
            Kind::OptionalInteger { limits, .. } => (
                "integer",
                limits.map(|(min, max)| (min as f64, max as f64)),
                None,
            ),
            Kind::Number { min, max, .. } => ("number", Some((min, max)), None),
            Kind::Boolean { .. } => ("boolean", None, None),
        };
        assert_eq!(kind, input["type"], "type of {name}");
        assert_eq!(choices.as_ref(), input.get("choices"), "choices of {name}");
        assert_eq!(
            limits.map(|(min, _)| min),
            input["min"].as_f64(),
            "minimum of {name}"
        );
        assert_eq!(
            limits.map(|(_, max)| max),
            input["max"].as_f64(),
            "maximum of {name}"
        );
        let default = field.to_json(&Params::default());
        let expected = input.get("default").cloned().unwrap_or_default();
        let same_number = default.as_f64().is_some() && default.as_f64() == expected.as_f64();
        assert!(
            same_number || default == expected,
            "default of {name}: {default} is not {expected}"
        );
    }
}

#[test]
fn printed_schema_has_every_input_in_order() {
    let document = openapi::document();
    assert_eq!(document["Input"]["required"], json!(["prompt"]));
    let properties = document["Input"]["properties"].as_object().unwrap();
    for (order, field) in FIELDS.iter().enumerate() {
        assert_eq!(properties[field.name]["x-order"], order, "{}", field.name);
    }
    assert_eq!(properties["width"]["minimum"], 256);
    assert_eq!(properties["megapixels"]["enum"], json!(["1", "0.25"]));
    assert_eq!(properties["image"]["format"], "uri");
    assert_eq!(document["Output"]["items"]["format"], "uri");
}

#[test]
fn defaults_give_a_job() {
    let request = resolve(&json!({})).unwrap();
    assert_eq!(
        request.size,
        Size {
            width: 1024,
            height: 1024
        }
    );
    assert_eq!(
        (request.model, request.steps, request.num_outputs),
        (Model::Dev, 28, 1)
    );
    assert_eq!(
        (request.encoding.format, request.encoding.quality),
        (Format::Webp, 80)
    );
    assert!((request.guidance - 3.0).abs() < f64::EPSILON);
    assert!(request.safety_checked);
    assert_eq!(request.notes, []);
}

#[test]
fn prompt_must_be_given_but_may_be_empty() {
    let problems = Request::resolve(&Params::default(), CORRECTED).unwrap_err();
    assert_eq!(problems[0].to_string(), "prompt: must be given");
    assert_eq!(resolve(&json!({"prompt": ""})).unwrap().prompt, "");
}

#[test]
fn every_limit_holds_at_both_ends() {
    for field in &FIELDS {
        let (min, max, step) = match field.kind {
            Kind::Integer { min, max, .. } => (min as f64, max as f64, 1.0),
            Kind::OptionalInteger {
                limits: Some((min, max)),
                ..
            } => (min as f64, max as f64, 1.0),
            Kind::Number { min, max, .. } => (min, max, 0.01),
            _ => continue,
        };
        for (value, fits) in [
            (min, true),
            (max, true),
            (min - step, false),
            (max + step, false),
            (1e30, false),
        ] {
            let found = problem_fields(&json!({ field.name: value }), CORRECTED);
            assert_eq!(
                found.is_empty(),
                fits,
                "{} = {value}: {found:?}",
                field.name
            );
            assert!(
                fits || found == [field.name],
                "{} = {value}: {found:?}",
                field.name
            );
        }
    }
    let mut params = params(&json!({}));
    params.guidance_scale = f64::NAN;
    assert_eq!(
        Request::resolve(&params, CORRECTED).unwrap_err()[0].field,
        "guidance_scale"
    );
}

#[test]
fn all_problems_come_in_one_go() {
    let given = json!({
        "aspect_ratio": "custom", "height": 100, "prompt_strength": 1.5, "model": "pro", "num_outputs": 9,
        "num_inference_steps": 0, "guidance_scale": -1, "output_format": "gif", "output_quality": 101,
        "megapixels": "2", "lora_scale": 9, "extra_lora_scale": -9, "mask": "m.png",
        "replicate_weights": "owner", "extra_lora": "ftp://a/b", "seed": 1e30,
        "more_loras": [{"lora": "o/n", "scale": 4}],
    });
    let mut found = problem_fields(&given, CORRECTED);
    found.sort();
    let mut expected: Vec<_> = given
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| *name != "aspect_ratio")
        .cloned()
        .collect();
    expected.push("width".to_owned());
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn values_of_the_wrong_type_are_named() {
    let given = json!({
        "prompt": 1, "num_outputs": "2", "num_inference_steps": 2.5, "go_fast": "yes", "megapixels": 1,
        "guidance_scale": [3], "seed": "7", "surprise": 1,
    });
    let mut params = Params::default();
    let problems = params.apply_json(given.as_object().unwrap());
    let fields: Vec<_> = problems
        .iter()
        .map(|problem| problem.field.as_str())
        .collect();
    let expected: Vec<_> = given.as_object().unwrap().keys().collect();
    assert_eq!(fields, expected);
    assert_eq!(params, Params::default(), "nothing was taken over");
}

#[test]
fn inputs_survive_json() {
    let given = json!({
        "prompt": "ünï\"code\"\n", "image": "a b.png", "aspect_ratio": "21:9", "width": 300, "seed": u64::MAX,
        "guidance_scale": 2.5, "go_fast": true, "extra_lora": "o/n",
    });
    let params = params(&given);
    let mut back = Params::default();
    assert_eq!(back.apply_json(&params.to_json()), []);
    assert_eq!(back, params);
}

#[test]
fn presets_have_the_published_sizes() {
    let table = [
        ("1:1", 1024, 1024),
        ("16:9", 1344, 768),
        ("21:9", 1536, 640),
        ("3:2", 1216, 832),
        ("2:3", 832, 1216),
        ("4:5", 896, 1088),
        ("5:4", 1088, 896),
        ("3:4", 896, 1152),
        ("4:3", 1152, 896),
        ("9:16", 768, 1344),
        ("9:21", 640, 1536),
    ];
    for (ratio, width, height) in table {
        assert_eq!(
            size::preset(ratio, "1"),
            Some(Size { width, height }),
            "{ratio}"
        );
        let quarter = Size {
            width: width / 2,
            height: height / 2,
        };
        assert_eq!(
            size::preset(ratio, "0.25"),
            Some(quarter),
            "{ratio} at 0.25"
        );
        assert_eq!(
            quarter.map(quirks::round_side),
            quarter,
            "{ratio} at 0.25 is a multiple of 16"
        );
    }
    assert_eq!(size::preset("custom", "1"), None);
}

#[test]
fn custom_sides_are_rounded_up_with_a_note() {
    let request =
        resolve(&json!({"aspect_ratio": "custom", "width": 257, "height": 1440})).unwrap();
    assert_eq!(
        request.size,
        Size {
            width: 272,
            height: 1440
        }
    );
    assert!(
        request.notes[0]
            .message
            .contains("rounded up to 272 × 1440"),
        "{:?}",
        request.notes
    );
}

#[test]
fn sizes_scale_with_the_model() {
    let scaled = |width, height| size::for_model(Size { width, height }, 128);
    assert_eq!(
        scaled(1024, 1024),
        Size {
            width: 128,
            height: 128
        }
    );
    assert_eq!(
        scaled(1344, 768),
        Size {
            width: 176,
            height: 96
        }
    );
    assert_eq!(
        scaled(1440, 256),
        Size {
            width: 192,
            height: 32
        }
    );
    let request = Request::resolve(
        &params(&json!({})),
        Circumstances {
            native_side: 128,
            ..CORRECTED
        },
    )
    .unwrap();
    assert!(
        request.notes[0]
            .message
            .contains("1024 × 1024 was scaled to 128 × 128"),
        "{:?}",
        request.notes
    );
}

#[test]
fn seeds_are_kept_or_drawn() {
    let seed = |given: &Value, circumstances| {
        Request::resolve(&params(given), circumstances)
            .unwrap()
            .seed
    };
    assert_eq!(seed(&json!({"seed": 0}), CORRECTED), 0);
    assert_eq!(seed(&json!({"seed": u64::MAX}), CORRECTED), u64::MAX);
    assert_eq!(seed(&json!({}), CORRECTED), 0x5678_9ABC);
    assert_eq!(seed(&json!({}), REPLICATE), 0x9ABC);
    assert_eq!(seed(&json!({"seed": -1}), CORRECTED), 0x5678_9ABC);
    assert_eq!(note_fields(&json!({"seed": -1}), CORRECTED), ["seed"]);
}

#[test]
fn void_wishes_become_notes() {
    let given = json!({
        "width": 300, "height": 300, "prompt_strength": 0.5, "model": "schnell", "guidance_scale": 2,
        "output_format": "png", "output_quality": 50, "lora_scale": 0.5, "extra_lora_scale": 0.5,
    });
    let expected = [
        "height",
        "width",
        "prompt_strength",
        "guidance_scale",
        "output_quality",
        "lora_scale",
        "extra_lora_scale",
    ];
    assert_eq!(note_fields(&given, CORRECTED), expected);
    let custom =
        json!({"aspect_ratio": "custom", "width": 256, "height": 256, "megapixels": "0.25"});
    assert_eq!(note_fields(&custom, CORRECTED), ["megapixels"]);
}

/// The labels and scales of the LoRAs that act.
fn loras(given: &Value, circumstances: Circumstances<'_>) -> Vec<(String, f64)> {
    let request = Request::resolve(&params(given), circumstances).unwrap();
    let loras = request.loras.iter();
    loras
        .map(|lora| (lora.reference.label(), lora.scale))
        .collect()
}

#[test]
fn loras_act_in_the_order_of_the_inputs() {
    let given = json!({
        "prompt": "", "replicate_weights": " o/main ", "lora_scale": 0.5, "extra_lora": "o/extra",
        "more_loras": [{"lora": "o/third", "scale": -1}, {"lora": " "}, {"lora": "o/fourth"}],
    });
    let expected = [
        ("main", 0.5),
        ("extra", 1.0),
        ("third", -1.0),
        ("fourth", 1.0),
    ];
    let expected: Vec<_> = expected
        .map(|(name, scale)| (name.to_owned(), scale))
        .to_vec();
    assert_eq!(loras(&given, CORRECTED), expected);
    // Replicate has two and no more.
    assert_eq!(loras(&given, REPLICATE), expected[..2]);
    assert!(note_fields(&given, REPLICATE).contains(&"more_loras".to_owned()));
    assert_eq!(
        loras(&json!({"prompt": "", "replicate_weights": "  "}), CORRECTED),
        []
    );
}

#[test]
fn as_replicate_the_fine_tunes_own_lora_acts_where_it_fits() {
    let given = json!({"prompt": "", "lora_scale": 0.5});
    assert_eq!(loras(&given, REPLICATE), []);
    assert!(note_fields(&given, REPLICATE).contains(&"replicate_weights".to_owned()));
    let flux = Circumstances {
        is_flux_sized: true,
        ..REPLICATE
    };
    assert_eq!(loras(&given, flux), [("flux-qfaces".to_owned(), 0.25)]);
    let flux = Circumstances {
        is_flux_sized: true,
        ..CORRECTED
    };
    assert_eq!(loras(&given, flux), []);
}

#[test]
fn mask_without_image_follows_the_mode() {
    assert_eq!(
        problem_fields(&json!({"mask": "m.png"}), CORRECTED),
        ["mask"]
    );
    assert!(note_fields(&json!({"mask": "m.png"}), REPLICATE).contains(&"mask".to_owned()));
}

#[test]
fn go_fast_with_a_custom_size_follows_the_mode() {
    let given = json!({"aspect_ratio": "custom", "width": 256, "height": 256, "go_fast": true});
    assert_eq!(problem_fields(&given, CORRECTED), [] as [&str; 0]);
    assert!(!note_fields(&given, CORRECTED).contains(&"go_fast".to_owned()));
    assert!(note_fields(&given, REPLICATE).contains(&"go_fast".to_owned()));
    assert!(quirks::go_fast_honoured(Fidelity::Corrected, true, true));
    assert!(!quirks::go_fast_honoured(
        Fidelity::AsReplicate,
        true,
        false
    ));
    assert!(quirks::go_fast_honoured(
        Fidelity::AsReplicate,
        false,
        false
    ));
}

#[test]
fn lora_scales_follow_the_mode() {
    let scales = |main, extra| [main, extra];
    let check = |fidelity, go_fast, asked, expected| {
        assert_eq!(
            quirks::effective_lora_scales(fidelity, go_fast, asked),
            expected,
            "{fidelity:?} {go_fast} {asked:?}"
        );
    };
    check(
        Corrected,
        false,
        scales(Some(0.5), None),
        scales(Some(0.5), None),
    );
    check(
        Corrected,
        true,
        scales(Some(0.5), Some(1.0)),
        scales(Some(0.75), Some(1.5)),
    );
    check(
        Corrected,
        false,
        scales(None, Some(0.5)),
        scales(None, Some(0.5)),
    );
    check(
        AsReplicate,
        false,
        scales(Some(0.5), None),
        scales(Some(0.25), None),
    );
    check(
        AsReplicate,
        false,
        scales(Some(-1.0), None),
        scales(Some(1.0), None),
    );
    check(
        AsReplicate,
        false,
        scales(Some(0.5), Some(0.8)),
        scales(Some(0.5), Some(0.8)),
    );
    check(
        AsReplicate,
        false,
        scales(None, Some(0.8)),
        scales(None, None),
    );
    check(
        AsReplicate,
        true,
        scales(Some(0.5), Some(1.0)),
        scales(Some(0.75), Some(1.0)),
    );
    check(
        AsReplicate,
        true,
        scales(None, Some(1.0)),
        scales(Some(1.5), None),
    );
    for (go_fast, circumstances, is_noted) in [
        (false, REPLICATE, true),
        (true, REPLICATE, true),
        (false, CORRECTED, false),
    ] {
        let alone = json!({"extra_lora": "o/n", "go_fast": go_fast});
        let notes = note_fields(&alone, circumstances);
        assert_eq!(notes.contains(&"extra_lora".to_owned()), is_noted);
    }
}

#[test]
fn every_strength_begins_at_the_step_that_diffusers_begins_at() {
    let rows: Vec<Vec<usize>> = serde_json::from_str(include_str!("data/strengths.json")).unwrap();
    let mut pairs = 0;
    for (steps, row) in (1..).zip(&rows) {
        for (percent, first_step) in row.iter().enumerate() {
            let strength = percent as f64 / 100.0;
            assert_eq!(
                quirks::first_step(steps, strength),
                *first_step,
                "{steps} steps at {strength}"
            );
            pairs += 1;
        }
    }
    assert_eq!(pairs, 50 * 101);
}

#[test]
fn strength_gives_the_published_number_of_steps() {
    let runs = |steps, strength| steps - quirks::first_step(steps, strength);
    let published = [
        (0.1, 3),
        (0.2, 6),
        (0.3, 9),
        (0.4, 12),
        (0.5, 14),
        (0.6, 17),
        (0.7, 20),
        (0.8, 23),
        (0.9, 26),
        (1.0, 28),
    ];
    for (strength, steps) in published {
        assert_eq!(runs(28, strength), steps, "strength {strength}");
    }
    assert_eq!(runs(28, 0.0), 0);
    // BFL's order of operations differs from diffusers' for exactly these pairs, always by one step more.
    let mut differing = Vec::new();
    for steps in 1..=50_usize {
        for percent in 0..=100 {
            let strength = f64::from(percent) / 100.0;
            let bfl = steps - ((1.0 - strength) * steps as f64) as usize;
            if bfl != runs(steps, strength) {
                assert_eq!(bfl, runs(steps, strength) + 1);
                differing.push((steps, percent));
            }
        }
    }
    let expected = [
        (5, 80),
        (10, 80),
        (10, 90),
        (15, 80),
        (20, 80),
        (20, 90),
        (25, 68),
        (25, 80),
        (25, 92),
        (30, 80),
        (30, 90),
        (35, 80),
        (40, 80),
        (40, 90),
        (45, 80),
        (50, 34),
        (50, 68),
        (50, 78),
        (50, 80),
        (50, 90),
        (50, 92),
    ];
    assert_eq!(differing, expected);
}

#[test]
fn pictures_are_fitted_to_the_limit_and_never_enlarged() {
    let fitted = |width, height| quirks::fitted_size(Size { width, height }, 1024);
    assert_eq!(
        fitted(64, 64),
        Size {
            width: 64,
            height: 64
        }
    );
    assert_eq!(
        fitted(2880, 1440),
        Size {
            width: 1440,
            height: 720
        }
    );
    assert_eq!(
        fitted(1000, 700),
        Size {
            width: 1008,
            height: 704
        }
    );
    assert_eq!(
        fitted(1, 100_000),
        Size {
            width: 16,
            height: 1440
        }
    );
}

#[test]
fn remaining_quirks_have_both_modes() {
    assert!(
        quirks::zero_prompt_strength(Corrected).is_ok()
            && quirks::zero_prompt_strength(AsReplicate).is_err()
    );
    assert!(
        quirks::applies_exif_orientation(Corrected)
            && !quirks::applies_exif_orientation(AsReplicate)
    );
    assert_eq!(quirks::backdrop(Corrected), Some(255));
    assert_eq!(quirks::backdrop(AsReplicate), None);
    assert!(
        quirks::stretched_mask_note(Corrected).is_some()
            && quirks::stretched_mask_note(AsReplicate).is_none()
    );
    assert!(
        quirks::restores_unmasked_pixels(Corrected)
            && !quirks::restores_unmasked_pixels(AsReplicate)
    );
    assert!(quirks::honours_extras(Corrected) && !quirks::honours_extras(AsReplicate));
    assert_eq!(quirks::suggested_steps(true, 28), Some(4));
    assert_eq!(
        (
            quirks::suggested_steps(true, 4),
            quirks::suggested_steps(false, 28)
        ),
        (None, None)
    );
    assert!(!quirks::samples_posterior(Corrected) && quirks::samples_posterior(AsReplicate));
    assert!(!quirks::drops_flagged(Corrected) && quirks::drops_flagged(AsReplicate));
    assert!(
        !quirks::rounds_timesteps_to_bf16(Corrected)
            && quirks::rounds_timesteps_to_bf16(AsReplicate)
    );
    assert!(
        quirks::offers_choice_of_files(Corrected) && !quirks::offers_choice_of_files(AsReplicate)
    );
    assert!(quirks::uses_tokens(Corrected) && !quirks::uses_tokens(AsReplicate));
    assert_eq!(quirks::default_weights(Corrected), None);
    assert_eq!(
        quirks::default_weights(AsReplicate),
        Some("batchbinary/flux-qfaces")
    );
}

#[test]
fn pixels_are_rounded_or_truncated() {
    let byte = |fidelity, go_fast, value| quirks::to_8_bit(fidelity, go_fast, value);
    let almost_one = 1.0 - 1.0 / 510.0;
    assert_eq!(byte(Fidelity::Corrected, true, almost_one), 255);
    assert_eq!(byte(Fidelity::AsReplicate, false, almost_one), 255);
    assert_eq!(byte(Fidelity::AsReplicate, true, almost_one), 254);
    for fidelity in [Fidelity::Corrected, Fidelity::AsReplicate] {
        assert_eq!(
            (byte(fidelity, true, -3.0), byte(fidelity, true, 3.0)),
            (0, 255)
        );
    }
}

/// The facts of a file of this size.
fn look(width: u32, height: u32) -> PictureFacts {
    PictureFacts {
        stored: Size { width, height },
        turned: false,
    }
}

/// Resolves inputs whose files are of these sizes.
fn resolve_with(
    given: &Value,
    circumstances: Circumstances<'_>,
    image: PictureFacts,
    mask: PictureFacts,
) -> Result<Request, Vec<Problem>> {
    let (image, mask): (Look, Look) = (Ok(image), Ok(mask));
    let circumstances = Circumstances {
        image: Some(&image),
        mask: Some(&mask),
        ..circumstances
    };
    Request::resolve(&params(given), circumstances)
}

#[test]
fn a_starting_picture_decides_the_size() {
    let given = json!({"image": "a.png", "aspect_ratio": "custom", "megapixels": "0.25"});
    let request = resolve_with(&given, CORRECTED, look(3000, 2000), look(1, 1)).unwrap();
    assert_eq!(request.size.to_string(), "1440 × 960");
    let noted: Vec<_> = request
        .notes
        .iter()
        .filter_map(|note| note.field.as_deref())
        .collect();
    assert_eq!(noted, ["image", "aspect_ratio", "megapixels"]);
    let problems = resolve_with(&given, REPLICATE, look(3000, 2000), look(1, 1)).unwrap_err();
    let fields: Vec<_> = problems
        .iter()
        .map(|problem| problem.field.as_str())
        .collect();
    assert_eq!(fields, ["width", "height"], "as Replicate they are needed");

    let small = Circumstances {
        native_side: 128,
        ..CORRECTED
    };
    let given = json!({"image": "a.png"});
    let request = resolve_with(&given, small, look(3000, 2000), look(1, 1)).unwrap();
    assert_eq!(request.size.to_string(), "192 × 128", "1440 becomes 180");
    let request = resolve_with(&given, small, look(100, 70), look(1, 1)).unwrap();
    assert_eq!(
        request.size.to_string(),
        "112 × 80",
        "never enlarged but for the rounding"
    );
}

#[test]
fn orientation_counts_only_where_it_is_applied() {
    let turned = PictureFacts {
        stored: Size {
            width: 320,
            height: 160,
        },
        turned: true,
    };
    let given = json!({"image": "a.png"});
    let size = |circumstances| {
        let request = resolve_with(&given, circumstances, turned, look(1, 1)).unwrap();
        request.size.to_string()
    };
    assert_eq!(size(CORRECTED), "160 × 320");
    assert_eq!(size(REPLICATE), "320 × 160");
}

#[test]
fn a_mask_of_another_shape_is_noted() {
    let given = json!({"image": "a.png", "mask": "m.png"});
    let noted = |circumstances, mask: PictureFacts| {
        let request = resolve_with(&given, circumstances, look(640, 480), mask).unwrap();
        request
            .notes
            .iter()
            .any(|note| note.field.as_deref() == Some("mask"))
    };
    assert!(noted(CORRECTED, look(480, 640)));
    assert!(!noted(CORRECTED, look(320, 240)), "only smaller");
    assert!(!noted(CORRECTED, look(641, 480)), "but for a pixel");
    assert!(!noted(REPLICATE, look(480, 640)));
}

#[test]
fn a_lossy_format_is_noted_where_pixels_are_to_stay() {
    let noted = |given: &Value, circumstances| {
        let request = resolve_with(given, circumstances, look(640, 480), look(640, 480)).unwrap();
        let fields = request
            .notes
            .iter()
            .filter_map(|note| note.field.as_deref());
        fields.filter(|field| *field == "output_format").count()
    };
    let masked = |format: &str| json!({"image": "a.png", "mask": "m.png", "output_format": format});
    assert_eq!(noted(&masked("webp"), CORRECTED), 1);
    assert_eq!(noted(&masked("png"), CORRECTED), 0);
    assert_eq!(noted(&masked("webp"), REPLICATE), 0, "nothing stays there");
    assert_eq!(noted(&json!({"image": "a.png"}), CORRECTED), 0);
}

#[test]
fn inputs_beyond_the_contract_act_in_the_corrected_mode_only() {
    let given = json!({
        "image": "a.png", "mask": "m.png", "grow": 3, "feather": 5, "crop_to_mask": true, "extend_top": 64,
    });
    let request = resolve_with(&given, CORRECTED, look(640, 480), look(640, 480)).unwrap();
    assert_eq!(
        request.size.to_string(),
        "640 × 544",
        "whole, at its own size"
    );
    let repaint = request.start.unwrap().repaint.unwrap();
    assert_eq!((repaint.grow, repaint.feather), (3, 5));
    assert_eq!(repaint.crop.unwrap().margin, 64);
    assert!(repaint.restore);

    let request = resolve_with(&given, REPLICATE, look(640, 480), look(640, 480)).unwrap();
    assert_eq!(request.size.to_string(), "640 × 480");
    let noted: Vec<_> = request
        .notes
        .iter()
        .filter_map(|note| note.field.clone())
        .collect();
    for name in ["grow", "feather", "crop_to_mask", "extend_top"] {
        assert!(noted.contains(&name.to_owned()), "{name}: {noted:?}");
    }
    let repaint = request.start.unwrap().repaint.unwrap();
    assert_eq!((repaint.grow, repaint.feather, repaint.crop), (0, 0, None));
    assert!(!repaint.restore);
}

#[test]
fn inputs_beyond_the_contract_are_not_part_of_it() {
    let document = openapi::document().to_string();
    for field in &EXTRAS {
        assert!(
            !document.contains(&format!("\"{}\"", field.name)),
            "{}",
            field.name
        );
    }
    let absurd = json!({"image": "a.png", "extend_left": i64::MAX, "extend_top": -5});
    let problems = resolve_with(&absurd, CORRECTED, look(64, 64), look(64, 64)).unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert_eq!(
        note_fields(
            &json!({"feather": 3, "extend_left": 5, "crop_margin": 9}),
            CORRECTED
        ),
        ["feather", "crop_margin", "extend_left"],
        "without a picture they do not act"
    );
}

#[test]
fn a_result_that_its_format_cannot_hold_is_found_before_the_work() {
    let given = |format: &str| json!({"image": "a.png", "mask": "m.png", "crop_to_mask": true, "output_format": format});
    let fields = |format: &str| {
        resolve_with(
            &given(format),
            CORRECTED,
            look(20_000, 300),
            look(20_000, 300),
        )
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|problem| problem.field)
        .collect::<Vec<_>>()
    };
    assert_eq!(fields("webp"), ["output_format"]);
    assert_eq!(fields("jpg"), [""; 0]);
    assert_eq!(fields("png"), [""; 0]);
}
