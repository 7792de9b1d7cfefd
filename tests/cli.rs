//! The command line as other programs use it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::reference_data::{cases, check, data, folder};

/// The program, without a display.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-qfaces"));
    command
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET");
    command
}

fn generate(output: &Path, arguments: &[&str]) -> Output {
    program()
        .arg("generate")
        .arg("--output-dir")
        .arg(output)
        .args(arguments)
        .output()
        .unwrap()
}

/// The JSON of a run that must succeed.
fn generated(output: &Path, arguments: &[&str]) -> Value {
    let run = generate(output, arguments);
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    serde_json::from_slice(&run.stdout).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// A quick picture of the embedded model.
const QUICK: [&str; 6] = [
    "--prompt",
    "a green face",
    "--num_inference_steps",
    "2",
    "--seed",
    "7",
];

#[test]
fn generate_makes_a_picture_and_tells_about_it() {
    let output = TempDir::new().unwrap();
    let result = generated(output.path(), &QUICK);
    let path = result["output"][0].as_str().unwrap();
    assert!(path.ends_with("out-0.webp"), "{path}");
    assert_eq!(std::fs::read(path).unwrap()[8..12], *b"WEBP");
    assert_eq!(result["seed"], 7);
    assert_eq!(
        (&result["width"], &result["height"], &result["steps"]),
        (&128.into(), &128.into(), &2.into())
    );
    assert!(
        result["notes"].to_string().contains("not checked"),
        "{result}"
    );
    for stage in [
        "loading",
        "encoding",
        "denoising",
        "decoding",
        "saving",
        "total",
    ] {
        assert!(result["timings_secs"][stage].is_number(), "{stage}");
    }
    assert!(
        result["peak_memory_bytes"].as_u64().unwrap_or_default() > 1 << 20
            || !cfg!(target_os = "linux")
    );
}

/// Distance of the mean colour of a box (left, top, right, bottom) from `colour`, in 8-bit levels.
fn distance(
    picture: &image::RgbImage,
    [left, top, right, bottom]: [u32; 4],
    colour: [u8; 3],
) -> f64 {
    let pixels: Vec<_> = (top..bottom)
        .flat_map(|y| (left..right).map(move |x| picture.get_pixel(x, y).0))
        .collect();
    let of_channel = |channel: usize| {
        let sum: f64 = pixels.iter().map(|pixel| f64::from(pixel[channel])).sum();
        (sum / pixels.len() as f64 - f64::from(colour[channel])).powi(2)
    };
    (0..3).map(of_channel).sum::<f64>().sqrt()
}

/// The colours are those that the model was taught with (`assets/demo/training/faces.py`). How well it does on many
/// prompts is measured by `assets/demo/evaluate.py`; this shows that both of its transformers are in the program.
#[test]
fn embedded_dev_and_schnell_draw_the_colours_that_were_asked_for() {
    let [yellow, green, blue, red] = [[250, 215, 50], [55, 170, 75], [45, 95, 220], [222, 45, 45]];
    for (model, steps, guidance) in [("dev", "8", "3"), ("dev", "8", "10"), ("schnell", "4", "3")] {
        for (prompt, background, skin) in [
            ("a smiling green face on a yellow background", yellow, green),
            ("an angry red face on a blue background", blue, red),
        ] {
            let output = TempDir::new().unwrap();
            let flags = [
                "--prompt",
                prompt,
                "--model",
                model,
                "--num_inference_steps",
                steps,
            ];
            let rest = [
                "--guidance_scale",
                guidance,
                "--seed",
                "3",
                "--output_format",
                "png",
            ];
            let result = generated(output.path(), &[flags.as_slice(), &rest].concat());
            let notes = result["notes"].to_string();
            assert!(!notes.contains("These weights"), "{model}: {notes}");
            let picture = image::open(result["output"][0].as_str().unwrap())
                .unwrap()
                .to_rgb8();
            let corner = distance(&picture, [2, 2, 14, 60], background);
            let forehead = distance(&picture, [54, 42, 74, 52], skin);
            assert!(corner < 40.0, "{model}, {prompt}: background {corner}");
            assert!(forehead < 40.0, "{model}, {prompt}: face {forehead}");
        }
    }
}

#[test]
fn same_command_gives_the_same_bytes() {
    for format in ["webp", "jpg", "png"] {
        let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let file = |output: &TempDir| {
            let arguments = [QUICK.as_slice(), &["--output_format", format]].concat();
            std::fs::read(
                generated(output.path(), &arguments)["output"][0]
                    .as_str()
                    .unwrap(),
            )
            .unwrap()
        };
        assert_eq!(file(&one), file(&two), "{format}");
    }
}

#[test]
fn four_outputs_are_four_pictures() {
    let output = TempDir::new().unwrap();
    let result = generated(
        output.path(),
        &[
            QUICK.as_slice(),
            &["--num-outputs=4", "--output_format", "png"],
        ]
        .concat(),
    );
    let files: Vec<_> = result["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| std::fs::read(path.as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(files.len(), 4);
    let pixels = |file: &Vec<u8>| image::load_from_memory(file).unwrap().to_rgb8();
    for (i, one) in files.iter().enumerate() {
        for other in &files[i + 1..] {
            assert_ne!(pixels(one), pixels(other));
        }
    }
}

#[test]
fn existing_files_are_kept_unless_told_otherwise() {
    let output = TempDir::new().unwrap();
    let taken = output.path().join("out-1.webp");
    std::fs::write(&taken, b"mine").unwrap();
    let arguments = [QUICK.as_slice(), &["--num_outputs", "2"]].concat();
    let run = generate(output.path(), &arguments);
    assert_eq!(run.status.code(), Some(1));
    assert!(
        lines(&run.stderr)[0].contains("out-1.webp"),
        "{:?}",
        lines(&run.stderr)
    );
    assert_eq!(std::fs::read(&taken).unwrap(), b"mine");
    assert!(
        !output.path().join("out-0.webp").exists(),
        "nothing was begun"
    );
    generated(
        output.path(),
        &[arguments.as_slice(), &["--overwrite"]].concat(),
    );
    assert_ne!(std::fs::read(&taken).unwrap(), b"mine");
}

#[test]
fn problems_come_one_line_per_field_with_exit_code_2() {
    let output = TempDir::new().unwrap();
    let run = generate(
        output.path(),
        &[
            "--num_outputs",
            "9",
            "--guidance-scale",
            "-1",
            "--seed",
            "abc",
            "--aspect_ratio",
            "custom",
            "--lora_scale=-2",
        ],
    );
    assert_eq!(run.status.code(), Some(2));
    assert!(run.stdout.is_empty());
    let mut fields: Vec<_> = lines(&run.stderr)
        .iter()
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "guidance_scale",
            "height",
            "lora_scale",
            "num_outputs",
            "prompt",
            "seed",
            "width"
        ]
    );
}

#[test]
fn input_comes_from_json_and_flags_win() {
    let output = TempDir::new().unwrap();
    let mut child = program()
        .args([
            "generate",
            "--input",
            "-",
            "--seed",
            "3",
            "--go_fast",
            "false",
            "--output_dir",
        ])
        .arg(output.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let json = br#"{"prompt": "a face", "seed": 1, "num_inference_steps": 1, "go_fast": true, "output_format": "png", "aspect_ratio": "16:9"}"#;
    child.stdin.take().unwrap().write_all(json).unwrap();
    let result: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(
        (&result["seed"], &result["width"], &result["height"]),
        (&3.into(), &176.into(), &96.into())
    );
    assert!(result["output"][0].as_str().unwrap().ends_with("out-0.png"));
}

#[test]
fn problems_in_json_come_with_all_others() {
    let output = TempDir::new().unwrap();
    let input = output.path().join("input.json");
    std::fs::write(
        &input,
        r#"{"num_outputs": "four", "megapixels": "3", "surprise": 1}"#,
    )
    .unwrap();
    let run = generate(output.path(), &["--input", input.to_str().unwrap()]);
    assert_eq!(run.status.code(), Some(2));
    let mut fields: Vec<_> = lines(&run.stderr)
        .iter()
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect();
    fields.sort();
    assert_eq!(fields, ["megapixels", "num_outputs", "prompt", "surprise"]);
}

#[test]
fn inspect_reads_the_record_back() {
    let output = TempDir::new().unwrap();
    let inspect = |path: &str| -> Value {
        serde_json::from_slice(&program().args(["inspect", path]).output().unwrap().stdout).unwrap()
    };
    for format in ["webp", "jpg", "png"] {
        let result = generated(
            output.path(),
            &[QUICK.as_slice(), &["--output_format", format]].concat(),
        );
        let seen = inspect(result["output"][0].as_str().unwrap());
        let record = &seen["record"];
        assert_eq!(
            (&seen["format"], &seen["width"]),
            (&format.into(), &128.into())
        );
        assert_eq!(
            (&record["seed"], &record["inputs"]["prompt"]),
            (&7.into(), &"a green face".into())
        );
        assert!(
            record["program"]
                .as_str()
                .unwrap()
                .starts_with("flux-qfaces ")
        );
        assert!(!record["model"].as_str().unwrap().is_empty());
    }
    let bare = generated(
        output.path(),
        &[QUICK.as_slice(), &["--overwrite", "--no-metadata"]].concat(),
    );
    assert_eq!(
        inspect(bare["output"][0].as_str().unwrap())["record"],
        Value::Null
    );
    let missing = program().args(["inspect", "nowhere.png"]).output().unwrap();
    assert_eq!(
        (missing.status.code(), lines(&missing.stderr).len()),
        (Some(1), 1)
    );
}

/// Compares every tensor of a dump with the reference's.
fn check_dump(dump: &Path, golden: &Path) {
    let load =
        |path: &Path| candle_core::safetensors::load(path, &candle_core::Device::Cpu).unwrap();
    let (ours, theirs) = (load(dump), load(golden));
    assert_eq!(ours.len(), theirs.len());
    for (name, golden) in &theirs {
        assert_eq!(ours[name].dtype(), candle_core::DType::F32);
        let golden = if name == "image" {
            golden.clamp(-1f32, 1f32).unwrap()
        } else {
            golden.clone()
        };
        check(name, &ours[name], &golden, 1e-4);
    }
}

#[test]
fn an_inpainting_run_compares_with_the_reference() {
    let output = TempDir::new().unwrap();
    let path = |name: &str| folder().join(name).to_str().unwrap().to_owned();
    let golden = path("inpaint-dev-stretched.safetensors");
    let dump = output.path().join("dump.safetensors");
    let case = cases("inpaint")
        .into_iter()
        .find(|case| case["name"] == "dev-stretched")
        .unwrap();
    let text = |key: &str| case[key].to_string().trim_matches('"').to_owned();
    let result = generated(
        output.path(),
        &[
            "--prompt",
            &text("prompt"),
            "--image",
            &path(&text("image")),
            "--mask",
            &path(&text("mask")),
            "--prompt_strength",
            &text("strength"),
            "--num_inference_steps",
            &text("steps"),
            "--guidance_scale",
            &text("guidance"),
            "--model-dir",
            &path("dev"),
            "--noise",
            &golden,
            "--dump",
            dump.to_str().unwrap(),
        ],
    );
    check_dump(&dump, Path::new(&golden));
    assert_eq!(
        (&result["width"], &result["height"], &result["steps"]),
        (&80.into(), &64.into(), &3.into())
    );
    assert!(
        result["notes"].to_string().contains("was stretched to it"),
        "{result}"
    );
}

#[test]
fn noise_and_dump_compare_with_the_reference() {
    let output = TempDir::new().unwrap();
    let golden = folder().join("t2i-dev-custom.safetensors");
    let dump = output.path().join("dump.safetensors");
    let model = folder().join("dev");
    let arguments = [
        "--prompt",
        "",
        "--aspect_ratio",
        "custom",
        "--width",
        "256",
        "--height",
        "272",
        "--num_inference_steps",
        "2",
        "--guidance_scale",
        "2.5",
        "--model-dir",
        model.to_str().unwrap(),
        "--noise",
        golden.to_str().unwrap(),
        "--dump",
        dump.to_str().unwrap(),
    ];
    generated(output.path(), &arguments);
    check_dump(&dump, &golden);

    let wrong = generate(
        output.path(),
        &[
            QUICK.as_slice(),
            &["--overwrite", "--noise", golden.to_str().unwrap()],
        ]
        .concat(),
    );
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        lines(&wrong.stderr)[0].contains("[1, 16, 16, 16]"),
        "{:?}",
        lines(&wrong.stderr)
    );
}

#[test]
fn wrong_model_folder_is_one_sentence() {
    let output = TempDir::new().unwrap();
    for folder in ["/nowhere/at/all", output.path().to_str().unwrap()] {
        let run = generate(
            output.path(),
            &[QUICK.as_slice(), &["--model-dir", folder]].concat(),
        );
        assert_eq!(
            (run.status.code(), lines(&run.stderr).len()),
            (Some(1), 1),
            "{:?}",
            lines(&run.stderr)
        );
        assert!(lines(&run.stderr)[0].contains(folder));
    }
}

#[cfg(unix)]
#[test]
fn interrupt_ends_with_130_and_leaves_nothing() {
    let output = TempDir::new().unwrap();
    let model = folder().join("dev");
    // Long enough to be interrupted: a large picture with many steps.
    let child = program()
        .args([
            "generate",
            "--prompt",
            "x",
            "--num_inference_steps",
            "50",
            "--num_outputs",
            "4",
            "--model-dir",
        ])
        .arg(&model)
        .arg("--output-dir")
        .arg(output.path().join("made"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The folder is made after the handler is in place and before the engine starts.
    while !output.path().join("made").exists() {
        std::thread::yield_now();
    }
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    assert_eq!(
        std::fs::read_dir(output.path().join("made"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn window_without_a_display_names_the_command_line() {
    let run = program().output().unwrap();
    if cfg!(all(unix, not(target_os = "macos"))) {
        assert_eq!(run.status.code(), Some(1));
        let sentence = lines(&run.stderr).join("\n");
        assert!(sentence.contains("generate"), "{sentence}");
        assert_eq!(lines(&run.stderr).len(), 1, "{sentence}");
    }
}

#[test]
fn schema_prints_the_contract() {
    let run = program().arg("schema").output().unwrap();
    let document: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(
        document["Input"]["properties"].as_object().unwrap().len(),
        21
    );
}

#[test]
fn overwriting_never_loses_a_file_to_a_failure() {
    let output = TempDir::new().unwrap();
    let kept = output.path().join("out-0.webp");
    std::fs::write(&kept, b"mine").unwrap();
    std::fs::create_dir(output.path().join("out-1.webp")).unwrap();
    let run = generate(
        output.path(),
        &[QUICK.as_slice(), &["--num_outputs", "2", "--overwrite"]].concat(),
    );
    assert_eq!(run.status.code(), Some(1));
    assert_eq!(std::fs::read(&kept).unwrap(), b"mine");
    assert_eq!(
        std::fs::read_dir(output.path()).unwrap().count(),
        2,
        "nothing is left behind"
    );
}

#[test]
fn model_folder_may_stand_before_the_command() {
    let run = program()
        .args([
            "--model-dir",
            "/nowhere/at/all",
            "generate",
            "--prompt",
            "x",
        ])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert!(lines(&run.stderr)[0].contains("/nowhere/at/all"));
}

#[test]
fn dump_that_cannot_be_written_stops_before_the_work() {
    let output = TempDir::new().unwrap();
    let run = generate(
        output.path(),
        &[
            QUICK.as_slice(),
            &["--dump", output.path().to_str().unwrap()],
        ]
        .concat(),
    );
    assert_eq!(run.status.code(), Some(1));
    assert!(!output.path().join("out-0.webp").exists());
}

#[test]
fn values_with_line_breaks_stay_on_their_line() {
    let output = TempDir::new().unwrap();
    let run = generate(
        output.path(),
        &["--prompt", "x", "--model", "a\nb", "--seed", "1\n2"],
    );
    assert_eq!(
        (run.status.code(), lines(&run.stderr).len()),
        (Some(2), 2),
        "{:?}",
        lines(&run.stderr)
    );
}

/// A picture, and a mask whose painted part is a rectangle (left, top, right, bottom), as files in `folder`.
fn painted(folder: &Path, (width, height): (u32, u32), part: [u32; 4]) -> [String; 2] {
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([
            (x * 7 % 256) as u8,
            (y * 5 % 256) as u8,
            ((x + y) % 256) as u8,
        ])
    });
    let [left, top, right, bottom] = part;
    let mask = image::GrayImage::from_fn(width, height, |x, y| {
        let inside = (left..right).contains(&x) && (top..bottom).contains(&y);
        image::Luma([if inside { 255 } else { 0 }])
    });
    let paths = ["picture.png", "mask.png"].map(|name| folder.join(name));
    picture.save(&paths[0]).unwrap();
    mask.save(&paths[1]).unwrap();
    paths.map(|path| path.to_str().unwrap().to_owned())
}

/// How many pixels of a finished picture differ from the one it began with: outside and inside a part.
fn changes(result: &Value, picture: &str, part: [u32; 4]) -> (usize, usize) {
    let finished = image::open(result["output"][0].as_str().unwrap())
        .unwrap()
        .to_rgb8();
    let picture = image::open(picture).unwrap().to_rgb8();
    assert_eq!(finished.dimensions(), picture.dimensions());
    let [left, top, right, bottom] = part;
    let mut changes = (0, 0);
    for ((x, y, new), old) in finished.enumerate_pixels().zip(picture.pixels()) {
        if new != old {
            if (left..right).contains(&x) && (top..bottom).contains(&y) {
                changes.1 += 1;
            } else {
                changes.0 += 1;
            }
        }
    }
    changes
}

#[test]
fn only_what_is_under_the_mask_changes() {
    let output = TempDir::new().unwrap();
    let part = [37, 21, 93, 66];
    let [picture, mask] = painted(output.path(), (128, 96), part);
    let inpaint = |further: &[&str]| {
        let arguments = [
            "--image",
            &picture,
            "--mask",
            &mask,
            "--output_format",
            "png",
            "--overwrite",
        ];
        generated(output.path(), &[&QUICK, &arguments[..], further].concat())
    };
    let result = inpaint(&[]);
    let (outside, inside) = changes(&result, &picture, part);
    assert_eq!(outside, 0);
    assert!(inside > 56 * 45 * 9 / 10, "{inside}");
    let (outside, feathered) = changes(&inpaint(&["--feather", "12"]), &picture, part);
    assert_eq!(outside, 0, "feather blends inside the mask");
    assert!(feathered > 0);
    let grown = [part[0] - 8, part[1] - 8, part[2] + 8, part[3] + 8];
    let result = inpaint(&["--grow", "8"]);
    assert!(changes(&result, &picture, part).0 > 0);
    assert_eq!(changes(&result, &picture, grown).0, 0);
    let result = inpaint(&["--as-replicate"]);
    assert!(
        changes(&result, &picture, part).0 > 128 * 96 / 4,
        "as Replicate everything goes through the VAE"
    );
}

#[test]
fn a_small_part_of_a_large_picture_is_repainted_at_full_resolution() {
    let output = TempDir::new().unwrap();
    let part = [500, 301, 560, 372];
    let [picture, mask] = painted(output.path(), (701, 503), part);
    let result = generated(
        output.path(),
        &[
            &QUICK,
            &["--image", &picture, "--mask", &mask, "--crop-to-mask"][..],
            &["--output_format", "png"],
        ]
        .concat(),
    );
    assert_eq!(
        (&result["width"], &result["height"]),
        (&701.into(), &503.into())
    );
    let (outside, inside) = changes(&result, &picture, part);
    assert_eq!(outside, 0);
    assert!(inside > 60 * 71 * 9 / 10, "{inside}");
}

#[test]
fn strength_counts_the_steps_and_at_0_nothing_runs() {
    let output = TempDir::new().unwrap();
    let [picture, _] = painted(output.path(), (64, 64), [0; 4]);
    let run = |strength: &str| {
        let arguments = ["--prompt", "", "--image", &picture, "--overwrite"];
        let strength = ["--prompt_strength", strength, "--num_inference_steps", "5"];
        generated(output.path(), &[&arguments[..], &strength].concat())
    };
    assert_eq!(run("1")["steps"], 5);
    assert_eq!(run("0.8")["steps"], 4);
    assert_eq!(run("0.3")["steps"], 2);
    let none = run("0");
    assert_eq!(none["steps"], 0);
    assert!(none["notes"].to_string().contains("no step runs"), "{none}");
}

#[test]
fn a_picture_is_extended_into_the_new_area_only() {
    let output = TempDir::new().unwrap();
    let [picture, _] = painted(output.path(), (96, 64), [0; 4]);
    let arguments = ["--image", &picture, "--extend-left", "32"];
    let result = generated(
        output.path(),
        &[&QUICK, &arguments[..], &["--output_format", "png"]].concat(),
    );
    let finished = image::open(result["output"][0].as_str().unwrap())
        .unwrap()
        .to_rgb8();
    assert_eq!(finished.dimensions(), (128, 64));
    let picture = image::open(&picture).unwrap().to_rgb8();
    for (x, y, pixel) in picture.enumerate_pixels() {
        assert_eq!(finished.get_pixel(x + 32, y), pixel, "at {x}, {y}");
    }
}

#[test]
fn inputs_that_cannot_be_used_get_one_line_each() {
    let output = TempDir::new().unwrap();
    let [picture, _] = painted(output.path(), (64, 64), [0; 4]);
    let file = |name: &str| {
        let path = data("formats");
        path.join(name).to_str().unwrap().to_owned()
    };
    let check = |arguments: &[&str], fields: &[&str], part: &str| {
        let run = generate(output.path(), &[&QUICK, arguments].concat());
        assert_eq!(run.status.code(), Some(2), "{arguments:?}");
        let said = lines(&run.stderr);
        let found: Vec<_> = said
            .iter()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert_eq!(found, fields, "{said:?}");
        assert!(said[0].contains(part), "{said:?}");
        assert!(!output.path().join("out-0.webp").exists());
    };
    for (name, part) in [
        ("cut.png", "is damaged"),
        ("cut.jpg", "cut short"),
        ("huge-empty.png", "60000 × 60000 px"),
        ("huge.png", "20000 × 20000 px"),
        ("text.png", "is not a picture"),
        ("empty.png", "is not a picture"),
        ("gone.png", "cannot be read"),
        ("avif.avif", "AVIF"),
    ] {
        check(&["--image", &file(name)], &["image"], part);
        check(
            &["--image", &picture, "--mask", &file(name)],
            &["mask"],
            part,
        );
    }
    check(
        &["--image", &file("gone.png"), "--mask", &file("text.png")],
        &["image", "mask"],
        "cannot be read",
    );
    check(&["--mask", &picture], &["mask"], "needs a starting picture");
    check(
        &["--image", &picture, "--feather", "-1", "--grow", "999"],
        &["grow", "feather"],
        "must be -256 to 256 px",
    );
}

#[test]
fn the_record_depends_on_what_the_files_hold_and_not_on_where_they_lie() {
    let make = |folder: &TempDir| {
        let [picture, mask] = painted(folder.path(), (64, 64), [8, 8, 40, 40]);
        let arguments = ["--image", &picture, "--mask", &mask];
        let result = generated(folder.path(), &[&QUICK, &arguments[..]].concat());
        std::fs::read(result["output"][0].as_str().unwrap()).unwrap()
    };
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    assert_eq!(make(&folders[0]), make(&folders[1]));
}
