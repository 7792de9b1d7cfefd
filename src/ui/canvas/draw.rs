//! How the picture, the mask and the hand look.

use egui::{
    Align2, Color32, CursorIcon, Key, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Ui, Vec2,
    pos2, vec2,
};

use crate::imaging::mask::ink::{Ink, Point};
use crate::session::settings::Tool;
use crate::ui::canvas::camera::Sight;
use crate::ui::canvas::open::Open;
use crate::ui::canvas::state::Canvas;
use crate::ui::canvas::tools::{self, Gesture};
use crate::ui::text::canvas as text;
use crate::ui::theme::{self, HALF, LINE, MASK_COLOURS, RADIUS, RING, SPACE};
use crate::ui::widgets;

/// A brush that is drawn smaller than this, in points, gets a cross instead of its outline.
const SMALL: f32 = 3.0;

impl Canvas {
    /// Paints picture, mask and frame.
    pub(super) fn picture_ui(&self, ui: &Ui, painter: &Painter, sight: Sight, open: &Open) {
        let Sight { place, bounds } = sight;
        let palette = theme::palette(ui);
        let size = open.mask.size();
        let own = Rect::from_min_size(Pos2::ZERO, vec2(size.width as f32, size.height as f32));
        let rect = self.camera.rect_to_screen(place, own);
        let whole = self.camera.rect_to_screen(place, bounds);
        let tint = self.colour().gamma_multiply(self.options.opacity);
        let hidden = self.is_overlay_hidden || is_held(ui, Key::Backslash);
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
        open.picture_sheets.paint(painter, rect, theme::UNTINTED);
        let preview = open.preview.as_ref();
        if !hidden {
            let preview = preview.and_then(|preview| preview.sheets.as_ref());
            let preview = preview.filter(|_| !open.mask.is_in_stroke());
            let sheets = preview.unwrap_or(&open.mask_sheets);
            sheets.paint(painter, rect, tint);
        }
        let line = Stroke::new(LINE, palette.line);
        painter.rect_stroke(whole, 0.0, line, StrokeKind::Outside);
        if let Some(window) = preview.and_then(|preview| preview.window) {
            let window = self.camera.rect_to_screen(place, window);
            dashed(painter, &widgets::corners(window));
        }
    }

    /// The colour the mask is shown in.
    fn colour(&self) -> Color32 {
        let chosen = MASK_COLOURS.get(self.options.colour);
        chosen.map_or(theme::LIGHT_LINE, |(_, colour)| *colour)
    }

    /// Paints the shape that is being drawn.
    pub(super) fn gesture_ui(&self, ui: &Ui, painter: &Painter, place: Rect) {
        let to_screen = |point: &Point| self.camera.to_screen(place, *point);
        match &self.gesture {
            Gesture::Span { from, to, .. } | Gesture::Chosen { from, to } => {
                let outline = tools::outline(self.options.tool, *from, *to);
                let outline: Vec<Pos2> = outline.iter().map(to_screen).collect();
                if self.options.tool == Tool::Crop {
                    let kept = Rect::from_points(&outline);
                    for part in around(place, kept) {
                        painter.rect_filled(part, 0.0, theme::SHADE);
                    }
                    if matches!(self.gesture, Gesture::Chosen { .. }) {
                        caption(ui, painter, kept, text::CROP_HINT);
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
                            Some(tools::straightened(*last, next))
                        }
                        (_, next) => next,
                    };
                    outline.extend(next.as_ref().map(to_screen));
                    if let Some(first) = outline.first() {
                        let ring = Stroke::new(LINE, theme::DARK_LINE);
                        painter.circle(*first, theme::CORNER, theme::LIGHT_LINE, ring);
                    }
                }
                dashed(painter, &outline);
            }
            _ => {}
        }
    }

    /// Paints the brush's outline at the pointer, as large as it paints, also beside the picture.
    pub(super) fn cursor_ui(&self, ui: &Ui, painter: &Painter, place: Rect) {
        let tool = self.options.tool;
        if !self.is_hovered && matches!(self.gesture, Gesture::Idle) {
            return;
        }
        if self.pointer.pans() {
            return ui.set_cursor_icon(CursorIcon::Grabbing);
        }
        if tool == Tool::Hand || is_held(ui, Key::Space) {
            return ui.set_cursor_icon(CursorIcon::Grab);
        }
        let radius = self.brush().radius * self.camera.zoom;
        let is_drawn = tools::is_brush(tool) && radius >= SMALL;
        let at = self.pointer.at.filter(|at| is_drawn && place.contains(*at));
        let Some(at) = at else {
            return ui.set_cursor_icon(CursorIcon::Crosshair);
        };
        // While the brush is being changed its outline stays where that began.
        let at = match &self.gesture {
            Gesture::Tip { from, .. } => *from,
            _ => at,
        };
        ui.set_cursor_icon(CursorIcon::None);
        painter.circle_stroke(at, radius, Stroke::new(RING + 1.0, theme::DARK_LINE));
        painter.circle_stroke(at, radius, Stroke::new(LINE, theme::LIGHT_LINE));
        let inner = radius * self.options.hardness;
        if self.options.hardness < 1.0 && inner > SMALL {
            painter.circle_stroke(at, inner, Stroke::new(LINE, theme::FAINT_LINE));
        }
        let erases = tools::ink(tool) == Ink::Erase;
        let arms = [Vec2::X, Vec2::Y].map(|arm| arm * theme::CROSS);
        for arm in arms.into_iter().take(if erases { 1 } else { 2 }) {
            let ends = [at - arm, at + arm];
            painter.line_segment(ends, Stroke::new(LINE + 1.0, theme::DARK_LINE));
            painter.line_segment(ends, Stroke::new(LINE, theme::LIGHT_LINE));
        }
    }
}

/// Whether a key is held, and not to type text.
fn is_held(ui: &Ui, key: Key) -> bool {
    ui.input(|input| input.key_down(key)) && !ui.ctx().text_edit_focused()
}

/// A closed line that is seen on every ground. Only what is in sight is drawn: at a large zoom the whole would be endless.
fn dashed(painter: &Painter, outline: &[Pos2]) {
    let sight = painter.clip_rect().expand(SPACE);
    let black = Stroke::new(LINE, theme::DARK_LINE);
    let white = Stroke::new(LINE, theme::LIGHT_LINE);
    for (from, to) in outline.iter().zip(outline.iter().cycle().skip(1)) {
        if let Some(ends) = in_sight(sight, *from, *to) {
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
