//! Requests: which tokens go where, redirects, patience, and what a refusal means.
//!
//! A token goes to the service it is for and to nobody else: redirects are followed here, one by one, and every request
//! is looked at anew. It never goes over a connection that others can read.

use std::io::ErrorKind;
use std::time::Duration;

use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};
use url::{Host, Url};

use crate::text::first_line;
use crate::weights::error::Error;
use crate::weights::stop::Stop;
use crate::weights::tokens::{Service, Tokens};

/// The most redirects of one request.
const REDIRECTS: usize = 10;

/// The longest wait before a repetition.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The most bytes of an answer that is read whole.
const ANSWER_BYTES: u64 = 32 << 20;

/// What a program says it is.
const USER_AGENT: &str = concat!("flux-qfaces/", env!("CARGO_PKG_VERSION"));

/// How to reach the services, and how patiently.
#[derive(Clone, Debug)]
pub struct Network {
    /// The user's tokens.
    pub tokens: Tokens,
    /// Whether there may be tokens that are not used on purpose.
    pub withholds_tokens: bool,
    /// Where Hugging Face is: `HF_ENDPOINT`, or the usual address.
    pub hugging_face: Url,
    /// Where CivitAI is: `CIVITAI_ENDPOINT`, or the usual address.
    pub civitai: Url,
    /// Where Replicate is: `REPLICATE_ENDPOINT`, or the usual address.
    pub replicate: Url,
    /// How long a connection may bring nothing before it is given up.
    pub stall: Duration,
    /// How long to wait before the first repetition; each further wait is twice as long.
    pub pause: Duration,
    /// How often a request is repeated that brings nothing new.
    pub repetitions: u32,
}

impl Network {
    /// The network as the environment describes it.
    pub fn new(tokens: Tokens) -> Self {
        let address = |variable: &str, usual: &str| {
            let set = std::env::var(variable).ok();
            let set = set.and_then(|text| Url::parse(text.trim().trim_end_matches('/')).ok());
            // The usual addresses are valid.
            set.or_else(|| Url::parse(usual).ok())
                .unwrap_or_else(nowhere)
        };
        Self {
            tokens,
            withholds_tokens: false,
            hugging_face: address("HF_ENDPOINT", "https://huggingface.co"),
            civitai: address("CIVITAI_ENDPOINT", "https://civitai.com"),
            replicate: address("REPLICATE_ENDPOINT", "https://replicate.com"),
            stall: Duration::from_secs(15),
            pause: Duration::from_millis(500),
            repetitions: 4,
        }
    }

    /// The address of a service.
    pub(super) fn endpoint(&self, service: Service) -> &Url {
        match service {
            Service::HuggingFace => &self.hugging_face,
            Service::Civitai => &self.civitai,
            Service::Replicate => &self.replicate,
        }
    }

    /// An address at a service, such as `["api", "models"]`.
    pub(super) fn at(&self, service: Service, path: &[&str]) -> Url {
        let mut url = self.endpoint(service).clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// The service that an address belongs to.
    pub(super) fn service_of(&self, url: &Url) -> Option<Service> {
        let is_at = |service: &Service| self.endpoint(*service).origin() == url.origin();
        Service::ALL.into_iter().find(is_at)
    }

    /// The token that may go with a request to `url`.
    fn token_for(&self, url: &Url) -> Option<&str> {
        let service = self.service_of(url)?;
        let is_private = url.scheme() == "https" || is_this_machine(url);
        let token = self.tokens.get(service).filter(|_| is_private)?;
        Some(token.value())
    }

    /// Sends a request and follows redirects. `seen` sees every answer of the server that was asked, before it leads
    /// elsewhere.
    ///
    /// # Errors
    /// When nothing answers, when a redirect leads nowhere or to an unsafe place, and when `stop` is raised. Answers that
    /// refuse are no errors.
    pub(super) fn get(
        &self,
        url: &Url,
        headers: &[(&str, String)],
        stop: &Stop,
        seen: &mut dyn FnMut(&Response<Body>),
    ) -> Result<Response<Body>, Error> {
        let asked = url.origin();
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let agent = self.agent(&url);
            stop.watch(&agent)?;
            let mut request = agent.get(url.as_str());
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            if let Some(token) = self.token_for(&url) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            let answer = request
                .call()
                .map_err(|error| stop.or(unreachable(&url, &error)))?;
            if url.origin() == asked {
                seen(&answer);
            }
            if !answer.status().is_redirection() || answer.status() == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            url = redirected(&url, &answer)?;
        }
        Err(Error::Refused(format!(
            "the server {} leads from one address to the next without an end",
            name_of(&url)
        )))
    }

    /// Reads a JSON answer.
    ///
    /// # Errors
    /// Those of [`Self::get`]; when the answer refuses, or is no JSON.
    pub(super) fn json(&self, url: &Url, stop: &Stop) -> Result<serde_json::Value, Error> {
        let mut waits = Waits::new(self);
        loop {
            let failed = match self.get(url, &[], stop, &mut |_| ()) {
                Ok(mut answer) if answer.status().is_success() => {
                    let body = answer.body_mut().with_config().limit(ANSWER_BYTES);
                    let text = body
                        .read_to_vec()
                        .map_err(|error| stop.or(unreachable(url, &error)));
                    match text {
                        Ok(text) => {
                            return serde_json::from_slice(&text).map_err(|_| {
                                let host = name_of(url);
                                Error::Refused(format!("{host} did not answer as it should"))
                            });
                        }
                        Err(error) => error,
                    }
                }
                Ok(answer) => {
                    let error = self.refusal(url, &answer);
                    if !may_pass(answer.status()) {
                        return Err(error);
                    }
                    waits.at_least(wanted_wait(&answer));
                    error
                }
                Err(error @ Error::Unreachable(_)) => error,
                Err(error) => return Err(error),
            };
            waits.wait(failed, stop)?;
        }
    }

    /// What a refusing answer means, and what to do.
    pub(super) fn refusal(&self, url: &Url, answer: &Response<Body>) -> Error {
        let status = answer.status();
        let host = name_of(url);
        let service = self.service_of(url);
        let sentence = match (status.as_u16(), service) {
            (401 | 403, Some(service)) => self.closed(service, url, answer),
            (401 | 403, None) => format!("{host} wants a login for this file, which cannot be given here"),
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
            (code, _) if status.is_server_error() => format!("{host} has trouble of its own ({code}): try again later"),
            (code, _) => format!("{host} refuses ({code})"),
        };
        Error::Refused(sentence)
    }

    /// What to do where a login or a licence is missing.
    fn closed(&self, service: Service, url: &Url, answer: &Response<Body>) -> String {
        let name = service.name();
        let (variable, token_page) = (service.variables()[0], service.token_page());
        let has_token = self.tokens.get(service).is_some();
        let make_one = if self.withholds_tokens {
            "the mode 'As Replicate' uses no tokens".to_owned()
        } else {
            format!("make a token at {token_page} and put it into the settings or into {variable}")
        };
        // Hugging Face says what is closed, and answers 401 also for what is not there.
        // <https://github.com/huggingface/huggingface_hub/blob/v0.34.0/src/huggingface_hub/utils/_http.py> (`X-Error-Code`)
        let code = answer.headers().get("x-error-code");
        let code = code.and_then(|code| code.to_str().ok()).unwrap_or_default();
        match (service, has_token) {
            (Service::HuggingFace, false) if code == "GatedRepo" => {
                format!("accept the licence at {}, then {make_one}", model_page(url))
            }
            (Service::HuggingFace, false) => format!(
                "{name} does not open this without a token, or has no such model: look at {}; {make_one}",
                model_page(url)
            ),
            (Service::HuggingFace, true) => format!(
                "the token for {name} does not open this: accept the licence at {}, or check the token at {token_page}",
                model_page(url)
            ),
            (_, false) => format!("{name} wants a token for this: {make_one}"),
            (_, true) => {
                format!("the token for {name} does not open this: check it at {token_page}")
            }
        }
    }

    /// Something that sends requests to `url`.
    fn agent(&self, url: &Url) -> Agent {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(self.stall))
            .timeout_connect(Some(self.stall))
            .timeout_recv_response(Some(self.stall))
            .timeout_per_read(Some(self.stall))
            .user_agent(USER_AGENT)
            // Bytes as they are: a range of a packed file would be another one.
            .accept_encoding("identity");
        let config = if is_this_machine(url) {
            config.proxy(None)
        } else {
            config
        };
        config.build().into()
    }
}

/// The page of a model on Hugging Face that an address there is about.
fn model_page(url: &Url) -> String {
    let path = url.path().trim_start_matches("/api/models");
    let words: Vec<_> = path.trim_start_matches('/').split('/').take(2).collect();
    format!("https://huggingface.co/{}", words.join("/"))
}

/// Where a redirect leads.
fn redirected(from: &Url, answer: &Response<Body>) -> Result<Url, Error> {
    let location = answer.headers().get(header::LOCATION);
    let location = location.and_then(|value| value.to_str().ok());
    let to = location.and_then(|location| from.join(location).ok());
    let refused = |why: &str| {
        Err(Error::Refused(format!(
            "the server {} {why}",
            name_of(from)
        )))
    };
    match to {
        Some(to) if to.scheme() == "https" || to.scheme() == from.scheme() => Ok(to),
        Some(_) => refused("leads to an address that is not safe, which was not followed"),
        None => refused("leads to another address without saying which"),
    }
}

/// Whether an address is on this machine.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A server's name, for people. The rest of an address may hold secrets.
pub(super) fn name_of(url: &Url) -> String {
    url.host_str().unwrap_or("the server").to_owned()
}

/// The error for a server that does not answer.
pub(super) fn unreachable(url: &Url, error: &ureq::Error) -> Error {
    let host = name_of(url);
    let text = first_line(error);
    match error {
        ureq::Error::Timeout(_) => Error::Unreachable(format!("{host} does not answer")),
        // What the system says of a name that leads nowhere has no kind of its own.
        ureq::Error::Io(_) if text.contains("lookup address") => not_found(&host),
        ureq::Error::HostNotFound => not_found(&host),
        ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Error::Unreachable(format!("{host} takes no connections"))
        }
        _ => Error::Unreachable(format!(
            "the connection to {host} broke off ({})",
            text.trim_start_matches("io: ")
        )),
    }
}

/// The error for a name that leads nowhere. Asking again at once does not help.
fn not_found(host: &str) -> Error {
    Error::NoHost(format!(
        "{host} cannot be found: check the address and the connection to the internet"
    ))
}

/// Whether a refusal may pass by itself.
pub(super) fn may_pass(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

/// How long a server asks to wait, up to [`LONGEST_WAIT`].
pub(super) fn wanted_wait(answer: &Response<Body>) -> Duration {
    let text = answer.headers().get(header::RETRY_AFTER);
    let seconds = text.and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    Duration::from_secs(seconds.unwrap_or_default()).min(LONGEST_WAIT)
}

/// An address that leads nowhere.
fn nowhere() -> Url {
    #[allow(clippy::unwrap_used, reason = "a constant that is valid")]
    Url::parse("https://invalid.invalid").unwrap()
}

/// The waits before repetitions.
pub(super) struct Waits {
    left: u32,
    repetitions: u32,
    pause: Duration,
    next: Duration,
}

impl Waits {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            left: network.repetitions,
            repetitions: network.repetitions,
            pause: network.pause,
            next: network.pause,
        }
    }

    /// Something new has come: the count starts afresh.
    pub(super) fn forget(&mut self) {
        (self.left, self.next) = (self.repetitions, self.pause);
    }

    /// The next wait is at least so long.
    pub(super) fn at_least(&mut self, wait: Duration) {
        self.next = self.next.max(wait);
    }

    /// Waits, or gives `failed` back when it has happened too often.
    pub(super) fn wait(&mut self, failed: Error, stop: &Stop) -> Result<(), Error> {
        if self.left == 0 || !matches!(failed, Error::Unreachable(_) | Error::Refused(_)) {
            return Err(failed);
        }
        self.left -= 1;
        stop.sleep(self.next)?;
        self.next = (self.next * 2).min(LONGEST_WAIT);
        Ok(())
    }
}
