//! References to LoRAs, downloads and archives, against a server on loopback with every fault a server can have.

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use flux_qfaces::schema::reference::Reference;
use flux_qfaces::weights::fetch::{Fetched, Wanted, fetch};
use flux_qfaces::weights::http::Network;
use flux_qfaces::weights::library::{Library, LoraInfo};
use flux_qfaces::weights::stop::Stop;
use flux_qfaces::weights::tokens::{Service, Tokens};
use flux_qfaces::weights::{Error, archive};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use url::Url;

use crate::server::{Heard, Reply, Server};

/// A network in which every service is the same server, with little patience.
fn network(server: &Server) -> Network {
    let mut network = Network::new(Tokens::default());
    network.tokens = Tokens::default();
    network.hugging_face = server.url.clone();
    network.civitai = server.url.clone();
    network.replicate = server.url.clone();
    network.stall = Duration::from_millis(400);
    network.pause = Duration::from_millis(1);
    network
}

/// A folder of LoRAs, and the way to a server.
struct Place {
    library: Library,
    folder: TempDir,
}

fn place(server: &Server) -> Place {
    place_with(network(server))
}

/// A place for which the server is one service and no other.
fn place_at(server: &Server, service: Service) -> Place {
    let mut network = network(server);
    let nowhere = Url::parse("http://127.0.0.1:9").unwrap();
    for other in Service::ALL.into_iter().filter(|other| *other != service) {
        *match other {
            Service::HuggingFace => &mut network.hugging_face,
            Service::Civitai => &mut network.civitai,
            Service::Replicate => &mut network.replicate,
        } = nowhere.clone();
    }
    place_with(network)
}

fn place_with(network: Network) -> Place {
    let folder = tempfile::tempdir().unwrap();
    // Nothing of whoever runs the tests is found.
    let library =
        Library::new(folder.path().join("loras"), network).with_hub(folder.path().join("hub"));
    Place { library, folder }
}

impl Place {
    fn obtain(&self, typed: &str) -> Result<LoraInfo, Error> {
        let reference = Reference::parse(typed).unwrap();
        self.library.obtain(&reference, &Stop::default(), &mut |_| {
            ControlFlow::Continue(())
        })
    }
}

/// A LoRA's file, small but valid.
fn lora() -> Vec<u8> {
    fs::read(demo("qface-lora.safetensors")).unwrap()
}

fn demo(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets/demo/lora")
        .join(name)
}

fn sum(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
}

fn contents(info: &LoraInfo) -> Vec<u8> {
    info.file.open().unwrap().to_vec()
}

// --- References ---------------------------------------------------------------------------------------------------

#[test]
fn every_form_of_reference_is_understood() {
    for (typed, shared) in [
        ("owner/name", "owner/name"),
        ("  owner/name/ \n", "owner/name"),
        ("owner/name/4d1d2ea1", "owner/name/4d1d2ea1"),
        ("owner/name:4d1d2ea1", "owner/name/4d1d2ea1"),
        ("https://replicate.com/owner/name", "owner/name"),
        (
            "replicate.com/owner/name/versions/4d1d2ea1/",
            "owner/name/4d1d2ea1",
        ),
        (
            "huggingface.co/owner/model",
            "https://huggingface.co/owner/model",
        ),
        (
            "https://huggingface.co/owner/model/",
            "https://huggingface.co/owner/model",
        ),
        (
            "hf.co/owner/model/tree/v2",
            "https://huggingface.co/owner/model/tree/v2",
        ),
        (
            "huggingface.co/o/m/resolve/main/a%20b/x.safetensors?download=true",
            "https://huggingface.co/o/m/blob/main/a b/x.safetensors",
        ),
        (
            "https://huggingface.co/o/m/blob/main/x.safetensors",
            "https://huggingface.co/o/m/blob/main/x.safetensors",
        ),
        (
            "huggingface.co/o/m/x.safetensors",
            "https://huggingface.co/o/m/blob/main/x.safetensors",
        ),
        (
            "https://civitai.com/models/123/some-name",
            "https://civitai.com/models/123",
        ),
        (
            "civitai.com/models/123?modelVersionId=456",
            "https://civitai.com/api/download/models/456",
        ),
        (
            "https://civitai.com/api/download/models/456?type=Model&format=SafeTensor&token=abc",
            "https://civitai.com/api/download/models/456?type=Model&format=SafeTensor",
        ),
        (
            "https://civitai.com/api/v1/models/123",
            "https://civitai.com/models/123",
        ),
        (
            "urn:air:flux1:lora:civitai:123@456",
            "https://civitai.com/api/download/models/456",
        ),
        (
            "https://example.com/a/x.safetensors?sig=1&v=2",
            "https://example.com/a/x.safetensors?v=2",
        ),
        (
            "https://user:pass@example.com/x.safetensors",
            "https://example.com/x.safetensors",
        ),
        (
            "https://replicate.delivery/a/trained_model.tar",
            "https://replicate.delivery/a/trained_model.tar",
        ),
        (
            "http://127.0.0.1:8000/x.tar.gz",
            "http://127.0.0.1:8000/x.tar.gz",
        ),
        ("embedded:qface", "embedded:qface"),
    ] {
        let reference =
            Reference::parse(typed).unwrap_or_else(|message| panic!("{typed} {message}"));
        assert_eq!(reference.shareable().as_deref(), Some(shared), "{typed}");
        let again = Reference::parse(shared).unwrap();
        assert_eq!(again.shareable().as_deref(), Some(shared), "{shared}");
    }
}

#[test]
fn paths_are_told_from_names() {
    for typed in [
        "/home/me/x.safetensors",
        "./x",
        "~/loras",
        "loras/x.safetensors",
        "x.safetensors",
        r"C:\loras\x.safetensors",
        "C:/loras/x.safetensors",
        "file:///home/me/a%20b.safetensors",
    ] {
        let reference = Reference::parse(typed).unwrap();
        assert!(
            matches!(reference, Reference::Path(_)),
            "{typed}: {reference:?}"
        );
        assert_eq!(reference.shareable(), None, "{typed} is private");
    }
}

#[test]
fn wrong_references_name_the_accepted_forms() {
    for (typed, words) in [
        ("lora", "give owner/name"),
        ("a b/c", "give owner/name"),
        ("a/b/c/d/e", "give owner/name"),
        ("huggingface.co/owner", "huggingface.co/owner/model"),
        ("huggingface.co/datasets/o/m", "huggingface.co/owner/model"),
        (
            "https://huggingface.co/o/m/blob/main/model.ckpt",
            "no .safetensors",
        ),
        ("civitai.com/models", "civitai.com/models/<number>"),
        (
            "https://civitai.com/user/somebody",
            "civitai.com/models/<number>",
        ),
        ("replicate.com/owner", "replicate.com/owner/name"),
        ("https://example.com/lora.zip", ".safetensors or .tar"),
        ("ftp://example.com/x.safetensors", "https://"),
        ("data:text/plain,hello", "base64"),
        ("sha256:12", "64 hexadecimal digits"),
        ("owner/na\u{7}me", "give owner/name"),
    ] {
        let message = Reference::parse(typed).unwrap_err();
        assert!(message.contains(words), "{typed}: {message}");
    }
}

// --- The engine of downloads --------------------------------------------------------------------------------------

/// Some bytes that no compression makes smaller.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn fetched(server: &Server, folder: &Path, wanted: &Wanted) -> Result<Fetched, Error> {
    fetch(
        &network(server),
        folder,
        wanted,
        &Stop::default(),
        &mut |_| ControlFlow::Continue(()),
    )
}

fn wanted(server: &Server) -> Wanted {
    Wanted {
        url: server.at("/file.safetensors"),
        size: None,
        sha256: None,
    }
}

/// Downloads from a server that answers its n-th request as `answer` says; returns what arrived and the requests.
fn download(
    answer: impl Fn(usize, &Heard, &[u8]) -> Reply + Send + Sync + 'static,
) -> (Result<Vec<u8>, String>, Vec<Heard>) {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |heard| {
        answer(count.fetch_add(1, Ordering::SeqCst), heard, &noise(300_000))
    });
    let folder = tempfile::tempdir().unwrap();
    let result = fetched(&server, folder.path(), &wanted(&server));
    let result = result.map(|fetched| fs::read(&fetched.path).unwrap());
    (result.map_err(|error| error.to_string()), server.heard())
}

#[test]
fn a_dropped_connection_is_resumed_where_it_was() {
    let (result, heard) = download(|request, heard, body| match request {
        0 => Reply::file(heard, body, "\"a\"").cut_at(100_000),
        1 => Reply::file(heard, body, "\"a\"").cut_at(50_000),
        _ => Reply::file(heard, body, "\"a\""),
    });
    assert_eq!(result.unwrap(), noise(300_000));
    let starts: Vec<_> = heard.iter().map(Heard::range_start).collect();
    assert_eq!(starts, [None, Some(100_000), Some(150_000)]);
    assert_eq!(heard[1].header("if-range"), Some("\"a\""));
}

#[test]
fn a_stalled_connection_is_given_up_and_resumed() {
    let (result, heard) = download(|request, heard, body| match request {
        0 => Reply::file(heard, body, "\"a\"").stall_at(100_000),
        _ => Reply::file(heard, body, "\"a\""),
    });
    assert_eq!(result.unwrap(), noise(300_000));
    assert_eq!(heard[1].range_start(), Some(100_000));
}

#[test]
fn a_server_that_ignores_ranges_sends_all_again() {
    let (result, heard) = download(|request, _, body| match request {
        0 => Reply::ok(body).with("ETag", "\"a\"").cut_at(100_000),
        _ => Reply::ok(body).with("ETag", "\"a\""),
    });
    assert_eq!(result.unwrap(), noise(300_000));
    assert_eq!(heard.len(), 2);
}

#[test]
fn a_file_that_has_changed_meanwhile_starts_anew() {
    let (result, _) = download(|request, heard, body| match request {
        0 => Reply::file(
            heard,
            &noise(200_000)
                .iter()
                .map(|byte| byte ^ 1)
                .collect::<Vec<_>>(),
            "\"old\"",
        )
        .cut_at(100_000),
        _ => Reply::file(heard, body, "\"new\""),
    });
    assert_eq!(result.unwrap(), noise(300_000));
}

#[test]
fn a_range_of_another_place_starts_anew() {
    let (result, _) = download(|request, heard, body| match request {
        0 => Reply::file(heard, body, "\"a\"").cut_at(100_000),
        1 => Reply {
            body: body[5..].to_vec(),
            ..Reply::status(206)
        }
        .with("Content-Range", "bytes 5-299999/300000")
        .with("ETag", "\"a\""),
        _ => Reply::file(heard, body, "\"a\""),
    });
    assert_eq!(result.unwrap(), noise(300_000));
}

#[test]
fn a_server_that_always_cuts_is_given_up_with_a_sentence() {
    // Without a tag nothing can be resumed, and each try brings less.
    let (result, heard) =
        download(|request, _, body| Reply::ok(body).cut_at(100_000 - request * 1000));
    let sentence = result.unwrap_err();
    assert!(sentence.contains("127.0.0.1"), "{sentence}");
    assert_eq!(heard.len(), 5, "four repetitions");
}

#[test]
fn trouble_that_passes_is_waited_for() {
    let (result, heard) = download(|request, heard, body| match request {
        0 => Reply::status(500),
        1 => Reply::status(429).with("Retry-After", "0"),
        2 => Reply::status(503),
        _ => Reply::file(heard, body, "\"a\""),
    });
    assert_eq!(result.unwrap(), noise(300_000));
    assert_eq!(heard.len(), 4);
}

#[test]
fn refusals_are_sentences() {
    for (status, words) in [
        (401, "wants a token"),
        (403, "wants a token"),
        (404, "no such model"),
        (429, "too many requests"),
        (500, "trouble of its own"),
        (418, "refuses (418)"),
    ] {
        let (result, heard) = download(move |_, _, _| Reply::status(status));
        let sentence = result.unwrap_err();
        assert!(sentence.contains(words), "{status}: {sentence}");
        let repeats = status == 429 || status == 500;
        assert_eq!(heard.len(), if repeats { 5 } else { 1 }, "{status}");
    }
}

#[test]
fn a_web_page_in_place_of_a_file_is_refused() {
    let (result, _) = download(|_, _, _| {
        Reply::ok(b"<!DOCTYPE html>").with("Content-Type", "text/html; charset=utf-8")
    });
    assert!(result.unwrap_err().contains("web page"));
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (result, heard) = download(|request, heard, body| match request {
        0 => Reply::redirect("/elsewhere"),
        _ => Reply::file(heard, body, "\"a\""),
    });
    assert_eq!(result.unwrap(), noise(300_000));
    assert_eq!(heard[1].path, "/elsewhere");
    let (result, _) = download(|_, _, _| Reply::redirect("/round"));
    assert!(result.unwrap_err().contains("without an end"));
    let (result, _) = download(|_, _, _| Reply::status(302));
    assert!(result.unwrap_err().contains("without saying which"));
}

#[test]
fn a_length_that_is_a_lie_is_found_out() {
    // More is announced than comes.
    let (result, _) = download(|_, _, body| Reply {
        announced: Some(400_000),
        ..Reply::ok(body)
    });
    assert!(result.unwrap_err().contains("127.0.0.1"));
    // The source says another size than the server.
    let server = Server::start(|heard| Reply::file(heard, &noise(1000), "\"a\""));
    let folder = tempfile::tempdir().unwrap();
    let asked = Wanted {
        size: Some(999),
        ..wanted(&server)
    };
    let error = fetched(&server, folder.path(), &asked).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("1000 bytes where one of 999 is meant"),
        "{error}"
    );
}

#[test]
fn contents_with_another_sum_are_thrown_away() {
    let server = Server::start(|heard| Reply::file(heard, &noise(1000), "\"a\""));
    let folder = tempfile::tempdir().unwrap();
    let asked = Wanted {
        sha256: Some(sum(b"something else")),
        ..wanted(&server)
    };
    let error = fetched(&server, folder.path(), &asked).err().unwrap();
    assert!(error.to_string().contains("SHA-256 differs"), "{error}");
    let asked = Wanted {
        sha256: Some(sum(&noise(1000))),
        ..asked
    };
    assert_eq!(
        fetched(&server, folder.path(), &asked).unwrap().sha256,
        sum(&noise(1000))
    );
}

#[test]
fn a_file_too_large_for_the_disk_is_refused_before_it_comes() {
    let server = Server::start(|_| Reply {
        announced: Some(1 << 58),
        ..Reply::ok(b"begin")
    });
    let folder = tempfile::tempdir().unwrap();
    let error = fetched(&server, folder.path(), &wanted(&server))
        .err()
        .unwrap();
    assert!(error.to_string().contains("not enough room"), "{error}");
}

#[test]
fn a_later_run_goes_on_where_an_earlier_one_was_ended() {
    let server = Server::start(|heard| Reply::file(heard, &noise(300_000), "\"a\""));
    let folder = tempfile::tempdir().unwrap();
    let (stop, mut seen) = (Stop::default(), 0);
    let result = fetch(
        &network(&server),
        folder.path(),
        &wanted(&server),
        &stop,
        &mut |bytes| {
            seen = bytes.done;
            if bytes.done > 100_000 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    );
    assert!(matches!(result, Err(Error::Cancelled)));
    let done = fetched(&server, folder.path(), &wanted(&server)).unwrap();
    assert_eq!(fs::read(&done.path).unwrap(), noise(300_000));
    assert_eq!(server.heard()[1].range_start(), Some(seen as usize));
}

#[test]
fn a_download_is_cancelled_while_nothing_comes() {
    let server = Server::start(|heard| Reply::file(heard, &noise(300_000), "\"a\"").stall_at(1000));
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let mut network = network(&server);
    network.stall = Duration::from_mins(10);
    let raised = stop.clone();
    let (sender, receiver) = std::sync::mpsc::channel();
    let raiser = std::thread::spawn(move || {
        receiver.recv().unwrap();
        raised.raise();
    });
    let result = fetch(
        &network,
        folder.path(),
        &wanted(&server),
        &stop,
        &mut |bytes| {
            if bytes.done > 0 {
                let _ = sender.send(());
            }
            ControlFlow::Continue(())
        },
    );
    assert!(matches!(result, Err(Error::Cancelled)));
    raiser.join().unwrap();
}

#[test]
fn two_downloads_of_one_file_share_it() {
    let server = Server::start(|heard| Reply::file(heard, &lora(), "\"a\""));
    let place = place(&server);
    let url = server.at("/shared.safetensors").to_string();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| place.obtain(&url).unwrap());
        }
    });
    assert_eq!(server.heard().len(), 1);
}

// --- Tokens -------------------------------------------------------------------------------------------------------

#[test]
fn tokens_go_to_their_service_and_to_nobody_else() {
    let elsewhere = Server::start(|heard| Reply::file(heard, &lora(), "\"a\""));
    let there = elsewhere.at("/signed.safetensors?sig=1").to_string();
    let service = Server::start(move |heard| match heard.path.as_str() {
        path if path.starts_with("/api/") => Reply::json(&json!({ "siblings": [] })),
        _ => Reply::redirect(&there),
    });
    let mut network = network(&elsewhere);
    network.hugging_face = service.url.clone();
    // The other services are on a third server, so that `elsewhere` is none.
    let third = Server::start(|_| Reply::status(404));
    (network.civitai, network.replicate) = (third.url.clone(), third.url.clone());
    network
        .tokens
        .set(Service::HuggingFace, Some("hf_secret".to_owned()));
    network
        .tokens
        .set(Service::Civitai, Some("civitai_secret".to_owned()));
    let place = place_with(network);
    place.obtain("huggingface.co/o/m/x.safetensors").unwrap();
    for heard in service.heard() {
        assert_eq!(heard.header("authorization"), Some("Bearer hf_secret"));
    }
    let heard = elsewhere.heard();
    assert_eq!(heard.len(), 1);
    assert!(!format!("{heard:?}").contains("secret"), "{heard:?}");
    place
        .obtain(elsewhere.at("/plain.safetensors").as_str())
        .unwrap();
    assert!(!format!("{:?}", elsewhere.heard()).contains("secret"));
}

#[test]
fn a_missing_licence_names_the_page() {
    let server = Server::start(|_| Reply::status(403));
    let mut network = network(&server);
    network
        .tokens
        .set(Service::HuggingFace, Some("hf_secret".to_owned()));
    let error = place_with(network)
        .obtain("huggingface.co/owner/model")
        .unwrap_err();
    let sentence = error.to_string();
    assert!(
        sentence.contains("accept the licence at https://huggingface.co/owner/model"),
        "{sentence}"
    );
    assert!(!sentence.contains("secret"));
}

#[test]
fn tokens_are_kept_where_only_the_user_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut tokens = Tokens::default();
    tokens.set(Service::Civitai, Some(" key \n".to_owned()));
    tokens.store(folder.path()).unwrap();
    assert_eq!(Tokens::stored(folder.path()), tokens);
    assert!(!format!("{tokens:?}").contains("key"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join("tokens.json");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        Tokens::stored(folder.path());
        assert_eq!(mode(), 0o600, "rights that were too wide are taken back");
    }
    fs::write(folder.path().join("tokens.json"), "{").unwrap();
    assert_eq!(Tokens::stored(folder.path()), Tokens::default());
}

// --- The services -------------------------------------------------------------------------------------------------

#[test]
fn a_replicate_archive_is_unpacked_once() {
    let tar = fs::read(demo("trained_model.tar")).unwrap();
    let server = Server::start(move |heard| match heard.path.as_str() {
        "/owner/name/_weights" | "/owner/name/versions/abc/_weights" => {
            Reply::redirect("/delivery/trained_model.tar")
        }
        "/delivery/trained_model.tar" => Reply::file(heard, &tar, "\"a\""),
        _ => Reply::status(404),
    });
    let place = place_at(&server, Service::Replicate);
    let info = place.obtain("owner/name").unwrap();
    assert_eq!(contents(&info), lora());
    assert_eq!(info.file.name, "name");
    assert_eq!(info.triggers, ["QFACE"]);
    let asked = server.heard().len();
    assert_eq!(
        place.obtain(" replicate.com/owner/name ").unwrap().file,
        info.file
    );
    assert_eq!(server.heard().len(), asked, "it is there already");
    // The same contents from another place are the same file.
    assert_eq!(
        place.obtain("owner/name/abc").unwrap().file.place,
        info.file.place
    );
    let sentence = place.obtain("owner/other").unwrap_err().to_string();
    assert!(
        sentence.contains("misspelt, no fine-tune, or private"),
        "{sentence}"
    );
}

#[test]
fn a_hugging_face_page_leads_to_its_only_file_or_lets_choose() {
    let entry = |name: &str| json!({ "rfilename": name, "size": lora().len(), "lfs": { "sha256": sum(&lora()), "size": lora().len() } });
    let one = json!({
        "siblings": [entry("lora.safetensors"), { "rfilename": "README.md" }],
        "cardData": { "instance_prompt": "TOK", "base_model": "black-forest-labs/FLUX.1-dev" },
    });
    let two = json!({ "siblings": [entry("a.safetensors"), entry("sub/b.safetensors")] });
    let server = Server::start(move |heard| match heard.path.split('?').next().unwrap() {
        "/api/models/o/one/revision/main" => Reply::json(&one),
        "/api/models/o/two/revision/main" => Reply::json(&two),
        "/api/models/o/none/revision/main" => Reply::json(&json!({ "siblings": [] })),
        "/o/one/resolve/main/lora.safetensors" | "/o/two/resolve/main/sub/b.safetensors" => {
            Reply::file(heard, &lora(), "\"a\"")
        }
        _ => Reply::status(404),
    });
    let place = place(&server);
    let info = place.obtain("huggingface.co/o/one").unwrap();
    assert_eq!(
        (info.file.name.as_str(), info.file.sha256.as_str()),
        ("one", sum(&lora()).as_str())
    );
    assert_eq!(info.triggers, ["TOK"]);
    assert_eq!(
        info.base_model.as_deref(),
        Some("black-forest-labs/FLUX.1-dev")
    );
    let Err(Error::Several { files, .. }) = place.obtain("huggingface.co/o/two") else {
        panic!("nothing to choose from");
    };
    assert_eq!(files.len(), 2);
    let asked = server.heard().len();
    let chosen = files[1].1.shareable().unwrap();
    assert_eq!(place.obtain(&chosen).unwrap().file.sha256, info.file.sha256);
    assert_eq!(
        server.heard().len(),
        asked + 1,
        "the same contents are not downloaded again"
    );
    for (typed, words) in [
        ("huggingface.co/o/none", "no .safetensors file"),
        ("huggingface.co/o/missing", "no such model"),
    ] {
        let sentence = place.obtain(typed).unwrap_err().to_string();
        assert!(sentence.contains(words), "{sentence}");
    }
}

#[test]
fn what_hugging_faces_own_tools_have_downloaded_is_used() {
    let server = Server::start(|_| Reply::status(500));
    let place = place(&server);
    let repository = place.folder.path().join("hub/models--o--m");
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::create_dir_all(repository.join("snapshots/c0ffee")).unwrap();
    fs::write(repository.join("refs/main"), "c0ffee").unwrap();
    fs::write(repository.join("snapshots/c0ffee/x.safetensors"), lora()).unwrap();
    for typed in [
        "huggingface.co/o/m",
        "huggingface.co/o/m/blob/main/x.safetensors",
        "huggingface.co/o/m/tree/c0ffee",
    ] {
        assert_eq!(contents(&place.obtain(typed).unwrap()), lora(), "{typed}");
    }
    assert!(server.heard().is_empty());
}

#[test]
fn a_civitai_page_leads_to_its_newest_version() {
    let file = |version: u64, bytes: &[u8]| {
        json!([{
            "name": "x.safetensors", "primary": true, "metadata": { "format": "SafeTensor" },
            "hashes": { "SHA256": sum(bytes).to_uppercase() },
            "downloadUrl": format!("https://civitai.com/api/download/models/{version}"),
        }])
    };
    let old = noise(10);
    let model = json!({ "name": "Faces", "type": "LORA", "modelVersions": [
        { "id": 900, "name": "v3", "files": [] },
        { "id": 800, "name": "v2", "baseModel": "Flux.1 D", "trainedWords": ["QFACE, smiling", "QFACE, smiling"], "files": file(800, &lora()) },
        { "id": 700, "name": "v1", "files": file(700, &old) },
    ] });
    let version = json!({ "id": 800, "modelId": 123, "name": "v2", "model": { "name": "Faces" }, "files": file(800, &lora()) });
    let server = Server::start(move |heard| match heard.path.as_str() {
        "/api/v1/models/123" => Reply::json(&model),
        "/api/v1/model-versions/800" => Reply::json(&version),
        "/api/download/models/800" => Reply::file(heard, &lora(), "\"a\""),
        _ => Reply::status(404),
    });
    let place = place_at(&server, Service::Civitai);
    let info = place.obtain("civitai.com/models/123/faces").unwrap();
    assert_eq!(contents(&info), lora());
    assert_eq!(info.file.name, "Faces (v2)");
    assert_eq!(info.triggers, ["QFACE, smiling"]);
    assert_eq!(info.base_model.as_deref(), Some("Flux.1 D"));
    assert_eq!(
        info.page.as_deref(),
        Some("https://civitai.com/models/123?modelVersionId=800")
    );
    place
        .obtain("https://civitai.com/models/123?modelVersionId=800")
        .unwrap();
    place
        .obtain("https://civitai.com/api/download/models/800")
        .unwrap();
    let sentence = place
        .obtain("civitai.com/models/800")
        .unwrap_err()
        .to_string();
    assert!(
        sentence.contains("the number of a model and that of its version differ"),
        "{sentence}"
    );
}

#[test]
fn a_link_keeps_its_query() {
    let server = Server::start(|heard| match heard.path.as_str() {
        "/x.safetensors?sig=a%2Bb&v=2" => Reply::file(heard, &lora(), "\"a\""),
        _ => Reply::status(403),
    });
    let place = place(&server);
    place
        .obtain(&format!("{}x.safetensors?sig=a%2Bb&v=2", server.url))
        .unwrap();
    // What is written down does not tell the signature.
    for note in fs::read_dir(place.folder.path().join("loras/notes"))
        .unwrap()
        .flatten()
    {
        assert!(!fs::read_to_string(note.path()).unwrap().contains("a%2Bb"));
    }
}

#[test]
fn damaged_files_say_what_they_are_and_are_not_kept() {
    let cut = lora()[..1000].to_vec();
    let served = Arc::new(Mutex::new(Vec::new()));
    let body = Arc::clone(&served);
    let server = Server::start(move |heard| Reply::file(heard, &body.lock().unwrap(), "\"a\""));
    let place = place(&server);
    for (bytes, words) in [
        (cut, "cut short"),
        (b"<html>please log in</html>".to_vec(), "web page"),
        (b"PK\x03\x04 whatever".to_vec(), "zip"),
        (Vec::new(), "empty"),
        (
            b"version https://git-lfs.github.com/spec/v1".to_vec(),
            "Git LFS",
        ),
        (noise(4000), "damaged"),
    ] {
        *served.lock().unwrap() = bytes;
        let sentence = place
            .obtain(server.at("/x.safetensors").as_str())
            .unwrap_err()
            .to_string();
        assert!(sentence.contains(words), "{sentence}");
    }
    *served.lock().unwrap() = lora();
    place.obtain(server.at("/x.safetensors").as_str()).unwrap();
}

// --- Local files, archives and data -------------------------------------------------------------------------------

#[test]
fn local_files_and_folders_are_used_where_they_are() {
    let server = Server::start(|_| Reply::status(500));
    let place = place(&server);
    let folder = place.folder.path().join("mine");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("face.safetensors");
    let first =
        fs::read(crate::reference_data::lora_folder().join("whole-peft.safetensors")).unwrap();
    fs::write(&path, &first).unwrap();
    fs::write(folder.join("face.preview.png"), b"a picture").unwrap();
    for typed in [path.to_str().unwrap(), folder.to_str().unwrap()] {
        let info = place.obtain(typed).unwrap();
        assert_eq!(
            (info.file.name.as_str(), contents(&info)),
            ("face", first.clone())
        );
        assert_eq!(fs::read(info.thumbnail.unwrap()).unwrap(), b"a picture");
    }
    // By its contents it is found again, until it changes.
    let reference = format!("sha256:{}", sum(&first));
    assert_eq!(contents(&place.obtain(&reference).unwrap()), first);
    fs::write(&path, lora()).unwrap();
    assert!(place.obtain(&reference).is_err());
    assert_eq!(
        place.obtain(path.to_str().unwrap()).unwrap().file.sha256,
        sum(&lora())
    );
    fs::write(folder.join("other.safetensors"), lora()).unwrap();
    assert!(matches!(
        place.obtain(folder.to_str().unwrap()),
        Err(Error::Several { .. })
    ));
    let missing = place.obtain("./nowhere.safetensors").unwrap_err();
    assert!(
        missing.to_string().contains("no file at this path"),
        "{missing}"
    );
}

/// An entry of an archive, with the header as `edit` makes it.
fn tar_with(edit: impl Fn(&mut tar::Header), name: &str, body: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(body.len() as u64);
    header.set_mode(0o644);
    // Written as it is: the library would refuse names that lead out.
    let bytes = name.as_bytes();
    header.as_old_mut().name[..bytes.len()].copy_from_slice(bytes);
    edit(&mut header);
    header.set_cksum();
    builder.append(&header, body).unwrap();
    builder.into_inner().unwrap()
}

fn extracted(archive: &[u8]) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    fs::write(&path, archive).unwrap();
    let mut target = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
    let result = archive::extract(
        File::open(&path).unwrap(),
        target.as_file_mut(),
        &mut |_| Ok(()),
    );
    result.map_err(|error| error.to_string())?;
    Ok(fs::read(target.path()).unwrap())
}

#[test]
fn archives_are_read_however_they_are_packed() {
    let tar = fs::read(demo("trained_model.tar")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(
        tar.as_slice(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    for archive in [tar, gzip.finish().unwrap(), zstd] {
        assert_eq!(extracted(&archive).unwrap(), lora());
    }
}

#[test]
fn archives_that_lead_elsewhere_are_refused() {
    let plain = |_: &mut tar::Header| {};
    let kind = |kind| move |header: &mut tar::Header| header.set_entry_type(kind);
    let two = [
        tar_with(plain, "a.safetensors", b"1"),
        tar_with(plain, "b.safetensors", b"2"),
    ];
    let two = [&two[0][..1024], &two[1]].concat();
    for (archive, words) in [
        (tar_with(plain, "../x.safetensors", b"1"), "leads out of it"),
        (
            tar_with(plain, "a/../../x.safetensors", b"1"),
            "leads out of it",
        ),
        (
            tar_with(plain, "/etc/x.safetensors", b"1"),
            "leads out of it",
        ),
        (
            tar_with(plain, "C:\\x.safetensors", b"1"),
            "leads out of it",
        ),
        (
            tar_with(kind(tar::EntryType::Symlink), "x.safetensors", b""),
            "a link",
        ),
        (
            tar_with(kind(tar::EntryType::Link), "x.safetensors", b""),
            "a link",
        ),
        (
            tar_with(kind(tar::EntryType::Fifo), "x.safetensors", b""),
            "no file",
        ),
        (
            tar_with(|header| header.set_size(1 << 40), "x.safetensors", b"1"),
            "too large",
        ),
        (
            tar_with(plain, "captions.txt", b"1"),
            "no .safetensors file",
        ),
        (two, "several .safetensors files"),
        (b"BZh91AY".to_vec(), "packed with bzip2"),
        (noise(5000), "damaged"),
        (Vec::new(), "no .safetensors file"),
    ] {
        let sentence = extracted(&archive).unwrap_err();
        assert!(sentence.contains(words), "{sentence}");
    }
}

#[test]
fn a_data_address_is_an_archive() {
    let server = Server::start(|_| Reply::status(500));
    let place = place(&server);
    let tar = BASE64.encode(fs::read(demo("trained_model.tar")).unwrap());
    let info = place
        .obtain(&format!("data:application/x-tar;base64,{tar}"))
        .unwrap();
    assert_eq!(contents(&info), lora());
    let sentence = place
        .obtain("data:application/x-tar;base64,****")
        .unwrap_err()
        .to_string();
    assert!(sentence.contains("no base64"), "{sentence}");
}
