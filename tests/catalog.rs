//! What can be downloaded, and how it gets into the folder of models.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use flux_qfaces::schema::choices::Model;
use flux_qfaces::text::size_text;
use flux_qfaces::weights::catalog::{Catalog, Published};
use flux_qfaces::weights::error::Error;
use flux_qfaces::weights::install::{self, Arrival, install};
use flux_qfaces::weights::stop::Stop;
use serde_json::json;

use crate::support::places::{network, noise, sum};
use crate::support::server::{Heard, Reply, Server};

const GIB: u64 = 1 << 30;

#[test]
fn every_offer_has_all_that_a_picture_needs_with_sums_and_a_licence() {
    let catalog = Catalog::built_in();
    assert_eq!(catalog.offers.len(), 10);
    for offer in &catalog.offers {
        let files = catalog.files(offer);
        assert!(catalog.licence(offer).is_some(), "{}", offer.id);
        let has = |folder: &str| files.iter().any(|file| file.place.starts_with(folder));
        let is_all_in_one = has("checkpoints/");
        assert!(is_all_in_one || has("diffusion_models/"), "{}", offer.id);
        assert!(
            is_all_in_one || has("text_encoders/clip_l") && has("text_encoders/t5") && has("vae/")
        );
        for folder in [
            "tokenizer/",
            "tokenizer_2/",
            "safety_checker/",
            "safety_classifier/",
        ] {
            assert!(has(folder), "{} lacks {folder}", offer.id);
        }
        for file in files {
            assert_eq!(
                file.sha256.as_ref().map(String::len),
                Some(64),
                "{}",
                file.place
            );
            assert!(file.bytes > 0);
        }
    }
}

#[test]
fn files_of_the_makers_are_gated_and_the_others_are_not() {
    let catalog = Catalog::built_in();
    for offer in &catalog.offers {
        let is_gated = catalog.files(offer).iter().any(|file| file.is_gated);
        assert_eq!(is_gated, offer.precision == "bf16", "{}", offer.id);
    }
}

#[test]
fn the_size_that_suits_a_machine_grows_with_its_memory() {
    let catalog = Catalog::built_in();
    for model in [Model::Dev, Model::Schnell] {
        let best = |memory| catalog.best(model, memory).unwrap().precision.as_str();
        assert_eq!(best(Some(64 * GIB)), "bf16");
        assert_eq!(best(Some(32 * GIB)), "Q8");
        assert_eq!(best(Some(16 * GIB)), "Q4");
        assert_eq!(best(Some(4 * GIB)), "Q4");
        assert_eq!(best(None), "Q4");
    }
}

#[test]
fn sizes_of_offers_are_those_of_their_files() {
    let catalog = Catalog::built_in();
    let offer = catalog.offer("schnell-q4").unwrap();
    assert_eq!(size_text(catalog.bytes(offer)), "11.7 GB");
}

#[test]
fn a_catalogue_that_leads_nowhere_is_refused() {
    let file = |place: &str, sum: &str| {
        json!({
            "repository": "owner/name", "path": "a", "place": place, "bytes": 1, "sha256": sum,
        })
    };
    let good = "0".repeat(64);
    let catalog = |file: serde_json::Value, key: &str| {
        json!({
            "licences": { "free": { "name": "Free", "page": "https://example.org", "about": "" } },
            "files": { "one": file },
            "offers": [{
                "id": "x", "model": "dev", "precision": "Q4", "about": "", "licence": "free", "files": [key],
            }],
            "parts": {},
        })
        .to_string()
    };
    assert!(Catalog::parse(&catalog(file("a/b", &good), "one")).is_ok());
    let refused = |file, key| Catalog::parse(&catalog(file, key)).unwrap_err();
    assert_eq!(
        refused(file("a", &good), "two"),
        "it has no file called two"
    );
    for place in ["../a", "/a", "", "a/../../b"] {
        let sentence = refused(file(place, &good), "one");
        assert_eq!(sentence, format!("{place} is no place in a folder"));
    }
    assert_eq!(
        refused(file("a", "12"), "one"),
        "the sum of a is no SHA-256"
    );
    assert!(Catalog::parse("<html>").is_err());
}

/// Two files of a repository, and a server that has them.
fn published(contents: [&[u8]; 2]) -> Vec<Published> {
    let files = contents.iter().zip(["one.gguf", "two.safetensors"]);
    let files = files.map(|(contents, name)| Published {
        repository: "owner/name".to_owned(),
        revision: "refs/pr/1".to_owned(),
        path: format!("folder/{name}"),
        place: format!("models/{name}"),
        bytes: contents.len() as u64,
        sha256: Some(sum(contents)),
        is_gated: false,
    });
    files.collect()
}

/// Serves the two files; the n-th request is answered by `change` of what would be right.
fn serve(change: impl Fn(usize, Reply) -> Reply + Send + Sync + 'static) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |heard: &Heard| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let reply = match heard.path.as_str() {
            "/owner/name/resolve/refs%2Fpr%2F1/folder/one.gguf" => {
                Reply::file(heard, &noise(300_000), "\"a\"")
            }
            "/owner/name/resolve/refs%2Fpr%2F1/folder/two.safetensors" => {
                Reply::file(heard, &noise(1000), "\"b\"")
            }
            _ => Reply::status(404),
        };
        change(number, reply)
    })
}

fn installed(
    server: &Server,
    folder: &Path,
    files: &[Published],
    on_arrival: &mut install::OnArrival<'_>,
) -> Result<(), Error> {
    install(
        &network(server),
        folder,
        files,
        &Stop::default(),
        on_arrival,
    )
}

#[test]
fn files_come_in_order_and_get_their_places_when_they_are_whole() {
    let server = serve(|_, reply| reply);
    let folder = tempfile::tempdir().unwrap();
    let files = published([&noise(300_000), &noise(1000)]);
    let mut heard: Vec<Arrival> = Vec::new();
    installed(&server, folder.path(), &files, &mut |arrival| {
        heard.push(arrival);
        assert!(!folder.path().join("models/two.safetensors").exists());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(
        fs::read(folder.path().join("models/one.gguf")).unwrap(),
        noise(300_000)
    );
    assert_eq!(
        fs::read(folder.path().join("models/two.safetensors")).unwrap(),
        noise(1000)
    );
    assert!(install::missing(folder.path(), &files).is_empty());
    let last = heard.last().unwrap();
    assert_eq!((last.file, last.bytes.total), (1, Some(301_000)));
    assert!(
        heard
            .windows(2)
            .all(|pair| pair[0].bytes.done <= pair[1].bytes.done)
    );
    // Nothing of the way is left, and nothing is asked for twice.
    assert_eq!(server.heard().len(), 2);
    installed(&server, folder.path(), &files, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(server.heard().len(), 2);
}

#[test]
fn a_download_that_was_ended_goes_on_where_it_was() {
    let server = serve(|_, reply| reply);
    let folder = tempfile::tempdir().unwrap();
    let files = published([&noise(300_000), &noise(1000)]);
    let ended = installed(&server, folder.path(), &files, &mut |arrival| {
        if arrival.bytes.done > 100_000 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(ended, Err(Error::Cancelled)));
    let arrived = install::arrived(&network(&server), folder.path(), &files);
    assert!((100_000..300_000).contains(&arrived), "{arrived}");
    assert_eq!(install::missing(folder.path(), &files).len(), 2);
    let mut first = None;
    installed(&server, folder.path(), &files, &mut |arrival| {
        first.get_or_insert(arrival.bytes.done);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(first, Some(arrived));
    assert_eq!(server.heard()[1].range_start(), Some(arrived as usize));
    assert!(install::missing(folder.path(), &files).is_empty());
}

#[test]
fn a_file_with_a_wrong_sum_never_gets_its_place() {
    let server = serve(|_, reply| reply);
    let folder = tempfile::tempdir().unwrap();
    let mut files = published([&noise(300_000), &noise(1000)]);
    files[0].sha256 = Some("0".repeat(64));
    let refused = installed(&server, folder.path(), &files, &mut |_| {
        ControlFlow::Continue(())
    });
    let sentence = refused.unwrap_err().to_string();
    assert!(
        sentence.contains("is not the one that is meant"),
        "{sentence}"
    );
    assert_eq!(install::missing(folder.path(), &files).len(), 2);
}

#[test]
fn what_has_arrived_is_thrown_away_when_it_is_given_up() {
    let server = serve(|number, reply| {
        if number == 0 {
            reply.cut_at(100_000)
        } else {
            Reply::status(404)
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let files = published([&noise(300_000), &noise(1000)]);
    assert!(
        installed(&server, folder.path(), &files, &mut |_| {
            ControlFlow::Continue(())
        })
        .is_err()
    );
    let arrived = |files: &[Published]| install::arrived(&network(&server), folder.path(), files);
    assert_eq!(arrived(&files), 100_000);
    install::forget(&network(&server), folder.path(), &files);
    assert_eq!(arrived(&files), 0);
}

#[test]
fn what_is_asked_for_is_told_before_a_refusal() {
    let server = serve(|number, reply| {
        if number == 1 {
            Reply::status(401).with("X-Error-Code", "GatedRepo")
        } else {
            reply
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let files = published([&noise(300_000), &noise(1000)]);
    let mut last = None;
    let refused = installed(&server, folder.path(), &files, &mut |arrival| {
        last = Some(arrival.file);
        ControlFlow::Continue(())
    });
    assert!(matches!(refused, Err(Error::Refused(_))));
    assert_eq!(last, Some(1), "it is not known which file was refused");
}

#[test]
fn another_file_in_the_place_of_one_stays_and_nothing_is_downloaded() {
    let server = serve(|_, reply| reply);
    let folder = tempfile::tempdir().unwrap();
    let files = published([&noise(300_000), &noise(1000)]);
    let own = folder.path().join("models/two.safetensors");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, b"the user's own").unwrap();
    let refused = installed(&server, folder.path(), &files, &mut |_| {
        ControlFlow::Continue(())
    });
    let sentence = refused.unwrap_err().to_string();
    assert!(
        sentence.contains("another file is in the place of folder/two.safetensors"),
        "{sentence}"
    );
    assert_eq!(fs::read(own).unwrap(), b"the user's own");
    assert!(server.heard().is_empty());
}

#[test]
fn a_catalogue_with_impossible_lengths_is_refused() {
    for bytes in ["0", "9223372036854775808", "-1"] {
        let text = format!(
            r#"{{"licences": {{}}, "offers": [], "parts": {{}}, "files": {{"a": {{
                "repository": "o/n", "path": "a", "place": "a", "bytes": {bytes}}}}}}}"#
        );
        assert!(Catalog::parse(&text).is_err(), "{bytes}");
    }
}
