//! The few controls that egui does not have in the form wanted here. Each has a name for screen readers.

use egui::{
    Align2, Button, Color32, CornerRadius, FontSelection, Frame, Margin, Rect, Response, RichText,
    Role, Sense, Stroke, StrokeKind, TextStyle, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use crate::ui::theme::{
    self, CONTROL, CONTROL_RADIUS, HALF, LINE, PRIMARY, PROGRESS, RADIUS, RING, SHAPE,
    SHAPE_BUTTON, SMALL_CONTROL, SPACE,
};

/// A quiet square button that shows only an icon. `name` is its tooltip and its name.
pub(super) fn icon_button_ui(ui: &mut Ui, icon: &str, name: &str) -> Response {
    bare_icon_ui(ui, icon, name)
        .on_hover_text(name)
        .on_disabled_hover_text(name)
}

/// The same without a tooltip.
pub(super) fn bare_icon_ui(ui: &mut Ui, icon: &str, name: &str) -> Response {
    let size = vec2(SMALL_CONTROL, SMALL_CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    let palette = theme::palette(ui);
    if response.hovered() || response.is_pointer_button_down_on() {
        ui.painter()
            .rect_filled(rect, CONTROL_RADIUS, palette.hovered);
    }
    let colour = if response.hovered() {
        palette.text
    } else {
        palette.weak
    };
    icon_ui(ui, rect, icon, colour);
    focus_ring_ui(ui, rect, &response);
    response
}

/// An icon in the middle of `rect`, in the size of body text.
fn icon_ui(ui: &Ui, rect: Rect, icon: &str, colour: Color32) {
    let mut font = TextStyle::Body.resolve(ui.style());
    font.size += 2.0;
    let colour = if ui.is_enabled() {
        colour
    } else {
        ui.visuals().disable(colour)
    };
    ui.painter()
        .text(rect.center(), Align2::CENTER_CENTER, icon, font, colour);
}

/// Shows which control the keyboard acts on.
fn focus_ring_ui(ui: &Ui, rect: Rect, response: &Response) {
    if response.has_focus() {
        let stroke = Stroke::new(RING, theme::palette(ui).accent);
        ui.painter()
            .rect_stroke(rect, CONTROL_RADIUS, stroke, StrokeKind::Inside);
    }
}

/// A button with an icon in front of its text.
pub(super) fn button_ui(ui: &mut Ui, icon: &str, text: &str) -> Response {
    ui.add(Button::new((icon, text))).accessible_name(text)
}

/// The button that matters: as wide as there is room, in the accent colour.
pub(super) fn primary_button_ui(ui: &mut Ui, enabled: bool, icon: &str, text: &str) -> Response {
    let palette = theme::palette(ui);
    ui.add_enabled_ui(enabled, |ui| {
        let widgets = &mut ui.visuals_mut().widgets;
        for (state, fill) in [
            (&mut widgets.inactive, palette.accent),
            (&mut widgets.hovered, palette.accent_hovered),
            (&mut widgets.active, palette.accent_hovered),
            (&mut widgets.noninteractive, palette.accent),
        ] {
            state.weak_bg_fill = fill;
            state.bg_stroke = Stroke::NONE;
            state.fg_stroke.color = palette.on_accent;
            state.corner_radius = CornerRadius::same(RADIUS);
        }
        let label = |text: &str| theme::strong(text).size(16.0);
        let size = vec2(ui.available_width(), PRIMARY);
        let response = ui.add_sized(size, Button::new((label(icon), label(text))));
        let ring = response.has_focus();
        let response = response.accessible_name(text);
        if ring {
            let stroke = Stroke::new(RING, palette.text);
            ui.painter()
                .rect_stroke(response.rect, RADIUS, stroke, StrokeKind::Outside);
        }
        response
    })
    .inner
}

/// A switch. `name` is its name; draw the text for the eye beside it.
pub(super) fn switch_ui(ui: &mut Ui, on: &mut bool, name: &str) -> Response {
    let (rect, mut response) = ui.allocate_exact_size(vec2(40.0, SMALL_CONTROL), Sense::click());
    if response.clicked() {
        *on = !*on;
        response.mark_changed();
    }
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, ui.is_enabled(), *on, name));
    let palette = theme::palette(ui);
    let how_on = ui.ctx().animate_bool_responsive(response.id, *on);
    let fade = |colour: Color32| {
        if ui.is_enabled() {
            colour
        } else {
            ui.visuals().disable(colour)
        }
    };
    let track = rect.shrink2(vec2(0.0, 2.0));
    let radius = track.height() / 2.0;
    let fill = if *on { palette.accent } else { palette.raised };
    let line = if *on { palette.accent } else { palette.weak };
    ui.painter().rect(
        track,
        radius,
        fade(fill),
        Stroke::new(LINE, fade(line)),
        StrokeKind::Inside,
    );
    let x = egui::lerp((track.left() + radius)..=(track.right() - radius), how_on);
    let knob = if *on { palette.on_accent } else { palette.weak };
    ui.painter()
        .circle_filled(pos2(x, track.center().y), radius - HALF, fade(knob));
    focus_ring_ui(ui, rect.expand(2.0), &response);
    response
}

/// Mutually exclusive choices side by side, as wide as there is room. Returns the one that was clicked.
pub(super) fn segments_ui<'a>(
    ui: &mut Ui,
    name: &str,
    choices: &[&'a str],
    chosen: &str,
) -> Option<&'a str> {
    let group = UiBuilder::new()
        .accessibility_label(name)
        .accessibility_role(Role::RadioGroup);
    ui.scope_builder(group, |ui| {
        let palette = theme::palette(ui);
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), CONTROL), Sense::hover());
        let fade = |colour: Color32| {
            if ui.is_enabled() {
                colour
            } else {
                ui.visuals().disable(colour)
            }
        };
        ui.painter().rect(
            rect,
            CONTROL_RADIUS,
            fade(palette.raised),
            Stroke::new(LINE, fade(palette.line)),
            StrokeKind::Inside,
        );
        let width = rect.width() / choices.len().max(1) as f32;
        let mut clicked = None;
        for (index, choice) in choices.iter().enumerate() {
            let left = rect.left() + width * index as f32;
            let part =
                Rect::from_min_size(pos2(left, rect.top()), vec2(width, rect.height())).shrink(2.0);
            let response = choice_ui(ui, part, choice, *choice == chosen);
            let colour = if *choice == chosen {
                palette.on_accent
            } else {
                palette.text
            };
            ui.painter().text(
                part.center(),
                Align2::CENTER_CENTER,
                choice,
                font(ui, TextStyle::Body),
                fade(colour),
            );
            if response.clicked() {
                clicked = Some(*choice);
            }
        }
        clicked
    })
    .inner
}

/// The clickable ground of one choice among several.
fn choice_ui(ui: &Ui, rect: Rect, name: &str, is_chosen: bool) -> Response {
    let palette = theme::palette(ui);
    let response = ui.interact(rect, ui.scope_id().with(name), Sense::click());
    response
        .widget_info(|| WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), is_chosen, name));
    let fade = |colour: Color32| {
        if ui.is_enabled() {
            colour
        } else {
            ui.visuals().disable(colour)
        }
    };
    if is_chosen {
        ui.painter()
            .rect_filled(rect, CONTROL_RADIUS, fade(palette.accent));
    } else if response.hovered() {
        ui.painter()
            .rect_filled(rect, CONTROL_RADIUS, palette.hovered);
    }
    focus_ring_ui(ui, rect, &response);
    response
}

/// Choices such as `16:9`, each with its shape drawn; words without a ratio get a dashed square. Returns the one that
/// was clicked.
pub(super) fn shapes_ui<'a>(
    ui: &mut Ui,
    name: &str,
    choices: &[&'a str],
    chosen: &str,
) -> Option<&'a str> {
    const COLUMNS: usize = 6;
    let group = UiBuilder::new()
        .accessibility_label(name)
        .accessibility_role(Role::RadioGroup);
    ui.scope_builder(group, |ui| {
        let palette = theme::palette(ui);
        let rows = choices.len().div_ceil(COLUMNS) as f32;
        let size = vec2(
            ui.available_width(),
            rows * SHAPE_BUTTON + (rows - 1.0) * HALF,
        );
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let width = (rect.width() - (COLUMNS - 1) as f32 * HALF) / COLUMNS as f32;
        let mut clicked = None;
        for (index, choice) in choices.iter().enumerate() {
            let (column, row) = ((index % COLUMNS) as f32, (index / COLUMNS) as f32);
            let corner = rect.min + vec2(column * (width + HALF), row * (SHAPE_BUTTON + HALF));
            let part = Rect::from_min_size(corner, vec2(width, SHAPE_BUTTON));
            let is_chosen = *choice == chosen;
            ui.painter()
                .rect_filled(part, CONTROL_RADIUS, palette.raised);
            let response = choice_ui(ui, part, choice, is_chosen);
            let colour = if is_chosen {
                palette.on_accent
            } else {
                palette.text
            };
            let middle = pos2(part.center().x, part.top() + SPACE + SHAPE / 2.0);
            shape_ui(
                ui,
                middle,
                choice,
                if is_chosen {
                    palette.on_accent
                } else {
                    palette.weak
                },
            );
            let foot = pos2(part.center().x, part.bottom() - 6.0);
            ui.painter().text(
                foot,
                Align2::CENTER_BOTTOM,
                choice,
                font(ui, TextStyle::Small),
                colour,
            );
            if response.clicked() {
                clicked = Some(*choice);
            }
        }
        clicked
    })
    .inner
}

/// The outline of a picture with the ratio that `choice` names.
fn shape_ui(ui: &Ui, middle: egui::Pos2, choice: &str, colour: Color32) {
    let stroke = Stroke::new(1.5, colour);
    if let Some(ratio) = ratio(choice) {
        let size = if ratio > 1.0 {
            vec2(SHAPE, SHAPE / ratio)
        } else {
            vec2(SHAPE * ratio, SHAPE)
        };
        ui.painter().rect_stroke(
            Rect::from_center_size(middle, size),
            2.0,
            stroke,
            StrokeKind::Inside,
        );
    } else {
        let rect = Rect::from_center_size(middle, vec2(SHAPE, SHAPE * 0.8));
        let [a, b, c, d] = [
            rect.left_top(),
            rect.right_top(),
            rect.right_bottom(),
            rect.left_bottom(),
        ];
        for shape in egui::Shape::dashed_line(&[a, b, c, d, a], stroke, 3.0, 3.0) {
            ui.painter().add(shape);
        }
    }
}

/// Width by height of a choice such as `16:9`.
pub(super) fn ratio(choice: &str) -> Option<f32> {
    let (width, height) = choice.split_once(':')?;
    Some(width.parse::<f32>().ok()? / height.parse::<f32>().ok()?)
}

/// How much of something is done, 0 to 1.
pub(super) fn progress_ui(ui: &mut Ui, done: f32, name: &str) {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), PROGRESS), Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, name);
        info.value = Some(f64::from(done));
        info
    });
    let palette = theme::palette(ui);
    let radius = PROGRESS / 2.0;
    ui.painter().rect_filled(rect, radius, palette.hovered);
    let mut filled = rect;
    filled.set_width((rect.width() * done.clamp(0.0, 1.0)).max(PROGRESS));
    ui.painter().rect_filled(filled, radius, palette.accent);
}

/// A raised area around `contents`.
pub(super) fn card_ui<R>(ui: &mut Ui, fill: Color32, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let frame = Frame::new()
        .fill(fill)
        .corner_radius(RADIUS)
        .inner_margin(Margin::symmetric(12, 8));
    frame
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            contents(ui)
        })
        .inner
}

/// A sentence with an icon in front, wrapped.
pub(super) fn sentence_ui(ui: &mut Ui, icon: &str, text: &str, colour: Color32) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = HALF + 2.0;
        ui.label(RichText::new(icon).color(colour).size(16.0));
        ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
    });
}

/// The font of a text style.
fn font(ui: &Ui, style: TextStyle) -> egui::FontId {
    FontSelection::Style(style).resolve(ui.style())
}
