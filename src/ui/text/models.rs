//! The page of models: welcome, what is on this machine, offers and downloads.

use std::time::Duration;

use crate::schema::choices::Model;
use crate::session::downloads::{Download, Halt};
use crate::text::size_text;
use crate::ui::text::common;
use crate::weights::survey::found::FoundModel;

pub(crate) const WELCOME: &str = "Welcome";
pub(crate) const WELCOME_TEXT: &str = "Pictures are made on this machine, and nothing leaves it. A small demo model is here already and draws \
     toy faces within seconds. For real pictures get FLUX.1 below, or add the folder in which ComfyUI, \
     InvokeAI or another program keeps it: nothing is copied";
pub(crate) const GET_FLUX: &str = "Get FLUX.1";
pub(crate) const BEGIN_WITH_DEMO: &str = "Begin with the demo model";
pub(crate) const HAVE_FLUX: &str = "I have FLUX.1 here…";

pub(crate) const HERE: &str = "On this machine";
pub(crate) const LOOKING: &str = "Looking…";
pub(crate) const LOOK_AGAIN: &str = "Look again";
pub(crate) const OPENING: &str = "Opening…";
pub(crate) const IN_USE: &str = "In use";
pub(crate) const USE: &str = "Use";
pub(crate) const REVEAL: &str = "Show in the file manager";
pub(crate) const TRASH: &str = "Put into the trash";
pub(crate) const DELETE: &str = "Delete";
pub(crate) const DELETE_IN_USE: &str =
    "The model in use cannot be deleted: choose another one first";
pub(crate) const DELETE_FOREIGN: &str =
    "Another program or model has it: it cannot be deleted here";

pub(crate) const DEMO: &str = "Demo model";
pub(crate) const DEMO_FACTS: &str =
    "Draws toy faces of 128 × 128 pixels within seconds · always here";
pub(crate) const KEEP_DEMO: &str = "Keep the demo model";
pub(crate) const USE_DEMO: &str = "Use the demo model";
pub(crate) const NAMED_AT_START: &str = "Named when the program was started";

pub(crate) const CHECKER: &str = "Safety checker";
pub(crate) const CHECKER_FACTS: &str = "Checks every picture before it is shown. It is not here yet: jobs end until it is, or is turned off";
pub(crate) const DOWNLOAD_CHECKER: &str = "Download the safety checker";

pub(crate) const FILES: &str = "Files that you have";
pub(crate) const FILES_HINT: &str = "Models are used where they are, and nothing is copied: folders of ComfyUI, InvokeAI or diffusers, and single \
     files (.safetensors, .gguf). The cache of Hugging Face is looked through anyway";
pub(crate) const REMOVE_FOLDER: &str = "Do not look here any more";
pub(crate) const ADD_FOLDER: &str = "Add a folder…";
pub(crate) const USE_FILE: &str = "Use a file…";

pub(crate) const RECOMMENDED: &str = "Recommended for this machine";
pub(crate) const LICENCE: &str = "Licence";
pub(crate) const LICENCE_HINT: &str = "Hugging Face asks you to accept the licence with an account of yours, and this program for its token";
pub(crate) const LICENCE_PAGE: &str = "Accept the licence on its page";
pub(crate) const COMPLETE: &str = "It is on this machine";
pub(crate) const SHOW_DOWNLOAD: &str = "Show the download";
pub(crate) const DOWNLOAD: &str = "Download";

pub(crate) const GIVE_UP_DOWNLOAD: &str = "Give up the download";
pub(crate) const PAUSE_DOWNLOAD: &str = "Pause the download";
pub(crate) const RESUME_DOWNLOAD: &str = "Go on with the download";
pub(crate) const GIVE_UP_QUESTION: &str =
    "Give it up? What has arrived of unfinished files is thrown away";
pub(crate) const GIVE_UP: &str = "Give up";
pub(crate) const ACCEPT_LICENCE: &str = "Accept the licence";

/// What a model is, how precise its weights are, and how large it is.
pub(crate) fn facts(model: &FoundModel) -> String {
    let mut facts = vec![model.kind.clone()];
    facts.extend(model.precision.map(str::to_owned));
    facts.push(size_text(model.bytes));
    facts.join(" · ")
}

/// What a model that can be downloaded is called, and what it is good for.
pub(crate) fn offer(model: Model) -> (&'static str, &'static str) {
    match model {
        Model::Schnell => (
            "FLUX.1 schnell",
            "The fast one: 4 steps, and free for every use",
        ),
        Model::Dev => (
            "FLUX.1 dev",
            "The fine one: about 28 steps, and most LoRAs are for it",
        ),
    }
}

/// What an offer of `all` bytes takes, of which some are lacking, with so much free on the disk.
pub(crate) fn bytes_to_download(all: u64, lacking: Option<u64>, free: Option<u64>) -> String {
    let size = match lacking {
        Some(0) => format!("{}, all of it is here", size_text(all)),
        Some(lacking) if lacking < all => format!(
            "{} to download; another {} is here already",
            size_text(lacking),
            size_text(all - lacking)
        ),
        _ => format!("{} to download", size_text(all)),
    };
    let wanted = lacking.unwrap_or(all);
    match free {
        Some(free) if wanted > free => {
            format!("{size}, but only {} are free on the disk", size_text(free))
        }
        Some(free) if wanted > 0 => format!("{size}, {} are free on the disk", size_text(free)),
        _ => size,
    }
}

/// Whether an offer fits into the memory of this machine.
pub(crate) fn memory(memory: u64, fits: bool) -> String {
    let memory = size_text(memory);
    if fits {
        format!("Fits into the {memory} of memory that this machine has")
    } else {
        format!(
            "More than the {memory} of memory of this machine: it runs, read piece by piece, and takes longer"
        )
    }
}

/// What a download is doing now.
pub(crate) fn doing(download: &Download) -> String {
    let file = download.files.get(download.file);
    let file = file.map_or("", |file| file.path.as_str());
    if download.is_checking {
        format!("{file}: checking its sum…")
    } else {
        file.to_owned()
    }
}

/// How far a download is: "3.2 GB of 11.7 GB · 12 MB/s · About 9 min left".
pub(crate) fn progress(download: &Download) -> String {
    let mut parts = vec![common::arrived(download.bytes)];
    match download.halt {
        Some(Halt::Paused) => parts.push("paused; what has arrived is kept".to_owned()),
        Some(Halt::Waiting) => parts.push("waits for the one before".to_owned()),
        Some(Halt::Failed { .. }) => {}
        None if download.is_stalled() => parts.push("waiting for the server…".to_owned()),
        None if download.is_checking => {}
        None => {
            let speed = download.speed();
            parts.extend(speed.map(|speed| format!("{}/s", size_text(speed as u64))));
            let left = download.time_left().filter(|left| *left > Duration::ZERO);
            parts.extend(left.map(common::time_left));
        }
    }
    parts.join(" · ")
}

sentences! {
    obstacle(obstacle) = "It {obstacle}";
    needs(parts) = "It still needs {parts}";
    use_model(name) = "Use {name}";
    get_rest(size) = "Get the rest ({size})";
    /// Asks about the files that go with a model.
    trash_question(files, size) = "Put {files} into the trash ({size})?";
    download_bytes(size) = "Download ({size})";
    download_offer(name) = "Download {name}";
    download_of(name) = "Download of {name}";
    /// The name of the choice of a precision.
    sizes(name) = "Size of {name}";
    other_recommended(precision) = "{precision} is recommended for this machine";
    file(path, size) = "{path}, {size}";
    from(repository) = "from {repository}";
    duration(time) = "About {time} for a picture of 1024 × 1024 here; at 0.25 megapixels a quarter of it";
}
