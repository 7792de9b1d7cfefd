//! The user's tokens for private downloads: in a file that only the user can read, or in the usual environment variables.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{self, Readers};
use crate::weights::hub;

/// A place that wants tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// <https://huggingface.co>
    HuggingFace,
    /// <https://civitai.com>
    Civitai,
    /// <https://replicate.com>
    Replicate,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 3] = [Self::HuggingFace, Self::Civitai, Self::Replicate];

    /// Its name, and the page where a token can be made.
    fn facts(self) -> (&'static str, &'static str) {
        match self {
            Self::HuggingFace => ("Hugging Face", "https://huggingface.co/settings/tokens"),
            Self::Civitai => ("CivitAI", "https://civitai.com/user/account"),
            Self::Replicate => ("Replicate", "https://replicate.com/account/api-tokens"),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// The page where a token can be made.
    pub fn token_page(self) -> &'static str {
        self.facts().1
    }

    /// The environment variables that may hold its token; the first that is set counts.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::HuggingFace => &["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"],
            Self::Civitai => &["CIVITAI_API_KEY", "CIVITAI_API_TOKEN"],
            Self::Replicate => &["REPLICATE_API_TOKEN"],
        }
    }
}

/// A token. It is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// What goes into a header: nothing but the visible characters of what was pasted.
    pub(super) fn value(&self) -> &str {
        self.0.trim()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a token)")
    }
}

/// The tokens that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    #[serde(skip_serializing_if = "Option::is_none")]
    hugging_face: Option<Token>,
    #[serde(skip_serializing_if = "Option::is_none")]
    civitai: Option<Token>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replicate: Option<Token>,
    /// Whether Hugging Face's token is the one that its own tools keep.
    #[serde(skip)]
    is_login_of_hub: bool,
}

const FILE: &str = "tokens.json";

impl Tokens {
    /// The tokens in the file of the configuration folder. One that cannot be read holds none.
    pub fn stored(config: &Path) -> Self {
        let path = config.join(FILE);
        let tokens = fs::read(&path).ok();
        if tokens.is_some() {
            // Somebody may have copied it there with other rights.
            let _ = files::keep_private(&path);
        }
        tokens
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// The stored tokens, and those of the environment, which win.
    pub fn known(config: &Path) -> Self {
        let mut tokens = Self::stored(config);
        for service in Service::ALL {
            let variables = service.variables().iter();
            let mut set = variables.filter_map(|name| std::env::var(name).ok());
            if let Some(token) = set.find(|token| !token.trim().is_empty()) {
                tokens.set(service, Some(token));
            }
        }
        if tokens.hugging_face.is_none() {
            tokens.set(Service::HuggingFace, hub::token());
            tokens.is_login_of_hub = tokens.hugging_face.is_some();
        }
        tokens
    }

    /// Writes the tokens into the configuration folder, readable by the user alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn store(&self, config: &Path) -> Result<(), files::Error> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        files::write(&config.join(FILE), &text, Readers::Owner)
    }

    /// Whether a token is the one that a service's own tools keep, which only they take away.
    pub fn is_of_own_tools(&self, service: Service) -> bool {
        service == Service::HuggingFace && self.is_login_of_hub
    }

    /// The token for a service.
    pub fn get(&self, service: Service) -> Option<&Token> {
        match service {
            Service::HuggingFace => self.hugging_face.as_ref(),
            Service::Civitai => self.civitai.as_ref(),
            Service::Replicate => self.replicate.as_ref(),
        }
    }

    /// Sets the token for a service; blank text takes it away.
    pub fn set(&mut self, service: Service, token: Option<String>) {
        let token = token.filter(|text| !text.trim().is_empty()).map(Token);
        match service {
            Service::HuggingFace => {
                self.hugging_face = token;
                self.is_login_of_hub = false;
            }
            Service::Civitai => self.civitai = token,
            Service::Replicate => self.replicate = token,
        }
    }
}
