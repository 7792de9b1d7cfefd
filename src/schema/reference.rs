//! Which LoRA is meant, as data. [`typed`](crate::schema::typed) understands the forms that people write.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

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
pub(super) const EMBEDDED: &str = "embedded:qface";

/// What stands in front of a SHA-256.
pub(super) const CONTENTS: &str = "sha256:";

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

/// The query of an address without the parameters that carry secrets, and those.
pub(super) fn parts_of_query(url: &Url) -> (String, String) {
    let is_secret = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        SECRET.iter().any(|word| name.contains(word))
    };
    let pairs = url.query().unwrap_or_default().split('&');
    let (secret, open): (Vec<_>, Vec<_>) = pairs.partition(is_secret);
    (open.join("&"), secret.join("&"))
}
