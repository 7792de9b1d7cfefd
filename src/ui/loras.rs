//! The LoRAs of the form: below each reference what it has led to, its trigger words and its progress; and any number of
//! LoRAs beyond the two of the contract.

use std::collections::HashMap;

use egui::{Align, Align2, Id, Layout, Slider, SliderClamping, TextEdit, Ui, vec2};

use crate::schema::field::{Field, Kind};
use crate::schema::fields;
use crate::schema::notes::Problem;
use crate::schema::params::{MoreLora, Params, SCALES};
use crate::schema::reference::Reference;
use crate::session::loras::LoraState;
use crate::session::program::Session;
use crate::ui::files::Asked;
use crate::ui::pictures::Pictures;
use crate::ui::theme::{self, CONTROL, HALF, NUMBER_WIDTH, SMALL_CONTROL, SPACE};
use crate::ui::{Action, icons, lora_card, widgets};
use crate::weights::library::LoraInfo;

/// The weights of the fine-tune that this program is made for.
const OWN: &str = "batchbinary/flux-qfaces";

/// The LoRA of the demo model.
const DEMO: &str = "embedded:qface";

/// Where a LoRA stands in the form: 0 is the main one, 1 the extra one, and those beyond follow.
pub(super) type Place = usize;

/// What the list remembers from frame to frame.
#[derive(Default)]
pub(super) struct LoraList {
    /// The LoRAs that were used last, while the menu with them is open in a place.
    recent: Option<(Place, Vec<(String, LoraInfo)>)>,
    /// What is typed as the scale of one beyond the two, and is not a number yet or any more, by its index.
    drafts: HashMap<usize, String>,
}

/// What the list draws with.
pub(super) struct Desk<'a> {
    pub(super) session: &'a mut Session,
    pub(super) pictures: &'a mut Pictures,
    pub(super) actions: &'a mut Vec<Action>,
}

/// The name of the editor for the reference in a place.
fn editor_id(place: Place) -> Id {
    Id::unique(("reference", place))
}

/// The place of an input of the contract.
fn place_of(field: &Field) -> Place {
    usize::from(field.name == "extra_lora")
}

/// The editor for the reference in an input of the contract.
pub(super) fn editor<'a>(field: &Field, typed: &'a mut String) -> TextEdit<'a> {
    editor_at(place_of(field), typed)
}

fn editor_at(place: Place, typed: &mut String) -> TextEdit<'_> {
    TextEdit::singleline(typed)
        .id(editor_id(place))
        .hint_text("owner/name, a page, a link or a file")
        .align(Align2::LEFT_CENTER)
        .margin(vec2(SPACE, 0.0))
        .min_size(vec2(0.0, CONTROL))
        .desired_width(f32::INFINITY)
}

/// Looks up what the inputs name, but for what is being typed, left out, or waits for the user's word.
pub(super) fn look_up(ctx: &egui::Context, session: &mut Session) {
    session.forget_loras();
    let params = session.asked();
    let typed = params.loras().map(|(_, typed)| typed);
    let named: Vec<_> = typed
        .filter(|typed| !session.state().is_held(typed))
        .collect();
    session.loras.end_all_but(&named);
    let all = session.settings.params.loras().enumerate();
    let focused = |place| ctx.memory(|memory| memory.has_focus(editor_id(place)));
    let being_typed: Vec<_> = all
        .filter(|(place, _)| focused(*place))
        .map(|(_, (_, typed))| typed.to_owned())
        .collect();
    for typed in named {
        let is_typed = being_typed.iter().any(|other| other == typed);
        if !is_typed && Reference::parse(typed).is_ok() {
            session.loras.look(typed);
        }
    }
}

/// Whether the inputs name any LoRA.
pub(super) fn any(params: &Params) -> bool {
    params.loras().any(|(_, typed)| !typed.is_empty())
}

impl LoraList {
    /// What stands against the scales as they are typed.
    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> {
        let wrong = self
            .drafts
            .iter()
            .filter(|(_, text)| number(text).is_none());
        wrong.map(|(index, text)| {
            let (place, text) = (index + 3, text.escape_debug());
            let sentence = format!("LoRA {place}: the scale must be a number, not '{text}'");
            Problem::new("more_loras", sentence)
        })
    }

    /// Forgets what is half typed.
    pub(super) fn forget_drafts(&mut self) {
        self.drafts.clear();
    }

    /// Draws what stands below the editor of a reference.
    pub(super) fn below_ui(&mut self, ui: &mut Ui, field: &'static Field, desk: &mut Desk<'_>) {
        let Kind::Weights(access) = field.kind else {
            return;
        };
        let place = place_of(field);
        let typed = (access.get)(&desk.session.settings.params)
            .clone()
            .unwrap_or_default();
        self.found_ui(ui, &typed, place, desk);
    }

    /// Draws what a reference has led to, or where one may come from.
    fn found_ui(&mut self, ui: &mut Ui, typed: &str, place: Place, desk: &mut Desk<'_>) {
        if typed.trim().is_empty() {
            self.sources_ui(ui, place, desk);
            return;
        }
        if Reference::parse(typed).is_err() {
            // What is wrong stands beside the field.
            return;
        }
        let state = desk.session.state();
        if state.is_off(typed) {
            lora_card::off_ui(ui, typed, place, desk);
            return;
        }
        if state.is_held(typed) {
            lora_card::held_ui(ui, typed, desk);
            return;
        }
        let is_typing = ui.memory(|memory| memory.has_focus(editor_id(place)));
        if is_typing && desk.session.loras.state(typed).is_none() {
            ui.label(theme::small(ui, "Enter looks it up"));
            return;
        }
        let state = desk.session.loras.look(typed).clone();
        match state {
            LoraState::Looking => {
                ui.horizontal(|ui| {
                    ui.add(egui::Spinner::new().size(SMALL_CONTROL - HALF));
                    ui.label(theme::weak(ui, "Looking it up"));
                });
            }
            LoraState::Arriving(bytes) => lora_card::arriving_ui(ui, bytes, typed, desk),
            LoraState::Ready(ready) => lora_card::ready_ui(ui, &ready, typed, desk),
            LoraState::Failed { sentence, choices } => {
                lora_card::failed_ui(ui, &sentence, choices, typed, place, desk);
            }
        }
    }

    /// Where a LoRA may come from.
    fn sources_ui(&mut self, ui: &mut Ui, place: Place, desk: &mut Desk<'_>) {
        let is_demo = !desk.session.card().is_flux_sized();
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = HALF;
            if widgets::button_ui(ui, icons::FOLDER, "File…").clicked() {
                desk.actions.push(Action::Ask(Asked::Lora(place)));
            }
            let menu = ui.menu_button((icons::RECENT, "Recent"), |ui| {
                let library = desk.session.loras.library();
                self.recent.take_if(|(open, _)| *open != place);
                let (_, recent) = self.recent.get_or_insert_with(|| (place, library.recent()));
                ui.set_max_width(theme::MENU_WIDTH);
                if recent.is_empty() {
                    ui.label(theme::weak(ui, "None was used yet"));
                }
                for (typed, info) in recent {
                    let entry = ui.button(&info.file.name).on_hover_text(typed.as_str());
                    if entry.clicked() {
                        desk.actions.push(Action::TakeLora(place, typed.clone()));
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
        let mut offers = vec![(OWN, "This fine-tune's own, for FLUX.1")];
        if is_demo {
            offers.push((DEMO, "QFACE, for the demo model"));
        }
        for (typed, name) in offers {
            if ui.link(name).on_hover_text(typed).clicked() {
                desk.actions.push(Action::TakeLora(place, typed.to_owned()));
            }
        }
    }

    /// Draws the LoRAs beyond the two, and the button for one more.
    pub(super) fn more_ui(&mut self, ui: &mut Ui, desk: &mut Desk<'_>) {
        let count = desk.session.settings.params.more_loras.len();
        for index in 0..count {
            ui.push_id(("more", index), |ui| self.one_more_ui(ui, index, desk));
            ui.add_space(SPACE);
        }
        ui.horizontal(|ui| {
            if widgets::button_ui(ui, icons::ADD, "Add a LoRA").clicked() {
                let more = MoreLora {
                    lora: String::new(),
                    scale: 1.0,
                };
                desk.session.settings.params.more_loras.push(more);
            }
            if let Some(field) = fields::find("more_loras") {
                super::field::help_ui(ui, field);
            }
        });
    }

    /// Draws one LoRA beyond the two.
    fn one_more_ui(&mut self, ui: &mut Ui, index: usize, desk: &mut Desk<'_>) {
        ui.spacing_mut().item_spacing.y = HALF;
        let name = format!("LoRA {}", index + 3);
        let Some(more) = desk.session.settings.params.more_loras.get_mut(index) else {
            return;
        };
        let mut removed = false;
        ui.horizontal(|ui| {
            ui.set_height(SMALL_CONTROL);
            ui.label(&name);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                removed =
                    widgets::icon_button_ui(ui, icons::CLOSE, &format!("Remove {name}")).clicked();
            });
        });
        ui.add(editor_at(index + 2, &mut more.lora))
            .accessible_name(&name);
        let typed = more.lora.clone();
        let mut scale = more.scale;
        self.found_ui(ui, &typed, index + 2, desk);
        let mut draft = self.drafts.remove(&index);
        if scale_ui(ui, &format!("{name} scale"), &mut scale, &mut draft)
            && let Some(more) = desk.session.settings.params.more_loras.get_mut(index)
        {
            more.scale = scale;
        }
        if let Some(draft) = draft {
            self.drafts.insert(index, draft);
        }
        if removed {
            desk.session.settings.params.more_loras.remove(index);
            self.drafts.clear();
        }
    }
}

/// A scale like those of the two of the contract: a number that can be typed, and a slider below it. Returns whether it
/// was changed.
fn scale_ui(ui: &mut Ui, name: &str, scale: &mut f64, draft: &mut Option<String>) -> bool {
    let (least, most) = SCALES;
    let typed = ui.horizontal(|ui| {
        ui.set_height(SMALL_CONTROL);
        ui.label(name);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            typed_ui(ui, name, scale, draft)
        })
        .inner
    });
    widgets::dress_sliders(ui);
    ui.spacing_mut().slider_width = ui.available_width();
    ui.spacing_mut().interact_size.y = theme::SLIDER;
    let slider = Slider::new(scale, least..=most)
        .step_by(0.1)
        .show_value(false)
        .clamping(SliderClamping::Never);
    let moved = ui.add(slider).accessible_name(name).changed();
    if moved {
        *scale = (*scale * 100.0).round() / 100.0;
        *draft = None;
    }
    typed.inner || moved
}

/// A field for a number. What is no number stays in it, and so does what is half typed. Returns whether there is another
/// number.
fn typed_ui(ui: &mut Ui, name: &str, value: &mut f64, draft: &mut Option<String>) -> bool {
    let mut text = draft.take().unwrap_or_else(|| value.to_string());
    let edit = TextEdit::singleline(&mut text)
        .align(Align2::RIGHT_CENTER)
        .margin(vec2(SPACE, 0.0))
        .min_size(vec2(NUMBER_WIDTH, SMALL_CONTROL))
        .desired_width(NUMBER_WIDTH - 2.0 * SPACE);
    ui.spacing_mut().interact_size.y = SMALL_CONTROL;
    let response = ui
        .add_sized(vec2(NUMBER_WIDTH, SMALL_CONTROL), edit)
        .accessible_name(format!("{name}, as a number"));
    let typed = number(&text);
    if response.has_focus() || typed.is_none() {
        *draft = Some(text);
    }
    let typed = typed.filter(|_| response.changed());
    if let Some(typed) = typed {
        *value = typed;
    }
    typed.is_some()
}

/// The number that text says.
fn number(text: &str) -> Option<f64> {
    let parsed: Option<f64> = text.trim().parse().ok();
    parsed.filter(|number| number.is_finite())
}
