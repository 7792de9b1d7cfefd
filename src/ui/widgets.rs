//! The few controls that egui does not have in the form wanted here. Each has a name for screen readers.

use egui::{
    Align, Align2, Atom, Button, Color32, CornerRadius, Frame, Label, Layout, Margin, Rect,
    Response, RichText, Role, Sense, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo, WidgetText,
    pos2, vec2,
};

use crate::session::jobs::Run;
use crate::ui::icons;
use crate::ui::text::common;
use crate::ui::theme::{
    self, CONTROL, CONTROL_RADIUS, HALF, LINE, PRIMARY, PROGRESS, RADIUS, RING, SMALL_CONTROL,
    SPACE,
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

/// A square button for a tool, which may be the chosen one. `name` is its name, `hint` its tooltip.
pub(super) fn tool_ui(
    ui: &mut Ui,
    icon: &str,
    name: &str,
    hint: &str,
    is_chosen: bool,
) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(CONTROL, CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), is_chosen, name));
    let palette = theme::palette(ui);
    if is_chosen {
        let stroke = Stroke::new(LINE, palette.accent);
        ui.painter().rect(
            rect,
            CONTROL_RADIUS,
            palette.accent_soft,
            stroke,
            StrokeKind::Inside,
        );
    } else if response.hovered() {
        ui.painter()
            .rect_filled(rect, CONTROL_RADIUS, palette.hovered);
    }
    icon_ui(ui, rect, icon, palette.marked(is_chosen));
    focus_ring_ui(ui, rect, &response);
    response.on_hover_text(hint).on_disabled_hover_text(hint)
}

/// A round button in a colour, which may be the chosen one.
pub(super) fn swatch_ui(ui: &mut Ui, colour: Color32, name: &str, is_chosen: bool) -> Response {
    let size = vec2(SMALL_CONTROL - HALF, SMALL_CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response
        .widget_info(|| WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), is_chosen, name));
    let palette = theme::palette(ui);
    let radius = size.x / 2.0 - 2.0;
    ui.painter().circle(
        rect.center(),
        radius,
        colour,
        Stroke::new(LINE, palette.weak),
    );
    if is_chosen {
        let ring = Stroke::new(RING, palette.accent);
        ui.painter()
            .circle_stroke(rect.center(), radius + RING, ring);
    }
    focus_ring_ui(ui, rect, &response);
    response.on_hover_text(name)
}

/// An icon in the middle of `rect`, in the size of body text.
fn icon_ui(ui: &Ui, rect: Rect, icon: &str, colour: Color32) {
    let mut font = TextStyle::Body.resolve(ui.style());
    font.size += 2.0;
    let colour = theme::faded(ui, colour);
    ui.painter()
        .text(rect.center(), Align2::CENTER_CENTER, icon, font, colour);
}

/// Shows which control the keyboard acts on.
pub(super) fn focus_ring_ui(ui: &Ui, rect: Rect, response: &Response) {
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

/// A square button that shows only an icon. `name` is its tooltip and its name.
pub(super) fn square_button_ui(ui: &mut Ui, icon: &str, name: &str) -> Response {
    let button = Button::new(icon).min_size(vec2(CONTROL, CONTROL));
    ui.scope(|ui| {
        ui.spacing_mut().button_padding.x = SPACE;
        ui.add(button).accessible_name(name).on_hover_text(name)
    })
    .inner
}

/// A button with an icon and a text, as wide as there is room, its text on the left.
pub(super) fn wide_button_ui(ui: &mut Ui, icon: &str, text: &str) -> Response {
    let size = vec2(ui.available_width(), CONTROL);
    let button = Button::new((icon, text, Atom::grow())).min_size(size);
    ui.add(button).accessible_name(text)
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
        let label = |text: &str| theme::strong(text).size(theme::PRIMARY_TEXT);
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
    let track = rect.shrink2(vec2(0.0, 2.0));
    let radius = track.height() / 2.0;
    let fill = if *on { palette.accent } else { palette.raised };
    let line = if *on { palette.accent } else { palette.weak };
    ui.painter().rect(
        track,
        radius,
        theme::faded(ui, fill),
        Stroke::new(LINE, theme::faded(ui, line)),
        StrokeKind::Inside,
    );
    let x = egui::lerp((track.left() + radius)..=(track.right() - radius), how_on);
    let knob = if *on { palette.on_accent } else { palette.weak };
    ui.painter().circle_filled(
        pos2(x, track.center().y),
        radius - HALF,
        theme::faded(ui, knob),
    );
    focus_ring_ui(ui, rect.expand(2.0), &response);
    response
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

/// How far a job is.
pub(super) fn job_progress_ui(ui: &mut Ui, run: &Run) {
    let done = run.progress().map_or(0.0, |progress| progress.fraction());
    progress_ui(ui, done, &common::progress(run));
}

/// Gives the sliders that follow in `ui` the accent, and a rail that is seen on every ground.
pub(super) fn dress_sliders(ui: &mut Ui) {
    let palette = theme::palette(ui);
    let visuals = ui.visuals_mut();
    visuals.selection.bg_fill = palette.accent;
    let widgets = &mut visuals.widgets;
    for state in [
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
    ] {
        state.bg_fill = palette.hovered;
        state.fg_stroke = Stroke::new(RING, palette.accent);
    }
    widgets.active.bg_fill = palette.accent;
}

/// Asks once more before something is done that cannot be taken back. Returns the answer: Escape keeps what there is.
pub(super) fn question_ui(ui: &mut Ui, question: &str, act: &str) -> Option<bool> {
    wrapped_ui(ui, question);
    ui.horizontal(|ui| {
        let acts = ui.button(act).clicked();
        let keeps = ui.button(common::KEEP).clicked();
        let is_escaped = ui.input(|input| input.key_pressed(egui::Key::Escape));
        (acts || keeps || is_escaped).then_some(acts)
    })
    .inner
}

/// A button that begins a download of models. Returns whether it was pressed.
pub(super) fn download_button_ui(ui: &mut Ui, is_enabled: bool, text: &str, name: &str) -> bool {
    let button = Button::new((icons::DOWNLOAD, text));
    let response = ui.add_enabled(is_enabled, button);
    response.accessible_name(name).clicked()
}

/// Scrolls to the control in `ui` that has got the keyboard since the last frame.
pub(super) fn follow_focus(ui: &Ui) {
    let key = ui.scope_id().with("focus");
    let now = ui.memory(egui::Memory::focused);
    let before: Option<egui::Id> = ui.data(|data| data.get_temp(key));
    if now == before {
        return;
    }
    ui.data_mut(|data| {
        data.remove::<egui::Id>(key);
        if let Some(now) = now {
            data.insert_temp(key, now);
        }
    });
    let response = now.and_then(|id| ui.ctx().read_response(id));
    if let Some(response) = response
        && response.layer_id == ui.layer_id()
        && ui.min_rect().contains(response.rect.center())
    {
        ui.scroll_to_rect(response.rect.expand(SPACE), None);
    }
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

/// Controls at the right end of a line, from right to left.
pub(super) fn right_ui<R>(ui: &mut Ui, controls_ui: impl FnOnce(&mut Ui) -> R) -> R {
    let layout = Layout::right_to_left(Align::Center);
    ui.with_layout(layout, controls_ui).inner
}

/// A line of small controls at its right end, from right to left, and of what has the room that they leave.
pub(super) fn line_ui(
    ui: &mut Ui,
    controls_ui: impl FnOnce(&mut Ui),
    rest_ui: impl FnOnce(&mut Ui),
) {
    ui.horizontal(|ui| {
        ui.set_height(SMALL_CONTROL);
        right_ui(ui, |ui| {
            controls_ui(ui);
            ui.with_layout(Layout::left_to_right(Align::Center), rest_ui);
        });
    });
}

/// Text on several lines, if it needs them.
pub(super) fn wrapped_ui(ui: &mut Ui, text: impl Into<WidgetText>) -> Response {
    ui.add(Label::new(text).wrap())
}

/// Text on one line, cut off where the room ends.
pub(super) fn truncated_ui(ui: &mut Ui, text: impl Into<WidgetText>) -> Response {
    ui.add(Label::new(text).truncate())
}

/// Small text of lesser importance.
pub(super) fn small_ui(ui: &mut Ui, text: impl Into<String>) -> Response {
    ui.label(theme::small(ui, text))
}

/// A sentence with an icon in front, wrapped.
pub(super) fn sentence_ui(ui: &mut Ui, icon: &str, text: &str, colour: Color32) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = HALF + 2.0;
        ui.label(RichText::new(icon).color(colour).size(theme::MESSAGE_ICON));
        wrapped_ui(ui, RichText::new(text).color(colour));
    });
}

/// A small sentence of lesser importance with an icon in front, wrapped.
pub(super) fn small_sentence_ui(ui: &mut Ui, icon: &str, text: &str) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = HALF;
        small_ui(ui, icon);
        wrapped_ui(ui, theme::small(ui, text));
    });
}
