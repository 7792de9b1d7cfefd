//! The row for the token of a service from which files are downloaded.

use egui::{Align, Id, Layout, OpenUrl, TextEdit, Ui, vec2};

use crate::session::program::Session;
use crate::ui::command::{Commands, ModelCommand};
use crate::ui::text::settings as text;
use crate::ui::theme::{self, CONTROL, LABEL_WIDTH, SMALL_CONTROL, SPACE};
use crate::ui::{icons, widgets};
use crate::weights::tokens::Service;

/// The token for one service: typed, or removed; never shown.
pub(super) fn token_ui(ui: &mut Ui, session: &Session, service: Service, commands: &mut Commands) {
    let name = service.name();
    let id = Id::unique(("token", name));
    let is_set = |name: &&&str| std::env::var(name).is_ok_and(|token| !token.trim().is_empty());
    let variable = service.variables().iter().find(is_set);
    let tokens = session.loras.library().tokens();
    let is_of_own_tools = tokens.is_of_own_tools(service);
    let is_known = tokens.get(service).is_some();
    ui.horizontal(|ui| {
        let size = vec2(LABEL_WIDTH, CONTROL);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(size);
            ui.label(name);
        });
        if let Some(variable) = variable {
            ui.label(theme::weak(ui, text::token_from(variable)));
            return;
        }
        let mut typed: String = ui.data(|data| data.get_temp(id)).unwrap_or_default();
        let hint = match (is_of_own_tools, is_known) {
            (true, _) => text::TOKEN_OF_TOOLS,
            (false, true) => text::TOKEN_KNOWN,
            (false, false) => text::TOKEN_UNKNOWN,
        };
        let edit = TextEdit::singleline(&mut typed)
            .password(true)
            .hint_text(hint)
            .align(egui::Align2::LEFT_CENTER)
            .margin(vec2(SPACE, 0.0))
            .min_size(vec2(0.0, CONTROL))
            .desired_width(ui.available_width() - 2.0 * (SMALL_CONTROL + SPACE));
        let response = ui.add(edit).accessible_name(text::token(name));
        if response.lost_focus() && !typed.trim().is_empty() {
            let token = std::mem::take(&mut typed);
            commands.push(ModelCommand::StoreToken(service, token));
        }
        ui.data_mut(|data| data.insert_temp(id, typed));
        if widgets::icon_button_ui(ui, icons::OPEN, &text::make_token(name)).clicked() {
            ui.ctx().open_url(OpenUrl::new_tab(service.token_page()));
        }
        if is_known && !is_of_own_tools {
            let remove = widgets::icon_button_ui(ui, icons::CLOSE, &text::remove_token(name));
            commands.on_click(&remove, ModelCommand::StoreToken(service, String::new()));
        }
    });
}
