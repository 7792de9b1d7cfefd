//! The strip of everything in the output folder, newest first. Only what is visible is loaded.

use egui::{
    Align2, Frame, Margin, Rect, Response, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, vec2,
};

use crate::session::gallery::{Entry, Gallery};
use crate::ui::command::{Command, Desk, Step};
use crate::ui::pictures::{self, Shown};
use crate::ui::text::{common, results as text};
use crate::ui::theme::{self, BIG_ICON, HALF, LOW, RADIUS, RING, SMALL_TILE, SPACE, TILE};
use crate::ui::{icons, widgets};

/// Free space around the strip.
const MARGIN: Margin = Margin::symmetric(16, 12);

/// Draws the strip. `chosen` is the picture in the viewer; it is scrolled to when `follow` says so.
pub(crate) fn gallery_ui(ui: &mut Ui, chosen: Option<usize>, follow: bool, desk: &mut Desk<'_>) {
    Frame::new().inner_margin(MARGIN).show(ui, |ui| {
        let (entries, loader) = (desk.session.gallery.entries(), &desk.session.loader);
        let (side, count) = (tile_side(ui), entries.len());
        if count == 0 {
            empty_ui(ui);
            return;
        }
        let margin = Margin::symmetric(HALF as i8, 0);
        let area = ScrollArea::horizontal().auto_shrink(false);
        area.content_margin(margin)
            .show_viewport(ui, |ui, visible| {
                let step = side + SPACE;
                ui.set_width(count as f32 * step - SPACE);
                ui.set_height(side);
                let corner = ui.max_rect().min;
                let tile = |index: usize| {
                    let corner = corner + vec2(index as f32 * step, 0.0);
                    Rect::from_min_size(corner, vec2(side, side))
                };
                if follow && let Some(index) = chosen {
                    ui.scroll_to_rect(tile(index).expand(SPACE), None);
                }
                let first = (visible.left() / step).max(0.0) as usize;
                let last = ((visible.right() / step) as usize + 1).min(count);
                for (index, entry) in entries.iter().enumerate().take(last).skip(first) {
                    let shown = match entry.withheld {
                        None => desk.pictures.thumbnail(ui.ctx(), loader, &entry.path),
                        Some(_) => Shown::Pending,
                    };
                    let tile = tile_ui(ui, tile(index), entry, &shown, chosen == Some(index));
                    let select = Command::Select(entry.path.clone());
                    desk.commands.on_click(&tile, select);
                }
            });
    });
}

/// Side of a picture in the strip.
pub(crate) fn tile_side(ui: &Ui) -> f32 {
    let is_low = ui.ctx().content_rect().height() < LOW;
    if is_low { SMALL_TILE } else { TILE }
}

/// What stands in the strip before there is a picture.
fn empty_ui(ui: &mut Ui) {
    let size = vec2(ui.available_width(), tile_side(ui));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let mut place = ui.new_child(egui::UiBuilder::new().max_rect(rect));
    place.centered_and_justified(|ui| ui.label(theme::weak(ui, text::EMPTY_STRIP)));
}

fn tile_ui(ui: &Ui, rect: Rect, entry: &Entry, shown: &Shown, is_chosen: bool) -> Response {
    let response = ui.interact(rect, ui.scope_id().with(&entry.path), Sense::click());
    let name = text::picture(entry.file_name());
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, is_chosen, &name));
    let palette = theme::palette(ui);
    let painter = ui.painter();
    painter.rect_filled(rect, RADIUS, palette.raised);
    let icon_ui = |icon: &str| {
        let font = egui::FontId::proportional(BIG_ICON / 2.0);
        let (middle, align) = (rect.center(), Align2::CENTER_CENTER);
        painter.text(middle, align, icon, font, palette.weak);
    };
    match shown {
        _ if entry.withheld.is_some() => icon_ui(icons::EYE_CLOSED),
        Shown::Pending => {}
        Shown::Ready(texture, _) => {
            let image = egui::Image::from_texture((texture.id(), rect.size()));
            let image = image.uv(pictures::middle_square(texture));
            image.corner_radius(RADIUS).paint_at(ui, rect);
        }
        Shown::Failed(_) => icon_ui(icons::BROKEN),
    }
    if is_chosen {
        let stroke = Stroke::new(RING + 1.0, palette.accent);
        painter.rect_stroke(rect.expand(RING), RADIUS + 2, stroke, StrokeKind::Middle);
    } else if response.hovered() || response.has_focus() {
        let stroke = Stroke::new(RING, palette.weak);
        painter.rect_stroke(rect, RADIUS, stroke, StrokeKind::Inside);
    }
    response.on_hover_ui(|ui| about_ui(ui, entry, shown))
}

/// What a picture of the strip says of itself.
fn about_ui(ui: &mut Ui, entry: &Entry, shown: &Shown) {
    if let Some(record) = &entry.record {
        ui.label(common::prompt(record.prompt()));
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
