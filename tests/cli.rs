//! The command line as other programs use it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::reference_data::{check, folder};

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
    let pixels = |file: &Vec<u8>| flux_qfaces::imaging::codec::decode(file).unwrap().to_rgb8();
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
            "--go_fast",
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
            "go_fast",
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
    let load =
        |path: &Path| candle_core::safetensors::load(path, &candle_core::Device::Cpu).unwrap();
    let (ours, theirs) = (load(&dump), load(&golden));
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
