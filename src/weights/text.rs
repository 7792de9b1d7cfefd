//! The sentences of this layer that are put together or said in several places, to be read as a whole.
//!
//! What errors add to them stands in [`crate::weights::error`]; the families of other models are in
//! [`crate::weights::inspect`].

use crate::weights::tokens::Service;

/// A model of the family that takes a control image or a mask.
pub(super) const WIDER_INPUT: &str = "its input is wider than that of dev and schnell: it needs a control picture or a mask, which this program does not give it";

/// A model of the family that takes reference images.
pub(super) const REFERENCES: &str =
    "it needs reference pictures, which this program does not give it";

pub(super) const NO_GGUF: &str =
    "is no GGUF file: its download may have been cut short or gone wrong";
pub(super) const NO_MODEL: &str = "is no model of FLUX.1";
pub(super) const NO_TRANSFORMER: &str = "holds no whole transformer of FLUX.1";
pub(super) const NOTHING_THERE: &str =
    "holds no model: neither a model_index.json nor the file of a FLUX.1 transformer";
pub(super) const DAMAGED_DATA: &str = "the data address is damaged: it is no base64";

sentences! {
    // A transformer that cannot run, as the rest of a sentence about its file.
    unreadable_format(format) = "has numbers in the format {format}, which cannot be read here: take another file, such as Q4_K_S, Q8_0, fp8 (e4m3) or bf16";
    lacks_outside(layer) = "lacks the layers outside its blocks (the first is {layer}), which a converter has left out: take a complete file";
    part_alone(part) = "is the {part} of a model: give the file of its transformer, or the folder that has all files";

    // A server that does not give what is asked for.
    no_answer(host) = "{host} does not answer";
    not_found(host) = "{host} cannot be found: check the address and the connection to the internet";
    no_connections(host) = "{host} takes no connections";
    broke_off(host, reason) = "the connection to {host} broke off ({reason})";
    keeps_ending(host) = "{host} keeps ending the connection before the file is complete";
    odd_answer(host) = "{host} did not answer as it should";
    endless_redirects(host) = "the server {host} leads from one address to the next without an end";
    unsafe_redirect(host) = "the server {host} leads to an address that is not safe, which was not followed";
    blank_redirect(host) = "the server {host} leads to another address without saying which";

    // A file that is not the one that is meant.
    web_page(host) = "{host} sent a web page in place of the file: it may want a login, or the link has expired";
    other_length(host, offered, meant) = "{host} offers a file of {offered} bytes where one of {meant} is meant";
    too_large(host, most) = "{host} offers a file of more than {most}, which is too much";
    sends_more(host) = "{host} sends more than it has announced";
    other_sum(host) = "the file from {host} is not the one that is meant (its SHA-256 differs); what has arrived was thrown away";
    no_file_on_page(repository) = "there is no .safetensors file in {repository} on Hugging Face";
    no_file_of_model(model) = "the model {model} on CivitAI has no file to download";

    // Places on this machine. A purpose is a part of the sentence.
    no_room(purpose, needed, free) = "the disk has not enough room{purpose}: {needed} are needed, {free} are free";
    place_is_taken(file, place) = "another file is in the place of {file}: move it away first ({place})";
}

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
