//! How the canvas looks.

use egui::{
    Align2, Color32, CursorIcon, Painter, Pos2, Rect, Role, Sense, Shape, Stroke, StrokeKind, Ui,
    Vec2, WidgetInfo, pos2, vec2,
};

use crate::imaging::mask::ink::{Ink, Point};
use crate::imaging::mask::shapes;
use crate::session::program::Session;
use crate::session::settings::Tool;
use crate::ui::canvas::camera::Sight;
use crate::ui::canvas::gestures::{self, Gesture};
use crate::ui::canvas::open::Open;
use crate::ui::canvas::tools;
use crate::ui::canvas::{Beside, Canvas, Content};
use crate::ui::files::Asked;
use crate::ui::incoming::Incoming;
use crate::ui::theme::{self, HALF, LINE, MASK_COLOURS, RADIUS, RING, SPACE};
use crate::ui::{Action, gallery, icons, viewer, widgets};

/// A brush that is drawn smaller than this, in points, gets a cross instead of its outline.
const SMALL: f32 = 3.0;

impl Canvas {
    /// Draws the canvas with its tools, or what to do to get a picture on it.
    pub(in crate::ui) fn canvas_ui(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        beside: Beside,
        actions: &mut Vec<Action>,
    ) {
        self.is_hovered = false;
        self.beside = beside;
        match std::mem::take(&mut self.content) {
            Content::Nothing => empty_ui(ui, actions),
            Content::Loading(source) => {
                ui.centered_and_justified(|ui| ui.label(theme::weak(ui, "Reading the picture…")));
                self.content = Content::Loading(source);
            }
            Content::Failed(source, sentence) => {
                let (rect, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
                viewer::unreadable_ui(ui, rect, &sentence);
                self.content = Content::Failed(source, sentence);
            }
            Content::Open(mut open) => {
                // A picture that is being turned or cut is not painted on meanwhile.
                ui.add_enabled_ui(!beside.is_keeping, |ui| {
                    self.open_ui(ui, session, &mut open, actions);
                });
                self.content = Content::Open(open);
            }
        }
    }

    /// Draws what can be set about the tool, if there is a picture to use it on.
    pub(in crate::ui) fn options_ui(&mut self, ui: &mut Ui) {
        if self.is_open() {
            tools::options_ui(ui, &mut self.options);
        }
    }

    /// Draws an open picture, with the tools on its left.
    fn open_ui(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        open: &mut Open,
        actions: &mut Vec<Action>,
    ) {
        ui.horizontal_top(|ui| {
            let state = tools::State {
                tool: self.options.tool,
                is_overlay_shown: !self.is_overlay_hidden,
                zoom: self.camera.zoom,
                has_earlier: self.beside.has_earlier,
                open,
            };
            ui.vertical(|ui| tools::bar_ui(ui, state, actions));
            self.place_ui(ui, session, open);
        });
    }

    /// Draws the picture with its mask, and paints on it.
    fn place_ui(&mut self, ui: &mut Ui, session: &Session, open: &mut Open) {
        let room = ui.available_size().max(Vec2::splat(8.0 * SPACE));
        let (shown, response) = ui.allocate_exact_size(room, Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, ui.is_enabled(), "Canvas"));
        self.is_hovered = response.contains_pointer();
        self.id = Some(response.id);
        let place = self.pointer.place(shown);

        let params = &session.settings.params;
        let bounds = open.bounds(params);
        let sight = Sight { place, bounds };
        self.camera.settle(sight);
        if let Some(pixels) = self.wanted_zoom.take() {
            let zoom = f32::from(pixels) / ui.ctx().pixels_per_point();
            self.camera.zoom_to(zoom, sight);
        }
        if ui.is_enabled() {
            self.take_events(ui, &response, open, sight);
        }
        open.mask_sheets.update(&mut open.mask);
        open.preview(ui.ctx(), params, session.card().native_side);

        let painter = ui.painter_at(shown);
        self.picture_ui(ui, &painter, place, open, bounds);
        self.gesture_ui(ui, &painter, place);
        self.cursor_ui(ui, &painter, place);
    }

    /// Paints picture, mask and frame.
    fn picture_ui(&self, ui: &Ui, painter: &Painter, place: Rect, open: &Open, bounds: Rect) {
        let palette = theme::palette(ui);
        let size = open.mask.size();
        let own = Rect::from_min_size(Pos2::ZERO, vec2(size.width as f32, size.height as f32));
        let rect = self.camera.rect_to_screen(place, own);
        let whole = self.camera.rect_to_screen(place, bounds);
        let tint = self.colour().gamma_multiply(self.options.opacity);
        let hidden = self.is_overlay_hidden
            || (ui.input(|input| input.key_down(egui::Key::Backslash))
                && !ui.ctx().text_edit_focused());
        if whole != rect {
            painter.rect_filled(whole, 0.0, palette.raised);
            if !hidden {
                painter.rect_filled(whole, 0.0, tint);
            }
        }
        if open.has_alpha {
            // What is transparent is white for the model.
            painter.rect_filled(rect, 0.0, theme::PAPER);
        }
        open.picture_sheets.paint(painter, rect, gallery::UNTINTED);
        if !hidden {
            let preview = open
                .preview
                .as_ref()
                .and_then(|preview| preview.sheets.as_ref());
            let is_painting = open.mask.is_in_stroke();
            let sheets = preview
                .filter(|_| !is_painting)
                .unwrap_or(&open.mask_sheets);
            sheets.paint(painter, rect, tint);
        }
        let line = Stroke::new(LINE, palette.line);
        painter.rect_stroke(whole, 0.0, line, StrokeKind::Outside);
        if let Some(window) = open.preview.as_ref().and_then(|preview| preview.window) {
            dashed(painter, &corners(self.camera.rect_to_screen(place, window)));
        }
    }

    /// The colour the mask is shown in.
    fn colour(&self) -> Color32 {
        let chosen = MASK_COLOURS.get(self.options.colour);
        chosen.map_or(theme::LIGHT_LINE, |(_, colour)| *colour)
    }

    /// Paints the shape that is being drawn.
    fn gesture_ui(&self, ui: &Ui, painter: &Painter, place: Rect) {
        let to_screen = |point: &Point| self.camera.to_screen(place, *point);
        match &self.gesture {
            Gesture::Span { from, to, .. } | Gesture::Chosen { from, to } => {
                let outline = if self.options.tool == Tool::Ellipse {
                    shapes::ellipse(*from, *to)
                } else {
                    shapes::rectangle(*from, *to)
                };
                let outline: Vec<Pos2> = outline.iter().map(to_screen).collect();
                if self.options.tool == Tool::Crop {
                    let kept = Rect::from_points(&outline);
                    for part in around(place, kept) {
                        painter.rect_filled(part, 0.0, theme::SHADE);
                    }
                    if matches!(self.gesture, Gesture::Chosen { .. }) {
                        let text = "Enter cuts the picture to this part, Esc gives it up";
                        caption(ui, painter, kept, text);
                    }
                }
                dashed(painter, &outline);
            }
            Gesture::Outline { points, .. } => {
                let mut outline: Vec<Pos2> = points.iter().map(to_screen).collect();
                // Points nearer than dashes are long only cost time.
                outline.dedup_by(|next, last| next.distance(*last) < HALF);
                if self.options.tool == Tool::Polygon {
                    let next = self.pointer.at.map(|at| self.camera.to_image(place, at));
                    let next = match (points.last(), next) {
                        (Some(last), Some(next)) if ui.input(|input| input.modifiers.shift) => {
                            Some(gestures::straightened(*last, next))
                        }
                        (_, next) => next,
                    };
                    outline.extend(next.as_ref().map(to_screen));
                    if let Some(first) = outline.first() {
                        painter.circle(
                            *first,
                            theme::CORNER,
                            theme::LIGHT_LINE,
                            Stroke::new(LINE, theme::DARK_LINE),
                        );
                    }
                }
                dashed(painter, &outline);
            }
            _ => {}
        }
    }

    /// Paints the brush's outline at the pointer, as large as it paints, also beside the picture.
    fn cursor_ui(&self, ui: &Ui, painter: &Painter, place: Rect) {
        let tool = self.options.tool;
        let is_busy = !matches!(self.gesture, Gesture::Idle);
        if !(self.is_hovered || is_busy) {
            return;
        }
        let has_space =
            ui.input(|input| input.key_down(egui::Key::Space)) && !ui.ctx().text_edit_focused();
        if tool == Tool::Hand || has_space || self.pointer.pans() {
            let cursor = if self.pointer.pans() {
                CursorIcon::Grabbing
            } else {
                CursorIcon::Grab
            };
            return ui.set_cursor_icon(cursor);
        }
        let Some(at) = self
            .pointer
            .at
            .filter(|at| tools::is_brush(tool) && place.contains(*at))
        else {
            return ui.set_cursor_icon(CursorIcon::Crosshair);
        };
        // While the brush is being changed its outline stays where that began.
        let at = match &self.gesture {
            Gesture::Tip { from, .. } => *from,
            _ => at,
        };
        let radius = self.brush().radius * self.camera.zoom;
        if radius < SMALL {
            return ui.set_cursor_icon(CursorIcon::Crosshair);
        }
        ui.set_cursor_icon(CursorIcon::None);
        painter.circle_stroke(at, radius, Stroke::new(RING + 1.0, theme::DARK_LINE));
        painter.circle_stroke(at, radius, Stroke::new(LINE, theme::LIGHT_LINE));
        let inner = radius * self.options.hardness;
        if self.options.hardness < 1.0 && inner > SMALL {
            painter.circle_stroke(at, inner, Stroke::new(LINE, theme::FAINT_LINE));
        }
        let erases = tools::ink(tool) == Ink::Erase;
        let arm = theme::CROSS;
        for (from, to) in [
            (vec2(-arm, 0.0), vec2(arm, 0.0)),
            (vec2(0.0, -arm), vec2(0.0, arm)),
        ] {
            if !erases || from.y == 0.0 {
                painter.line_segment(
                    [at + from, at + to],
                    Stroke::new(LINE + 1.0, theme::DARK_LINE),
                );
                painter.line_segment([at + from, at + to], Stroke::new(LINE, theme::LIGHT_LINE));
            }
        }
    }
}

/// What to do when there is no picture.
fn empty_ui(ui: &mut Ui, actions: &mut Vec<Action>) {
    let colour = theme::palette(ui).accent;
    viewer::middle_ui(ui, icons::PICTURE, colour, "Start from a picture", |ui| {
        let text = if takes_drops() {
            "Drop one here, paste one, or open one. Then paint over what should change"
        } else {
            "Paste one, or open one; this desktop does not let files be dropped here. Then paint over what should change"
        };
        ui.label(theme::weak(ui, text));
        ui.add_space(SPACE);
        if widgets::button_ui(ui, icons::FOLDER, "Open a picture…").clicked() {
            actions.push(Action::Ask(Asked::Input("image")));
        }
        if widgets::button_ui(ui, icons::PASTE, "Paste a picture").clicked() {
            actions.push(Action::Incoming(Incoming::Paste));
        }
    });
}

/// Whether files can be dropped on the window: not on Wayland, where the window library has nothing for it.
pub(in crate::ui) fn takes_drops() -> bool {
    !(cfg!(target_os = "linux") && std::env::var_os("WAYLAND_DISPLAY").is_some())
}

/// The corners of a rectangle, in order.
fn corners(rect: Rect) -> [Pos2; 4] {
    [
        rect.left_top(),
        rect.right_top(),
        rect.right_bottom(),
        rect.left_bottom(),
    ]
}

/// A closed line that is seen on every ground. Only what is in sight is drawn: at a large zoom the whole would be endless.
fn dashed(painter: &Painter, outline: &[Pos2]) {
    let sight = painter.clip_rect().expand(SPACE);
    let black = Stroke::new(LINE, theme::DARK_LINE);
    let white = Stroke::new(LINE, theme::LIGHT_LINE);
    let ends = outline.iter().zip(outline.iter().cycle().skip(1));
    for (&from, &to) in ends {
        if let Some(ends) = in_sight(sight, from, to) {
            painter.line_segment(ends, black);
            painter.extend(Shape::dashed_line(&ends, white, HALF, HALF));
        }
    }
}

/// The part of a line that lies in a rectangle. Liang and Barsky, "A new concept and method for line clipping" (1984).
fn in_sight(sight: Rect, from: Pos2, to: Pos2) -> Option<[Pos2; 2]> {
    let along = to - from;
    let (mut first, mut last) = (0.0f32, 1.0f32);
    for (change, distance) in [
        (-along.x, from.x - sight.left()),
        (along.x, sight.right() - from.x),
        (-along.y, from.y - sight.top()),
        (along.y, sight.bottom() - from.y),
    ] {
        if change == 0.0 {
            if distance < 0.0 {
                return None;
            }
        } else if change < 0.0 {
            first = first.max(distance / change);
        } else {
            last = last.min(distance / change);
        }
    }
    (first <= last).then(|| [from + along * first, from + along * last])
}

/// The parts of `place` that are not in `kept`.
fn around(place: Rect, kept: Rect) -> [Rect; 4] {
    let kept = kept.intersect(place);
    let part = |left: f32, top: f32, right: f32, bottom: f32| {
        Rect::from_min_max(pos2(left, top), pos2(right.max(left), bottom.max(top)))
    };
    [
        part(place.left(), place.top(), place.right(), kept.top()),
        part(place.left(), kept.bottom(), place.right(), place.bottom()),
        part(place.left(), kept.top(), kept.left(), kept.bottom()),
        part(kept.right(), kept.top(), place.right(), kept.bottom()),
    ]
}

/// A line of text inside the lower edge of `rect`.
fn caption(ui: &Ui, painter: &Painter, rect: Rect, text: &str) {
    let font = egui::TextStyle::Body.resolve(ui.style());
    let palette = theme::palette(ui);
    let galley = painter.layout_no_wrap(text.to_owned(), font, palette.text);
    let size = galley.size() + Vec2::splat(2.0 * SPACE);
    let middle = pos2(rect.center().x, rect.bottom() - size.y / 2.0 - SPACE);
    let ground = Rect::from_center_size(middle, size);
    painter.rect_filled(ground, RADIUS, palette.panel);
    let corner = Align2::CENTER_CENTER.align_size_within_rect(galley.size(), ground);
    painter.galley(corner.min, galley, palette.text);
}
