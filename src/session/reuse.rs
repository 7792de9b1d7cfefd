//! Uses the settings of a picture again.

use crate::schema::params::Params;
use crate::schema::reference::Reference;
use crate::session::inputs;
use crate::session::loras::LoraState;
use crate::session::program::Session;
use crate::session::record::Record;
use crate::session::text;

impl Session {
    /// The inputs of a record, ready to be used again: its mask as a file, and its starting picture where it is kept.
    /// Where it is not, there is none, and the second value says so.
    pub fn params_of(&mut self, record: &Record) -> (Params, Option<String>) {
        let mut params = record.params();
        let mut remark = None;
        if let Some(reference) = record.image() {
            params.image = self.inputs.find(reference);
            if params.image.is_none() {
                remark = Some(text::NO_IMAGE.to_owned());
            }
        }
        if let Some(reference) = record.mask_reference().filter(|_| params.image.is_some()) {
            let embedded = record.mask_file();
            let embedded = embedded.and_then(|file| self.inputs.keep(&file, inputs::MASK).ok());
            params.mask = embedded.or_else(|| self.inputs.find(reference));
            if params.mask.is_none() {
                remark = Some(text::NO_MASK.to_owned());
            }
        } else {
            params.mask = None;
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
            let is_asked = state.is_some_and(|state| {
                !matches!(state, LoraState::Failed(_) | LoraState::Several { .. })
            });
            !is_asked && Reference::parse(typed).is_ok_and(is_missing)
        };
        let named = params.loras().map(|(_, typed)| typed.to_owned());
        let held: Vec<_> = named.filter(|typed| is_held(typed)).collect();
        self.change_state(|state| state.loras_held.extend(held));
    }
}
