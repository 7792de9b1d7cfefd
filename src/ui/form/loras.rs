//! The LoRAs of the form: below each reference what it has led to, its trigger words and its progress; and any number of
//! LoRAs beyond the two of the contract.

use std::collections::HashMap;

use egui::{Align2, Id, Slider, Spinner, TextEdit, Ui, vec2};

use crate::schema::field::Field;
use crate::schema::notes::Problem;
use crate::schema::params::{MoreLora, Params, SCALES};
use crate::schema::reference::Reference;
use crate::schema::{fields, quirks};
use crate::session::loras::LoraState;
use crate::ui::command::{Asked, Desk, LoraCommand, Place};
use crate::ui::form::lora_card::Card;
use crate::ui::form::row;
use crate::ui::text::form as text;
use crate::ui::theme::{self, CONTROL, HALF, NUMBER_WIDTH, SMALL_CONTROL, SPACE};
use crate::ui::{icons, widgets};
use crate::weights::library::LoraInfo;

/// The weights of the fine-tune that this program is made for.
const OWN: &str = "batchbinary/flux-qfaces";

/// The LoRA of the demo model.
const DEMO: &str = "embedded:qface";

/// How many LoRAs the contract has: those beyond follow in the places after them.
const OF_CONTRACT: usize = 2;

/// What the list remembers from frame to frame.
#[derive(Default)]
pub(super) struct LoraList {
    /// The LoRAs that were used last, while the menu with them is open in a place.
    recent: Option<(Place, Vec<(String, LoraInfo)>)>,
    /// What is typed as the scale of one beyond the two, and is not a number yet or any more, by its index.
    drafts: HashMap<usize, String>,
}

/// The name of the editor for the reference in a place.
pub(crate) fn editor_id(place: Place) -> Id {
    Id::unique(("reference", place))
}

/// The place of an input of the contract.
pub(super) fn place_of(field: &Field) -> Place {
    usize::from(field.name == "extra_lora")
}

/// The editor for the reference in a place.
pub(super) fn editor(place: Place, typed: &mut String) -> TextEdit<'_> {
    TextEdit::singleline(typed)
        .id(editor_id(place))
        .hint_text(text::LORA_HINT)
        .align(Align2::LEFT_CENTER)
        .margin(vec2(SPACE, 0.0))
        .min_size(vec2(0.0, CONTROL))
        .desired_width(f32::INFINITY)
}

impl LoraList {
    /// What stands against the scales as they are typed.
    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> {
        let wrong = |(_, typed): &(&usize, &String)| parsed(typed).is_none();
        self.drafts.iter().filter(wrong).map(|(index, typed)| {
            let name = text::lora_name(index + OF_CONTRACT + 1);
            let sentence = text::not_a_number(name, typed.escape_debug());
            Problem::new("more_loras", sentence)
        })
    }

    /// Forgets what is half typed.
    pub(super) fn forget_drafts(&mut self) {
        self.drafts.clear();
    }

    /// Draws what a reference has led to, or where one may come from.
    pub(super) fn found_ui(&mut self, ui: &mut Ui, typed: &str, place: Place, desk: &mut Desk<'_>) {
        if typed.trim().is_empty() {
            return self.sources_ui(ui, place, desk);
        }
        if Reference::parse(typed).is_err() {
            // What is wrong stands beside the field.
            return;
        }
        let state = desk.session.state();
        let mut card = Card { typed, place, desk };
        if state.is_off(typed) {
            return card.disabled_ui(ui);
        }
        if state.is_held(typed) {
            return card.held_ui(ui);
        }
        match card.desk.session.loras.state(typed) {
            None if ui.memory(|memory| memory.has_focus(editor_id(place))) => {
                widgets::small_ui(ui, text::TYPING);
            }
            None => {
                // The look-up begins with the next frame.
                ui.ctx().request_repaint();
                looking_ui(ui);
            }
            Some(LoraState::Looking) => looking_ui(ui),
            Some(LoraState::Arriving(bytes)) => card.arriving_ui(ui, *bytes),
            Some(LoraState::Ready(ready)) => card.ready_ui(ui, ready),
            Some(LoraState::Failed(sentence)) => card.failed_ui(ui, sentence, &[]),
            Some(LoraState::Several {
                question,
                problem,
                files,
            }) => {
                if quirks::offers_choice_of_files(card.desk.session.settings().fidelity) {
                    card.failed_ui(ui, question, files);
                } else {
                    card.failed_ui(ui, problem, &[]);
                }
            }
        }
    }

    /// Where a LoRA may come from.
    fn sources_ui(&mut self, ui: &mut Ui, place: Place, desk: &mut Desk<'_>) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = HALF;
            let ask = Asked::Lora(place);
            desk.commands.button_ui(ui, icons::FOLDER, text::FILE, ask);
            let menu = ui.menu_button((icons::RECENT, text::RECENT), |ui| {
                let library = desk.session.loras.library();
                self.recent.take_if(|(open, _)| *open != place);
                let (_, recent) = self.recent.get_or_insert_with(|| (place, library.recent()));
                ui.set_max_width(theme::MENU_WIDTH);
                if recent.is_empty() {
                    ui.label(theme::weak(ui, text::NONE_RECENT));
                }
                for (typed, info) in recent {
                    let entry = ui.button(&info.file.name).on_hover_text(typed.as_str());
                    if entry.clicked() {
                        desk.commands.push(LoraCommand::Take(place, typed.clone()));
                        ui.close();
                    }
                }
            });
            if menu.inner.is_none() {
                self.recent.take_if(|(open, _)| *open == place);
            }
        });
        if place > 0 {
            return;
        }
        let is_demo = !desk.session.card().is_flux_sized();
        let demo = is_demo.then_some((DEMO, text::DEMO_LORA));
        for (typed, name) in [(OWN, text::OWN_LORA)].into_iter().chain(demo) {
            let offer = ui.link(name).on_hover_text(typed);
            let take = LoraCommand::Take(place, typed.to_owned());
            desk.commands.on_click(&offer, take);
        }
    }

    /// Draws the LoRAs beyond the two, and the button for one more.
    pub(super) fn more_ui(&mut self, ui: &mut Ui, params: &mut Params, desk: &mut Desk<'_>) {
        let mut removed = None;
        for (index, more) in params.more_loras.iter_mut().enumerate() {
            let more_ui = |ui: &mut Ui| self.one_more_ui(ui, index, more, desk);
            let is_removed = ui.push_id(("more", index), more_ui).inner;
            removed = is_removed.then_some(index).or(removed);
            ui.add_space(SPACE);
        }
        if let Some(index) = removed {
            params.more_loras.remove(index);
            self.drafts.clear();
        }
        ui.horizontal(|ui| {
            if widgets::button_ui(ui, icons::ADD, text::ADD_LORA).clicked() {
                let lora = String::new();
                params.more_loras.push(MoreLora { lora, scale: 1.0 });
            }
            if let Some(field) = fields::find("more_loras") {
                row::help_ui(ui, field);
            }
        });
    }

    /// Draws one LoRA beyond the two. Returns whether it is to be removed.
    fn one_more_ui(
        &mut self,
        ui: &mut Ui,
        index: usize,
        more: &mut MoreLora,
        desk: &mut Desk<'_>,
    ) -> bool {
        ui.spacing_mut().item_spacing.y = HALF;
        let place = index + OF_CONTRACT;
        let name = text::lora_name(place + 1);
        let remove = ui.horizontal(|ui| {
            ui.set_height(SMALL_CONTROL);
            ui.label(&name);
            let remove = text::remove(&name);
            widgets::right_ui(ui, |ui| widgets::icon_button_ui(ui, icons::CLOSE, &remove))
        });
        ui.add(editor(place, &mut more.lora)).accessible_name(&name);
        self.found_ui(ui, &more.lora, place, desk);
        let draft = self.drafts.remove(&index);
        let draft = scale_ui(ui, &text::scale(&name), &mut more.scale, draft);
        self.drafts.extend(draft.map(|draft| (index, draft)));
        remove.inner.clicked()
    }
}

/// A LoRA that is looked up.
fn looking_ui(ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.add(Spinner::new().size(SMALL_CONTROL - HALF));
        ui.label(theme::weak(ui, text::LOOKING));
    });
}

/// A scale like those of the two of the contract: a number that can be typed, and a slider below it. Takes and returns what
/// is half typed.
fn scale_ui(ui: &mut Ui, name: &str, scale: &mut f64, draft: Option<String>) -> Option<String> {
    let (least, most) = SCALES;
    let typed = ui.horizontal(|ui| {
        ui.set_height(SMALL_CONTROL);
        ui.label(name);
        widgets::right_ui(ui, |ui| typed_ui(ui, name, scale, draft))
    });
    let mut value = *scale;
    let slider = Slider::new(&mut value, least..=most).step_by(0.1);
    let slider = row::wide_slider(ui, slider);
    if ui.add(slider).accessible_name(name).changed() {
        *scale = row::rounded(value);
        return None;
    }
    typed.inner
}

/// A field for a number. What is no number stays in it, and so does what is half typed: takes and returns that.
fn typed_ui(ui: &mut Ui, name: &str, value: &mut f64, draft: Option<String>) -> Option<String> {
    let size = vec2(NUMBER_WIDTH, SMALL_CONTROL);
    let mut typed = draft.unwrap_or_else(|| value.to_string());
    ui.spacing_mut().interact_size.y = SMALL_CONTROL;
    let edit = ui.add_sized(size, row::number_editor(&mut typed, size));
    let edit = edit.accessible_name(text::as_number(name));
    let number = parsed(&typed);
    if let Some(number) = number.filter(|_| edit.changed()) {
        *value = number;
    }
    (edit.has_focus() || number.is_none()).then_some(typed)
}

/// The number that text says.
fn parsed(typed: &str) -> Option<f64> {
    let number: Option<f64> = typed.trim().parse().ok();
    number.filter(|number| number.is_finite())
}
