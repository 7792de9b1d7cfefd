//! FLUX.1 to be downloaded: which size suits this machine, what it takes, and the download that goes on.

use std::time::Duration;

use egui::{Align, Label, Layout, OpenUrl, RichText, Ui, vec2};

use crate::engine::plan::speed::usual_seconds;
use crate::schema::choices::Model;
use crate::session::downloads::{Download, Halt, Purpose};
use crate::session::program::Session;
use crate::text::{duration_text, size_text};
use crate::ui::models::ModelsPage;
use crate::ui::theme::{self, HALF, OFFER_WIDTH, SPACE};
use crate::ui::{choices, icons, messages, settings, widgets};
use crate::weights::architecture::Architecture;
use crate::weights::catalog::{Offer, total};
use crate::weights::install;
use crate::weights::tokens::Service;

/// The models that can be had, side by side where there is room.
pub(super) fn offers_ui(ui: &mut Ui, page: &mut ModelsPage, session: &mut Session) {
    let models = [Model::Schnell, Model::Dev];
    let gap = SPACE;
    let width = (ui.available_width() - gap) / 2.0;
    if width < OFFER_WIDTH {
        for model in models {
            ui.push_id(model.name(), |ui| offer_ui(ui, model, page, session, false));
        }
        return;
    }
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        for model in models {
            ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
                ui.set_width(width);
                ui.push_id(model.name(), |ui| offer_ui(ui, model, page, session, true));
            });
        }
    });
}

/// One model in the size that is chosen.
fn offer_ui(
    ui: &mut Ui,
    model: Model,
    page: &mut ModelsPage,
    session: &mut Session,
    is_beside: bool,
) {
    let memory = session.machine_memory();
    let catalog = &session.models.catalog;
    let Some(best) = catalog.best(model, memory).cloned() else {
        return;
    };
    let chosen = page.choice(model).clone();
    let chosen = chosen.and_then(|id| catalog.offer(&id)).cloned();
    let offer = chosen.unwrap_or_else(|| best.clone());
    let sizes: Vec<_> = catalog
        .offers
        .iter()
        .filter(|offer| offer.model == model)
        .cloned()
        .collect();
    let (name, about) = match model {
        Model::Schnell => (
            "FLUX.1 schnell",
            "The fast one: 4 steps, and free for every use",
        ),
        Model::Dev => (
            "FLUX.1 dev",
            "The fine one: about 28 steps, and most LoRAs are for it",
        ),
    };
    widgets::card_ui(ui, theme::palette(ui).panel, |ui| {
        ui.add_space(HALF);
        ui.label(theme::strong(name));
        ui.add(Label::new(theme::weak(ui, about)).wrap());
        let labels: Vec<_> = sizes.iter().map(|size| size.precision.as_str()).collect();
        let group = format!("Size of {name}");
        if let Some(clicked) = choices::segments_ui(ui, &group, &labels, &offer.precision) {
            let clicked = sizes.iter().find(|size| size.precision == clicked);
            *page.choice(model) = clicked.map(|size| size.id.clone());
        }
        ui.add(Label::new(&offer.about).wrap());
        let advice = if offer.id == best.id {
            let text = format!("{} Recommended for this machine", icons::DONE);
            RichText::new(text).color(theme::palette(ui).accent).small()
        } else {
            theme::small(
                ui,
                format!("{} is recommended for this machine", best.precision),
            )
        };
        ui.label(advice);
        facts_ui(ui, &offer, memory, session);
        licence_ui(ui, &offer, session);
        if is_beside {
            let height = ui.min_rect().height();
            ui.add_space(page.rest_below(model, height));
        }
        ui.add_space(HALF);
        if button_ui(ui, &offer, session) {
            page.to_top = true;
        }
        ui.add_space(HALF);
    });
}

/// What an offer takes, and whether the machine has it.
fn facts_ui(ui: &mut Ui, offer: &Offer, memory: Option<u64>, session: &Session) {
    let catalog = &session.models.catalog;
    let all = catalog.bytes(offer);
    let lacking = session.models.lacking(&offer.id).map(total);
    let size = match lacking {
        Some(0) => format!("{}, all of it is here", size_text(all)),
        Some(lacking) if lacking < all => format!(
            "{} to download; another {} is here already",
            size_text(lacking),
            size_text(all - lacking)
        ),
        _ => format!("{} to download", size_text(all)),
    };
    let wanted = lacking.unwrap_or(all);
    let room = match session.models.free_bytes() {
        Some(free) if wanted > free => {
            format!(", but only {} are free on the disk", size_text(free))
        }
        Some(free) if wanted > 0 => format!(", {} are free on the disk", size_text(free)),
        _ => String::new(),
    };
    let size = format!("{size}{room}");
    let files = catalog.files(offer);
    ui.scope(|ui| widgets::small_sentence_ui(ui, icons::DOWNLOAD, &size))
        .response
        .on_hover_ui(|ui| {
            for file in &files {
                let line = format!("{}, {}", file.path, size_text(file.bytes));
                ui.label(line);
                ui.label(theme::small(ui, format!("from {}", file.repository)));
            }
        });
    let steps = Architecture::flux1(offer.model).default_steps();
    let time = duration_text(usual_seconds(offer.model, steps));
    let time = format!(
        "About {time} for a picture of 1024 × 1024 here; at 0.25 megapixels a quarter of it"
    );
    widgets::small_sentence_ui(ui, icons::WAITING, &time);
    let fit = match memory {
        None => return,
        Some(memory) if catalog.fits(offer, memory) => format!(
            "Fits into the {} of memory that this machine has",
            size_text(memory)
        ),
        Some(memory) => format!(
            "More than the {} of memory of this machine: it runs, read piece by piece, and takes longer",
            size_text(memory)
        ),
    };
    widgets::small_sentence_ui(ui, icons::INFO, &fit);
}

/// Under which licence a model is published, and what to do for it.
fn licence_ui(ui: &mut Ui, offer: &Offer, session: &mut Session) {
    let catalog = &session.models.catalog;
    if let Some(licence) = catalog.licence(offer) {
        ui.scope(|ui| {
            // A line of small text, not of buttons.
            ui.spacing_mut().interact_size.y = 0.0;
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = HALF;
                ui.label(theme::small(ui, "Licence"));
                ui.hyperlink_to(RichText::new(&licence.name).small(), &licence.page)
                    .on_hover_text(&licence.page);
            });
        });
        ui.add(Label::new(theme::small(ui, &licence.about)).wrap());
    }
    let files = catalog.files(offer);
    let gated = files.iter().find(|file| file.is_gated);
    if let Some(page) = gated.map(install::page) {
        let text = "Hugging Face asks you to accept the licence with an account of yours, and this program for its token";
        ui.add(Label::new(theme::small(ui, text)).wrap());
        ui.hyperlink_to(
            RichText::new("Accept the licence on its page").small(),
            &page,
        )
        .on_hover_text(&page);
        let own = Purpose::Offer(offer.id.clone());
        // A download that was refused has the box itself.
        if !session.downloads.has_token() && session.downloads.find(&own).is_none() {
            settings::token_ui(ui, session, Service::HuggingFace);
        }
    }
}

/// The button that begins a download, or what stands in its place. Returns whether the download is to be shown.
fn button_ui(ui: &mut Ui, offer: &Offer, session: &mut Session) -> bool {
    if session
        .models
        .lacking(&offer.id)
        .is_some_and(<[_]>::is_empty)
    {
        let text = format!("{} It is on this machine", icons::DONE);
        ui.label(RichText::new(text).color(theme::palette(ui).accent));
        return false;
    }
    let own = Purpose::Offer(offer.id.clone());
    if session.downloads.find(&own).is_some() {
        return widgets::button_ui(ui, icons::UP, "Show the download").clicked();
    }
    let name = format!("Download {}", offer.name());
    // What lies elsewhere on this machine is not downloaded again.
    let is_known = session.models.found().is_some();
    let is_clicked = widgets::download_button_ui(ui, is_known, "Download", &name);
    if is_clicked {
        session.fetch_model(own);
    }
    is_clicked
}

/// The downloads that are not complete.
pub(super) fn downloads_ui(ui: &mut Ui, session: &mut Session) {
    let downloads = session.downloads.all().iter();
    let purposes: Vec<_> = downloads.map(|download| download.purpose.clone()).collect();
    for (index, purpose) in purposes.iter().enumerate() {
        ui.push_id(("download", index), |ui| download_ui(ui, purpose, session));
        ui.add_space(SPACE);
    }
}

/// One download: how far it is, and what can be done with it.
fn download_ui(ui: &mut Ui, purpose: &Purpose, session: &mut Session) {
    let Some(download) = session.downloads.find(purpose) else {
        return;
    };
    let (name, line, share) = (
        download.name.clone(),
        line_of(download),
        download.bytes.share(),
    );
    let (doing, halt) = (doing(download), download.halt.clone());
    let asks = ui.scope_id().with("gives up");
    if halt.is_none() {
        // A server that falls silent wakes nobody.
        ui.ctx().request_repaint_after(Duration::from_secs(1));
    }
    widgets::card_ui(ui, theme::palette(ui).panel, |ui| {
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if widgets::icon_button_ui(ui, icons::CLOSE, "Give up the download").clicked() {
                    ui.data_mut(|data| data.insert_temp(asks, true));
                }
                if halt.is_none() {
                    if widgets::icon_button_ui(ui, icons::PAUSE, "Pause the download").clicked() {
                        session.downloads.pause(purpose);
                    }
                } else if halt != Some(Halt::Waiting)
                    && widgets::icon_button_ui(ui, icons::PLAY, "Go on with the download").clicked()
                {
                    session.downloads.resume(purpose);
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Label::new(theme::strong(&name)).truncate());
                });
            });
        });
        widgets::progress_ui(ui, share, &format!("Download of {name}"));
        ui.add(Label::new(theme::small(ui, line)).wrap());
        if ui.data(|data| data.get_temp(asks)).unwrap_or(false) {
            let question = "Give it up? What has arrived of unfinished files is thrown away";
            if let Some(gives_up) = widgets::question_ui(ui, question, "Give up") {
                ui.data_mut(|data| data.remove::<bool>(asks));
                if gives_up {
                    session.give_up_download(purpose);
                }
            }
        }
        match halt {
            None => {
                ui.add(Label::new(theme::small(ui, doing)).truncate());
            }
            Some(Halt::Paused | Halt::Waiting) => {}
            Some(Halt::Failed {
                sentence,
                licence_page,
            }) => failed_ui(ui, purpose, &sentence, licence_page.as_deref(), session),
        }
    });
}

/// What a download is doing now.
fn doing(download: &Download) -> String {
    let file = download.files.get(download.file);
    let file = file.map_or("", |file| file.path.as_str());
    if download.is_checking {
        format!("{file}: checking its sum…")
    } else {
        file.to_owned()
    }
}

/// Why a download stands still, and what to do.
fn failed_ui(
    ui: &mut Ui,
    purpose: &Purpose,
    sentence: &str,
    licence_page: Option<&str>,
    session: &mut Session,
) {
    let palette = theme::palette(ui);
    widgets::sentence_ui(
        ui,
        icons::ERROR,
        &widgets::sentence(sentence),
        palette.error,
    );
    if licence_page.is_some() {
        settings::token_ui(ui, session, Service::HuggingFace);
    }
    ui.horizontal_wrapped(|ui| {
        if let Some(page) = licence_page
            && widgets::button_ui(ui, icons::OPEN, "Accept the licence").clicked()
        {
            ui.ctx().open_url(OpenUrl::new_tab(page));
        }
        if widgets::button_ui(ui, icons::RESET, "Try again").clicked() {
            session.downloads.resume(purpose);
        }
    });
}

/// How far a download is: "3.2 GB of 11.7 GB · 12 MB/s · About 9 min left".
fn line_of(download: &Download) -> String {
    let bytes = download.bytes;
    let mut parts = vec![match bytes.total {
        Some(total) => format!("{} of {}", size_text(bytes.done), size_text(total)),
        None => size_text(bytes.done),
    }];
    match download.halt {
        Some(Halt::Paused) => parts.push("paused; what has arrived is kept".to_owned()),
        Some(Halt::Waiting) => parts.push("waits for the one before".to_owned()),
        _ => {}
    }
    if download.halt.is_none() && download.is_stalled() {
        parts.push("waiting for the server…".to_owned());
    } else if download.halt.is_none() && !download.is_checking {
        if let Some(speed) = download.speed() {
            parts.push(format!("{}/s", size_text(speed as u64)));
        }
        if let Some(left) = download.time_left().filter(|left| *left > Duration::ZERO) {
            parts.push(messages::left_text(left));
        }
    }
    parts.join(" · ")
}

/// The first download in a few words, for the line at the bottom.
pub(super) fn summary(session: &Session) -> Option<String> {
    let all = session.downloads.all();
    let running = all.iter().find(|download| download.halt.is_none());
    let download = running.or(all.first())?;
    let percent = (download.bytes.share() * 100.0) as u32;
    Some(match download.halt {
        None => format!("Downloading {percent} %"),
        Some(Halt::Paused | Halt::Waiting) => format!("Download paused at {percent} %"),
        Some(Halt::Failed { .. }) => "The download stands still".to_owned(),
    })
}
