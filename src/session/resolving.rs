//! From inputs to jobs: what would run, what stands against it, and the settings of a picture used again.

use std::path::PathBuf;
use std::sync::Arc;

use crate::schema::circumstances::Circumstances;
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::schema::reference::Reference;
use crate::schema::request::Request;
use crate::session::preview::{Key, Preview, Stamp};
use crate::session::program::Session;
use crate::session::record::Record;
use crate::session::{inputs, text};

impl Session {
    /// The inputs of the next job: without the LoRAs that are disabled.
    pub fn asked(&self) -> Params {
        let mut params = self.settings.params.clone();
        params.retain_loras(|typed| !self.state.is_off(typed));
        params
    }

    /// What a job with these inputs would be. Computed again only when something has changed.
    pub fn preview(&self, params: &Params) -> Arc<Preview> {
        let stamp = |path: &Option<PathBuf>| path.as_deref().map(Stamp::of);
        let key = Key {
            params: params.clone(),
            fidelity: self.settings.fidelity,
            memory_limit: self.settings.memory_limit(),
            held: self.state.loras_held.clone(),
            unusable: self.loras.problems(params),
            files: [stamp(&params.image), stamp(&params.mask)],
        };
        self.previews.get(key, |key| {
            let (request, mut problems) = match self.resolve(params, 0) {
                Ok(request) => (Some(request), Vec::new()),
                Err(problems) => (None, problems),
            };
            problems.extend_from_slice(&key.unusable);
            let known = self.current.outlook.as_ref().zip(request.as_ref());
            let plan = known.and_then(|(outlook, job)| outlook.plan(job, key.memory_limit));
            Preview {
                request,
                problems,
                plan,
            }
        })
    }

    /// The job that `params` describe now; a LoRA that waits for the user's word stands against it.
    pub(super) fn resolve(&self, params: &Params, random: u64) -> Result<Request, Vec<Problem>> {
        let looks = self.looks.at(params);
        let circumstances = Circumstances {
            fidelity: self.settings.fidelity,
            native_side: self.current.card.native_side,
            is_flux_sized: self.current.card.is_flux_sized(),
            random,
            image: looks.image.as_ref(),
            mask: looks.mask.as_ref(),
        };
        let loras = params.loras();
        let held = loras.filter(|(_, typed)| self.state.is_held(typed));
        let problem = |(field, _)| Problem::new(field, text::LORA_HELD);
        let held: Vec<_> = held.map(problem).collect();
        match Request::resolve(params, circumstances) {
            Ok(request) if held.is_empty() => Ok(request),
            Ok(_) => Err(held),
            Err(problems) => Err([problems, held].concat()),
        }
    }

    /// The inputs of a record, ready to be used again: its mask as a file, and its starting picture where it is kept.
    /// Where it is not, there is none, and the second value says so.
    pub fn params_of(&mut self, record: &Record) -> (Params, Option<String>) {
        let mut params = record.params();
        let image = record.image();
        params.image = image.and_then(|reference| self.inputs.find(reference));
        let is_lost = image.is_some() && params.image.is_none();
        let mut remark = is_lost.then(|| text::NO_IMAGE.to_owned());
        params.mask = None;
        if let Some(reference) = record.mask_reference().filter(|_| params.image.is_some()) {
            let embedded = record.mask_file();
            let embedded = embedded.and_then(|file| self.inputs.keep(&file, inputs::MASK).ok());
            params.mask = embedded.or_else(|| self.inputs.find(reference));
            if params.mask.is_none() {
                remark = Some(text::NO_MASK.to_owned());
            }
        }
        self.hold_loras(&mut params);
        (params, remark)
    }

    /// Takes care of the LoRAs that a picture's settings name: nothing is downloaded without the user's word, and paths,
    /// which records of this program never hold, are not followed.
    fn hold_loras(&mut self, params: &mut Params) {
        params.retain_loras(|typed| {
            let is_foreign = |reference: Reference| reference.shareable().is_none();
            !Reference::parse(typed).is_ok_and(is_foreign)
        });
        let library = self.loras.library();
        let is_missing = |reference: Reference| library.would_download(&reference);
        let is_held = |typed: &str| {
            let state = self.loras.state(typed);
            let is_asked = state.is_some_and(|state| !state.has_failed());
            !is_asked && Reference::parse(typed).is_ok_and(is_missing)
        };
        let named = params.loras().map(|(_, typed)| typed.to_owned());
        let held: Vec<_> = named.filter(|typed| is_held(typed)).collect();
        self.change_state(|state| state.loras_held.extend(held));
    }
}
