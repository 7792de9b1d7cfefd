//! The form: its groups with one row for each input, made from the table of inputs, and the button that matters.

pub(super) mod field;
mod lora_card;
pub(super) mod loras;
mod row;

use std::collections::HashMap;
use std::sync::Arc;

use egui::{
    Align, Align2, CollapsingHeader, Frame, Layout, Margin, Panel, ScrollArea, Stroke, TextStyle,
    Ui, vec2,
};

use crate::engine::plan::ways::Plan;
use crate::schema::field::{Field, Group, Kind};
use crate::schema::fields;
use crate::schema::notes::Problem;
use crate::schema::params::Params;
use crate::session::preview::Preview;
use crate::session::program::Session;
use crate::session::worker::ModelState;
use crate::ui::command::{Command, Commands, Desk};
use crate::ui::form::loras::LoraList;
use crate::ui::form::row::{Drafts, Row};
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

/// The inputs while they are drawn.
struct Inputs<'a> {
    checked: Checked,
    params: Params,
    desk: Desk<'a>,
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
        let preview = session.preview(&session.asked());
        let drafts = self.drafts.values();
        let typed = drafts.filter_map(|draft| draft.problem.clone());
        let of_inputs = preview.problems.iter().cloned();
        let mut problems = HashMap::new();
        for problem in typed.chain(of_inputs).chain(self.loras.problems()) {
            problems.entry(problem.field.clone()).or_insert(problem);
        }
        let obstacle = obstacle(session, &problems);
        Checked {
            problems,
            obstacle,
            preview,
        }
    }

    pub(crate) fn form_ui(&mut self, ui: &mut Ui, desk: &mut Desk<'_>) {
        let session = desk.session;
        let checked = self.check(session);
        let params = session.settings().params.clone();
        let has_image = params.image.is_some();
        let brings_image = has_image && !std::mem::replace(&mut self.had_image, has_image);
        let unfolds = self.to_unfold.take();
        self.unfolds = unfolds.or(brings_image.then_some(Group::Input));
        // What is asked for below acts on the inputs as they are edited.
        let mut asked = Commands::default();
        let foot = Frame::new().inner_margin(Margin::same(PANEL_MARGIN));
        let panel = Panel::bottom("generate").frame(foot).resizable(false);
        panel.show(ui, |ui| generate_ui(ui, &params, &checked, &mut asked));
        let mut inputs = Inputs {
            checked,
            params,
            desk: Desk::new(session, desk.pictures, &mut asked),
        };
        let mut margin = Margin::same(PANEL_MARGIN);
        margin.bottom = 0;
        egui::CentralPanel::no_frame().show(ui, |ui| {
            let area = ScrollArea::vertical().auto_shrink(false);
            area.content_margin(margin).show(ui, |ui| {
                for group in Group::ALL {
                    self.group_ui(ui, group, &mut inputs);
                }
                ui.add_space(SPACE);
                widgets::follow_focus(ui);
            });
        });
        if inputs.params != session.settings().params {
            desk.commands.push(Command::Edit(Box::new(inputs.params)));
        }
        desk.commands.extend(asked.0);
    }

    /// Draws one group; the first has no heading, the others fold.
    fn group_ui(&mut self, ui: &mut Ui, group: Group, inputs: &mut Inputs<'_>) {
        if group == Group::Prompt {
            return self.fields_ui(ui, group, inputs);
        }
        let begins_open = match group {
            Group::Input => false,
            Group::Lora => inputs.params.loras().any(|(_, typed)| !typed.is_empty()),
            _ => true,
        };
        let mut fields = fields::all().filter(|field| field.group == group);
        let is_troubled = fields.any(|field| inputs.checked.problem(field).is_some());
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
                self.fields_ui(ui, group, inputs);
            });
        });
    }

    fn fields_ui(&mut self, ui: &mut Ui, group: Group, inputs: &mut Inputs<'_>) {
        let Inputs {
            checked,
            params,
            desk,
        } = inputs;
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
    let align = Align2::LEFT_CENTER;
    ui.painter().text(place, align, icon, font, colour);
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

/// The inputs, checked.
pub(crate) struct Checked {
    /// At most one for an input, by its name.
    problems: HashMap<String, Problem>,
    /// Why nothing can be generated now; `None` when something can.
    pub(crate) obstacle: Option<String>,
    preview: Arc<Preview>,
}

impl Checked {
    /// How the job will run, where nothing stands against it and that is known.
    fn plan(&self) -> Option<&Plan> {
        let plan = self.preview.plan.as_ref();
        plan.filter(|_| self.obstacle.is_none())
    }

    /// What is wrong with an input.
    fn problem(&self, field: &Field) -> Option<&str> {
        Some(&self.problems.get(field.name)?.message)
    }
}

/// Why nothing can be generated now.
fn obstacle(session: &Session, problems: &HashMap<String, Problem>) -> Option<String> {
    if let ModelState::Failed(_) = session.model() {
        return Some(text::MODEL_FAILED.to_owned());
    }
    let wrong = fields::all().filter(|field| problems.contains_key(field.name));
    let labels: Vec<_> = wrong.map(|field| field.label).collect();
    (!labels.is_empty()).then(|| text::needs_change(labels.join(", ")))
}
