//! A folder of LoRAs and a network that ends at a server on loopback.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flux_qfaces::schema::reference::Reference;
use flux_qfaces::weights::error::Error;
use flux_qfaces::weights::http::Network;
use flux_qfaces::weights::library::{Library, LoraInfo};
use flux_qfaces::weights::stop::Stop;
use flux_qfaces::weights::tokens::{Service, Tokens};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use url::Url;

use crate::support::server::Server;

/// A network in which every service is the same server, with little patience.
pub(crate) fn network(server: &Server) -> Network {
    let mut network = Network::new(Tokens::default());
    network.tokens = Tokens::default();
    network.hugging_face = server.url.clone();
    network.civitai = server.url.clone();
    network.replicate = server.url.clone();
    network.stall = Duration::from_millis(400);
    network.pause = Duration::from_millis(1);
    network
}

/// A folder of LoRAs, and the way to a server.
pub(crate) struct Place {
    library: Library,
    pub(crate) folder: TempDir,
}

pub(crate) fn place(server: &Server) -> Place {
    place_with(network(server))
}

/// A place for which the server is one service and no other.
pub(crate) fn place_at(server: &Server, service: Service) -> Place {
    let mut network = network(server);
    let nowhere = Url::parse("http://127.0.0.1:9").unwrap();
    for other in Service::ALL.into_iter().filter(|other| *other != service) {
        *match other {
            Service::HuggingFace => &mut network.hugging_face,
            Service::Civitai => &mut network.civitai,
            Service::Replicate => &mut network.replicate,
        } = nowhere.clone();
    }
    place_with(network)
}

pub(crate) fn place_with(network: Network) -> Place {
    let folder = tempfile::tempdir().unwrap();
    // Nothing of whoever runs the tests is found.
    let library =
        Library::new(folder.path().join("loras"), network).with_hub(folder.path().join("hub"));
    Place { library, folder }
}

impl Place {
    pub(crate) fn obtain(&self, typed: &str) -> Result<LoraInfo, Error> {
        let reference = Reference::parse(typed).unwrap();
        self.library.obtain(&reference, &Stop::default(), &mut |_| {
            ControlFlow::Continue(())
        })
    }
}

/// A LoRA's file, small but valid.
pub(crate) fn lora() -> Vec<u8> {
    fs::read(demo("qface-lora.safetensors")).unwrap()
}

pub(crate) fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets/demo/lora")
        .join(name)
}

pub(crate) fn sum(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
}

pub(crate) fn contents(info: &LoraInfo) -> Vec<u8> {
    info.file.open().unwrap().to_vec()
}

/// Some bytes that no compression makes smaller.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}
