//! Requests: which tokens go where, redirects, patience, and what a refusal means.
//!
//! A token goes to the service it is for and to nobody else: redirects are followed here, one by one, and every request
//! is looked at anew. It never goes over a connection that others can read.

use std::io::ErrorKind;
use std::time::Duration;

use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};
use url::{Host, Url};

use crate::text::{first_line, is_sha256};
use crate::weights::error::Error;
use crate::weights::stop::Stop;
use crate::weights::text;
use crate::weights::tokens::{Service, Tokens};

/// The most redirects of one request.
const REDIRECTS: usize = 10;

/// The longest wait before a repetition.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The most bytes of an answer that is read whole.
const ANSWER_BYTES: u64 = 32 << 20;

/// What this program says it is.
const USER_AGENT: &str = concat!("flux-qfaces/", env!("CARGO_PKG_VERSION"));

/// What a server has answered.
pub(super) type Answer = Response<Body>;

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

    fn endpoint(&self, service: Service) -> &Url {
        match service {
            Service::HuggingFace => &self.hugging_face,
            Service::Civitai => &self.civitai,
            Service::Replicate => &self.replicate,
        }
    }

    /// An address at a service, such as `["api", "models"]`.
    pub(super) fn at(&self, service: Service, path: impl IntoIterator<Item: AsRef<str>>) -> Url {
        let mut url = self.endpoint(service).clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// The address of a file in a repository on Hugging Face. <https://huggingface.co/docs/hub/models-downloading>
    pub(super) fn file_in(&self, repository: &str, revision: &str, file: &str) -> Url {
        // A branch such as refs/pr/1 is one part of the path.
        let folder = repository.split('/').chain(["resolve", revision]);
        self.at(Service::HuggingFace, folder.chain(file.split('/')))
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
        seen: &mut dyn FnMut(&Answer),
    ) -> Result<Answer, Error> {
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
            let answer = request.call();
            let answer = answer.map_err(|error| stop.or(unreachable(&url, &error)))?;
            if url.origin() == asked {
                seen(&answer);
            }
            if !answer.status().is_redirection() || answer.status() == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            url = redirected(&url, &answer)?;
        }
        Err(Error::Refused(text::endless_redirects(name_of(&url))))
    }

    /// Reads a JSON answer, and asks again where what stands against it may pass.
    pub(super) fn json(&self, url: &Url, stop: &Stop) -> Result<serde_json::Value, Error> {
        let mut waits = Waits::new(self);
        loop {
            match self.json_once(url, stop) {
                Ok(value) => return Ok(value),
                Err(trouble) => waits.after(trouble, stop)?,
            }
        }
    }

    fn json_once(&self, url: &Url, stop: &Stop) -> Result<serde_json::Value, Trouble> {
        let text = self.body(url, ANSWER_BYTES, stop)?;
        let value = serde_json::from_slice(&text);
        value.map_err(|_| Error::Refused(text::odd_answer(name_of(url))).into())
    }

    /// Reads an answer of at most so many bytes.
    pub(super) fn body(&self, url: &Url, most: u64, stop: &Stop) -> Result<Vec<u8>, Trouble> {
        let mut answer = self.get(url, &[], stop, &mut |_| ())?;
        if !answer.status().is_success() {
            return Err(self.trouble(url, &answer));
        }
        let bytes = answer.body_mut().with_config().limit(most).read_to_vec();
        bytes.map_err(|error| stop.or(unreachable(url, &error)).into())
    }

    /// What a refusing answer means, and whether it may pass.
    pub(super) fn trouble(&self, url: &Url, answer: &Answer) -> Trouble {
        let error = Error::Refused(self.refusal(url, answer));
        if !matches!(answer.status().as_u16(), 408 | 429 | 500..=599) {
            return Trouble::Lasting(error);
        }
        let wanted_wait = said(answer, "retry-after").and_then(|text| text.parse().ok());
        Trouble::Passing(error, Duration::from_secs(wanted_wait.unwrap_or_default()))
    }

    /// What a refusing answer means, and what to do.
    fn refusal(&self, url: &Url, answer: &Answer) -> String {
        let (code, service) = (answer.status().as_u16(), self.service_of(url));
        let Some(closed) = service.filter(|_| matches!(code, 401 | 403)) else {
            return text::refusal(code, service, name_of(url));
        };
        // Hugging Face says what is closed, and answers 401 also for what is not there.
        // <https://github.com/huggingface/huggingface_hub/blob/v0.34.0/src/huggingface_hub/utils/_http.py> (`X-Error-Code`)
        let is_gated = said(answer, "x-error-code") == Some("GatedRepo");
        let has_token = self.tokens.get(closed).is_some();
        let page = model_page(url);
        text::closed(closed, has_token, is_gated, self.withholds_tokens, &page)
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

fn said<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    Some(answer.headers().get(name)?.to_str().ok()?.trim())
}

/// Whether it is a page for people, which no file is.
pub(super) fn is_web_page(answer: &Answer) -> bool {
    said(answer, "content-type").is_some_and(|kind| kind.starts_with("text/html"))
}

/// What Hugging Face says of a file before it leads to where it lies: its length, and SHA-256 where that is its tag.
/// <https://github.com/huggingface/huggingface_hub/blob/v0.34.0/src/huggingface_hub/constants.py> (`HUGGINGFACE_HEADER_X_LINKED_ETAG`)
pub(super) fn linked(answer: &Answer) -> (Option<u64>, Option<String>) {
    let size = said(answer, "x-linked-size").and_then(|size| size.parse().ok());
    let tag = said(answer, "x-linked-etag").unwrap_or_default();
    let tag = tag.trim_start_matches("W/").trim_matches('"');
    (size, is_sha256(tag).then(|| tag.to_owned()))
}

/// By what the server recognises the file: a strong tag, or a date.
pub(super) fn validator(answer: &Answer) -> Option<String> {
    let tag = said(answer, "etag").filter(|tag| tag.starts_with('"'));
    Some(tag.or_else(|| said(answer, "last-modified"))?.to_owned())
}

/// The length of the whole body.
pub(super) fn length(answer: &Answer) -> Option<u64> {
    said(answer, "content-length")?.parse().ok()
}

/// The first byte and the length of the whole: `bytes 5-9/10`.
pub(super) fn content_range(answer: &Answer) -> Option<(u64, Option<u64>)> {
    let range = said(answer, "content-range")?.strip_prefix("bytes ")?;
    let (range, total) = range.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

/// The length of the whole, where no range is given: `bytes */10`.
pub(super) fn content_range_total(answer: &Answer) -> Option<u64> {
    let range = said(answer, "content-range")?.strip_prefix("bytes */")?;
    range.trim().parse().ok()
}

/// The address that a variable names, or the usual one.
#[allow(clippy::unwrap_used, reason = "constants that are valid")]
fn address(variable: &str, usual: &str) -> Url {
    let set = std::env::var(variable).ok();
    let set = set.and_then(|text| Url::parse(text.trim().trim_end_matches('/')).ok());
    set.unwrap_or_else(|| Url::parse(usual).unwrap())
}

/// The page of a model on Hugging Face that an address there is about.
fn model_page(url: &Url) -> String {
    let path = url.path().trim_start_matches("/api/models");
    let words: Vec<_> = path.trim_start_matches('/').split('/').take(2).collect();
    format!("https://huggingface.co/{}", words.join("/"))
}

/// Where a redirect leads.
fn redirected(from: &Url, answer: &Answer) -> Result<Url, Error> {
    let to = said(answer, "location").and_then(|location| from.join(location).ok());
    match to {
        Some(to) if to.scheme() == "https" || to.scheme() == from.scheme() => Ok(to),
        Some(_) => Err(Error::Refused(text::unsafe_redirect(name_of(from)))),
        None => Err(Error::Refused(text::blank_redirect(name_of(from)))),
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
pub(super) fn name_of(url: &Url) -> &str {
    url.host_str().unwrap_or("the server")
}

/// The error for a server that does not answer.
pub(super) fn unreachable(url: &Url, error: &ureq::Error) -> Error {
    let (host, reason) = (name_of(url), first_line(error));
    match error {
        ureq::Error::Timeout(_) => Error::Unreachable(text::no_answer(host)),
        ureq::Error::HostNotFound => Error::NoHost(text::not_found(host)),
        // What the system says of a name that leads nowhere has no kind of its own. Asking again at once does not help.
        ureq::Error::Io(_) if reason.contains("lookup address") => {
            Error::NoHost(text::not_found(host))
        }
        ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Error::Unreachable(text::no_connections(host))
        }
        _ => Error::Unreachable(text::broke_off(host, reason.trim_start_matches("io: "))),
    }
}

/// What stands against a request.
pub(super) enum Trouble {
    /// It may be gone after a wait, which is at least so long.
    Passing(Error, Duration),
    /// It stays.
    Lasting(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Unreachable(_) => Self::Passing(error, Duration::ZERO),
            other => Self::Lasting(other),
        }
    }
}

/// The waits before repetitions. Whenever something new has come, the count starts afresh with new ones.
pub(super) struct Waits {
    left: u32,
    next: Duration,
}

impl Waits {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            left: network.repetitions,
            next: network.pause,
        }
    }

    /// Waits before a repetition. The error is what stands against the request, where that stays or has come too often.
    pub(super) fn after(&mut self, trouble: Trouble, stop: &Stop) -> Result<(), Error> {
        match trouble {
            Trouble::Passing(_, wait) if self.left > 0 => {
                self.left -= 1;
                let wait = self.next.max(wait.min(LONGEST_WAIT));
                stop.sleep(wait)?;
                self.next = (wait * 2).min(LONGEST_WAIT);
                Ok(())
            }
            Trouble::Passing(error, _) | Trouble::Lasting(error) => Err(error),
        }
    }
}
