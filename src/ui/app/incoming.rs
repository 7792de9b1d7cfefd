//! Pictures, masks and settings that come in from outside: dropped, pasted, opened, or taken from a result.

use std::path::{Path, PathBuf};

use egui::{Context, Event};

use crate::imaging::read;
use crate::schema::field::Group;
use crate::schema::reference::Reference;
use crate::session::gallery::read_record;
use crate::ui::app::state::App;
use crate::ui::command::{Incoming, LoraCommand, NewMask, Tab};
use crate::ui::files;
use crate::ui::text::status as text;

impl App {
    /// Takes in what was asked for.
    pub(super) fn take_in(&mut self, ctx: &Context, incoming: Incoming) {
        match incoming {
            Incoming::Picture(path) => self.start_from(ctx, path, None),
            Incoming::Paste => self.errands.paste(self.session.inputs.clone()),
            Incoming::Queue(files) => self.queue(&files),
            Incoming::Mask(path) => {
                self.name_mask(NewMask(Some(path)));
                self.tab = Tab::Canvas;
            }
            Incoming::MaskOf(record) => {
                let (params, remark) = self.session.params_of(&record);
                self.notices.extend(remark);
                if let Some(image) = params.image {
                    self.start_from(ctx, image, params.mask);
                }
            }
            Incoming::Model(path) => {
                self.session.choose_model(Some(path));
                self.tab = Tab::Models;
            }
            Incoming::Lora(reference) => {
                let place = self.session.settings().params.free_lora_place();
                self.perform(ctx, LoraCommand::Take(place, reference).into());
                self.form.unfold(Group::Lora);
                self.panels.form = true;
            }
            Incoming::SettingsOf(path) => match read_record(&path) {
                Some(record) => self.use_settings(ctx, &record),
                None => self.notices.push(text::unknown(read::name(&path))),
            },
        }
    }

    /// Takes a file as the starting picture, with a mask or without. One that cannot be read changes nothing.
    pub(super) fn start_from(&mut self, ctx: &Context, path: PathBuf, mask: Option<PathBuf>) {
        if let Err(sentence) = read::look(&path) {
            self.notices.push(text::unusable(&sentence));
            return;
        }
        // What is replaced can be had back.
        self.keep_mask();
        self.session.change_settings(|settings| {
            let params = &mut settings.params;
            let image = params.image.replace(path);
            let mask = std::mem::replace(&mut params.mask, mask);
            self.earlier.extend(image.map(|image| (image, mask)));
        });
        self.tab = Tab::Canvas;
        // From here on letters are tools, not text.
        ctx.memory_mut(|memory| {
            if let Some(focused) = memory.focused() {
                memory.surrender_focus(focused);
            }
        });
    }

    /// Takes the starting picture and the mask back that were replaced last.
    pub(super) fn go_back(&mut self) {
        if let Some((image, mask)) = self.earlier.pop() {
            self.change_params(|params| (params.image, params.mask) = (Some(image), mask));
        }
    }

    /// Makes a job of each file, with the settings of the form and without a mask. What stands against one is said; the
    /// others go on.
    fn queue(&mut self, files: &[PathBuf]) {
        for file in files {
            let mut params = self.session.asked();
            (params.image, params.mask) = (Some(file.clone()), None);
            if let Err(problems) = self.session.submit(&params) {
                let reasons: Vec<_> = problems.iter().map(ToString::to_string).collect();
                let sentence = text::not_queued(read::name(file), reasons.join("; "));
                self.notices.push(sentence);
            }
        }
    }

    /// Takes a picture, or a path of one, that was pasted while no text was typed.
    pub(super) fn take_pasted(&mut self, ctx: &Context) {
        if ctx.memory(|memory| memory.top_modal_layer().is_some()) {
            return;
        }
        let typing = ctx.text_edit_focused();
        let (has_picture, text) = ctx.input(|input| {
            let has_picture = |event: &Event| matches!(event, Event::PasteImage(_));
            let text = input.events.iter().find_map(|event| match event {
                Event::Paste(text) if !typing => Some(text.clone()),
                _ => None,
            });
            (input.events.iter().any(has_picture), text)
        });
        if has_picture {
            // The clipboard itself has the transparency as it was copied, unlike the event.
            self.errands.paste(self.session.inputs.clone());
        } else if let Some(text) = text {
            let typed = |path: &Path| path.to_string_lossy().into_owned();
            let incoming = match (files::path_in(&text), Reference::parse(&text)) {
                (Some(path), _) if files::is_model(&path) => Incoming::Model(path),
                (Some(path), _) if files::is_lora(&path) => Incoming::Lora(typed(&path)),
                (Some(path), _) => Incoming::Picture(path),
                (None, Ok(reference)) if is_address(&reference, &text) => {
                    Incoming::Lora(text.trim().to_owned())
                }
                _ => return self.say(ctx, text::NOT_USABLE),
            };
            self.take_in(ctx, incoming);
        }
    }
}

/// Whether what was pasted is meant as a LoRA: two words with a stroke between them may mean anything.
fn is_address(reference: &Reference, text: &str) -> bool {
    match reference {
        Reference::Path(_) => false,
        Reference::Replicate { .. } => text.contains("replicate.com"),
        _ => true,
    }
}
