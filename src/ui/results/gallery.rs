//! The strip of everything in the output folder, newest first. Only what is visible is loaded.

use egui::{
    Align2, CornerRadius, Frame, Margin, Rect, Response, Role, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use crate::session::gallery::{Entry, Gallery};
use crate::session::program::Session;
use crate::ui::command::{Command, Commands, Step};
use crate::ui::icons;
use crate::ui::pictures::{Pictures, Shown};
use crate::ui::text::{common, results as text};
use crate::ui::theme::{self, BIG_ICON, HALF, LOW, RADIUS, RING, SMALL_TILE, SPACE, TILE};
use crate::ui::widgets;

/// Free space around the strip.
const MARGIN: Margin = Margin::symmetric(16, 12);

/// Draws the strip. `chosen` is the picture in the viewer; it is scrolled to when `follow` says so.
pub(crate) fn gallery_ui(
    ui: &mut Ui,
    session: &Session,
    pictures: &mut Pictures,
    chosen: Option<usize>,
    follow: bool,
    commands: &mut Commands,
) {
    Frame::new().inner_margin(MARGIN).show(ui, |ui| {
        let (gallery, loader) = (&session.gallery, &session.loader);
        let side = tile_side(ui);
        let count = gallery.entries().len();
        if count == 0 {
            empty_ui(ui);
            return;
        }
        ScrollArea::horizontal()
            .auto_shrink(false)
            .content_margin(Margin::symmetric(HALF as i8, 0))
            .show_viewport(ui, |ui, visible| {
                let step = side + SPACE;
                ui.set_width(count as f32 * step - SPACE);
                ui.set_height(side);
                let corner = ui.max_rect().min;
                let tile = |index: usize| {
                    Rect::from_min_size(
                        pos2(corner.x + index as f32 * step, corner.y),
                        vec2(side, side),
                    )
                };
                if follow && let Some(index) = chosen {
                    ui.scroll_to_rect(tile(index).expand(SPACE), None);
                }
                let first = (visible.left() / step).max(0.0) as usize;
                let last = ((visible.right() / step) as usize + 1).min(count);
                for (index, entry) in gallery.entries().iter().enumerate().take(last).skip(first) {
                    let shown = match entry.withheld {
                        None => pictures.thumbnail(ui.ctx(), loader, &entry.path),
                        Some(_) => Shown::Pending,
                    };
                    let tile = tile_ui(ui, tile(index), entry, &shown, chosen == Some(index));
                    commands.on_click(&tile, Command::Select(entry.path.clone()));
                }
            });
    });
}

/// Side of a picture in the strip.
pub(crate) fn tile_side(ui: &Ui) -> f32 {
    if ui.ctx().content_rect().height() < LOW {
        SMALL_TILE
    } else {
        TILE
    }
}

/// What stands in the strip before there is a picture.
fn empty_ui(ui: &mut Ui) {
    let (rect, _) =
        ui.allocate_exact_size(vec2(ui.available_width(), tile_side(ui)), Sense::hover());
    let mut place = ui.new_child(egui::UiBuilder::new().max_rect(rect));
    place.centered_and_justified(|ui| ui.label(theme::weak(ui, text::EMPTY_STRIP)));
}

/// Draws one picture of the strip.
fn tile_ui(ui: &Ui, rect: Rect, entry: &Entry, shown: &Shown, is_chosen: bool) -> Response {
    let response = ui.interact(rect, ui.scope_id().with(&entry.path), Sense::click());
    let name = text::picture(entry.file_name());
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, is_chosen, &name));
    let palette = theme::palette(ui);
    ui.painter().rect_filled(rect, RADIUS, palette.raised);
    let icon_ui = |icon: &str| {
        let font = egui::FontId::proportional(BIG_ICON / 2.0);
        let (middle, align) = (rect.center(), Align2::CENTER_CENTER);
        ui.painter().text(middle, align, icon, font, palette.weak);
    };
    match shown {
        _ if entry.withheld.is_some() => icon_ui(icons::EYE_CLOSED),
        Shown::Pending => {}
        Shown::Ready(texture, _) => {
            let image = egui::Image::from_texture((texture.id(), rect.size()))
                .uv(middle_square(texture.size_vec2()));
            image
                .corner_radius(CornerRadius::same(RADIUS))
                .paint_at(ui, rect);
        }
        Shown::Failed(_) => icon_ui(icons::BROKEN),
    }
    if is_chosen {
        let stroke = Stroke::new(RING + 1.0, palette.accent);
        ui.painter()
            .rect_stroke(rect.expand(RING), RADIUS + 2, stroke, StrokeKind::Middle);
    } else if response.hovered() || response.has_focus() {
        let stroke = Stroke::new(RING, palette.weak);
        ui.painter()
            .rect_stroke(rect, RADIUS, stroke, StrokeKind::Inside);
    }
    response.on_hover_ui(|ui| about_ui(ui, entry, shown))
}

/// The part of a texture that fills a square without distortion.
fn middle_square(size: egui::Vec2) -> Rect {
    let side = egui::Vec2::splat(size.min_elem()) / size;
    Rect::from_center_size(pos2(0.5, 0.5), side)
}

/// What a picture of the strip says of itself.
fn about_ui(ui: &mut Ui, entry: &Entry, shown: &Shown) {
    if let Some(record) = &entry.record {
        ui.label(text::prompt(record));
        widgets::small_ui(ui, text::seed(record.seed));
    } else {
        ui.label(entry.file_name());
        widgets::small_ui(ui, text::UNKNOWN);
    }
    if let Some(reason) = &entry.withheld {
        ui.label(common::sentence(reason));
    }
    if let Shown::Failed(sentence) = shown {
        ui.label(egui::RichText::new(common::sentence(sentence)).color(theme::palette(ui).error));
    }
}

/// The place in the gallery that `step` leads to from `chosen`.
pub(crate) fn stepped(gallery: &Gallery, chosen: Option<usize>, step: Step) -> Option<&Entry> {
    let last = gallery.entries().len().checked_sub(1)?;
    let index = match (step, chosen) {
        (Step::Newest, _) | (_, None) => 0,
        (Step::Oldest, _) => last,
        (Step::Newer, Some(index)) => index.saturating_sub(1),
        (Step::Older, Some(index)) => (index + 1).min(last),
    };
    gallery.entries().get(index)
}
