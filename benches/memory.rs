//! Predicted against measured peaks of memory: `cargo bench --bench memory -- FOLDER` with a folder that
//! `benches/checkpoint.py` has made. Every job runs in a process of its own; Linux tells its peak.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measures")]

use std::process::{Command, ExitCode};

use serde_json::Value;

/// Sides of the pictures, and the memory that is allowed, in GiB.
const JOBS: [((u32, u32), &str); 9] = [
    ((256, 256), "64"),
    ((256, 256), "1"),
    ((512, 512), "64"),
    ((512, 512), "1.2"),
    ((768, 512), "64"),
    ((1024, 1024), "64"),
    ((1024, 1024), "3"),
    ((1024, 1024), "1"),
    ((1440, 1440), "4"),
];

/// How far a prediction may be off.
const TOLERANCE: f64 = 0.1;

fn main() -> ExitCode {
    let Some(folder) = std::env::args()
        .nth(1)
        .filter(|argument| !argument.starts_with('-'))
    else {
        println!(
            "say which folder: cargo bench --bench memory -- FOLDER (made by benches/checkpoint.py)"
        );
        return ExitCode::SUCCESS;
    };
    let output = std::env::temp_dir().join("flux-qfaces-memory");
    let mut all_within = true;
    println!(
        "{:>11} {:>8}  {:<14} {:>7} {:>5}  {:>9} {:>9}  {:>6} {:>7}",
        "size", "allowed", "text", "blocks", "tile", "predicted", "measured", "off", "s"
    );
    for ((width, height), gib) in JOBS {
        let run = Command::new(env!("CARGO_BIN_EXE_flux-qfaces"))
            .args([
                "generate",
                "--prompt",
                "a face",
                "--seed",
                "1",
                "--num_inference_steps",
                "1",
            ])
            .args([
                "--aspect_ratio",
                "custom",
                "--disable_safety_checker",
                "--overwrite",
            ])
            .args([
                "--width",
                &width.to_string(),
                "--height",
                &height.to_string(),
            ])
            .args(["--max-memory", gib, "--model-dir", &folder, "--output_dir"])
            .arg(&output)
            .output();
        let json: Option<Value> = run.ok().and_then(|run| {
            let parsed = serde_json::from_slice(&run.stdout).ok();
            if parsed.is_none() {
                println!("{}", String::from_utf8_lossy(&run.stderr));
            }
            parsed
        });
        let Some(json) = json else {
            return ExitCode::FAILURE;
        };
        let plan = &json["plan"];
        let gibibytes = |value: &Value| value.as_f64().unwrap_or(0.0) / f64::from(1 << 30);
        let (predicted, measured) = (
            gibibytes(&plan["peak"]),
            gibibytes(&json["peak_memory_bytes"]),
        );
        let off = predicted / measured - 1.0;
        all_within &= off.abs() <= TOLERANCE;
        println!(
            "{:>11} {gib:>4} GiB  {:<14} {:>3}/{:<3} {:>5}  {predicted:>5.2} GiB {measured:>5.2} GiB  {:>+5.1}% {:>7.1}",
            format!("{width}×{height}"),
            plan["text"].as_str().unwrap_or_default(),
            plan["at_hand"],
            plan["blocks"],
            plan["tile"].to_string(),
            off * 100.0,
            json["timings_secs"]["total"].as_f64().unwrap_or(0.0),
        );
    }
    if all_within {
        ExitCode::SUCCESS
    } else {
        println!(
            "some predictions are off by more than {} %",
            TOLERANCE * 100.0
        );
        ExitCode::FAILURE
    }
}
