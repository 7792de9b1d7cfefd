//! What somebody types or pastes to say which LoRA is meant, as data. Nothing is looked up here.
//!
//! The forms are those of [the reference](https://github.com/replicate/cog-flux/blob/51e81e0/weights.py), with its traps
//! corrected: white space around a reference does not count, the scheme may be left out everywhere, queries are kept, and
//! a page of a model is not mistaken for `owner/name`.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

/// The forms that are understood, for the sentence about one that is not.
pub const FORMS: &str = "owner/name from Replicate, a page on huggingface.co or civitai.com, the link of a .safetensors or .tar file, or the path of a file";

/// Where a LoRA is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// Inside the program: one that belongs to the demo model.
    Embedded,
    /// The weights of a fine-tune on Replicate.
    Replicate {
        /// Who trained it.
        owner: String,
        /// Its name.
        name: String,
        /// One version of it; the newest where there is none.
        version: Option<String>,
    },
    /// A repository on Hugging Face, or one file in it.
    HuggingFace {
        /// `owner/name`
        repository: String,
        /// Branch, tag or commit.
        revision: String,
        /// Path of the file; without one, the only `.safetensors` file there is.
        file: Option<String>,
    },
    /// A model on CivitAI, in its newest version.
    CivitaiModel(u64),
    /// One version of a model on CivitAI.
    CivitaiVersion {
        /// The version's number, which differs from the model's.
        version: u64,
        /// Which of its files, as its own links say it: `type=Model&format=SafeTensor`; may be empty.
        query: String,
        /// The parameters of the link that carry a secret, such as `token=…`; may be empty.
        secret: String,
    },
    /// A `.safetensors` file, or an archive with one in it.
    Link(Url),
    /// An archive in base64, written out in a `data:` address.
    Data(String),
    /// A file, or a folder with one in it.
    Path(PathBuf),
    /// A file that this machine has had before, by the SHA-256 of its contents in hexadecimal.
    Contents(String),
}

/// What names the LoRA of the demo model.
const EMBEDDED: &str = "embedded:qface";

/// What stands in front of a SHA-256.
const CONTENTS: &str = "sha256:";

/// The endings of archives that are understood.
const ARCHIVES: [&str; 5] = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"];

/// Parts of the names of query parameters that carry a secret or a signature.
const SECRET: [&str; 10] = [
    "token",
    "sig",
    "key",
    "secret",
    "credential",
    "auth",
    "policy",
    "expires",
    "password",
    "security",
];

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
            return Err(not_understood(text));
        }
        if text == EMBEDDED {
            return Ok(Self::Embedded);
        }
        if let Some(hash) = text.strip_prefix(CONTENTS) {
            let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            let lower = hash.to_ascii_lowercase();
            let wrong = || "must have 64 hexadecimal digits after 'sha256:'".to_owned();
            return is_hash.then_some(Self::Contents(lower)).ok_or_else(wrong);
        }
        if let Some(air) = text.strip_prefix("urn:air:") {
            return from_air(air).ok_or_else(|| not_understood(text));
        }
        let with_scheme = text.split_once("://");
        match with_scheme.map(|(scheme, _)| scheme.to_ascii_lowercase()) {
            None if is_path(text) => Ok(Self::Path(PathBuf::from(text))),
            None => without_scheme(text),
            Some(scheme) if scheme == "file" => {
                let path = Url::parse(text)
                    .ok()
                    .and_then(|url| url.to_file_path().ok());
                path.map(Self::Path).ok_or_else(|| not_understood(text))
            }
            Some(scheme) if scheme == "http" || scheme == "https" => {
                let url = Url::parse(text).map_err(|_| not_understood(text))?;
                at_host(&url).unwrap_or_else(|| link(url))
            }
            Some(scheme) => Err(format!(
                "must be a link that begins with https://, not {scheme}://"
            )),
        }
    }

    /// The reference as it may be written into a picture: without secrets, and `None` where it would tell about this
    /// machine.
    pub fn shareable(&self) -> Option<String> {
        Some(match self {
            Self::Path(_) | Self::Data(_) => return None,
            Self::Embedded => EMBEDDED.to_owned(),
            Self::Contents(hash) => format!("{CONTENTS}{hash}"),
            Self::Replicate {
                owner,
                name,
                version,
            } => match version {
                Some(version) => format!("{owner}/{name}/{version}"),
                None => format!("{owner}/{name}"),
            },
            Self::HuggingFace {
                repository,
                revision,
                file,
            } => {
                let page = format!("https://huggingface.co/{repository}");
                let revision_word = encoded(revision);
                match file {
                    Some(file) => {
                        let words: Vec<_> = file.split('/').map(encoded).collect();
                        format!("{page}/blob/{revision_word}/{}", words.join("/"))
                    }
                    None if revision == "main" => page,
                    None => format!("{page}/tree/{revision_word}"),
                }
            }
            Self::CivitaiModel(model) => format!("https://civitai.com/models/{model}"),
            Self::CivitaiVersion { version, query, .. } => {
                let mark = if query.is_empty() { "" } else { "?" };
                format!("https://civitai.com/api/download/models/{version}{mark}{query}")
            }
            Self::Link(url) => {
                let mut url = url.clone();
                let (query, _) = parts_of_query(&url);
                url.set_query((!query.is_empty()).then_some(&query));
                // Neither fails on an address with a host.
                let _ = url.set_password(None);
                let _ = url.set_username("");
                url.to_string()
            }
        })
    }

    /// The reference without secrets, if it still leads to the same file.
    pub fn lasting(&self) -> Option<String> {
        let shared = self.shareable()?;
        match self {
            Self::Link(url) if *url.as_str() != shared => None,
            _ => Some(shared),
        }
    }

    /// A short name for people, until the file itself tells one.
    pub fn label(&self) -> String {
        let last = |path: &str| {
            let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
            let name = percent_decode_str(name).decode_utf8_lossy();
            name.trim_end_matches(".safetensors").to_owned()
        };
        match self {
            Self::Embedded => "QFACE".to_owned(),
            Self::Replicate { name, .. } => name.clone(),
            Self::HuggingFace {
                repository, file, ..
            } => last(file.as_deref().unwrap_or(repository)),
            Self::CivitaiModel(model) => format!("CivitAI model {model}"),
            Self::CivitaiVersion { version, .. } => format!("CivitAI version {version}"),
            Self::Link(url) => last(url.path()),
            Self::Data(_) => "from a data address".to_owned(),
            Self::Path(path) => last(&path.to_string_lossy()),
            Self::Contents(hash) => hash.chars().take(8).collect(),
        }
    }
}

/// A word of an address.
fn encoded(word: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(word, KEPT).to_string()
}

/// The sentence about something that is no reference.
fn not_understood(text: &str) -> String {
    format!(
        "is no reference to a LoRA ('{}'): give {FORMS}",
        text.escape_debug()
    )
}

/// Whether text without a scheme is the path of a file: it says so by its beginning, or by its ending.
fn is_path(text: &str) -> bool {
    let beginnings = ["/", "./", "../", "~", ".\\", "..\\", "\\"];
    let has_drive = text
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && text
            .get(1..)
            .is_some_and(|rest| rest.starts_with(":\\") || rest.starts_with(":/"));
    let is_file = ends_as_file(text) && host_of(text).is_none();
    has_drive
        || is_file
        || text.contains('\\')
        || beginnings.iter().any(|start| text.starts_with(start))
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
        let url = Url::parse(&format!("https://{text}")).map_err(|_| not_understood(text))?;
        return at_host(&url).unwrap_or_else(|| link(url));
    }
    let words: Vec<_> = text.trim_end_matches('/').split('/').collect();
    replicate(&words).ok_or_else(|| not_understood(text))
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
        Host::Civitai => Some(civitai(&words, url)),
        Host::Replicate => {
            let wrong =
                "names no model on Replicate: give replicate.com/owner/name, or owner/name/version";
            Some(replicate_page(&words).ok_or_else(|| wrong.to_owned()))
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
        let mut letters = word.chars();
        letters
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
    };
    let is_version =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_name(owner) && is_name(name) && version.is_none_or(is_version)).then(|| {
        Reference::Replicate {
            owner: owner.to_owned(),
            name: name.to_owned(),
            version: version.map(str::to_owned),
        }
    })
}

/// A page or a file on Hugging Face.
fn hugging_face(words: &[&str]) -> Result<Reference, String> {
    let wrong = || {
        Err("names no model on Hugging Face: give huggingface.co/owner/model, or the page of one of its .safetensors files".to_owned())
    };
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
        return Err("names a file that is no .safetensors file".to_owned());
    }
    Ok(Reference::HuggingFace {
        repository: format!("{owner}/{name}"),
        revision: revision.to_owned(),
        file,
    })
}

/// A page or a link on CivitAI.
fn civitai(words: &[&str], url: &Url) -> Result<Reference, String> {
    let of_version = |version| Reference::CivitaiVersion {
        version,
        query: String::new(),
        secret: String::new(),
    };
    let asked = url.query_pairs().find(|(name, _)| name == "modelVersionId");
    let found = match words {
        ["models", model, ..] | ["api", "v1", "models", model] => match asked {
            Some((_, version)) => version.parse().ok().map(of_version),
            None => model.parse().ok().map(Reference::CivitaiModel),
        },
        ["api", "download", "models", version] => version.parse().ok().map(|version| {
            let (query, secret) = parts_of_query(url);
            Reference::CivitaiVersion {
                version,
                query,
                secret,
            }
        }),
        ["model-versions", version] | ["api", "v1", "model-versions", version] => {
            version.parse().ok().map(of_version)
        }
        _ => None,
    };
    found.ok_or_else(|| {
        "names no model on CivitAI: give civitai.com/models/<number>, with ?modelVersionId=<number> for one of its versions".to_owned()
    })
}

/// CivitAI's own names of resources: `flux1:lora:civitai:123@456`.
/// <https://github.com/civitai/civitai/wiki/AIR-%E2%80%90-Uniform-Resource-Names-for-AI>
fn from_air(air: &str) -> Option<Reference> {
    let (_, id) = air.split_once("civitai:")?;
    Some(match id.split_once('@') {
        Some((_, version)) => Reference::CivitaiVersion {
            version: version.parse().ok()?,
            query: String::new(),
            secret: String::new(),
        },
        None => Reference::CivitaiModel(id.parse().ok()?),
    })
}

/// The link of a file.
fn link(mut url: Url) -> Result<Reference, String> {
    url.set_fragment(None);
    if url.host_str().is_some() && ends_as_file(url.path()) {
        return Ok(Reference::Link(url));
    }
    Err("must end with .safetensors or .tar to be the link of a file; of pages, those of Replicate, huggingface.co and civitai.com are understood".to_owned())
}

/// An archive written out in base64.
fn data(text: &str) -> Result<Reference, String> {
    match text.split_once(',') {
        Some((head, body)) if head.ends_with(";base64") && !body.trim().is_empty() => {
            Ok(Reference::Data(text.to_owned()))
        }
        _ => Err("must hold a tar archive in base64 to be a data address".to_owned()),
    }
}

/// The query of an address without the parameters that carry secrets, and those.
fn parts_of_query(url: &Url) -> (String, String) {
    let is_secret = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        SECRET.iter().any(|word| name.contains(word))
    };
    let pairs = url.query().unwrap_or_default().split('&');
    let (secret, open): (Vec<_>, Vec<_>) = pairs.partition(is_secret);
    (open.join("&"), secret.join("&"))
}
