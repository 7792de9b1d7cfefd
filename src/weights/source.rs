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
pub(super) struct Located {
    /// The file, or an archive with it.
    pub(super) wanted: Wanted,
    pub(super) about: About,
}

/// What is known of a LoRA besides its file.
#[derive(Default)]
pub(super) struct About {
    pub(super) name: Option<String>,
    /// Words that a prompt should have.
    pub(super) triggers: Vec<String>,
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
        Reference::Link(url) => unchecked(url.clone(), reference.label(), None),
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
                let query = format!("{}&{secret}", url.query().unwrap_or_default());
                url.set_query(Some(query.trim_start_matches('&')));
            }
            located
        }
        Reference::Embedded | Reference::Data(_) | Reference::Path(_) | Reference::Contents(_) => {
            return Ok(None);
        }
    };
    Ok(Some(located))
}

/// A file of which no more is known beforehand.
fn unchecked(url: Url, name: String, page: Option<String>) -> Located {
    Located {
        wanted: Wanted {
            url,
            size: None,
            sha256: None,
        },
        about: About {
            name: Some(name),
            page,
            ..About::default()
        },
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
    let page = format!("https://replicate.com/{owner}/{name}");
    let url = network.at(Service::Replicate, &path);
    unchecked(url, name.to_owned(), Some(page))
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
    let path = ["api", "models"].into_iter().chain(repository.split('/'));
    let path = path.chain(["revision", revision]);
    let mut url = network.at(Service::HuggingFace, path);
    url.set_query(Some("blobs=true"));
    let listing = match network.json(&url, stop) {
        Ok(listing) => listing,
        // A mirror may have only the files; what is known then is less.
        Err(Error::Refused(_)) if file.is_some() => Value::Null,
        Err(error) => return Err(error),
    };
    let files = list(&listing["siblings"]);
    let names = files.iter().filter_map(|entry| entry["rfilename"].as_str());
    let weights = names.filter(|name| name.to_ascii_lowercase().ends_with(".safetensors"));
    let weights: Vec<&str> = weights.collect();
    let file = match (file, weights.as_slice()) {
        (Some(file), _) => file,
        (None, [only]) => only,
        (None, []) => return Err(Error::Refused(text::no_file_on_page(repository))),
        (None, _) => return Err(several(repository, revision, &weights)),
    };
    let find = |name: &str| files.iter().find(|entry| entry["rfilename"] == name);
    let entry = find(file).unwrap_or(&Value::Null);
    let at = |file: &str| network.file_in(repository, revision, file);
    let config = file.strip_suffix(PEFT_FILE);
    let config = config.map(|folder| format!("{folder}{PEFT_CONFIG}"));
    let config = config.filter(|config| find(config).is_some());
    let peft_config = config.map(|config| network.json(&at(&config), stop));
    let card = &listing["cardData"];
    let stem = file.rsplit_once('/').map_or(file, |(_, name)| name);
    let stem = stem.trim_end_matches(".safetensors");
    // Trainers give many files the same name.
    let is_usual = ["lora", "pytorch_lora_weights", "flux-lora", "adapter_model"].contains(&stem);
    let own_name = repository.rsplit('/').next().filter(|_| is_usual);
    Ok(Located {
        wanted: Wanted {
            url: at(file),
            size: entry["size"]
                .as_u64()
                .or_else(|| entry["lfs"]["size"].as_u64()),
            sha256: entry["lfs"]["sha256"].as_str().map(str::to_owned),
        },
        about: About {
            name: Some(own_name.unwrap_or(stem).to_owned()),
            triggers: tidy(said(&card["instance_prompt"]).into_iter().collect()),
            page: Some(format!("https://huggingface.co/{repository}")),
            base_model: said(&card["base_model"]).or_else(|| said(&card["base_model"][0])),
            picture: widget_picture(card, &at("")),
            exact: Some(file_of(repository, revision, file)),
            peft_config: peft_config.transpose()?.map(|config| config.to_string()),
        },
    })
}

/// The first picture that a repository's page shows; its path is meant from `root`.
fn widget_picture(card: &Value, root: &Url) -> Option<Url> {
    let mut widgets = list(&card["widget"]).iter();
    let path = widgets.find_map(|widget| widget["output"]["url"].as_str())?;
    root.join(path).ok()
}

fn file_of(repository: &str, revision: &str, file: &str) -> Reference {
    Reference::HuggingFace {
        repository: repository.to_owned(),
        revision: revision.to_owned(),
        file: Some(file.to_owned()),
    }
}

/// The error that lets the user choose.
fn several(repository: &str, revision: &str, files: &[&str]) -> Error {
    let choice = |file: &&str| ((*file).to_owned(), file_of(repository, revision, file));
    Error::Several {
        place: format!("{repository} on Hugging Face"),
        files: files.iter().map(choice).collect(),
    }
}

/// The newest version of a model. <https://developer.civitai.com/docs/api/public-rest>
fn civitai_model(network: &Network, model: u64, stop: &Stop) -> Result<Located, Error> {
    let number = model.to_string();
    let url = network.at(Service::Civitai, ["api", "v1", "models", &number]);
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

fn civitai_version(
    network: &Network,
    version: u64,
    query: &str,
    stop: &Stop,
) -> Result<Located, Error> {
    let number = version.to_string();
    let url = network.at(Service::Civitai, ["api", "v1", "model-versions", &number]);
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
    let mut safe = files.iter().filter(is_safe);
    let main = safe.clone().find(is_main);
    let usual = main.or_else(|| safe.next()).or_else(|| files.first());
    let (file, query) = if query.is_empty() {
        let own = usual.and_then(query_of);
        (usual, own.unwrap_or_default())
    } else {
        let is_asked = |file: &&Value| query_of(file).as_deref() == Some(query);
        // Without a match nothing is known of the file, but the server knows which it is.
        (files.iter().find(is_asked), query.to_owned())
    };
    let path = ["api", "download", "models", &version.to_string()];
    let mut url = network.at(Service::Civitai, path);
    url.set_query((!query.is_empty()).then_some(&query));
    let is_still = |picture: &&Value| picture["type"].as_str().is_none_or(|kind| kind == "image");
    // 1 is what anybody may see.
    let is_harmless =
        |picture: &&Value| picture["nsfwLevel"].as_u64().is_none_or(|level| level <= 1);
    let mut pictures = list(&found["images"]).iter().filter(is_still);
    let picture = pictures.find(is_harmless);
    Located {
        wanted: Wanted {
            url,
            // The size is told in rounded kilobytes, so only the sum can be checked.
            size: None,
            sha256: file.and_then(|file| said(&file["hashes"]["SHA256"])),
        },
        about: About {
            name: match (model_name, said(&found["name"])) {
                (Some(model), Some(version)) => Some(format!("{model} ({version})")),
                (model, version) => model.or(version),
            },
            triggers: tidy(
                list(&found["trainedWords"])
                    .iter()
                    .filter_map(said)
                    .collect(),
            ),
            page: model.map(|model| {
                format!("https://civitai.com/models/{model}?modelVersionId={version}")
            }),
            base_model: said(&found["baseModel"]),
            picture: picture.and_then(|picture| Url::parse(picture["url"].as_str()?).ok()),
            ..About::default()
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
