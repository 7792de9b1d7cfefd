//! FLUX.1 to be downloaded: which size suits this machine, and what it takes.

use std::collections::HashMap;

use egui::{Align, Layout, RichText, Ui, vec2};

use crate::engine::plan::speed::usual_seconds;
use crate::schema::choices::Model;
use crate::session::downloads::Purpose;
use crate::session::program::Session;
use crate::text::{duration_text, size_text};
use crate::ui::command::{Commands, Desk, ModelCommand};
use crate::ui::models::found;
use crate::ui::text::models as text;
use crate::ui::theme::{self, HALF, OFFER_WIDTH, SPACE};
use crate::ui::{choices, icons, settings, widgets};
use crate::weights::architecture::Architecture;
use crate::weights::catalog::{Offer, total};
use crate::weights::install;
use crate::weights::tokens::Service;

/// The models that are offered, in this order.
const MODELS: [Model; 2] = [Model::Schnell, Model::Dev];

/// What is remembered of the offers, by their model.
#[derive(Default)]
pub(super) struct Offers(HashMap<Model, Looked>);

/// How the offer of one model is looked at.
#[derive(Default)]
struct Looked {
    /// The offer that was chosen; without a choice it is the one that suits the machine.
    chosen: Option<String>,
    /// How high what stands above the button was: the buttons stand in a line.
    height: f32,
}

impl Offers {
    /// Draws the models that can be had, side by side where there is room. Returns whether a download is to be shown.
    pub(super) fn offers_ui(&mut self, ui: &mut Ui, desk: &mut Desk<'_>) -> bool {
        let mut shows = false;
        let mut offer_ui = |ui: &mut Ui, model: Model, in_row: bool| {
            let offer_ui = |ui: &mut Ui| self.offer_ui(ui, model, in_row, desk);
            shows |= ui.push_id(model.name(), offer_ui).inner;
        };
        let width = (ui.available_width() - SPACE) / 2.0;
        if width < OFFER_WIDTH {
            for model in MODELS {
                offer_ui(ui, model, false);
            }
            return shows;
        }
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE;
            let layout = Layout::top_down(Align::Min);
            for model in MODELS {
                ui.allocate_ui_with_layout(vec2(width, 0.0), layout, |ui| {
                    ui.set_width(width);
                    offer_ui(ui, model, true);
                });
            }
        });
        shows
    }

    /// One model in the size that is chosen. Returns whether its download is to be shown.
    fn offer_ui(&mut self, ui: &mut Ui, model: Model, in_row: bool, desk: &mut Desk<'_>) -> bool {
        let (session, commands) = (desk.session, &mut *desk.commands);
        let catalog = &session.models.catalog;
        let Some(best) = catalog.best(model, session.machine_memory()) else {
            return false;
        };
        let others = self.0.iter().filter(|(other, _)| **other != model);
        let highest = others.map(|(_, looked)| looked.height).fold(0.0, f32::max);
        let looked = self.0.entry(model).or_default();
        let chosen = looked.chosen.as_ref();
        let offer = chosen.and_then(|id| catalog.offer(id)).unwrap_or(best);
        let (name, about) = text::offer(model);
        widgets::card_ui(ui, theme::palette(ui).panel, |ui| {
            ui.add_space(HALF);
            ui.label(theme::strong(name));
            widgets::wrapped_ui(ui, theme::weak(ui, about));
            let sizes = || catalog.offers.iter().filter(|offer| offer.model == model);
            let labels: Vec<_> = sizes().map(|size| size.precision.as_str()).collect();
            let group = text::sizes(name);
            if let Some(clicked) = choices::choices_ui(ui, &group, &labels, &offer.precision) {
                let clicked = sizes().find(|size| size.precision == clicked);
                looked.chosen = clicked.map(|size| size.id.clone());
            }
            widgets::wrapped_ui(ui, &offer.about);
            if offer.id == best.id {
                let words = format!("{} {}", icons::DONE, text::RECOMMENDED);
                let accent = theme::palette(ui).accent;
                ui.label(RichText::new(words).color(accent).small());
            } else {
                widgets::small_ui(ui, text::other_recommended(&best.precision));
            }
            facts_ui(ui, offer, session);
            licence_ui(ui, offer, session, commands);
            if in_row {
                looked.height = ui.min_rect().height();
                ui.add_space((highest - looked.height).max(0.0));
            }
            ui.add_space(HALF);
            let shows = button_ui(ui, offer, session, commands);
            ui.add_space(HALF);
            shows
        })
    }
}

/// What an offer takes, and whether the machine has it.
fn facts_ui(ui: &mut Ui, offer: &Offer, session: &Session) {
    let catalog = &session.models.catalog;
    let lacking = session.models.lacking(&offer.id).map(total);
    let free = session.models.free_bytes();
    let size = text::bytes_to_download(catalog.bytes(offer), lacking, free);
    let shown = ui.scope(|ui| widgets::small_sentence_ui(ui, icons::DOWNLOAD, &size));
    shown.response.on_hover_ui(|ui| {
        for file in catalog.files(offer) {
            ui.label(text::file(&file.path, size_text(file.bytes)));
            widgets::small_ui(ui, text::from(&file.repository));
        }
    });
    let steps = Architecture::flux1(offer.model).default_steps();
    let time = text::duration(duration_text(usual_seconds(offer.model, steps)));
    widgets::small_sentence_ui(ui, icons::WAITING, &time);
    if let Some(memory) = session.machine_memory() {
        let fit = text::memory(memory, catalog.fits(offer, memory));
        widgets::small_sentence_ui(ui, icons::INFO, &fit);
    }
}

/// Under which licence a model is published, and what to do for it.
fn licence_ui(ui: &mut Ui, offer: &Offer, session: &Session, commands: &mut Commands) {
    let catalog = &session.models.catalog;
    let link_ui = |ui: &mut Ui, words: &str, page: &str| {
        let words = RichText::new(words).small();
        ui.hyperlink_to(words, page).on_hover_text(page);
    };
    if let Some(licence) = catalog.licence(offer) {
        ui.scope(|ui| {
            // A line of small text, not of buttons.
            ui.spacing_mut().interact_size.y = 0.0;
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = HALF;
                widgets::small_ui(ui, text::LICENCE);
                link_ui(ui, &licence.name, &licence.page);
            });
        });
        widgets::wrapped_ui(ui, theme::small(ui, &licence.about));
    }
    let files = catalog.files(offer);
    let gated = files.iter().find(|file| file.is_gated);
    if let Some(page) = gated.map(install::page) {
        widgets::wrapped_ui(ui, theme::small(ui, text::LICENCE_HINT));
        link_ui(ui, text::LICENCE_PAGE, &page);
        let own = Purpose::Offer(offer.id.clone());
        // A download that was refused has the box itself.
        if !session.downloads.has_token() && session.downloads.find(&own).is_none() {
            settings::token_ui(ui, session, Service::HuggingFace, commands);
        }
    }
}

/// The button that begins a download, or what stands in its place. Returns whether the download is to be shown.
fn button_ui(ui: &mut Ui, offer: &Offer, session: &Session, commands: &mut Commands) -> bool {
    let lacking = session.models.lacking(&offer.id);
    if lacking.is_some_and(<[_]>::is_empty) {
        found::done_ui(ui, text::COMPLETE);
        return false;
    }
    let own = Purpose::Offer(offer.id.clone());
    if session.downloads.find(&own).is_some() {
        return widgets::button_ui(ui, icons::UP, text::SHOW_DOWNLOAD).clicked();
    }
    // What lies elsewhere on this machine is not downloaded again.
    let is_known = session.models.found().is_some();
    let name = text::download_offer(offer.name());
    let is_clicked = widgets::download_button_ui(ui, is_known, text::DOWNLOAD, &name);
    if is_clicked {
        commands.push(ModelCommand::Download(own));
    }
    is_clicked
}
