//! The downloads that are not complete.

use std::time::Duration;

use egui::{Align, Layout, OpenUrl, Ui};

use crate::session::downloads::{Download, Halt};
use crate::session::program::Session;
use crate::ui::command::{Commands, ModelCommand};
use crate::ui::text::{common, models as text};
use crate::ui::theme::{self, SPACE};
use crate::ui::{icons, settings, widgets};
use crate::weights::tokens::Service;

pub(super) fn downloads_ui(ui: &mut Ui, session: &Session, commands: &mut Commands) {
    for (index, download) in session.downloads.all().iter().enumerate() {
        let download_ui = |ui: &mut Ui| download_ui(ui, download, session, commands);
        ui.push_id(("download", index), download_ui);
        ui.add_space(SPACE);
    }
}

/// One download: how far it is, and what can be done with it.
fn download_ui(ui: &mut Ui, download: &Download, session: &Session, commands: &mut Commands) {
    let Download { name, halt, .. } = download;
    let purpose = || download.purpose.clone();
    let asks = ui.scope_id().with("gives up");
    if halt.is_none() {
        // A server that falls silent wakes nobody.
        ui.ctx().request_repaint_after(Duration::from_secs(1));
    }
    widgets::card_ui(ui, theme::palette(ui).panel, |ui| {
        ui.horizontal(|ui| {
            widgets::right_ui(ui, |ui| {
                let give_up = widgets::icon_button_ui(ui, icons::CLOSE, text::GIVE_UP_DOWNLOAD);
                if give_up.clicked() {
                    ui.data_mut(|data| data.insert_temp(asks, true));
                }
                match halt {
                    None => {
                        let pause = ModelCommand::Pause(purpose());
                        commands.icon_ui(ui, icons::PAUSE, text::PAUSE_DOWNLOAD, pause);
                    }
                    Some(Halt::Waiting) => {}
                    Some(Halt::Paused | Halt::Failed { .. }) => {
                        let resume = ModelCommand::Resume(purpose());
                        commands.icon_ui(ui, icons::PLAY, text::RESUME_DOWNLOAD, resume);
                    }
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    widgets::truncated_ui(ui, theme::strong(name));
                });
            });
        });
        widgets::progress_ui(ui, download.bytes.share(), &text::download_of(name));
        widgets::wrapped_ui(ui, theme::small(ui, text::progress(download)));
        if ui.data(|data| data.get_temp(asks)).unwrap_or(false)
            && let Some(gives_up) = widgets::question_ui(ui, text::GIVE_UP_QUESTION, text::GIVE_UP)
        {
            ui.data_mut(|data| data.remove::<bool>(asks));
            if gives_up {
                commands.push(ModelCommand::GiveUp(purpose()));
            }
        }
        match halt {
            None => {
                widgets::truncated_ui(ui, theme::small(ui, text::doing(download)));
            }
            Some(Halt::Paused | Halt::Waiting) => {}
            Some(Halt::Failed {
                sentence,
                licence_page,
            }) => {
                let colour = theme::palette(ui).error;
                widgets::sentence_ui(ui, icons::ERROR, &common::sentence(sentence), colour);
                if licence_page.is_some() {
                    settings::token_ui(ui, session, Service::HuggingFace, commands);
                }
                ui.horizontal_wrapped(|ui| {
                    if let Some(page) = licence_page
                        && widgets::button_ui(ui, icons::OPEN, text::ACCEPT_LICENCE).clicked()
                    {
                        ui.ctx().open_url(OpenUrl::new_tab(page));
                    }
                    let again = ModelCommand::Resume(purpose());
                    commands.button_ui(ui, icons::RESET, common::TRY_AGAIN, again);
                });
            }
        }
    });
}
