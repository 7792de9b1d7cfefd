//! LoRAs on the command line, from a real server on loopback. Unix only: elsewhere the folders of the user cannot be set
//! apart for a test.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::reference_data::lora_folder;
use crate::support::server::{Heard, Reply, Server};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/lora/");

/// A user of the program with a home of their own.
struct User {
    home: TempDir,
    server: Server,
}

impl User {
    fn of(server: Server) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { home, server }
    }

    /// The program, as this user starts it.
    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flux-qfaces"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let is_of_user = name.starts_with("HF_") || name.starts_with("XDG_");
            if is_of_user || name.ends_with("_TOKEN") || name.to_uppercase().ends_with("_PROXY") {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.home.path())
            .env("HF_ENDPOINT", self.server.url.as_str())
            .env("REPLICATE_ENDPOINT", self.server.url.as_str())
            .env("CIVITAI_ENDPOINT", self.server.url.as_str());
        command
    }

    fn command(&self, output: &str, arguments: &[&str]) -> Command {
        let mut command = self.program();
        command
            .arg("generate")
            .args([
                "--prompt",
                "QFACE, a green face",
                "--num_inference_steps",
                "2",
                "--seed",
                "7",
            ])
            .args(["--output_format", "png", "--output-dir"])
            .arg(self.home.path().join(output))
            .args(arguments);
        command
    }

    fn run(&self, output: &str, arguments: &[&str]) -> Output {
        self.command(output, arguments).output().unwrap()
    }

    /// The JSON and the pixels of a run that must succeed.
    fn picture(&self, output: &str, arguments: &[&str]) -> (Value, Vec<u8>) {
        let run = self.run(output, arguments);
        assert!(
            run.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
        let result: Value = serde_json::from_slice(&run.stdout).unwrap();
        let picture = image::open(result["output"][0].as_str().unwrap()).unwrap();
        (result, picture.into_rgb8().into_raw())
    }

    /// The exit code and the sentence of a run that must fail.
    fn failure(&self, arguments: &[&str]) -> (i32, String) {
        let run = self.run("failed", arguments);
        (
            run.status.code().unwrap(),
            String::from_utf8_lossy(&run.stderr).into_owned(),
        )
    }
}

/// A server with the demo's LoRA at every kind of place.
fn service() -> Server {
    let tar = fs::read(format!("{DEMO}trained_model.tar")).unwrap();
    let lora = fs::read(format!("{DEMO}qface-lora.safetensors")).unwrap();
    Server::start(move |heard| match heard.path.split('?').next().unwrap() {
        "/owner/qfaces/_weights" => Reply::redirect("/delivery/trained_model.tar"),
        "/delivery/trained_model.tar" => Reply::file(heard, &tar, "\"tar\""),
        "/api/models/owner/qfaces/revision/main" => Reply::json(&json!({
            "siblings": [{ "rfilename": "lora.safetensors", "size": lora.len() }],
        })),
        "/owner/qfaces/resolve/main/lora.safetensors" | "/files/x.safetensors" => {
            Reply::file(heard, &lora, "\"file\"")
        }
        _ => Reply::status(404),
    })
}

#[test]
fn one_lora_from_everywhere_gives_one_picture() {
    let user = User::of(service());
    let (_, base) = user.picture("base", &[]);
    let (result, embedded) = user.picture("embedded", &["--replicate_weights", "embedded:qface"]);
    assert_ne!(embedded, base);
    assert_eq!(result["loras"][0]["report"]["matched"], 52);
    let link = user.server.at("/files/x.safetensors?sig=1").to_string();
    let file = format!("{DEMO}qface-lora.safetensors");
    for (output, reference) in [
        ("replicate", "owner/qfaces"),
        ("hub", "huggingface.co/owner/qfaces"),
        (
            "hub-file",
            "https://huggingface.co/owner/qfaces/blob/main/lora.safetensors",
        ),
        ("link", link.as_str()),
        ("file", file.as_str()),
    ] {
        let (result, pixels) = user.picture(output, &["--replicate_weights", reference]);
        assert_eq!(pixels, embedded, "{reference}");
        assert_eq!(result["loras"][0]["report"]["layers"], 52, "{reference}");
        // Neither paths nor signatures get into the picture.
        let file = fs::read(result["output"][0].as_str().unwrap()).unwrap();
        let text = String::from_utf8_lossy(&file);
        assert!(
            !text.contains("sig=1") && !text.contains(DEMO),
            "{reference}"
        );
    }
    let asked = user.server.heard().len();
    user.picture(
        "again",
        &["--replicate_weights", "owner/qfaces", "--extra_lora", &link],
    );
    assert_eq!(
        user.server.heard().len(),
        asked,
        "everything is there already"
    );
}

#[test]
fn scales_and_more_loras_act_on_the_command_line() {
    let user = User::of(service());
    let (_, base) = user.picture("base", &[]);
    let of = |output: &str, arguments: &[&str]| user.picture(output, arguments).1;
    let whole = of("whole", &["--replicate_weights", "embedded:qface"]);
    let none = of(
        "none",
        &["--replicate_weights", "embedded:qface", "--lora_scale", "0"],
    );
    assert_eq!(none, base);
    let extra = of("extra", &["--extra_lora", "embedded:qface"]);
    assert_eq!(extra, whole);
    let more = of("more", &["--more_loras", r#"[{"lora": "embedded:qface"}]"#]);
    assert_eq!(more, whole);
    let halves = of(
        "halves",
        &[
            "--replicate_weights",
            "embedded:qface",
            "--lora_scale",
            "0.5",
            "--extra_lora",
            "embedded:qface",
            "--extra_lora_scale",
            "-0.5",
        ],
    );
    let differs = halves
        .iter()
        .zip(&base)
        .filter(|(a, b)| a.abs_diff(**b) > 1)
        .count();
    assert_eq!(
        differs, 0,
        "what is added and taken away again leaves the picture"
    );
}

#[test]
fn failures_have_their_exit_codes_and_sentences() {
    let user = User::of(service());
    let sdxl = lora_folder()
        .join("foreign-sdxl.safetensors")
        .to_string_lossy()
        .into_owned();
    for (reference, code, words) in [
        (
            "nonsense",
            2,
            "replicate_weights: is no reference to a LoRA",
        ),
        ("./nowhere.safetensors", 2, "no file at this path"),
        (sdxl.as_str(), 2, "it is a LoRA for SDXL"),
        ("owner/other", 1, "the LoRA other cannot be had"),
        ("huggingface.co/owner/other", 1, "no such model"),
        ("civitai.com/models/1", 1, "no such model"),
    ] {
        let (found, sentence) = user.failure(&["--replicate_weights", reference]);
        assert_eq!(found, code, "{reference}: {sentence}");
        assert!(sentence.contains(words), "{reference}: {sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
    }
}

#[test]
fn a_download_goes_on_after_the_program_was_killed() {
    let lora = fs::read(format!("{DEMO}qface-lora.safetensors")).unwrap();
    let stalls = Arc::new(AtomicBool::new(true));
    let stalling = Arc::clone(&stalls);
    let user = User::of(Server::start(move |heard| {
        let reply = Reply::file(heard, &lora, "\"a\"");
        if stalling.load(Ordering::SeqCst) {
            reply.stall_at(200_000)
        } else {
            reply
        }
    }));
    let link = user.server.at("/x.safetensors").to_string();
    let arguments = ["--replicate_weights", link.as_str()];
    let mut child: Child = user
        .command("killed", &arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let parts = user.home.path();
    while part_length(parts) < 200_000 {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    stalls.store(false, Ordering::SeqCst);
    user.picture("finished", &arguments);
    let starts: Vec<_> = user.server.heard().iter().map(Heard::range_start).collect();
    assert_eq!(starts, [None, Some(200_000)]);
}

/// The bytes of the part that is on its way, wherever below a folder it lies.
fn part_length(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let lengths = entries.map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            part_length(&path)
        } else if path.extension().is_some_and(|ending| ending == "part") {
            fs::metadata(&path).map_or(0, |data| data.len())
        } else {
            0
        }
    });
    lengths.sum()
}

#[test]
fn inspect_says_what_a_lora_is() {
    let user = User::of(service());
    let file = format!("{DEMO}qface-lora.safetensors");
    let run = user.program().args(["inspect", &file]).output().unwrap();
    let result: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(result["kind"], "lora");
    assert_eq!(result["report"]["matched"], 52);
    assert_eq!(result["report"]["layout"], "diffusers");
    let other = lora_folder().join("foreign-vae.safetensors");
    let run = user.program().arg("inspect").arg(other).output().unwrap();
    let result: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(result["reason"], "it is a VAE, not a LoRA");
}
