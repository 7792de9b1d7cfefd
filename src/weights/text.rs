//! The sentences of this layer that are put together or said in several places, to be read as a whole.
//!
//! What errors add to them stands in [`crate::weights::error`]; the families of other models are in
//! [`crate::weights::inspect`].

use crate::text::size_text;
use crate::weights::tokens::Service;

// A transformer that cannot run, as the rest of a sentence about its file.

/// A model of the family that takes a control image or a mask.
pub(super) const WIDER_INPUT: &str = "its input is wider than that of dev and schnell: it needs a control picture or a mask, which this program does not give it";

/// A model of the family that takes reference images.
pub(super) const REFERENCES: &str =
    "it needs reference pictures, which this program does not give it";

pub(super) const NO_GGUF: &str =
    "is no GGUF file: its download may have been cut short or gone wrong";

pub(super) fn unreadable_format(format: &str) -> String {
    format!(
        "has numbers in the format {format}, which cannot be read here: take another file, such as Q4_K_S, Q8_0, fp8 (e4m3) or bf16"
    )
}

pub(super) fn lacks_outside(layer: &str) -> String {
    format!(
        "lacks the layers outside its blocks (the first is {layer}), which a converter has left out: take a complete file"
    )
}

pub(super) fn part_alone(part: &str) -> String {
    format!(
        "is the {part} of a model: give the file of its transformer, or the folder that has all files"
    )
}

pub(super) const NO_MODEL: &str = "is no model of FLUX.1";

pub(super) const NO_TRANSFORMER: &str = "holds no whole transformer of FLUX.1";

pub(super) const NOTHING_THERE: &str =
    "holds no model: neither a model_index.json nor the file of a FLUX.1 transformer";

// A server that does not give what is asked for.

/// What a refusal with this status means, and what to do.
pub(super) fn refusal(code: u16, service: Option<Service>, host: &str) -> String {
    match (code, service) {
        (401 | 403, _) => format!("{host} wants a login for this file, which cannot be given here"),
        (404 | 410, Some(Service::Civitai)) => "there is no such model on CivitAI; the number of a model and that of its version differ".to_owned(),
        (404 | 410, Some(Service::Replicate)) => format!(
            "Replicate has no weights under this name: it may be misspelt, no fine-tune, or private, which needs a token ({})",
            Service::Replicate.variables()[0]
        ),
        (404 | 410, Some(service)) => format!(
            "{} has no such model or file: it may be misspelt or private, which needs a token",
            service.name()
        ),
        (404 | 410, None) => format!("there is no such file at {host}"),
        (429, _) => format!("{host} has had too many requests: try again later"),
        (500..=599, _) => format!("{host} has trouble of its own ({code}): try again later"),
        _ => format!("{host} refuses ({code})"),
    }
}

/// What to do where a login or a licence is missing; `page` is the model's. Hugging Face says what is gated.
pub(super) fn closed(
    service: Service,
    has_token: bool,
    is_gated: bool,
    withholds_tokens: bool,
    page: &str,
) -> String {
    let name = service.name();
    let (variable, token_page) = (service.variables()[0], service.token_page());
    let make_one = if withholds_tokens {
        "the mode 'As Replicate' uses no tokens".to_owned()
    } else {
        format!("make a token at {token_page} and put it into the settings or into {variable}")
    };
    match (service, has_token) {
        (Service::HuggingFace, false) if is_gated => {
            format!("accept the licence at {page}, then {make_one}")
        }
        (Service::HuggingFace, false) => format!(
            "{name} does not open this without a token, or has no such model: look at {page}; {make_one}"
        ),
        (Service::HuggingFace, true) => format!(
            "the token for {name} does not open this: accept the licence at {page}, or check the token at {token_page}"
        ),
        (_, false) => format!("{name} wants a token for this: {make_one}"),
        (_, true) => {
            format!("the token for {name} does not open this: check it at {token_page}")
        }
    }
}

pub(super) fn no_answer(host: &str) -> String {
    format!("{host} does not answer")
}

pub(super) fn not_found(host: &str) -> String {
    format!("{host} cannot be found: check the address and the connection to the internet")
}

pub(super) fn no_connections(host: &str) -> String {
    format!("{host} takes no connections")
}

pub(super) fn broke_off(host: &str, reason: &str) -> String {
    format!("the connection to {host} broke off ({reason})")
}

pub(super) fn keeps_ending(host: &str) -> String {
    format!("{host} keeps ending the connection before the file is complete")
}

pub(super) fn odd_answer(host: &str) -> String {
    format!("{host} did not answer as it should")
}

pub(super) fn endless_redirects(host: &str) -> String {
    format!("the server {host} leads from one address to the next without an end")
}

pub(super) fn unsafe_redirect(host: &str) -> String {
    format!("the server {host} leads to an address that is not safe, which was not followed")
}

pub(super) fn blank_redirect(host: &str) -> String {
    format!("the server {host} leads to another address without saying which")
}

// A file that is not the one that is meant.

pub(super) fn web_page(host: &str) -> String {
    format!(
        "{host} sent a web page in place of the file: it may want a login, or the link has expired"
    )
}

pub(super) fn other_length(host: &str, offered: u64, meant: u64) -> String {
    format!("{host} offers a file of {offered} bytes where one of {meant} is meant")
}

pub(super) fn too_large(host: &str, most: u64) -> String {
    let most = size_text(most);
    format!("{host} offers a file of more than {most}, which is too much")
}

pub(super) fn sends_more(host: &str) -> String {
    format!("{host} sends more than it has announced")
}

pub(super) fn other_sum(host: &str) -> String {
    format!(
        "the file from {host} is not the one that is meant (its SHA-256 differs); what has arrived was thrown away"
    )
}

pub(super) const DAMAGED_DATA: &str = "the data address is damaged: it is no base64";

pub(super) fn no_file_on_page(repository: &str) -> String {
    format!("there is no .safetensors file in {repository} on Hugging Face")
}

pub(super) fn no_file_of_model(model: u64) -> String {
    format!("the model {model} on CivitAI has no file to download")
}

// Places on this machine.

/// `purpose` is a part of the sentence.
pub(super) fn no_room(purpose: &str, needed: u64, free: u64) -> String {
    let (needed, free) = (size_text(needed), size_text(free));
    format!("the disk has not enough room{purpose}: {needed} are needed, {free} are free")
}

pub(super) fn place_is_taken(file: &str, place: &str) -> String {
    format!("another file is in the place of {file}: move it away first ({place})")
}
