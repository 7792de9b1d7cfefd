//! The few controls that egui does not have in the form wanted here. Each has a name for screen readers.

use egui::{
    Align, Align2, Atom, Button, Color32, CornerRadius, FontId, Frame, Id, Label, Layout, Margin,
    Modal, Pos2, Rect, Response, RichText, Role, ScrollArea, Sense, Stroke, StrokeKind, TextStyle,
    Ui, WidgetInfo, WidgetText, pos2, vec2,
};

use crate::session::jobs::Run;
use crate::ui::command::{Command, Commands};
use crate::ui::icons;
use crate::ui::text::common;
use crate::ui::theme::{
    self, BIG_ICON, CONTROL, CONTROL_RADIUS, HALF, LINE, PRIMARY, PROGRESS, RADIUS, READING_WIDTH,
    RING, SMALL_CONTROL, SPACE,
};

impl Commands {
    /// Draws an [`icon_button_ui`] that asks for a command.
    pub(super) fn icon_ui(&mut self, ui: &mut Ui, icon: &str, name: &str, to: impl Into<Command>) {
        self.on_click(&icon_button_ui(ui, icon, name), to);
    }

    /// Draws a [`button_ui`] that asks for a command.
    pub(super) fn button_ui<T>(&mut self, ui: &mut Ui, icon: &str, text: &str, command: T)
    where
        T: Into<Command>,
    {
        self.on_click(&button_ui(ui, icon, text), command);
    }
}

/// A quiet square button that shows only an icon. `name` is its tooltip and its name.
pub(super) fn icon_button_ui(ui: &mut Ui, icon: &str, name: &str) -> Response {
    let button = bare_icon_ui(ui, icon, name);
    button.on_hover_text(name).on_disabled_hover_text(name)
}

/// The same without a tooltip.
pub(super) fn bare_icon_ui(ui: &mut Ui, icon: &str, name: &str) -> Response {
    let size = vec2(SMALL_CONTROL, SMALL_CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    let palette = theme::palette(ui);
    let painter = ui.painter();
    if response.hovered() || response.is_pointer_button_down_on() {
        painter.rect_filled(rect, CONTROL_RADIUS, palette.hovered);
    }
    let is_over = response.hovered();
    let colour = if is_over { palette.text } else { palette.weak };
    icon_ui(ui, rect, icon, colour);
    focus_ring_ui(ui, rect, &response);
    response
}

/// A square button for a tool, which may be the chosen one.
pub(super) fn tool_ui(ui: &mut Ui, icon: &str, name: &str, is_chosen: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(CONTROL, CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), is_chosen, name));
    let (palette, painter) = (theme::palette(ui), ui.painter());
    if is_chosen {
        let (fill, line) = (palette.accent_soft, Stroke::new(LINE, palette.accent));
        painter.rect(rect, CONTROL_RADIUS, fill, line, StrokeKind::Inside);
    } else if response.hovered() {
        painter.rect_filled(rect, CONTROL_RADIUS, palette.hovered);
    }
    icon_ui(ui, rect, icon, palette.marked(is_chosen));
    focus_ring_ui(ui, rect, &response);
    response
}

/// A round button in a colour, which may be the chosen one.
pub(super) fn swatch_ui(ui: &mut Ui, colour: Color32, name: &str, is_chosen: bool) -> Response {
    let size = vec2(SMALL_CONTROL - HALF, SMALL_CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, is_enabled, is_chosen, name));
    let palette = theme::palette(ui);
    let (middle, radius) = (rect.center(), size.x / 2.0 - 2.0);
    let painter = ui.painter();
    painter.circle(middle, radius, colour, (LINE, palette.weak));
    if is_chosen {
        painter.circle_stroke(middle, radius + RING, (RING, palette.accent));
    }
    focus_ring_ui(ui, rect, &response);
    response.on_hover_text(name)
}

/// An icon in the middle of `rect`, in the size of body text.
fn icon_ui(ui: &Ui, rect: Rect, icon: &str, colour: Color32) {
    let mut font = TextStyle::Body.resolve(ui.style());
    font.size += 2.0;
    let (middle, align) = (rect.center(), Align2::CENTER_CENTER);
    let colour = theme::faded(ui, colour);
    ui.painter().text(middle, align, icon, font, colour);
}

/// Shows which control the keyboard acts on.
pub(super) fn focus_ring_ui(ui: &Ui, rect: Rect, response: &Response) {
    if response.has_focus() {
        let ring = Stroke::new(RING, theme::palette(ui).accent);
        ui.painter()
            .rect_stroke(rect, CONTROL_RADIUS, ring, StrokeKind::Inside);
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
        let button = Button::new((label(icon), label(text)));
        let button = ui.add_sized(size, button).accessible_name(text);
        if button.has_focus() {
            let ring = Stroke::new(RING, palette.text);
            ui.painter()
                .rect_stroke(button.rect, RADIUS, ring, StrokeKind::Outside);
        }
        button
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
    let (fill, line, knob) = if *on {
        (palette.accent, palette.accent, palette.on_accent)
    } else {
        (palette.raised, palette.weak, palette.weak)
    };
    let [fill, line, knob] = [fill, line, knob].map(|colour| theme::faded(ui, colour));
    let line = Stroke::new(LINE, line);
    ui.painter()
        .rect(track, radius, fill, line, StrokeKind::Inside);
    let x = egui::lerp((track.left() + radius)..=(track.right() - radius), how_on);
    let middle = pos2(x, track.center().y);
    ui.painter().circle_filled(middle, radius - HALF, knob);
    focus_ring_ui(ui, rect.expand(2.0), &response);
    response
}

/// How much of something is done, 0 to 1.
pub(super) fn progress_ui(ui: &mut Ui, done: f32, name: &str) {
    let size = vec2(ui.available_width(), PROGRESS);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
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
    let own = &mut visuals.widgets;
    for state in [&mut own.inactive, &mut own.hovered, &mut own.active] {
        state.bg_fill = palette.hovered;
        state.fg_stroke = Stroke::new(RING, palette.accent);
    }
    own.active.bg_fill = palette.accent;
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
    let before: Option<Option<Id>> = ui.data(|data| data.get_temp(key));
    if before.flatten() == now {
        return;
    }
    ui.data_mut(|data| data.insert_temp(key, now));
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
    let frame = Frame::new().fill(fill).corner_radius(RADIUS);
    let card = frame.inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        contents(ui)
    });
    card.inner
}

/// Controls at the right end of a line, from right to left.
pub(super) fn right_ui<R>(ui: &mut Ui, controls_ui: impl FnOnce(&mut Ui) -> R) -> R {
    let layout = Layout::right_to_left(Align::Center);
    ui.with_layout(layout, controls_ui).inner
}

/// A line of small controls at its right end, from right to left, and of what has the room that they leave.
pub(super) fn line_ui<T>(
    ui: &mut Ui,
    controls_ui: impl FnOnce(&mut Ui),
    rest_ui: impl FnOnce(&mut Ui) -> T,
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

/// Draws a dialog with a title over the darkened window. Returns whether it is to be closed.
pub(super) fn dialog_ui(
    ui: &Ui,
    title: &str,
    width: Option<f32>,
    contents_ui: impl FnOnce(&mut Ui),
) -> bool {
    let modal = Modal::new(Id::unique(title)).frame(Frame::window(ui.style()));
    let shown = modal.backdrop_color(theme::BACKDROP).show(ui.ctx(), |ui| {
        if let Some(width) = width {
            ui.set_width(width.min(ui.ctx().content_rect().width() - 8.0 * SPACE));
        }
        let close = common::close(title.to_lowercase());
        let close = ui.horizontal(|ui| {
            ui.label(theme::title(title));
            right_ui(ui, |ui| icon_button_ui(ui, icons::CLOSE, &close))
        });
        ui.add_space(SPACE);
        // As high as its contents, and at most as high as the window allows. Without a least height the area would stay
        // as low as the dialog was in its first frame.
        let height = ui.ctx().content_rect().height() - theme::DIALOG_REST;
        let area = scroll_area().max_height(height).min_scrolled_height(height);
        area.show(ui, contents_ui);
        close.inner.clicked()
    });
    shown.inner || shown.should_close()
}

/// An area that scrolls, with room for the bar, which would cover the ends of what is as wide as the area.
pub(super) fn scroll_area() -> ScrollArea {
    let right = theme::PANEL_MARGIN;
    ScrollArea::vertical().content_margin(Margin {
        right,
        ..Margin::ZERO
    })
}

/// Puts a column of text into the middle, below a large icon and a title.
pub(super) fn middle_ui(ui: &mut Ui, icon: RichText, title: &str, below_ui: impl FnOnce(&mut Ui)) {
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        ui.add_space((ui.available_height() / 2.0 - 15.0 * SPACE).max(0.0));
        ui.set_max_width(READING_WIDTH.min(ui.available_width()));
        ui.label(icon.size(BIG_ICON));
        ui.label(theme::title(title));
        below_ui(ui);
    });
}

/// Why a picture cannot be read.
pub(super) fn unreadable_ui(ui: &Ui, rect: Rect, sentence: &str) {
    let palette = theme::palette(ui);
    let painter = ui.painter();
    painter.rect_filled(rect, RADIUS, palette.raised);
    let (middle, off) = (rect.center(), vec2(0.0, 3.0 * SPACE));
    let align = Align2::CENTER_CENTER;
    let font = FontId::proportional(BIG_ICON);
    painter.text(middle - off, align, icons::BROKEN, font, palette.weak);
    let font = TextStyle::Body.resolve(ui.style());
    let sentence = common::sentence(sentence);
    painter.text(middle + off, align, sentence, font, palette.error);
}

/// The corners of a rectangle, in order.
pub(super) fn corners(rect: Rect) -> [Pos2; 4] {
    let (min, max) = (rect.min, rect.max);
    [min, pos2(max.x, min.y), max, pos2(min.x, max.y)]
}
