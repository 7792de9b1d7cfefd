//! What is drawn below a reference: a LoRA on its way, one that is there, or why it cannot be had.

use std::path::Path;

use egui::{
    Align, Button, Image, Label, Layout, OpenUrl, Rect, RichText, Role, Sense, Ui, WidgetInfo,
    pos2, vec2,
};

use crate::schema::choices::Model;
use crate::schema::quirks;
use crate::schema::reference::Reference;
use crate::session::loras::{LoraState, ReadyLora, model};
use crate::text::size_text;
use crate::ui::loras::{Desk, Place};
use crate::ui::pictures::Shown;
use crate::ui::theme::{self, CONTROL_RADIUS, HALF, LORA_PICTURE, SMALL_CONTROL, SPACE};
use crate::ui::{Action, icons, widgets};
use crate::weights::fetch::Bytes;
use crate::weights::library::LoraInfo;

/// A LoRA on its way.
pub(super) fn arriving_ui(ui: &mut Ui, bytes: Bytes, typed: &str, desk: &mut Desk<'_>) {
    let text = match bytes.total {
        Some(total) => format!("{} of {}", size_text(bytes.done), size_text(total)),
        None => size_text(bytes.done),
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

/// A LoRA that a picture's settings name: anybody may have made the picture, so the user decides on the download. Why
/// nothing can be generated before stands beside the field.
pub(super) fn held_ui(ui: &mut Ui, typed: &str, desk: &mut Desk<'_>) {
    if widgets::button_ui(ui, icons::DOWNLOAD, "Download it").clicked() {
        desk.session.permit_lora(typed);
    }
}

/// A LoRA that cannot be had, and what to do.
pub(super) fn failed_ui(
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
    if widgets::button_ui(ui, icons::RESET, "Try again").clicked() {
        desk.session.loras.retry(typed);
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
pub(super) fn ready_ui(ui: &mut Ui, ready: &ReadyLora, typed: &str, desk: &mut Desk<'_>) {
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
                        if eye_ui(ui, icons::EYE, "Leave it out for now", typed) {
                            desk.session.disable_lora(typed, true);
                        }
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

/// A LoRA that is left out for now: its reference and its scale stay.
pub(super) fn off_ui(ui: &mut Ui, typed: &str, place: Place, desk: &mut Desk<'_>) {
    let fill = theme::palette(ui).raised;
    let name = match desk.session.loras.state(typed) {
        Some(LoraState::Ready(ready)) => ready.info.file.name.clone(),
        _ => Reference::parse(typed).map_or_else(|_| typed.to_owned(), |found| found.label()),
    };
    widgets::card_ui(ui, fill, |ui| {
        ui.horizontal(|ui| {
            ui.set_height(SMALL_CONTROL);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if eye_ui(ui, icons::EYE_CLOSED, "Use it again", typed) {
                    desk.session.disable_lora(typed, false);
                }
                ui.label(theme::small(ui, "Left out"));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Label::new(theme::weak(ui, name)).truncate());
                });
            });
        });
        let fills_in = quirks::default_weights(desk.session.settings.fidelity);
        if let Some(own) = fills_in.filter(|_| place == 0 && desk.session.card().is_flux_sized()) {
            let text = format!("As on Replicate, {own} acts in its place");
            ui.add(Label::new(theme::small(ui, text)).wrap());
        }
    });
}

/// The button that leaves a LoRA out, or takes it in again. Returns whether it was pressed.
fn eye_ui(ui: &mut Ui, icon: &str, name: &str, typed: &str) -> bool {
    ui.push_id(("eye", typed), |ui| {
        widgets::icon_button_ui(ui, icon, name).clicked()
    })
    .inner
}

/// The picture of a LoRA.
fn picture_ui(ui: &mut Ui, path: &Path, name: &str, desk: &mut Desk<'_>) {
    let shown = desk
        .pictures
        .thumbnail(ui.ctx(), &desk.session.loader, path);
    let size = vec2(LORA_PICTURE, LORA_PICTURE);
    if let Shown::Ready(texture, [width, height]) = shown {
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        response
            .widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Picture of {name}")));
        // The middle of it, in a square.
        let (width, height) = (width as f32, height as f32);
        let side = width.min(height);
        let share = vec2(side / width, side / height);
        let uv = Rect::from_center_size(pos2(0.5, 0.5), share);
        Image::new(&texture)
            .uv(uv)
            .corner_radius(CONTROL_RADIUS)
            .paint_at(ui, rect);
    }
}

/// Its page, and whether there is something newer.
fn links_ui(ui: &mut Ui, info: &LoraInfo, typed: &str, desk: &mut Desk<'_>) {
    let Some(page) = &info.page else { return };
    if widgets::icon_button_ui(ui, icons::OPEN, "Open its page").clicked() {
        ui.ctx().open_url(OpenUrl::new_tab(page));
    }
    if widgets::icon_button_ui(ui, icons::TURN_RIGHT, "Look for a newer file").clicked() {
        desk.session.loras.renew(typed);
    }
}

/// What is known of a LoRA.
fn about_ui(ui: &mut Ui, info: &LoraInfo) {
    ui.label(&info.file.name);
    ui.label(theme::small(ui, size_text(info.size)));
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
            let missing = match report.not_understood_count {
                0 => String::new(),
                count => format!(", {count} not understood"),
            };
            let text = format!("{icon} {layers}, {}{rank}{missing}", report.form);
            ui.add(Label::new(RichText::new(text).color(colour).small()).wrap())
                .on_hover_ui(|ui| {
                    ui.label(format!("Named as by {}", report.layout));
                    for name in &report.not_understood {
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
            let chip = Button::new(RichText::new(word).small())
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
