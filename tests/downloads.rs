//! Downloads and tokens, against a server on loopback with every fault a server can have.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use flux_qfaces::weights::error::Error;
use flux_qfaces::weights::fetch::{Fetched, Wanted, fetch};
use flux_qfaces::weights::stop::Stop;
use flux_qfaces::weights::tokens::{Service, Tokens};
use serde_json::json;

use crate::support::places::{lora, network, noise, place, place_with, sum};
use crate::support::server::{Heard, Reply, Server};

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
        (401, "without a token"),
        (403, "without a token"),
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
fn a_page_in_place_of_the_rest_leaves_what_has_arrived() {
    let server = Server::start(|heard| match heard.range_start() {
        None => Reply::file(heard, &noise(300_000), "\"a\"").cut_at(100_000),
        Some(_) => Reply::ok(b"<!DOCTYPE html>").with("Content-Type", "text/html"),
    });
    let folder = tempfile::tempdir().unwrap();
    let error = fetched(&server, folder.path(), &wanted(&server)).err();
    assert!(error.unwrap().to_string().contains("web page"));
    let mut lengths = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len());
    assert!(lengths.any(|length| length == 100_000), "thrown away");
}

#[test]
fn a_piece_that_does_not_tell_the_whole_length_is_not_the_end() {
    let (result, heard) = download(|request, heard, body| match request {
        0 => Reply::file(heard, body, "\"a\"").cut_at(100_000),
        1 => Reply {
            body: body[100_000..200_000].to_vec(),
            ..Reply::status(206)
        }
        .with("Content-Range", "bytes 100000-199999/*"),
        _ => Reply::file(heard, body, "\"a\""),
    });
    assert_eq!(result.unwrap(), noise(300_000));
    assert_eq!(heard[2].range_start(), Some(200_000));
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
fn parts_that_nobody_goes_on_with_are_swept_by_a_later_download() {
    let server = Server::start(|heard| Reply::file(heard, &noise(300_000), "\"a\""));
    let folder = tempfile::tempdir().unwrap();
    let old = |name: &str| {
        let path = folder.path().join(name);
        let file = fs::File::create(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        path
    };
    let left = old("00.part");
    let held = old("01.part");
    let lock = fs::File::create(held.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    fs::write(left.with_extension("json"), "{}").unwrap();
    let fresh = folder.path().join("02.part");
    fs::write(&fresh, "x").unwrap();
    fetched(&server, folder.path(), &wanted(&server)).unwrap();
    assert!(!left.exists() && !left.with_extension("json").exists());
    assert!(held.exists(), "somebody works on it");
    assert!(fresh.exists(), "it is not old");
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
    let server = Server::start(|_| Reply::status(401).with("X-Error-Code", "GatedRepo"));
    let error = place(&server).obtain("huggingface.co/owner/model");
    let sentence = error.unwrap_err().to_string();
    let words = "accept the licence at https://huggingface.co/owner/model, then make a token";
    assert!(sentence.contains(words), "{sentence}");
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

#[test]
fn what_a_server_says_before_it_leads_elsewhere_is_checked() {
    for (tag, is_right) in [(sum(&noise(300_000)), true), (sum(b"another"), false)] {
        let (result, _) = download(move |request, heard, body| match request {
            0 => Reply::redirect("/elsewhere")
                .with("X-Linked-Etag", &format!("\"{tag}\""))
                .with("X-Linked-Size", "300000"),
            _ => Reply::file(heard, body, "\"a\""),
        });
        assert_eq!(result.is_ok(), is_right, "{result:?}");
    }
}
