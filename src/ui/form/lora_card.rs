//! What is drawn below a reference: a LoRA on its way, one that is there, or why it cannot be had.

use egui::{Button, Image, OpenUrl, RichText, Role, Sense, Ui, WidgetInfo, vec2};

use crate::engine::lora::report::Report;
use crate::schema::quirks;
use crate::schema::reference::Reference;
use crate::session::loras::{self, LoraState, ReadyLora};
use crate::text::size_text;
use crate::ui::command::{Desk, LoraCommand, Place};
use crate::ui::pictures::{self, Shown};
use crate::ui::text::{common, form as text};
use crate::ui::theme::{self, CONTROL_RADIUS, HALF, LORA_PICTURE, Palette, SMALL_CONTROL, SPACE};
use crate::ui::{icons, widgets};
use crate::weights::fetch::Bytes;
use crate::weights::library::LoraInfo;

/// A file of several that a reference may mean, by its name.
type Choice = (String, Reference);

/// What is drawn below one reference.
pub(super) struct Card<'a, 'd> {
    /// The reference as it was typed.
    pub(super) typed: &'a str,
    /// Where it stands in the form.
    pub(super) place: Place,
    pub(super) desk: &'a mut Desk<'d>,
}

impl Card<'_, '_> {
    /// The reference, to be named in a command.
    fn owned(&self) -> String {
        self.typed.trim().to_owned()
    }

    /// A LoRA on its way.
    pub(super) fn arriving_ui(&mut self, ui: &mut Ui, bytes: Bytes) {
        ui.horizontal(|ui| {
            ui.set_height(SMALL_CONTROL);
            widgets::small_ui(ui, common::arrived(bytes));
            widgets::right_ui(ui, |ui| {
                let (name, command) = (text::CANCEL_DOWNLOAD, LoraCommand::Cancel(self.owned()));
                self.desk.commands.icon_ui(ui, icons::CLOSE, name, command);
            });
        });
        widgets::progress_ui(ui, bytes.share(), text::DOWNLOADING);
    }

    /// A LoRA that a picture's settings name: anybody may have made the picture, so the user decides on the download. Why
    /// nothing can be generated before stands beside the field.
    pub(super) fn held_ui(&mut self, ui: &mut Ui) {
        let permit = LoraCommand::Permit(self.owned());
        let commands = &mut *self.desk.commands;
        commands.button_ui(ui, icons::DOWNLOAD, text::DOWNLOAD, permit);
    }

    /// A LoRA that cannot be had, and what to do.
    pub(super) fn failed_ui(&mut self, ui: &mut Ui, sentence: &str, choices: &[Choice]) {
        let Palette { error, text, .. } = *theme::palette(ui);
        let colour = if choices.is_empty() { error } else { text };
        widgets::sentence_ui(ui, icons::INFO, &common::sentence(sentence), colour);
        let retry = LoraCommand::Retry(self.owned());
        let commands = &mut *self.desk.commands;
        commands.button_ui(ui, icons::RESET, common::TRY_AGAIN, retry);
        for (name, reference) in choices {
            let asked = match reference {
                Reference::Path(path) => Some(path.to_string_lossy().into_owned()),
                _ => reference.shareable(),
            };
            if let Some(asked) = asked {
                let choose = widgets::wide_button_ui(ui, icons::RIGHT, name);
                commands.on_click(&choose, LoraCommand::Take(self.place, asked));
            }
        }
    }

    /// A LoRA that is there.
    pub(super) fn ready_ui(&mut self, ui: &mut Ui, ready: &ReadyLora) {
        let info = &ready.info;
        let model = loras::model(&self.desk.session.settings().params);
        widgets::card_ui(ui, theme::palette(ui).raised, |ui| {
            ui.spacing_mut().item_spacing.y = HALF;
            ui.horizontal(|ui| {
                self.picture_ui(ui, info);
                ui.vertical(|ui| {
                    let name_ui = |ui: &mut Ui| {
                        let name = widgets::truncated_ui(ui, theme::strong(&info.file.name));
                        name.on_hover_ui(|ui| about_ui(ui, info))
                    };
                    widgets::line_ui(ui, |ui| self.controls_ui(ui, info), name_ui);
                    if let Ok(report) = ready.report(model) {
                        matched_ui(ui, report);
                    } else {
                        // Why it cannot be used stands beside the field.
                        let colour = theme::palette(ui).error;
                        ui.label(RichText::new(text::INCOMPATIBLE).color(colour).small());
                    }
                });
            });
            self.triggers_ui(ui, info);
        });
    }

    /// A LoRA that is disabled: its reference and its scale stay.
    pub(super) fn disabled_ui(&mut self, ui: &mut Ui) {
        let typed = self.typed;
        let session = self.desk.session;
        let name = match session.loras.state(typed) {
            Some(LoraState::Ready(ready)) => ready.info.file.name.clone(),
            _ => Reference::parse(typed).map_or_else(|_| typed.to_owned(), |found| found.label()),
        };
        widgets::card_ui(ui, theme::palette(ui).raised, |ui| {
            let name_ui = |ui: &mut Ui| widgets::truncated_ui(ui, theme::weak(ui, name));
            let controls_ui = |ui: &mut Ui| {
                let enable = LoraCommand::Enable(self.owned());
                self.eye_ui(ui, icons::EYE_CLOSED, text::ENABLE, enable);
                widgets::small_ui(ui, text::DISABLED);
            };
            widgets::line_ui(ui, controls_ui, name_ui);
            let is_replaced = self.place == 0 && session.card().is_flux_sized();
            let own = quirks::default_weights(session.settings().fidelity);
            if let Some(own) = own.filter(|_| is_replaced) {
                widgets::wrapped_ui(ui, theme::small(ui, text::replaced_by(own)));
            }
        });
    }

    /// The button that disables a LoRA, or enables it again.
    fn eye_ui(&mut self, ui: &mut Ui, icon: &str, name: &str, command: LoraCommand) {
        let button_ui = |ui: &mut Ui| widgets::icon_button_ui(ui, icon, name);
        let button = ui.push_id(("eye", self.typed), button_ui).inner;
        self.desk.commands.on_click(&button, command);
    }

    /// What can be done with a LoRA that is there.
    fn controls_ui(&mut self, ui: &mut Ui, info: &LoraInfo) {
        let disable = LoraCommand::Disable(self.owned());
        self.eye_ui(ui, icons::EYE, text::DISABLE, disable);
        let Some(page) = &info.page else { return };
        if widgets::icon_button_ui(ui, icons::OPEN, text::OPEN_PAGE).clicked() {
            ui.ctx().open_url(OpenUrl::new_tab(page));
        }
        let renew = LoraCommand::Renew(self.owned());
        let commands = &mut *self.desk.commands;
        commands.icon_ui(ui, icons::TURN_RIGHT, text::RENEW, renew);
    }

    /// The picture of a LoRA.
    fn picture_ui(&mut self, ui: &mut Ui, info: &LoraInfo) {
        let Some(path) = &info.thumbnail else { return };
        let loader = &self.desk.session.loader;
        let shown = self.desk.pictures.thumbnail(ui.ctx(), loader, path);
        if let Shown::Ready(texture, _) = shown {
            let size = vec2(LORA_PICTURE, LORA_PICTURE);
            let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
            let name = text::picture(&info.file.name);
            response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
            let image = Image::new(&texture).uv(pictures::middle_square(&texture));
            image.corner_radius(CONTROL_RADIUS).paint_at(ui, rect);
        }
    }

    /// Words that a prompt should have; a click puts one into it.
    fn triggers_ui(&mut self, ui: &mut Ui, info: &LoraInfo) {
        if info.triggers.is_empty() {
            return;
        }
        let params = &self.desk.session.settings().params;
        let prompt = params.prompt.as_deref().unwrap_or_default();
        ui.horizontal_wrapped(|ui| {
            let spacing = ui.spacing_mut();
            spacing.item_spacing = vec2(HALF, HALF);
            spacing.interact_size.y = SMALL_CONTROL;
            spacing.button_padding = vec2(SPACE, 0.0);
            widgets::small_ui(ui, text::TRIGGERS);
            for word in &info.triggers {
                let is_there = prompt.contains(word.as_str());
                let chip = Button::new(RichText::new(word).small()).truncate();
                let chip = ui.add(chip.selected(is_there));
                let chip = chip.accessible_name(text::trigger(word));
                let chip = chip.on_hover_text(text::trigger_hint(is_there));
                if !is_there {
                    let insert = LoraCommand::InsertTrigger(word.clone());
                    self.desk.commands.on_click(&chip, insert);
                }
            }
        });
    }
}

/// What is known of a LoRA.
fn about_ui(ui: &mut Ui, info: &LoraInfo) {
    ui.label(&info.file.name);
    widgets::small_ui(ui, size_text(info.size));
    if let Some(base_model) = &info.base_model {
        widgets::small_ui(ui, text::trained_on(base_model));
    }
    let beginning = info.file.sha256.get(..12).unwrap_or_default();
    widgets::small_ui(ui, text::checksum(beginning));
}

/// How much of a LoRA matches the model.
fn matched_ui(ui: &mut Ui, report: &Report) {
    let palette = theme::palette(ui);
    let (icon, colour) = if report.is_complete() {
        (icons::DONE, palette.accent)
    } else {
        (icons::INFO, palette.text)
    };
    let words = format!("{icon} {}", text::matched(report));
    widgets::wrapped_ui(ui, RichText::new(words).color(colour).small()).on_hover_ui(|ui| {
        ui.label(text::layout(&report.layout));
        for name in &report.not_understood {
            widgets::small_ui(ui, name);
        }
    });
}
