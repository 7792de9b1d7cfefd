//! The form as a whole: its groups, and the big button.

use egui::{
    Align, Align2, CollapsingHeader, Frame, Layout, Margin, Panel, ScrollArea, Stroke, TextStyle,
    Ui, vec2,
};

use crate::schema::field::{Group, Kind};
use crate::schema::fields;
use crate::schema::params::Params;
use crate::session::program::Session;
use crate::ui::command::{Command, Commands};
use crate::ui::form::check::Checked;
use crate::ui::form::lora_card::Desk;
use crate::ui::form::loras::{self, LoraList};
use crate::ui::form::row::{Drafts, Row};
use crate::ui::pictures::Pictures;
use crate::ui::text::form as text;
use crate::ui::theme::{self, CONTROL, HALF, PANEL_MARGIN, SMALL_CONTROL, SPACE};
use crate::ui::{icons, shortcuts, widgets};

/// What the form remembers besides the inputs themselves.
#[derive(Default)]
pub(crate) struct Form {
    drafts: Drafts,
    loras: LoraList,
    /// Whether there was a starting picture when the form was drawn last.
    had_image: bool,
    /// The group that is to unfold in the next frame.
    to_unfold: Option<Group>,
    /// The group that has just become of use and unfolds.
    unfolds: Option<Group>,
}

impl Form {
    /// Forgets half-typed numbers, after the inputs have been replaced.
    pub(crate) fn forget_drafts(&mut self) {
        self.drafts.clear();
        self.loras.forget_drafts();
    }

    /// Unfolds a group when the form is drawn next.
    pub(crate) fn unfold(&mut self, group: Group) {
        self.to_unfold = Some(group);
    }

    /// Checks the inputs as they are, with what is typed and not in them yet.
    pub(crate) fn check(&self, session: &Session) -> Checked {
        let drafts = self.drafts.values();
        let typed = drafts.filter_map(|draft| draft.problem.clone());
        Checked::new(session, typed, self.loras.problems())
    }

    /// Draws the form.
    pub(crate) fn form_ui(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        pictures: &mut Pictures,
        commands: &mut Commands,
    ) {
        let checked = self.check(session);
        let mut params = session.settings().params.clone();
        let has_image = params.image.is_some();
        let brings_image = has_image && !std::mem::replace(&mut self.had_image, has_image);
        let unfolds = self.to_unfold.take();
        self.unfolds = unfolds.or(brings_image.then_some(Group::Input));
        // What is asked for below acts on the inputs as they are edited.
        let mut asked = Commands::default();
        let foot = Frame::new().inner_margin(Margin::same(PANEL_MARGIN));
        let panel = Panel::bottom("generate").frame(foot).resizable(false);
        panel.show(ui, |ui| generate_ui(ui, &params, &checked, &mut asked));
        let margin = Margin {
            bottom: 0,
            ..Margin::same(PANEL_MARGIN)
        };
        egui::CentralPanel::no_frame().show(ui, |ui| {
            let area = ScrollArea::vertical().auto_shrink(false);
            area.content_margin(margin).show(ui, |ui| {
                let mut desk = Desk {
                    session,
                    pictures,
                    commands: &mut asked,
                };
                for group in Group::ALL {
                    self.group_ui(ui, group, &checked, &mut params, &mut desk);
                }
                ui.add_space(SPACE);
                widgets::follow_focus(ui);
            });
        });
        if params != session.settings().params {
            commands.push(Command::Edit(Box::new(params)));
        }
        commands.extend(asked);
    }

    /// Draws one group; the first has no heading, the others fold.
    fn group_ui(
        &mut self,
        ui: &mut Ui,
        group: Group,
        checked: &Checked,
        params: &mut Params,
        desk: &mut Desk<'_>,
    ) {
        if group == Group::Prompt {
            self.fields_ui(ui, group, checked, params, desk);
            return;
        }
        let begins_open = match group {
            Group::Input => false,
            Group::Lora => params.loras().any(|(_, typed)| !typed.is_empty()),
            _ => true,
        };
        let mut fields = fields::all().filter(|field| field.group == group);
        let is_troubled = fields.any(|field| checked.problem(field).is_some());
        ui.add_space(HALF);
        let line = Stroke::new(theme::LINE, theme::palette(ui).line);
        let top = ui.cursor().top();
        ui.painter().hline(ui.max_rect().x_range(), top, line);
        ui.add_space(SPACE);
        let header = CollapsingHeader::new(theme::strong(group.label()))
            .id_salt(group.label())
            .default_open(begins_open)
            // A problem must never hide in a folded group.
            .open((is_troubled || self.unfolds == Some(group)).then_some(true))
            .icon(fold_icon_ui);
        ui.scope(|ui| {
            ui.spacing_mut().interact_size.y = SMALL_CONTROL;
            ui.spacing_mut().indent = 2.5 * SPACE;
            header.show_unindented(ui, |ui| {
                ui.spacing_mut().interact_size.y = CONTROL;
                self.fields_ui(ui, group, checked, params, desk);
            });
        });
    }

    /// Draws the inputs of a group.
    fn fields_ui(
        &mut self,
        ui: &mut Ui,
        group: Group,
        checked: &Checked,
        params: &mut Params,
        desk: &mut Desk<'_>,
    ) {
        for field in fields::all().filter(|field| field.group == group) {
            let mut row = Row {
                field,
                params,
                drafts: &mut self.drafts,
                commands: desk.commands,
            };
            row.row_ui(ui, checked.problem(field));
            match field.kind {
                Kind::Weights(access) => {
                    let typed = (access.get)(params).as_deref().unwrap_or_default();
                    let place = loras::place_of(field);
                    self.loras.found_ui(ui, typed, place, desk);
                }
                Kind::Loras(_) => self.loras.more_ui(ui, params, desk),
                _ => {}
            }
            ui.add_space(HALF);
        }
    }
}

/// The little arrow of a group.
fn fold_icon_ui(ui: &mut Ui, openness: f32, response: &egui::Response) {
    let is_open = openness > 0.5;
    let icon = if is_open { icons::DOWN } else { icons::RIGHT };
    let place = response.rect.left_center() - vec2(6.0, 0.0);
    let font = TextStyle::Body.resolve(ui.style());
    let colour = theme::palette(ui).weak;
    ui.painter()
        .text(place, Align2::LEFT_CENTER, icon, font, colour);
}

/// Draws the button that matters, with the reason when it cannot be pressed, or how the job will run.
fn generate_ui(ui: &mut Ui, params: &Params, checked: &Checked, commands: &mut Commands) {
    let (obstacle, plan) = (&checked.obstacle, checked.plan());
    let name = text::generate(params);
    let button = widgets::primary_button_ui(ui, obstacle.is_none(), icons::GENERATE, &name);
    let hint = text::generate_hint(params);
    let button = match obstacle {
        Some(reason) => button.on_disabled_hover_text(reason),
        None => button.on_hover_text(shortcuts::hint(ui.ctx(), hint, shortcuts::GENERATE)),
    };
    commands.on_click(&button, Command::Generate);
    let line = match (obstacle, plan) {
        (Some(reason), _) => reason.clone(),
        (None, Some(plan)) => plan.line(),
        // The line keeps its place while there is nothing to say.
        (None, None) => String::from(" "),
    };
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        let line = widgets::small_ui(ui, line);
        if let Some(plan) = plan {
            line.on_hover_text(plan.explanation());
        }
    });
}
