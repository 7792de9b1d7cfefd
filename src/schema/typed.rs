//! What somebody types or pastes to say which LoRA is meant. Nothing is looked up here.
//!
//! The forms are those of [the reference](https://github.com/replicate/cog-flux/blob/51e81e0/weights.py), with its traps
//! corrected: white space around a reference does not count, the scheme may be left out everywhere, queries are kept, and
//! a page of a model is not mistaken for `owner/name`.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::schema::reference::{CONTENTS, EMBEDDED, Reference, parts_of_query};
use crate::schema::text;

/// The endings of archives that are understood.
const ARCHIVES: [&str; 5] = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"];

impl Reference {
    /// Understands what was typed.
    ///
    /// # Errors
    /// The rest of a sentence that begins with the input's name: what is wrong, and what to do.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let text = typed.trim();
        if text.starts_with("data:") {
            return data(text);
        }
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(text::no_reference(text));
        }
        if text == EMBEDDED {
            return Ok(Self::Embedded);
        }
        if let Some(hash) = text.strip_prefix(CONTENTS) {
            if hash.len() == 64 && is_hexadecimal(hash) {
                return Ok(Self::Contents(hash.to_ascii_lowercase()));
            }
            return Err(text::BAD_SHA256.to_owned());
        }
        if let Some(air) = text.strip_prefix("urn:air:") {
            return from_air(air).ok_or_else(|| text::no_reference(text));
        }
        let with_scheme = text.split_once("://");
        match with_scheme.map(|(scheme, _)| scheme.to_ascii_lowercase()) {
            None if is_path(text) => Ok(Self::Path(PathBuf::from(text))),
            None => without_scheme(text),
            Some(scheme) if scheme == "file" => {
                let url = Url::parse(text).ok();
                let path = url.and_then(|url| url.to_file_path().ok());
                path.map(Self::Path).ok_or_else(|| text::no_reference(text))
            }
            Some(scheme) if scheme == "http" || scheme == "https" => {
                let url = Url::parse(text).map_err(|_| text::no_reference(text))?;
                at_host(&url).unwrap_or_else(|| link(url))
            }
            Some(scheme) => Err(text::wrong_scheme(&scheme)),
        }
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether text without a scheme is the path of a file: it says so by its beginning, or by its ending.
fn is_path(text: &str) -> bool {
    let beginnings = ["/", "./", "../", "~"];
    let has_drive =
        matches!(text.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
    let is_file = ends_as_file(text) && host_of(text).is_none();
    let begins_as_path = beginnings.iter().any(|start| text.starts_with(start));
    has_drive || is_file || begins_as_path || text.contains('\\')
}

/// Whether a path ends like a file that can hold a LoRA.
fn ends_as_file(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.ends_with(".safetensors") || ARCHIVES.iter().any(|ending| path.ends_with(ending))
}

/// Whether text without a scheme can only be a link: it begins with a host, and has a query behind the path of a file.
fn is_link(text: &str) -> bool {
    let path = text.split_once('?').map(|(path, _)| path);
    path.is_some_and(|path| begins_with_host(path) && ends_as_file(path))
}

/// Whether text begins like an address without its scheme: `cdn.example.com/`.
pub fn begins_with_host(text: &str) -> bool {
    let host = text.split_once('/').map(|(host, _)| host);
    host.and_then(|host| host.rsplit_once('.'))
        .is_some_and(|(name, end)| {
            let is_end = end.len() >= 2 && end.bytes().all(|byte| byte.is_ascii_alphabetic());
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
            is_end && !name.is_empty() && name.bytes().all(is_plain)
        })
}

/// The services whose pages are understood.
#[derive(Clone, Copy)]
enum Host {
    HuggingFace,
    Civitai,
    Replicate,
    /// Serves files only.
    Files,
}

/// The service that an address without a scheme begins with.
fn host_of(address: &str) -> Option<Host> {
    let host = address.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    match host.strip_prefix("www.").unwrap_or(&host) {
        "huggingface.co" | "hf.co" => Some(Host::HuggingFace),
        "civitai.com" | "civitai.green" | "civitai.red" => Some(Host::Civitai),
        "replicate.com" | "r8.im" => Some(Host::Replicate),
        "replicate.delivery" => Some(Host::Files),
        _ => None,
    }
}

/// An address without a scheme, or a name on Replicate.
fn without_scheme(text: &str) -> Result<Reference, String> {
    if host_of(text).is_some() || is_link(text) {
        let url = Url::parse(&format!("https://{text}")).map_err(|_| text::no_reference(text))?;
        return at_host(&url).unwrap_or_else(|| link(url));
    }
    let words: Vec<_> = text.trim_end_matches('/').split('/').collect();
    replicate(&words).ok_or_else(|| text::no_reference(text))
}

/// A page or file of one of the services; `None` elsewhere.
fn at_host(url: &Url) -> Option<Result<Reference, String>> {
    let host = host_of(url.host_str()?)?;
    let words: Vec<String> = url
        .path_segments()?
        .filter(|word| !word.is_empty())
        .map(|word| percent_decode_str(word).decode_utf8_lossy().into_owned())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match host {
        Host::HuggingFace => Some(hugging_face(&words)),
        Host::Civitai => {
            Some(civitai(&words, url).ok_or_else(|| text::NO_CIVITAI_MODEL.to_owned()))
        }
        Host::Replicate => {
            Some(replicate_page(&words).ok_or_else(|| text::NO_REPLICATE_MODEL.to_owned()))
        }
        Host::Files => None,
    }
}

/// A model's page on Replicate, or one of the pages about it: `owner/name/api`, `owner/name/examples`.
fn replicate_page(words: &[&str]) -> Option<Reference> {
    let others = ["p", "collections", "docs", "blog", "account", "explore"];
    if words.first().is_some_and(|first| others.contains(first)) {
        return None;
    }
    replicate(words).or_else(|| match *words {
        [owner, name, _] => replicate(&[owner, name]),
        _ => None,
    })
}

/// `owner/name`, `owner/name/version`, `owner/name/versions/version` or `owner/name:version`. Versions are hexadecimal.
fn replicate(words: &[&str]) -> Option<Reference> {
    let (owner, name, version) = match *words {
        [owner, name] => match name.split_once(':') {
            Some((name, version)) => (owner, name, Some(version)),
            None => (owner, name, None),
        },
        [owner, name, "_weights"] => (owner, name, None),
        [owner, name, version]
        | [owner, name, "versions", version]
        | [owner, name, "versions", version, "_weights"] => (owner, name, Some(version)),
        _ => return None,
    };
    let is_name = |word: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        word.starts_with(|first: char| first.is_ascii_alphanumeric()) && word.bytes().all(is_plain)
    };
    let is_version = |word: &str| !word.is_empty() && is_hexadecimal(word);
    let is_one = is_name(owner) && is_name(name) && version.is_none_or(is_version);
    is_one.then(|| Reference::Replicate {
        owner: owner.to_owned(),
        name: name.to_owned(),
        version: version.map(str::to_owned),
    })
}

/// A page or a file on Hugging Face.
fn hugging_face(words: &[&str]) -> Result<Reference, String> {
    let wrong = || Err(text::NO_HUGGING_FACE_MODEL.to_owned());
    let (owner, name, rest) = match words {
        [
            "datasets" | "spaces" | "models" | "collections" | "papers",
            ..,
        ] => return wrong(),
        [owner, name, rest @ ..] => (owner, name, rest),
        _ => return wrong(),
    };
    let (revision, file) = match rest {
        [] => ("main", None),
        ["tree", revision, ..] => (*revision, None),
        ["blob" | "resolve" | "raw", revision, file @ ..] if !file.is_empty() => {
            (*revision, Some(file.join("/")))
        }
        file if file.last().is_some_and(|last| ends_as_file(last)) => {
            ("main", Some(file.join("/")))
        }
        _ => return wrong(),
    };
    if file.as_ref().is_some_and(|file| !ends_as_file(file)) {
        return Err(text::NO_SAFETENSORS.to_owned());
    }
    Ok(Reference::HuggingFace {
        repository: format!("{owner}/{name}"),
        revision: revision.to_owned(),
        file,
    })
}

/// A page or a link on CivitAI.
fn civitai(words: &[&str], url: &Url) -> Option<Reference> {
    let asked = url.query_pairs().find(|(name, _)| name == "modelVersionId");
    match words {
        ["models", model, ..] | ["api", "v1", "models", model] => match asked {
            Some((_, version)) => civitai_version(&version, None),
            None => model.parse().ok().map(Reference::CivitaiModel),
        },
        ["api", "download", "models", version] => civitai_version(version, Some(url)),
        ["model-versions", version] | ["api", "v1", "model-versions", version] => {
            civitai_version(version, None)
        }
        _ => None,
    }
}

/// One version of a model, with what its download link `url` says.
fn civitai_version(version: &str, url: Option<&Url>) -> Option<Reference> {
    let (query, secret) = url.map(parts_of_query).unwrap_or_default();
    Some(Reference::CivitaiVersion {
        version: version.parse().ok()?,
        query,
        secret,
    })
}

/// CivitAI's own names of resources: `flux1:lora:civitai:123@456`.
/// <https://github.com/civitai/civitai/wiki/AIR-%E2%80%90-Uniform-Resource-Names-for-AI>
fn from_air(air: &str) -> Option<Reference> {
    let (_, id) = air.split_once("civitai:")?;
    match id.split_once('@') {
        Some((_, version)) => civitai_version(version, None),
        None => Some(Reference::CivitaiModel(id.parse().ok()?)),
    }
}

/// The link of a file.
fn link(mut url: Url) -> Result<Reference, String> {
    url.set_fragment(None);
    if url.host_str().is_some() && ends_as_file(url.path()) {
        return Ok(Reference::Link(url));
    }
    Err(text::NO_FILE_LINK.to_owned())
}

/// An archive written out in base64.
fn data(text: &str) -> Result<Reference, String> {
    match text.split_once(',') {
        Some((head, body)) if head.ends_with(";base64") && !body.trim().is_empty() => {
            Ok(Reference::Data(text.to_owned()))
        }
        _ => Err(text::NO_DATA.to_owned()),
    }
}
