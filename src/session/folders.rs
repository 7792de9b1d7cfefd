//! Where the program keeps its files, and where other programs keep models.

use std::path::PathBuf;

use crate::weights::hub;

/// Where the session keeps its own files.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Settings.
    pub config: PathBuf,
    /// The journal of waiting jobs.
    pub state: PathBuf,
    /// Where pictures go until the user chooses another folder.
    pub pictures: PathBuf,
    /// Input pictures and masks that are kept.
    pub inputs: PathBuf,
    /// LoRAs that were downloaded.
    pub loras: PathBuf,
    /// Models that were downloaded.
    pub models: PathBuf,
    /// Where other programs keep models, which are used in place: the cache of Hugging Face's own tools, and the usual
    /// folders of ComfyUI and InvokeAI.
    pub foreign_models: Vec<PathBuf>,
}

/// Where other programs keep their models below the user's folder, if they are not told otherwise.
/// <https://docs.comfy.org/installation/desktop/linux>, <https://invoke-ai.github.io/InvokeAI/configuration/>
const FOREIGN_MODELS: [&str; 3] = [
    "ComfyUI/models",
    "Documents/ComfyUI/models",
    "invokeai/models",
];

impl Folders {
    /// The platform's usual folders for this program and user.
    pub fn of_user() -> Option<Self> {
        let project = directories::ProjectDirs::from("", "", "flux-qfaces")?;
        let data = project.data_local_dir();
        let user = directories::UserDirs::new();
        let pictures = user.and_then(|user| Some(user.picture_dir()?.join("Flux QFaces")));
        Some(Self {
            config: project.config_dir().to_owned(),
            state: project.state_dir().unwrap_or(data).to_owned(),
            pictures: pictures.unwrap_or_else(|| project.data_dir().join("pictures")),
            inputs: data.join("inputs"),
            loras: project.cache_dir().join("loras"),
            models: data.join("models"),
            foreign_models: foreign_models(),
        })
    }

    /// Where models and their parts are looked for, the nearest first; `others` are folders that the user has named.
    pub fn of_models(&self, others: &[PathBuf]) -> Vec<PathBuf> {
        let own = std::slice::from_ref(&self.models);
        [own, others, &self.foreign_models].concat()
    }
}

/// The folders of other programs' models that there are.
fn foreign_models() -> Vec<PathBuf> {
    let home = directories::BaseDirs::new().map(|base| base.home_dir().to_owned());
    let below = |path: &str| Some(home.as_ref()?.join(path));
    let usual = FOREIGN_MODELS.into_iter().filter_map(below);
    let folders = hub::folder().into_iter().chain(usual);
    folders.filter(|folder| folder.is_dir()).collect()
}
