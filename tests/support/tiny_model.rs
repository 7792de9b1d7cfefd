//! A tiny model in single files: in a folder, in a catalogue, and at a server.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use flux_qfaces::weights::catalog::Catalog;
use serde_json::{Value, json};

use crate::support::places::sum;
use crate::support::reference_data::{data, folder};
use crate::support::server::{Heard, Reply, Server};

const GATED: &str = "black-forest-labs/FLUX.1-schnell";

/// The files of a tiny model: its repository, its place, and where its contents are.
fn files() -> Vec<(&'static str, String, PathBuf)> {
    let parts = data("checkpoints/parts");
    let part = |name: &str| parts.join(name);
    let mut files = vec![
        (
            GATED,
            "diffusion_models/flux1-dev.safetensors".to_owned(),
            part("flux1-dev.safetensors"),
        ),
        (
            "owner/text",
            "text_encoders/t5xxl_fp16.safetensors".to_owned(),
            part("t5xxl_fp16.safetensors"),
        ),
        (
            "owner/text",
            "text_encoders/clip_l.safetensors".to_owned(),
            part("clip_l.safetensors"),
        ),
        (
            "owner/vae",
            "vae/ae.safetensors".to_owned(),
            part("ae.safetensors"),
        ),
    ];
    for tokenizer in ["tokenizer", "tokenizer_2"] {
        let from = folder().join("dev").join(tokenizer);
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            files.push(("owner/text", format!("{tokenizer}/{name}"), from.join(name)));
        }
    }
    files
}

/// A catalogue with the tiny model in it.
pub(crate) fn catalog() -> Catalog {
    let mut published = serde_json::Map::new();
    for (repository, place, path) in files() {
        let contents = fs::read(path).unwrap();
        let is_gated = repository == GATED;
        published.insert(
            place.clone(),
            json!({
                "repository": repository, "path": place, "place": place, "bytes": contents.len(),
                "sha256": sum(&contents), "is_gated": is_gated,
            }),
        );
    }
    let places: Vec<_> = published.keys().cloned().collect();
    let first = "diffusion_models/flux1-dev.safetensors".to_owned();
    let rest = places.iter().filter(|place| **place != first).cloned();
    let files: Vec<_> = [first.clone()].into_iter().chain(rest).collect();
    let text = json!({
        "licences": { "free": { "name": "A free licence", "page": "https://example.org", "about": "For every use" } },
        "files": Value::Object(published),
        "offers": [{
            "id": "tiny", "model": "dev", "precision": "f32", "about": "A tiny one", "licence": "free", "files": files,
        }],
        "parts": { "vae": ["vae/ae.safetensors"] },
    });
    Catalog::parse(&text.to_string()).unwrap()
}

/// A server that has the tiny model. The transformer wants a token; `change` may change an answer to the n-th request.
pub(crate) fn serve(
    change: impl Fn(usize, &Heard, Reply) -> Reply + Send + Sync + 'static,
) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |heard: &Heard| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let has = |(repository, place, _): &&(&str, String, PathBuf)| {
            heard.path == format!("/{repository}/resolve/main/{place}")
        };
        let all = files();
        let Some((repository, place, path)) = all.iter().find(has) else {
            return Reply::status(404);
        };
        if *repository == GATED && heard.header("authorization") != Some("Bearer hf_mine") {
            return Reply::status(401).with("X-Error-Code", "GatedRepo");
        }
        let tag = format!("\"{}\"", sum(place.as_bytes()));
        change(
            number,
            heard,
            Reply::file(heard, &fs::read(path).unwrap(), &tag),
        )
    })
}

/// Puts the files of the tiny model into a folder, but for those whose places hold `without`.
pub(crate) fn laid_out(folder: &Path, without: &str) {
    for (_, place, path) in files() {
        if without.is_empty() || !place.contains(without) {
            let to = folder.join(place);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(path, to).unwrap();
        }
    }
}
