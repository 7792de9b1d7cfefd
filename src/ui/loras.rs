//! The LoRAs of the form: below each reference what it has led to, its trigger words and its progress; and any number of
//! LoRAs beyond the two of the contract.

use std::iter;

use egui::{
    Align, Align2, Id, Label, Layout, RichText, Sense, Slider, SliderClamping, TextEdit, Ui, vec2,
};

use crate::schema::Problem;
use crate::schema::fields::{self, Field, Kind};
use crate::schema::lora::{MoreLora, SCALES};
use crate::schema::params::Params;
use crate::schema::reference::Reference;
use crate::schema::request::Model;
use crate::session::Session;
use crate::session::loras::{LoraState, ReadyLora};
use crate::ui::pictures::{Pictures, Shown};
use crate::ui::theme::{self, CONTROL, HALF, LORA_PICTURE, NUMBER_WIDTH, SMALL_CONTROL, SPACE};
use crate::ui::{Action, icons, widgets};
use crate::weights::fetch::in_words;
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
    /// The LoRAs that were used last, while a menu with them is open.
    recent: Option<Vec<(String, LoraInfo)>>,
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

/// What is typed in each place; `None` where nothing was ever typed.
fn all(params: &Params) -> impl Iterator<Item = Option<&str>> {
    let two = [
        params.replicate_weights.as_deref(),
        params.extra_lora.as_deref(),
    ];
    let more = params
        .more_loras
        .iter()
        .map(|more| Some(more.lora.as_str()));
    two.into_iter().chain(more)
}

/// Looks up what the inputs name, but for what is being typed.
pub(super) fn look_up(ctx: &egui::Context, session: &mut Session) {
    let params = &session.settings.params;
    let is_typed = |place| ctx.memory(|memory| memory.has_focus(editor_id(place)));
    let settled = all(params)
        .enumerate()
        .filter(|(place, _)| !is_typed(*place));
    let is_new =
        |typed: &&str| Reference::parse(typed).is_ok() && session.loras.state(typed).is_none();
    let new: Vec<_> = settled
        .filter_map(|(_, typed)| typed)
        .filter(is_new)
        .collect();
    let new: Vec<_> = new.into_iter().map(str::to_owned).collect();
    for typed in new {
        session.loras.look(&typed);
    }
}

/// Whether the inputs name any LoRA.
pub(super) fn any(params: &Params) -> bool {
    all(params).flatten().any(|typed| !typed.trim().is_empty())
}

/// What an input that holds a reference has to say against running the form.
pub(super) fn problems(session: &Session) -> Vec<Problem> {
    let params = &session.settings.params;
    let model = model(params);
    let names = ["replicate_weights", "extra_lora"]
        .into_iter()
        .chain(iter::repeat("more_loras"));
    let unusable = |(field, typed): (&str, &str)| match session.loras.state(typed)? {
        LoraState::Ready(ready) => {
            let reason = ready.report(model).err()?;
            Some(Problem::new(field, format!("cannot be used: {reason}")))
        }
        _ => None,
    };
    let typed = names
        .zip(all(params))
        .filter_map(|(field, typed)| Some((field, typed?)));
    typed.filter_map(unusable).collect()
}

/// The model that runs as the inputs stand.
fn model(params: &Params) -> Model {
    if params.model == Model::Schnell.name() {
        Model::Schnell
    } else {
        Model::Dev
    }
}

impl LoraList {
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
            LoraState::Arriving(bytes) => arriving_ui(ui, bytes, typed, desk),
            LoraState::Ready(ready) => ready_ui(ui, &ready, typed, desk),
            LoraState::Failed { sentence, choices } => {
                failed_ui(ui, &sentence, choices, typed, place, desk);
            }
        }
    }

    /// Where a LoRA may come from.
    fn sources_ui(&mut self, ui: &mut Ui, place: Place, desk: &mut Desk<'_>) {
        let is_demo = !desk.session.card().is_flux_sized;
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = HALF;
            if widgets::button_ui(ui, icons::FOLDER, "File…").clicked() {
                desk.actions.push(Action::ChooseLora(place));
            }
            let menu = ui.menu_button((icons::RECENT, "Recent"), |ui| {
                let library = desk.session.loras.library();
                let recent = self.recent.get_or_insert_with(|| library.recent());
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
                self.recent = None;
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
        if scale_ui(ui, &format!("{name} scale"), &mut scale)
            && let Some(more) = desk.session.settings.params.more_loras.get_mut(index)
        {
            more.scale = scale;
        }
        if removed {
            desk.session.settings.params.more_loras.remove(index);
        }
    }
}

/// A scale like those of the two of the contract: a number that can be typed, and a slider below it. Returns whether it
/// was changed.
fn scale_ui(ui: &mut Ui, name: &str, scale: &mut f64) -> bool {
    let (least, most) = SCALES;
    let typed = ui.horizontal(|ui| {
        ui.set_height(SMALL_CONTROL);
        ui.label(name);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            typed_ui(ui, name, scale)
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
    }
    typed.inner || moved
}

/// A field for a number. What is half typed stays in it until it is left.
fn typed_ui(ui: &mut Ui, name: &str, number: &mut f64) -> bool {
    let id = ui.make_persistent_id(name);
    let draft: Option<String> = ui.data(|data| data.get_temp(id));
    let mut text = draft.unwrap_or_else(|| number.to_string());
    let edit = TextEdit::singleline(&mut text)
        .align(Align2::RIGHT_CENTER)
        .margin(vec2(SPACE, 0.0))
        .min_size(vec2(NUMBER_WIDTH, SMALL_CONTROL))
        .desired_width(NUMBER_WIDTH - 2.0 * SPACE);
    ui.spacing_mut().interact_size.y = SMALL_CONTROL;
    let response = ui
        .add_sized(vec2(NUMBER_WIDTH, SMALL_CONTROL), edit)
        .accessible_name(format!("{name}, as a number"));
    let parsed = text.trim().parse().ok().filter(|_| response.changed());
    let is_typing = response.has_focus();
    ui.data_mut(|data| {
        if is_typing {
            data.insert_temp(id, text);
        } else {
            data.remove::<String>(id);
        }
    });
    if let Some(parsed) = parsed {
        *number = parsed;
    }
    parsed.is_some()
}

/// A LoRA on its way.
fn arriving_ui(ui: &mut Ui, bytes: crate::weights::fetch::Bytes, typed: &str, desk: &mut Desk<'_>) {
    let text = match bytes.total {
        Some(total) => format!("{} of {}", in_words(bytes.done), in_words(total)),
        None => in_words(bytes.done),
    };
    ui.horizontal(|ui| {
        ui.set_height(SMALL_CONTROL);
        ui.label(theme::small(ui, text));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if widgets::icon_button_ui(ui, icons::CLOSE, "Cancel the download").clicked() {
                desk.session.loras.cancel(typed);
            }
        });
    });
    widgets::progress_ui(ui, bytes.share(), "Download of the LoRA");
}

/// A LoRA that cannot be had, and what to do.
fn failed_ui(
    ui: &mut Ui,
    sentence: &str,
    choices: Vec<(String, Reference)>,
    typed: &str,
    place: Place,
    desk: &mut Desk<'_>,
) {
    let palette = theme::palette(ui);
    let colour = if choices.is_empty() {
        palette.error
    } else {
        palette.text
    };
    widgets::sentence_ui(ui, icons::INFO, &widgets::sentence(sentence), colour);
    if choices.is_empty() {
        if widgets::button_ui(ui, icons::RESET, "Try again").clicked() {
            desk.session.loras.retry(typed);
        }
        return;
    }
    for (name, reference) in choices {
        let asked = reference.shareable().or_else(|| match &reference {
            Reference::Path(path) => Some(path.to_string_lossy().into_owned()),
            _ => None,
        });
        if let Some(asked) = asked
            && widgets::wide_button_ui(ui, icons::RIGHT, &name).clicked()
        {
            desk.actions.push(Action::TakeLora(place, asked));
        }
    }
}

/// A LoRA that is there.
fn ready_ui(ui: &mut Ui, ready: &ReadyLora, typed: &str, desk: &mut Desk<'_>) {
    let fill = theme::palette(ui).raised;
    let info = &ready.info;
    widgets::card_ui(ui, fill, |ui| {
        ui.spacing_mut().item_spacing.y = HALF;
        ui.horizontal(|ui| {
            if let Some(path) = &info.thumbnail {
                picture_ui(ui, path, &info.file.name, desk);
            }
            ui.vertical(|ui| {
                ui.horizontal(|ui| {
                    ui.set_height(SMALL_CONTROL);
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        links_ui(ui, info, typed, desk);
                        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                            let name = Label::new(theme::strong(&info.file.name)).truncate();
                            ui.add(name).on_hover_ui(|ui| about_ui(ui, info));
                        });
                    });
                });
                badge_ui(ui, ready, model(&desk.session.settings.params));
            });
        });
        triggers_ui(ui, info, desk);
    });
}

/// The picture of a LoRA.
fn picture_ui(ui: &mut Ui, path: &std::path::Path, name: &str, desk: &mut Desk<'_>) {
    let shown = desk
        .pictures
        .thumbnail(ui.ctx(), &mut desk.session.loader, path);
    let size = vec2(LORA_PICTURE, LORA_PICTURE);
    if let Shown::Ready(texture, [width, height]) = shown {
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Image, true, format!("Picture of {name}"))
        });
        // The middle of it, in a square.
        let (width, height) = (width as f32, height as f32);
        let side = width.min(height);
        let share = vec2(side / width, side / height);
        let uv = egui::Rect::from_center_size(egui::pos2(0.5, 0.5), share);
        egui::Image::new(&texture)
            .uv(uv)
            .corner_radius(theme::CONTROL_RADIUS)
            .paint_at(ui, rect);
    }
}

/// Its page, and whether there is something newer.
fn links_ui(ui: &mut Ui, info: &LoraInfo, typed: &str, desk: &mut Desk<'_>) {
    let Some(page) = &info.page else { return };
    if widgets::icon_button_ui(ui, icons::OPEN, "Open its page").clicked() {
        ui.ctx().open_url(egui::OpenUrl::new_tab(page));
    }
    if widgets::icon_button_ui(ui, icons::TURN_RIGHT, "Look for a newer file").clicked() {
        desk.session.loras.renew(typed);
    }
}

/// What is known of a LoRA.
fn about_ui(ui: &mut Ui, info: &LoraInfo) {
    ui.label(&info.file.name);
    ui.label(theme::small(ui, in_words(info.size)));
    if let Some(base_model) = &info.base_model {
        ui.label(theme::small(ui, format!("Trained on {base_model}")));
    }
    ui.label(theme::small(
        ui,
        format!(
            "SHA-256 {}…",
            info.file.sha256.get(..12).unwrap_or_default()
        ),
    ));
}

/// How much of it matches the model.
fn badge_ui(ui: &mut Ui, ready: &ReadyLora, model: Model) {
    let palette = theme::palette(ui);
    match ready.report(model) {
        // Why it cannot be used stands beside the field.
        Err(_) => {
            ui.label(
                RichText::new("Not for this model")
                    .color(palette.error)
                    .small(),
            );
        }
        Ok(report) => {
            let (icon, colour) = if report.is_complete() {
                (icons::DONE, palette.accent)
            } else {
                (icons::INFO, palette.text)
            };
            let layers = format!("{} of {} layers", report.matched, report.layers);
            let rank = report
                .rank_text()
                .map(|rank| format!(", {rank}"))
                .unwrap_or_default();
            let missing = match report.not_understood.len() {
                0 => String::new(),
                count => format!(", {count} not understood"),
            };
            let text = format!("{icon} {layers}, {}{rank}{missing}", report.form);
            ui.add(Label::new(RichText::new(text).color(colour).small()).wrap())
                .on_hover_ui(|ui| {
                    ui.label(format!("Named as by {}", report.layout));
                    for name in report.not_understood.iter().take(12) {
                        ui.label(theme::small(ui, name));
                    }
                });
        }
    }
}

/// Words that a prompt should have; a click puts one into it.
fn triggers_ui(ui: &mut Ui, info: &LoraInfo, desk: &mut Desk<'_>) {
    if info.triggers.is_empty() {
        return;
    }
    let prompt = desk
        .session
        .settings
        .params
        .prompt
        .as_deref()
        .unwrap_or_default();
    ui.horizontal_wrapped(|ui| {
        let spacing = ui.spacing_mut();
        spacing.item_spacing = vec2(HALF, HALF);
        spacing.interact_size.y = SMALL_CONTROL;
        spacing.button_padding = vec2(SPACE, 0.0);
        ui.label(theme::small(ui, "Trigger words"));
        for word in &info.triggers {
            let is_there = prompt.contains(word.as_str());
            let chip = egui::Button::new(RichText::new(word).small())
                .truncate()
                .selected(is_there);
            let hint = if is_there {
                "It is in the prompt"
            } else {
                "Puts it into the prompt"
            };
            if ui
                .add(chip)
                .accessible_name(format!("Trigger word {word}"))
                .on_hover_text(hint)
                .clicked()
                && !is_there
            {
                desk.actions.push(Action::InsertTrigger(word.clone()));
            }
        }
    });
}
