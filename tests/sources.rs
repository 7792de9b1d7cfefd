//! The places that LoRAs come from: Replicate, Hugging Face, CivitAI, links, files, archives and data addresses.

use std::fs::{self, File};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use flux_qfaces::weights::archive;
use flux_qfaces::weights::error::Error;
use flux_qfaces::weights::lora::LoraPlace;
use flux_qfaces::weights::tokens::Service;
use serde_json::json;

use crate::support::places::{contents, demo, lora, noise, place, place_at, sum};
use crate::support::server::{Heard, Reply, Server};

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
    let page = "huggingface.co/o/m/blob/main/x.safetensors";
    assert_eq!(contents(&place.obtain(page).unwrap()), lora());
    assert!(
        server.heard().is_empty(),
        "the file is named, so nobody is asked"
    );
    // Which file a page means is asked; where nobody answers, the one that is there will do.
    for typed in ["huggingface.co/o/m", "huggingface.co/o/m/tree/c0ffee"] {
        assert_eq!(contents(&place.obtain(typed).unwrap()), lora(), "{typed}");
    }
    assert!(!server.heard().is_empty());
}

#[test]
fn what_peft_writes_beside_its_file_goes_with_it() {
    let config = json!({ "lora_alpha": 32, "r": 16 });
    let listing = json!({ "siblings": [
        { "rfilename": "a/adapter_config.json" }, { "rfilename": "a/adapter_model.safetensors" },
    ] });
    let told = config.to_string();
    let server = Server::start(move |heard| match heard.path.as_str() {
        path if path.starts_with("/api/") => Reply::json(&listing),
        "/o/m/resolve/main/a/adapter_config.json" => Reply::json(&config),
        _ => Reply::file(heard, &lora(), "\"a\""),
    });
    let place = place(&server);
    let found = place.obtain("huggingface.co/o/m").unwrap();
    assert_eq!(found.file.peft_config.as_ref(), Some(&told));
    assert_eq!(place.obtain("huggingface.co/o/m").unwrap(), found);
    // Beside a file of the user, and changed there later.
    let file = place.folder.path().join("adapter_model.safetensors");
    fs::write(&file, lora()).unwrap();
    let typed = file.to_string_lossy().into_owned();
    assert_eq!(place.obtain(&typed).unwrap().file.peft_config, None);
    fs::write(file.with_file_name("adapter_config.json"), &told).unwrap();
    assert_eq!(place.obtain(&typed).unwrap().file.peft_config, Some(told));
}

#[test]
fn an_older_file_of_hugging_faces_own_tools_gives_way() {
    let file = lora();
    let listing = json!({ "siblings": [{
        "rfilename": "x.safetensors", "lfs": { "sha256": sum(&file), "size": file.len() },
    }] });
    let server = Server::start(move |heard| match heard.path.as_str() {
        path if path.starts_with("/api/") => Reply::json(&listing),
        _ => Reply::file(heard, &lora(), "\"a\""),
    });
    let place = place(&server);
    let snapshot = place.folder.path().join("hub/models--o--m/snapshots/main");
    fs::create_dir_all(&snapshot).unwrap();
    let mut older = lora();
    *older.last_mut().unwrap() ^= 1;
    fs::write(snapshot.join("x.safetensors"), &older).unwrap();
    let info = place.obtain("huggingface.co/o/m").unwrap();
    assert_eq!(contents(&info), lora());
    assert!(info.page.is_some());
    // The very file is used where it lies, and what the page says of it is known next time without asking.
    let place = self::place(&server);
    let snapshot = place.folder.path().join("hub/models--o--m/snapshots/main");
    fs::create_dir_all(&snapshot).unwrap();
    fs::write(snapshot.join("x.safetensors"), lora()).unwrap();
    let before = server.heard().len();
    let info = place.obtain("huggingface.co/o/m").unwrap();
    assert!(matches!(&info.file.place, LoraPlace::File(path) if path.starts_with(&snapshot)));
    assert_eq!(place.obtain("huggingface.co/o/m").unwrap(), info);
    assert_eq!(server.heard().len(), before + 1);
}

#[test]
fn a_token_in_a_link_is_used_and_kept_out_of_notes() {
    let server = Server::start(|heard| match heard.path.as_str() {
        "/api/v1/model-versions/800" => Reply::json(&json!({ "id": 800, "files": [] })),
        path if path.ends_with("type=Model&token=abc") => Reply::file(heard, &lora(), "\"a\""),
        _ => Reply::status(401),
    });
    let place = place_at(&server, Service::Civitai);
    let link = "https://civitai.com/api/download/models/800?type=Model&token=abc";
    assert_eq!(contents(&place.obtain(link).unwrap()), lora());
    for entry in fs::read_dir(place.folder.path().join("loras/notes")).unwrap() {
        let note = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!note.contains("abc"), "{note}");
    }
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
fn two_ways_to_one_file_download_it_once() {
    let version = json!({ "id": 800, "modelId": 123, "name": "v2", "model": { "name": "Faces" }, "files": [{
        "name": "x.safetensors", "primary": true, "metadata": { "format": "SafeTensor" },
        "hashes": { "SHA256": sum(&lora()) },
        "downloadUrl": "https://civitai.com/api/download/models/800",
    }] });
    let model = json!({ "name": "Faces", "modelVersions": [version] });
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |heard| {
        if heard.path.starts_with("/api/v1/") {
            asked.fetch_add(1, Ordering::SeqCst);
        } else {
            // The file comes once both have asked what it is.
            while asked.load(Ordering::SeqCst) < 2 {
                std::thread::yield_now();
            }
        }
        match heard.path.as_str() {
            "/api/v1/models/123" => Reply::json(&model),
            "/api/v1/model-versions/800" => Reply::json(&version),
            _ => Reply::file(heard, &lora(), "\"a\""),
        }
    });
    let place = place_at(&server, Service::Civitai);
    std::thread::scope(|scope| {
        for reference in [
            "https://civitai.com/models/123",
            "https://civitai.com/api/download/models/800",
        ] {
            let place = &place;
            scope.spawn(move || assert_eq!(contents(&place.obtain(reference).unwrap()), lora()));
        }
    });
    let is_download = |heard: &&Heard| heard.path.starts_with("/api/download");
    assert_eq!(server.heard().iter().filter(is_download).count(), 1);
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

#[test]
fn local_files_and_folders_are_used_where_they_are() {
    let server = Server::start(|_| Reply::status(500));
    let place = place(&server);
    let folder = place.folder.path().join("mine");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("face.safetensors");
    let first =
        fs::read(crate::support::reference_data::lora_folder().join("whole-peft.safetensors"))
            .unwrap();
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
        &|_| Ok(()),
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
            tar_with(kind(tar::EntryType::GNULongName), "long", &noise(70_000)),
            "too long",
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
