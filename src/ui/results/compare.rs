//! Before and after: the starting picture beside, or in place of, the result in the viewer.

use std::path::PathBuf;

use egui::{
    Align2, Context, CursorIcon, Key, Modifiers, Rect, Role, Sense, Stroke, TextStyle,
    TextureHandle, Ui, WidgetInfo, pos2, vec2,
};

use crate::schema::start::Extend;
use crate::session::gallery::Entry;
use crate::ui::command::Desk;
use crate::ui::pictures::{Shown, WHOLE};
use crate::ui::text::results as text;
use crate::ui::theme::{self, CONTROL_RADIUS, HALF, LINE, RING, SPACE};
use crate::ui::{icons, shortcuts, widgets};

/// How wide the part of the line is that can be taken hold of, in points.
const GRIP: f32 = 16.0;

/// How far an arrow key moves the line, as a part of the picture's width.
const STEP: f32 = 0.05;

/// The starting picture of the result in the viewer.
#[derive(Default)]
pub(super) struct Original {
    /// The result that was looked at last, and the file of its starting picture if that is kept.
    of: Option<(PathBuf, Option<PathBuf>)>,
    texture: Option<TextureHandle>,
    /// Where the starting picture lies in the result, which may have been extended: 0 to 1.
    place: Option<Rect>,
    /// How far the line between both is from the left, 0 to 1; `None` shows only the result.
    line: Option<f32>,
}

impl Original {
    /// Finds the starting picture of `entry`, and reads it once it is wanted.
    pub(super) fn follow(&mut self, ctx: &Context, entry: &Entry, desk: &mut Desk<'_>) {
        if self.of.as_ref().is_none_or(|(path, _)| *path != entry.path) {
            let reference = entry.record.as_ref().and_then(|record| record.image());
            let found = reference.and_then(|reference| desk.session.inputs.find(reference));
            self.of = Some((entry.path.clone(), found));
            self.texture = None;
        }
        let Some((_, Some(path))) = &self.of else {
            return;
        };
        if self.line.is_none() && !is_held(ctx) {
            return;
        }
        let shown = desk.pictures.full(ctx, &desk.session.loader, path);
        if let Shown::Ready(texture, size) = shown {
            let record = entry.record.as_ref();
            self.place = record.map(|record| {
                let extend = Extend::of(&record.params(), record.fidelity);
                let corner = vec2(extend.left as f32, extend.top as f32);
                let size = vec2(size[0] as f32, size[1] as f32);
                let whole = corner + size + vec2(extend.right as f32, extend.bottom as f32);
                Rect::from_min_size((corner / whole).to_pos2(), size / whole)
            });
            self.texture = Some(texture);
        }
    }

    /// Whether there is a starting picture to compare with.
    fn is_known(&self) -> bool {
        matches!(self.of, Some((_, Some(_))))
    }

    /// Draws the button that turns the comparison on and off.
    pub(super) fn switch_ui(&mut self, ui: &mut Ui) {
        if !self.is_known() {
            return;
        }
        let hint = text::compare(shortcuts::ORIGINAL.name());
        if widgets::square_button_ui(ui, icons::COMPARE, &hint).clicked() {
            self.line = self.line.is_none().then_some(0.5);
        }
    }

    /// Draws the starting picture over the result, which is drawn at `drawn` and seen in `seen`.
    pub(super) fn compare_ui(&mut self, ui: &mut Ui, seen: Rect, drawn: Rect) {
        let held = is_held(ui.ctx());
        let share = if held { Some(1.0) } else { self.line };
        let share = share.filter(|_| self.is_known());
        let (Some(texture), Some(place), Some(share)) = (&self.texture, self.place, share) else {
            return;
        };
        let x = seen.left() + seen.width() * share;
        let left = Rect::from_min_max(seen.min, pos2(x, seen.bottom()));
        let corner = drawn.min + place.min.to_vec2() * drawn.size();
        let own = Rect::from_min_size(corner, place.size() * drawn.size());
        let painter = ui.painter().with_clip_rect(left.intersect(ui.clip_rect()));
        // Where the picture was extended there was nothing before.
        painter.rect_filled(drawn, 0.0, theme::palette(ui).ground);
        painter.image(texture.id(), own, WHOLE, theme::UNTINTED);
        let top = seen.left_top() + vec2(SPACE, SPACE);
        tag(ui, top, Align2::LEFT_TOP, text::BEFORE);
        if held {
            return;
        }
        let bottom = seen.right_bottom() - vec2(SPACE, SPACE);
        tag(ui, bottom, Align2::RIGHT_BOTTOM, text::AFTER);
        let grip = Rect::from_center_size(pos2(x, seen.center().y), vec2(GRIP, seen.height()));
        let sense = Sense::click_and_drag();
        let response = ui.interact(grip, ui.scope_id().with("compare"), sense);
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::Slider, true, text::BEFORE_AND_AFTER);
            info.value = Some(f64::from(share));
            info
        });
        let at = response.interact_pointer_pos();
        if let Some(at) = at.filter(|_| response.dragged()) {
            self.line = Some(((at.x - seen.left()) / seen.width()).clamp(0.0, 1.0));
        }
        if response.has_focus() {
            let key = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
            let [right, left] = [Key::ArrowRight, Key::ArrowLeft].map(|it| f32::from(key(it)));
            let step = right - left;
            self.line = Some((share + step * STEP).clamp(0.0, 1.0));
        }
        let response = response.on_hover_cursor(CursorIcon::ResizeHorizontal);
        let is_active = response.hovered() || response.dragged() || response.has_focus();
        let painter = ui.painter();
        painter.vline(x, seen.y_range(), (RING + LINE, theme::DARK_LINE));
        painter.vline(x, seen.y_range(), (RING, theme::LIGHT_LINE));
        let knob = if is_active { SPACE + 1.0 } else { SPACE };
        let ring = Stroke::new(LINE, theme::DARK_LINE);
        painter.circle(pos2(x, seen.center().y), knob, theme::LIGHT_LINE, ring);
    }
}

/// Whether the key is held that shows the starting picture.
fn is_held(ctx: &Context) -> bool {
    !ctx.text_edit_focused()
        && ctx.input(|input| input.modifiers.is_none() && input.key_down(shortcuts::ORIGINAL))
}

/// A word on the picture.
fn tag(ui: &Ui, at: egui::Pos2, align: Align2, word: &str) {
    let font = TextStyle::Small.resolve(ui.style());
    let painter = ui.painter();
    let galley = painter.layout_no_wrap(word.to_owned(), font, theme::ON_SHADE);
    let ground = align.anchor_size(at, galley.size() + vec2(2.0 * SPACE, SPACE));
    painter.rect_filled(ground, CONTROL_RADIUS, theme::SHADE);
    painter.galley(ground.min + vec2(SPACE, HALF), galley, theme::ON_SHADE);
}
