//! The form, made from the table of inputs: groups, problems and the big button.

use std::collections::HashMap;

use egui::{Align, CollapsingHeader, Frame, Layout, Margin, Panel, ScrollArea, Ui, vec2};

use crate::schema::field::{Group, Kind};
use crate::schema::fields;
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::session::program::Session;
use crate::session::worker::ModelState;
use crate::ui::loras::{Desk, LoraList};
use crate::ui::number::Drafts;
use crate::ui::pictures::Pictures;
use crate::ui::theme::{self, CONTROL, HALF, PANEL_MARGIN, SMALL_CONTROL, SPACE};
use crate::ui::{Action, field, icons, loras, shortcuts, widgets};

/// What the form remembers besides the inputs themselves.
#[derive(Default)]
pub(super) struct Form {
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
    pub(super) fn forget_drafts(&mut self) {
        self.drafts.clear();
        self.loras.forget_drafts();
    }

    /// Unfolds a group when the form is drawn next.
    pub(super) fn unfold(&mut self, group: Group) {
        self.to_unfold = Some(group);
    }

    /// Everything that stands against running the form, at most one problem for an input.
    pub(super) fn problems(&self, session: &Session) -> HashMap<String, Problem> {
        let mut problems = HashMap::new();
        let typed = self
            .drafts
            .values()
            .filter_map(|draft| draft.problem.clone());
        let preview = session.preview(&session.asked());
        for problem in typed
            .chain(preview.problems.iter().cloned())
            .chain(self.loras.problems())
        {
            problems.entry(problem.field.clone()).or_insert(problem);
        }
        problems
    }

    /// Draws the form.
    pub(super) fn form_ui(
        &mut self,
        ui: &mut Ui,
        session: &mut Session,
        pictures: &mut Pictures,
        actions: &mut Vec<Action>,
    ) {
        loras::look_up(ui.ctx(), session);
        let problems = self.problems(session);
        let has_image = session.settings.params.image.is_some();
        let brings_image = has_image && !std::mem::replace(&mut self.had_image, has_image);
        self.unfolds = self
            .to_unfold
            .take()
            .or(brings_image.then_some(Group::Input));
        let foot = Frame::new().inner_margin(Margin::same(PANEL_MARGIN));
        Panel::bottom("generate")
            .frame(foot)
            .resizable(false)
            .show(ui, |ui| {
                generate_ui(ui, session, &problems, actions);
            });
        let margin = Margin {
            left: PANEL_MARGIN,
            right: PANEL_MARGIN,
            top: PANEL_MARGIN,
            bottom: 0,
        };
        egui::CentralPanel::no_frame().show(ui, |ui| {
            ScrollArea::vertical()
                .auto_shrink(false)
                .content_margin(margin)
                .show(ui, |ui| {
                    let mut desk = Desk {
                        session,
                        pictures,
                        actions,
                    };
                    for group in Group::ALL {
                        self.group_ui(ui, group, &problems, &mut desk);
                    }
                    ui.add_space(SPACE);
                    widgets::follow_focus(ui);
                });
        });
    }

    /// Draws one group; the first has no heading, the others fold.
    fn group_ui(
        &mut self,
        ui: &mut Ui,
        group: Group,
        problems: &HashMap<String, Problem>,
        desk: &mut Desk<'_>,
    ) {
        let begins_open = match group {
            Group::Input => false,
            Group::Lora => loras::any(&desk.session.settings.params),
            _ => true,
        };
        let mut fields_ui = |ui: &mut Ui| {
            for field in fields::all().filter(|field| field.group == group) {
                let problem = problems
                    .get(field.name)
                    .map(|problem| problem.message.as_str());
                let params = &mut desk.session.settings.params;
                field::field_ui(ui, field, params, problem, &mut self.drafts, desk.actions);
                match field.kind {
                    Kind::Weights(_) => self.loras.below_ui(ui, field, desk),
                    Kind::Loras(_) => self.loras.more_ui(ui, desk),
                    _ => {}
                }
                ui.add_space(HALF);
            }
        };
        if group == Group::Prompt {
            fields_ui(ui);
            return;
        }
        let troubled =
            fields::all().any(|field| field.group == group && problems.contains_key(field.name));
        ui.add_space(HALF);
        let line = egui::Stroke::new(theme::LINE, theme::palette(ui).line);
        let top = ui.cursor().top();
        ui.painter().hline(ui.max_rect().x_range(), top, line);
        ui.add_space(SPACE);
        let header = CollapsingHeader::new(theme::strong(group.label()))
            .id_salt(group.label())
            .default_open(begins_open)
            // A problem must never hide in a folded group.
            .open((troubled || self.unfolds == Some(group)).then_some(true))
            .icon(fold_icon_ui);
        ui.scope(|ui| {
            ui.spacing_mut().interact_size.y = SMALL_CONTROL;
            ui.spacing_mut().indent = 2.5 * SPACE;
            header.show_unindented(ui, |ui| {
                ui.spacing_mut().interact_size.y = CONTROL;
                fields_ui(ui);
            });
        });
    }
}

/// The little arrow of a group.
fn fold_icon_ui(ui: &mut Ui, openness: f32, response: &egui::Response) {
    let icon = if openness > 0.5 {
        icons::DOWN
    } else {
        icons::RIGHT
    };
    let colour = theme::palette(ui).weak;
    let font = egui::TextStyle::Body.resolve(ui.style());
    ui.painter().text(
        response.rect.left_center() - vec2(6.0, 0.0),
        egui::Align2::LEFT_CENTER,
        icon,
        font,
        colour,
    );
}

/// Draws the button that matters, with the reason when it cannot be pressed.
fn generate_ui(
    ui: &mut Ui,
    session: &Session,
    problems: &HashMap<String, Problem>,
    actions: &mut Vec<Action>,
) {
    let obstacle = obstacle(session, problems);
    let params = &session.settings.params;
    let (verb, meaning) = what_happens(params);
    let text = match params.num_outputs {
        1 => verb.to_owned(),
        count if params.image.is_none() => format!("{verb} {count} pictures"),
        count => format!("{verb}, {count} times"),
    };
    let response = widgets::primary_button_ui(ui, obstacle.is_none(), icons::GENERATE, &text);
    let response = match &obstacle {
        Some(reason) => response.on_disabled_hover_text(reason),
        None => response.on_hover_text(format!(
            "{meaning} ({})",
            shortcuts::text(ui.ctx(), shortcuts::GENERATE)
        )),
    };
    if response.clicked() {
        actions.push(Action::Generate);
    }
    let plan = session.preview(&session.asked()).plan;
    let (line, explanation) = match (obstacle, plan) {
        (Some(reason), _) => (reason, None),
        (None, Some(plan)) => (plan.line(), Some(plan.explanation())),
        // The line keeps its place while there is nothing to say.
        (None, None) => (String::from(" "), None),
    };
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        let label = ui.label(theme::small(ui, line));
        if let Some(explanation) = explanation {
            label.on_hover_text(explanation);
        }
    });
}

/// What the button does: its verb, and a few words more.
fn what_happens(params: &Params) -> (&'static str, &'static str) {
    let everything_new = params.prompt_strength >= 1.0;
    match (&params.image, &params.mask) {
        (None, _) => ("Generate", "Makes a new picture"),
        (Some(_), None) if everything_new => (
            "Generate",
            "Makes a new picture in the size of the starting picture",
        ),
        (Some(_), None) => ("Refine", "Reworks the starting picture"),
        (Some(_), Some(_)) if everything_new => {
            ("Fill the mask anew", "Makes anew what is under the mask")
        }
        (Some(_), Some(_)) => ("Refine the mask", "Reworks what is under the mask"),
    }
}

/// Why nothing can be generated now; `None` when something can.
pub(super) fn obstacle(session: &Session, problems: &HashMap<String, Problem>) -> Option<String> {
    if let ModelState::Failed(_) = session.model() {
        return Some("The model cannot be used".to_owned());
    }
    let labels: Vec<_> = fields::all()
        .filter(|field| problems.contains_key(field.name))
        .map(|field| field.label)
        .collect();
    (!labels.is_empty()).then(|| format!("Needs a change: {}", labels.join(", ")))
}
