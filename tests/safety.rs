//! The safety checker against diffusers and transformers, on tiny random weights; `tests/reference/safety.py` made them.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use image::RgbImage;
use serde_json::{Value, json};
use tempfile::TempDir;

use flux_qfaces::engine::error::Error;
use flux_qfaces::engine::models::safety::judge::{SafetyChecker, Verdict};
use flux_qfaces::weights::model::ModelSource;

use crate::support::reference_data::{Golden, cases_in, check, check_sentence, copy, data};

/// The bound for every stage.
const STAGE: f64 = 1e-5;

/// The bound for pixels.
const PIXELS: f64 = 1e-7;

fn folder() -> PathBuf {
    data("safety")
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "it is what is called before each layer"
)]
fn go_on() -> Result<(), Error> {
    Ok(())
}

fn open(place: &Path) -> Result<Option<SafetyChecker>, Error> {
    SafetyChecker::open(&ModelSource::in_folder(place), &mut go_on)
}

fn opened() -> SafetyChecker {
    open(&folder()).unwrap().unwrap()
}

fn picture(name: &str) -> RgbImage {
    let path = folder().join(format!("pictures/{name}.png"));
    image::open(path).unwrap().to_rgb8()
}

/// Runs a check for each picture, with its name and what the reference says of it.
fn for_each(check: impl Fn(&str, &Value, &Golden)) {
    let golden = Golden::at(&folder().join("golden.safetensors"));
    let cases = cases_in(&folder(), "pictures");
    assert!(cases.len() >= 7);
    for case in cases {
        check(case["name"].as_str().unwrap(), &case, &golden);
    }
}

#[test]
fn safety_models_see_the_same_pixels_as_in_the_reference() {
    let safety = opened();
    for_each(|name, _, golden| {
        let picture = picture(name);
        for (kind, preparation) in [
            ("checker", &safety.checker.vision.preparation),
            ("classifier", &safety.classifier.vision.preparation),
        ] {
            let theirs = golden.get(&format!("{name}.{kind}_pixels"));
            let ours = preparation.pixels(&picture).unwrap();
            check(&format!("pixels of {name}"), &ours, theirs, PIXELS);
        }
    });
}

#[test]
fn safety_checker_equals_the_reference() {
    let safety = opened();
    for_each(|name, _, golden| {
        let get = |kind: &str| golden.get(&format!("{name}.{kind}"));
        let embedding = safety
            .checker
            .vision
            .forward(&get("checker_pixels").clone().into(), &mut go_on)
            .unwrap();
        check(name, &embedding, get("embedding"), STAGE);
        let sight = safety.checker.sight(&embedding).unwrap();
        for (kind, ours) in [("special", sight.special), ("concepts", sight.concepts)] {
            let ours = Tensor::new(vec![ours], &Device::Cpu).unwrap();
            check(&format!("{kind} of {name}"), &ours, get(kind), STAGE);
        }
    });
}

#[test]
fn safety_classifier_equals_the_reference() {
    let safety = opened();
    for_each(|name, case, golden| {
        let get = |kind: &str| golden.get(&format!("{name}.{kind}"));
        let classifier = &safety.classifier;
        let logits = classifier
            .vision
            .forward(&get("classifier_pixels").clone().into(), &mut go_on)
            .unwrap();
        check(name, &logits, get("logits"), STAGE);
        let opinion = classifier.opinion(&picture(name), &mut go_on).unwrap();
        assert_eq!(opinion.label, case["label"], "{name}");
        assert!(
            (0.5..=1.0).contains(&opinion.probability),
            "{name}: {opinion:?}"
        );
    });
}

#[test]
fn safety_verdicts_equal_the_reference() {
    let safety = opened();
    for_each(|name, case, _| {
        let flags = safety.checker.flags(&picture(name), &mut go_on).unwrap();
        let indices: Vec<_> = flags.iter().map(|concept| concept.index).collect();
        assert_eq!(json!(indices), case["concepts"], "{name}");
        assert_eq!(case["flagged"], !indices.is_empty(), "{name}");
        match safety.judge(&picture(name), &mut go_on).unwrap() {
            Verdict::Passed => assert_eq!(case["withheld"], false, "{name}"),
            Verdict::Withheld(why) => {
                assert_eq!(case["withheld"], true, "{name}");
                assert_eq!(why.concepts, flags);
                assert_eq!(why.label, case["label"]);
            }
        }
    });
}

#[test]
fn a_withheld_picture_has_a_sentence_and_details() {
    let verdict = opened().judge(&picture("withheld"), &mut go_on).unwrap();
    let Verdict::Withheld(why) = &verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(why.to_string(), "the safety checker takes it for unsafe");
    let record = serde_json::to_value(&verdict).unwrap();
    assert_eq!(record["withheld"]["concepts"][0]["index"], 7);
    assert_eq!(record["withheld"]["label"], "nsfw");
    assert_eq!(
        serde_json::from_value::<Verdict>(record).unwrap(),
        verdict,
        "it can be read back"
    );
}

#[test]
fn a_cancel_ends_the_safety_check_within_a_layer() {
    let safety = opened();
    let (picture, all) = (picture("withheld"), safety.layers());
    for most in 0..=all {
        let mut calls = 0;
        let mut watch = || {
            calls += 1;
            if calls > most {
                Err(Error::Cancelled)
            } else {
                Ok(())
            }
        };
        let verdict = safety.judge(&picture, &mut watch);
        assert_eq!(calls, (most + 1).min(all));
        assert_eq!(matches!(verdict, Err(Error::Cancelled)), most < all);
    }
    let source = ModelSource::in_folder(&folder());
    let opening = SafetyChecker::open(&source, &mut || Err(Error::Cancelled));
    assert!(matches!(opening, Err(Error::Cancelled)));
}

#[test]
fn pictures_of_any_size_are_judged_or_refused_in_a_sentence() {
    let safety = opened();
    for (width, height) in [(1, 1), (1, 60), (1800, 1), (36, 36), (35, 37), (1440, 16)] {
        safety
            .judge(&RgbImage::new(width, height), &mut go_on)
            .unwrap();
    }
    for (width, height) in [(0, 0), (0, 5), (5, 0), (1, 9000)] {
        let verdict = safety.judge(&RgbImage::new(width, height), &mut go_on);
        let sentence = verdict.unwrap_err().to_string();
        assert!(sentence.contains("checked"), "{sentence}");
    }
}

#[test]
fn a_model_without_a_safety_checker_has_none() {
    let place = TempDir::new().unwrap();
    assert!(open(place.path()).unwrap().is_none());
    // The classifier alone is no checker.
    copy(
        &folder().join("safety_classifier"),
        &place.path().join("safety_classifier"),
    );
    assert!(open(place.path()).unwrap().is_none());
    let demo = SafetyChecker::open(&ModelSource::Embedded, &mut go_on);
    assert!(demo.unwrap().is_none());
}

#[test]
fn a_checker_without_its_own_way_to_prepare_pictures_takes_the_familys() {
    let place = TempDir::new().unwrap();
    copy(&folder(), place.path());
    for part in ["safety_checker", "safety_classifier"] {
        let file = place.path().join(part).join("preprocessor_config.json");
        fs::remove_file(file).unwrap();
    }
    let safety = open(place.path()).unwrap().unwrap();
    let whole = opened();
    assert_eq!(
        safety.checker.vision.preparation,
        whole.checker.vision.preparation
    );
    assert_eq!(
        safety.classifier.vision.preparation,
        whole.classifier.vision.preparation
    );
}

#[test]
fn sizes_of_pictures_are_read_in_every_way_they_are_written() {
    let place = TempDir::new().unwrap();
    copy(&folder(), place.path());
    let change = |part: &str, changes: Value| {
        edit(place.path(), part, "preprocessor_config.json", |file| {
            for (key, value) in changes.as_object().unwrap() {
                file[key] = value.clone();
            }
        });
        open(place.path())
    };
    let square = |side: u32| json!({"height": side, "width": side});
    let whole = opened();
    for size in [json!(36), json!({"shortest_edge": 36})] {
        for crop_size in [json!(36), square(36)] {
            let changes = json!({"size": size, "crop_size": crop_size});
            let safety = change("safety_checker", changes).unwrap().unwrap();
            assert_eq!(
                safety.checker.vision.preparation,
                whole.checker.vision.preparation
            );
        }
    }
    for size in [json!(24), square(24)] {
        let safety = change("safety_classifier", json!({"size": size}));
        let safety = safety.unwrap().unwrap();
        assert_eq!(
            safety.classifier.vision.preparation,
            whole.classifier.vision.preparation
        );
    }
    for changes in [
        json!({"size": 35}),
        json!({"size": {"shortest_edge": 0}}),
        json!({"size": 36, "crop_size": 37}),
        json!({"crop_size": 36, "resample": 0}),
        json!({"resample": 3, "do_resize": false}),
        json!({"do_resize": true, "size": "large"}),
    ] {
        let error = change("safety_checker", changes.clone()).err().unwrap();
        let sentence = error.to_string();
        assert!(
            sentence.contains("safety_checker/preprocessor_config.json"),
            "{changes}: {sentence}"
        );
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
    }
}

/// Changes a JSON file of a part.
fn edit(place: &Path, part: &str, name: &str, change: impl FnOnce(&mut Value)) {
    let path = place.join(part).join(name);
    let mut file = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut file);
    fs::write(path, serde_json::to_vec(&file).unwrap()).unwrap();
}

/// Changes the header of a part's tensors.
fn edit_header(place: &Path, part: &str, change: impl FnOnce(&mut Value)) {
    let path = place.join(part).join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header = serde_json::from_slice(&bytes[8..end]).unwrap();
    change(&mut header);
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(&bytes[end..]);
    fs::write(path, file).unwrap();
}

/// Opening what `spoil` has made of the files must fail with one sentence that has all of `words` in it.
fn check_refused(spoil: impl FnOnce(&Path), words: &[&str]) {
    let place = TempDir::new().unwrap();
    copy(&folder(), place.path());
    spoil(place.path());
    let sentence = match open(place.path()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("must fail: {words:?}"),
    };
    check_sentence(&sentence, words);
}

#[test]
fn safety_files_that_are_missing_or_damaged_are_named() {
    let parts = ["safety_checker", "safety_classifier"];
    check_refused(
        |place| fs::remove_dir_all(place.join("safety_classifier")).unwrap(),
        &["lacks its second model", "safety_classifier"],
    );
    for part in parts {
        check_refused(
            |place| fs::remove_file(place.join(part).join("config.json")).unwrap(),
            &["lacks the file", part, "config.json"],
        );
        check_refused(
            |place| fs::write(place.join(part).join("config.json"), "{").unwrap(),
            &[part, "config.json", "not what it should be"],
        );
        for length in [0, 7, 500, 50_000] {
            check_refused(
                |place| {
                    let path = place.join(part).join("model.safetensors");
                    let file = fs::File::options().write(true).open(path).unwrap();
                    file.set_len(length).unwrap();
                },
                &[part, "model.safetensors"],
            );
        }
    }
}

#[test]
fn safety_tensors_of_wrong_shapes_are_named() {
    for (part, tensor, shape) in [
        (
            "safety_checker",
            "vision_model.vision_model.encoder.layers.1.mlp.fc1.weight",
            json!([32, 64]),
        ),
        (
            "safety_checker",
            "vision_model.vision_model.embeddings.class_embedding",
            json!([1, 1, 32]),
        ),
        (
            "safety_checker",
            "visual_projection.weight",
            json!([32, 16]),
        ),
        ("safety_checker", "concept_embeds", json!([16, 17])),
        ("safety_checker", "special_care_embeds", json!([48])),
        ("safety_checker", "concept_embeds_weights", json!([17, 1])),
        (
            "safety_classifier",
            "vit.embeddings.patch_embeddings.projection.weight",
            json!([3, 32, 8, 8]),
        ),
        (
            "safety_classifier",
            "vit.embeddings.position_embeddings",
            json!([10, 32]),
        ),
        ("safety_classifier", "classifier.weight", json!([32, 2])),
    ] {
        let spoil = |place: &Path| {
            edit_header(place, part, |header| header[tensor]["shape"] = shape);
        };
        check_refused(spoil, &[part, tensor, "has the shape"]);
    }
    for (part, tensor) in [
        ("safety_checker", "special_care_embeds"),
        (
            "safety_checker",
            "vision_model.vision_model.pre_layrnorm.bias",
        ),
        ("safety_classifier", "vit.layernorm.weight"),
    ] {
        let spoil = |place: &Path| {
            edit_header(place, part, |header| {
                let entry = header[tensor].take();
                header.as_object_mut().unwrap().remove(tensor);
                header["another"] = entry;
            });
        };
        check_refused(spoil, &[part, tensor, "lacks"]);
    }
}

#[test]
fn safety_configurations_that_make_no_sense_are_refused() {
    let (first, second) = ("safety_checker", "safety_classifier");
    let inconsistent = &["inconsistent", "patches"][..];
    for (part, place, value, words) in [
        // The first has its sizes one level further in.
        (first, "/vision_config", json!({}), &["hidden_size"][..]),
        (
            first,
            "/vision_config/num_attention_heads",
            json!(0),
            &["inconsistent", "heads"],
        ),
        (
            first,
            "/vision_config/intermediate_size",
            json!(0),
            &["inconsistent", "linear"],
        ),
        (first, "/vision_config/hidden_act", json!("relu"), &["relu"]),
        (
            first,
            "/projection_dim",
            json!(0),
            &["visual_projection.weight"],
        ),
        (second, "/id2label", json!({}), &["id2label", "normal"]),
        (
            second,
            "/id2label",
            json!({"0": "LABEL_0", "1": "LABEL_1"}),
            &["id2label", "normal"],
        ),
        (
            second,
            "/id2label",
            json!({"0": "normal", "7": "nsfw"}),
            &["id2label", "normal"],
        ),
        (
            second,
            "/id2label",
            json!({"0": "normal"}),
            &["classifier.weight"],
        ),
        (second, "/image_size", json!(0), inconsistent),
        (second, "/image_size", json!(7), inconsistent),
        (second, "/image_size", json!(u64::MAX), inconsistent),
        (second, "/patch_size", json!(0), inconsistent),
        (
            second,
            "/image_size",
            json!(32),
            &["position_embeddings", "has the shape"],
        ),
        (
            second,
            "/num_hidden_layers",
            json!(1_u64 << 60),
            &["lacks the tensor", "encoder.layer.2"],
        ),
    ] {
        let spoil = |folder: &Path| {
            edit(folder, part, "config.json", |file| {
                *file.pointer_mut(place).unwrap() = value;
            });
        };
        check_refused(spoil, words);
    }
    check_refused(
        |folder| {
            edit(folder, second, "config.json", |file| {
                file.as_object_mut().unwrap().remove("id2label");
            });
        },
        &["id2label", "normal"],
    );
}

#[test]
fn numbers_that_are_not_finite_do_not_pass() {
    let place = TempDir::new().unwrap();
    copy(&folder(), place.path());
    for part in ["safety_checker", "safety_classifier"] {
        let path = place.path().join(part).join("model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        let end = bytes.len();
        // The last tensors are norms or the projection, in either file.
        bytes[end - 64..].fill(0xff);
        fs::write(path, bytes).unwrap();
    }
    let safety = open(place.path()).unwrap().unwrap();
    let picture = picture("passes");
    for sentence in [
        safety.judge(&picture, &mut go_on).map(drop),
        safety.classifier.opinion(&picture, &mut go_on).map(drop),
    ] {
        assert!(matches!(sentence, Err(Error::NotFinite(_))), "{sentence:?}");
    }
}
