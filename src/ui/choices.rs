//! One of a few: as segments side by side, or as the shapes of pictures.

use egui::{
    Align2, Color32, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, TextStyle, Ui,
    UiBuilder, WidgetInfo, pos2, vec2,
};

use crate::ui::theme::{self, CONTROL, CONTROL_RADIUS, HALF, LINE, SHAPE, SHAPE_BUTTON, SPACE};
use crate::ui::widgets;

/// How many shapes stand side by side.
const COLUMNS: usize = 6;

/// Mutually exclusive choices, as wide as there is room: segments side by side, or choices such as `16:9` with their shapes,
/// where words without a ratio get a dashed one. Returns the one that was clicked.
pub(crate) fn choices_ui<'a>(
    ui: &mut Ui,
    name: &str,
    choices: &[&'a str],
    chosen: &str,
) -> Option<&'a str> {
    let has_shapes = choices.iter().any(|choice| ratio(choice).is_some());
    let (columns, gap, height) = if has_shapes {
        (COLUMNS, HALF, SHAPE_BUTTON)
    } else {
        (choices.len().max(1), 0.0, CONTROL)
    };
    let rows = choices.len().div_ceil(columns) as f32;
    let size = vec2(ui.available_width(), rows * height + (rows - 1.0) * gap);
    let group = UiBuilder::new().accessibility_label(name);
    let drawn = ui.scope_builder(group.accessibility_role(Role::RadioGroup), |ui| {
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let (palette, painter) = (theme::palette(ui), ui.painter());
        if !has_shapes {
            let stroke = Stroke::new(LINE, theme::faded(ui, palette.line));
            let fill = theme::faded(ui, palette.raised);
            painter.rect(rect, CONTROL_RADIUS, fill, stroke, StrokeKind::Inside);
        }
        let width = (rect.width() - (columns - 1) as f32 * gap) / columns as f32;
        let mut clicked = None;
        for (index, choice) in choices.iter().enumerate() {
            let (column, row) = ((index % columns) as f32, (index / columns) as f32);
            let corner = rect.min + vec2(column * (width + gap), row * (height + gap));
            let part = Rect::from_min_size(corner, vec2(width, height));
            let is_chosen = *choice == chosen;
            let response = if has_shapes {
                shape_ui(ui, part, choice, is_chosen)
            } else {
                segment_ui(ui, part.shrink(2.0), choice, is_chosen)
            };
            clicked = response.clicked().then_some(*choice).or(clicked);
        }
        clicked
    });
    drawn.inner
}

/// The same for the values of an enumeration, each with its name. Returns the one that was clicked.
pub(crate) fn values_ui<T: Copy + PartialEq, const N: usize>(
    ui: &mut Ui,
    name: &str,
    choices: &[(T, &str); N],
    chosen: T,
) -> Option<T> {
    let named = choices.iter().find(|(value, _)| *value == chosen);
    let chosen = named.map_or("", |(_, name)| name);
    let clicked = choices_ui(ui, name, &choices.map(|(_, name)| name), chosen)?;
    let clicked = choices.iter().find(|(_, name)| *name == clicked);
    clicked.map(|(value, _)| *value)
}

/// A choice in words.
fn segment_ui(ui: &Ui, part: Rect, choice: &str, is_chosen: bool) -> Response {
    let response = choice_ui(ui, part, choice, is_chosen);
    let font = TextStyle::Body.resolve(ui.style());
    let colour = theme::faded(ui, theme::palette(ui).marked(is_chosen));
    let (middle, align) = (part.center(), Align2::CENTER_CENTER);
    ui.painter().text(middle, align, choice, font, colour);
    response
}

/// A choice with the shape of pictures.
fn shape_ui(ui: &Ui, part: Rect, choice: &str, is_chosen: bool) -> Response {
    let (palette, painter) = (theme::palette(ui), ui.painter());
    painter.rect_filled(part, CONTROL_RADIUS, palette.raised);
    let response = choice_ui(ui, part, choice, is_chosen);
    let colour = palette.marked(is_chosen);
    let line = if is_chosen { colour } else { palette.weak };
    let middle = pos2(part.center().x, part.top() + SPACE + SHAPE / 2.0);
    outline_ui(ui, middle, choice, line);
    let foot = pos2(part.center().x, part.bottom() - 6.0);
    let font = TextStyle::Small.resolve(ui.style());
    painter.text(foot, Align2::CENTER_BOTTOM, choice, font, colour);
    response
}

/// The clickable ground of one choice among several.
fn choice_ui(ui: &Ui, rect: Rect, name: &str, is_chosen: bool) -> Response {
    let (palette, painter) = (theme::palette(ui), ui.painter());
    let response = ui.interact(rect, ui.scope_id().with(name), Sense::click());
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, is_enabled, is_chosen, name));
    if is_chosen {
        let stroke = Stroke::new(LINE, theme::faded(ui, palette.accent));
        let fill = theme::faded(ui, palette.accent_soft);
        painter.rect(rect, CONTROL_RADIUS, fill, stroke, StrokeKind::Inside);
    } else if response.hovered() {
        painter.rect_filled(rect, CONTROL_RADIUS, palette.hovered);
    }
    widgets::focus_ring_ui(ui, rect, &response);
    response
}

/// The outline of a picture with the ratio that `choice` names.
fn outline_ui(ui: &Ui, middle: Pos2, choice: &str, colour: Color32) {
    let stroke = Stroke::new(1.5, colour);
    if let Some(ratio) = ratio(choice) {
        let size = vec2(ratio.min(1.0), ratio.recip().min(1.0)) * SHAPE;
        let rect = Rect::from_center_size(middle, size);
        ui.painter()
            .rect_stroke(rect, 2.0, stroke, StrokeKind::Inside);
    } else {
        let rect = Rect::from_center_size(middle, vec2(SHAPE, SHAPE * 0.8));
        let [a, b, c, d] = widgets::corners(rect);
        let outline = egui::Shape::dashed_line(&[a, b, c, d, a], stroke, 3.0, 3.0);
        ui.painter().extend(outline);
    }
}

/// Width by height of a choice such as `16:9`.
fn ratio(choice: &str) -> Option<f32> {
    let (width, height) = choice.split_once(':')?;
    Some(width.parse::<f32>().ok()? / height.parse::<f32>().ok()?)
}
