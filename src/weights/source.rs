//! From a reference to what is to be downloaded: asks the services what is meant.

use serde_json::Value;
use url::Url;

use crate::schema::reference::Reference;
use crate::weights::error::Error;
use crate::weights::fetch::Wanted;
use crate::weights::http::Network;
use crate::weights::metadata::tidy;
use crate::weights::notes::{PEFT_CONFIG, PEFT_FILE};
use crate::weights::stop::Stop;
use crate::weights::text;
use crate::weights::tokens::Service;

/// What the source of a LoRA tells.
#[derive(Clone, Debug)]
pub(super) struct Located {
    /// The file, or an archive with it.
    pub(super) wanted: Wanted,
    /// What the source tells of it.
    pub(super) about: About,
}

/// What is known of a LoRA besides its file.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// What it is called.
    pub(super) name: Option<String>,
    /// Words that a prompt should have.
    pub(super) triggers: Vec<String>,
    /// Its page.
    pub(super) page: Option<String>,
    /// The model it was trained on, in the source's words.
    pub(super) base_model: Option<String>,
    /// A picture of what it does.
    pub(super) picture: Option<Url>,
    /// The very file, where the reference was a page.
    pub(super) exact: Option<Reference>,
    /// What PEFT has written beside the file, as JSON.
    pub(super) peft_config: Option<String>,
}

/// Asks where a reference leads. Those to this machine lead to no download: `None`.
///
/// # Errors
/// When the source refuses or does not know it, or when several files are meant ([`Error::Several`]).
pub(super) fn locate(
    network: &Network,
    reference: &Reference,
    stop: &Stop,
) -> Result<Option<Located>, Error> {
    let located = match reference {
        Reference::Link(url) => Located {
            wanted: unchecked(url.clone()),
            about: About {
                name: Some(reference.label()),
                ..About::default()
            },
        },
        Reference::Replicate {
            owner,
            name,
            version,
        } => replicate(network, owner, name, version.as_deref()),
        Reference::HuggingFace {
            repository,
            revision,
            file,
        } => hugging_face(network, repository, revision, file.as_deref(), stop)?,
        Reference::CivitaiModel(model) => civitai_model(network, *model, stop)?,
        Reference::CivitaiVersion {
            version,
            query,
            secret,
        } => {
            let mut located = civitai_version(network, *version, query, stop)?;
            let url = &mut located.wanted.url;
            if !secret.is_empty() {
                let query = url.query().filter(|query| !query.is_empty());
                let query =
                    query.map_or_else(|| secret.clone(), |query| format!("{query}&{secret}"));
                url.set_query(Some(&query));
            }
            located
        }
        Reference::Embedded | Reference::Data(_) | Reference::Path(_) | Reference::Contents(_) => {
            return Ok(None);
        }
    };
    Ok(Some(located))
}

/// A file of which nothing is known beforehand.
fn unchecked(url: Url) -> Wanted {
    Wanted {
        url,
        size: None,
        sha256: None,
    }
}

/// The weights of a fine-tune, which Replicate keeps in an archive.
/// <https://github.com/replicate/cog-flux/blob/51e81e0/weights.py>
fn replicate(network: &Network, owner: &str, name: &str, version: Option<&str>) -> Located {
    let mut path = vec![owner, name];
    if let Some(version) = version {
        path.extend(["versions", version]);
    }
    path.push("_weights");
    Located {
        wanted: unchecked(network.at(Service::Replicate, &path)),
        about: About {
            name: Some(name.to_owned()),
            page: Some(format!("https://replicate.com/{owner}/{name}")),
            ..About::default()
        },
    }
}

/// A file in a repository: the one that is named, or the only one there is.
/// <https://huggingface.co/docs/hub/api>
fn hugging_face(
    network: &Network,
    repository: &str,
    revision: &str,
    file: Option<&str>,
    stop: &Stop,
) -> Result<Located, Error> {
    let words: Vec<&str> = repository.split('/').collect();
    let mut url = network.at(Service::HuggingFace, &["api", "models"]);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(&words).extend(["revision", revision]);
    }
    url.set_query(Some("blobs=true"));
    let listing = match network.json(&url, stop) {
        Ok(listing) => listing,
        // A mirror may have only the files; what is known then is less.
        Err(Error::Refused(_)) if file.is_some() => Value::Null,
        Err(error) => return Err(error),
    };
    let files = list(&listing["siblings"]);
    let name_of = |entry: &Value| entry["rfilename"].as_str().map(str::to_owned);
    let weights: Vec<String> = files
        .iter()
        .filter_map(name_of)
        .filter(|name| name.to_ascii_lowercase().ends_with(".safetensors"))
        .collect();
    let file = match (file, weights.as_slice()) {
        (Some(file), _) => file.to_owned(),
        (None, [only]) => only.clone(),
        (None, []) => {
            return Err(Error::Refused(text::no_file_on_page(repository)));
        }
        (None, _) => return Err(several(repository, revision, weights)),
    };
    let entry = files
        .iter()
        .find(|entry| name_of(entry).as_deref() == Some(&file));
    let large = entry.map(|entry| &entry["lfs"]);
    let at = |file: &str| {
        let mut url = network.at(Service::HuggingFace, &words);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(["resolve", revision]);
            segments.extend(file.split('/'));
        }
        url
    };
    let config = file.strip_suffix(PEFT_FILE);
    let config = config.map(|folder| format!("{folder}{PEFT_CONFIG}"));
    let is_there = |config: &String| {
        files
            .iter()
            .any(|entry| name_of(entry).as_ref() == Some(config))
    };
    let peft_config = match config.filter(is_there) {
        Some(config) => Some(network.json(&at(&config), stop)?.to_string()),
        None => None,
    };
    let card = &listing["cardData"];
    let exact = Reference::HuggingFace {
        repository: repository.to_owned(),
        revision: revision.to_owned(),
        file: Some(file.clone()),
    };
    let stem = file
        .rsplit('/')
        .next()
        .unwrap_or(&file)
        .trim_end_matches(".safetensors");
    // Trainers give many files the same name.
    let is_usual = ["lora", "pytorch_lora_weights", "flux-lora", "adapter_model"].contains(&stem);
    Ok(Located {
        wanted: Wanted {
            url: at(&file),
            size: entry.and_then(|entry| {
                entry["size"]
                    .as_u64()
                    .or_else(|| entry["lfs"]["size"].as_u64())
            }),
            sha256: large
                .and_then(|large| large["sha256"].as_str())
                .map(str::to_owned),
        },
        about: About {
            name: Some(match words.last() {
                Some(model) if is_usual => (*model).to_owned(),
                _ => stem.to_owned(),
            }),
            triggers: tidy(said(&card["instance_prompt"]).into_iter().collect()),
            page: Some(format!("https://huggingface.co/{repository}")),
            base_model: said(&card["base_model"]).or_else(|| said(&card["base_model"][0])),
            picture: widget_picture(card, &at("")),
            exact: Some(exact),
            peft_config,
        },
    })
}

/// The first picture that a repository's page shows; its path is meant from `root`.
fn widget_picture(card: &Value, root: &Url) -> Option<Url> {
    let mut widgets = list(&card["widget"]).iter();
    let path = widgets.find_map(|widget| widget["output"]["url"].as_str())?;
    root.join(path).ok()
}

/// The error that lets the user choose.
fn several(repository: &str, revision: &str, files: Vec<String>) -> Error {
    let reference = |file: String| Reference::HuggingFace {
        repository: repository.to_owned(),
        revision: revision.to_owned(),
        file: Some(file),
    };
    Error::Several {
        place: format!("{repository} on Hugging Face"),
        files: files
            .into_iter()
            .map(|file| (file.clone(), reference(file)))
            .collect(),
    }
}

/// The newest version of a model. <https://developer.civitai.com/docs/api/public-rest>
fn civitai_model(network: &Network, model: u64, stop: &Stop) -> Result<Located, Error> {
    let number = model.to_string();
    let url = network.at(Service::Civitai, &["api", "v1", "models", &number]);
    let found = network.json(&url, stop)?;
    // The first version is the newest; those that are not out yet have no files.
    let versions = list(&found["modelVersions"]);
    let has_files = |version: &&Value| !list(&version["files"]).is_empty();
    let Some(version) = versions.iter().find(has_files) else {
        return Err(Error::Refused(text::no_file_of_model(model)));
    };
    let Some(id) = version["id"].as_u64() else {
        return Err(Error::Refused(text::odd_answer(Service::Civitai.name())));
    };
    let name = said(&found["name"]);
    Ok(civitai_file(network, id, version, "", name, Some(model)))
}

/// One version of a model.
fn civitai_version(
    network: &Network,
    version: u64,
    query: &str,
    stop: &Stop,
) -> Result<Located, Error> {
    let number = version.to_string();
    let url = network.at(Service::Civitai, &["api", "v1", "model-versions", &number]);
    let found = network.json(&url, stop)?;
    let model = found["modelId"].as_u64();
    let name = said(&found["model"]["name"]);
    Ok(civitai_file(network, version, &found, query, name, model))
}

/// The file of a version: the one that the query asks for, or the main one.
fn civitai_file(
    network: &Network,
    version: u64,
    found: &Value,
    query: &str,
    model_name: Option<String>,
    model: Option<u64>,
) -> Located {
    let files = list(&found["files"]);
    let query_of = |file: &Value| {
        let url = Url::parse(file["downloadUrl"].as_str()?).ok()?;
        Some(url.query().unwrap_or_default().to_owned())
    };
    let is_safe = |file: &&Value| file["metadata"]["format"].as_str() == Some("SafeTensor");
    let is_main = |file: &&Value| file["primary"].as_bool() == Some(true);
    let file = if query.is_empty() {
        let main = files.iter().filter(is_safe).find(is_main);
        main.or_else(|| files.iter().find(is_safe))
            .or_else(|| files.first())
    } else {
        let is_asked = |file: &&Value| query_of(file).as_deref() == Some(query);
        // Without a match nothing is known of the file, but the server knows which it is.
        files.iter().find(is_asked)
    };
    let mut url = network.at(
        Service::Civitai,
        &["api", "download", "models", &version.to_string()],
    );
    let own = file.and_then(query_of).unwrap_or_default();
    let query = if query.is_empty() {
        own.as_str()
    } else {
        query
    };
    url.set_query((!query.is_empty()).then_some(query));
    let page =
        model.map(|model| format!("https://civitai.com/models/{model}?modelVersionId={version}"));
    let version_name = said(&found["name"]);
    let words = list(&found["trainedWords"]);
    let pictures = list(&found["images"]);
    let is_still = |picture: &&Value| picture["type"].as_str().is_none_or(|kind| kind == "image");
    // 1 is what anybody may see.
    let is_harmless =
        |picture: &&Value| picture["nsfwLevel"].as_u64().is_none_or(|level| level <= 1);
    let picture = pictures.iter().filter(is_still).find(is_harmless);
    Located {
        wanted: Wanted {
            url,
            // The size is told in rounded kilobytes, so only the sum can be checked.
            size: None,
            sha256: file.and_then(|file| said(&file["hashes"]["SHA256"])),
        },
        about: About {
            name: match (model_name, version_name) {
                (Some(model), Some(version)) => Some(format!("{model} ({version})")),
                (model, version) => model.or(version),
            },
            triggers: tidy(words.iter().filter_map(said).collect()),
            page,
            exact: None,
            peft_config: None,
            base_model: said(&found["baseModel"]),
            picture: picture.and_then(|picture| Url::parse(picture["url"].as_str()?).ok()),
        },
    }
}

/// The entries of a list.
fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Text that says something.
fn said(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
