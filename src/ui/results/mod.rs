//! The finished pictures: the strip of all of them, and the chosen one in the middle with what is known of it and what
//! can be done with it.

mod compare;
mod details;
pub(super) mod gallery;

use egui::{
    Align, InputState, Layout, Rect, Response, RichText, Role, Sense, Ui, Vec2, WidgetInfo, vec2,
};

use crate::session::gallery::Entry;
use crate::ui::command::{Command, Commands, Desk};
use crate::ui::pictures::{Shown, WHOLE};
use crate::ui::results::compare::Original;
use crate::ui::results::details::Size;
use crate::ui::text::{common, results as text};
use crate::ui::theme::{self, CONTROL, DETAILS_WIDTH, RADIUS, SPACE};
use crate::ui::{icons, shortcuts, widgets};

/// How many of the model's example prompts are offered.
const EXAMPLES: usize = 3;

/// How far a picture can be zoomed in, beyond fitting.
const MAX_ZOOM: f32 = 16.0;

/// The height that details and actions need below the picture.
const DETAILS_HEIGHT: f32 = 112.0;

/// The height that the messages above the picture usually take.
const MESSAGES_HEIGHT: f32 = 64.0;

/// How the picture is looked at.
pub(crate) struct View {
    /// 1 fits the picture into its place.
    zoom: f32,
    /// How far the picture's middle is from the middle of its place, in points.
    offset: Vec2,
    /// The last picture that could be drawn, so that nothing flickers while the next is read.
    last: Option<(egui::TextureHandle, [u32; 2])>,
    /// The starting picture of the last one that was asked about.
    original: Original,
}

impl Default for View {
    fn default() -> Self {
        Self {
            zoom: 1.0,
            offset: Vec2::ZERO,
            last: None,
            original: Original::default(),
        }
    }
}

impl View {
    /// Fits the picture into its place.
    pub(crate) fn fit(&mut self) {
        self.zoom = 1.0;
        self.offset = Vec2::ZERO;
    }

    /// Draws the chosen picture, or what to do to get one.
    pub(crate) fn viewer_ui(&mut self, ui: &mut Ui, chosen: Option<usize>, desk: &mut Desk<'_>) {
        let session = desk.session;
        let Some(entry) = chosen.and_then(|index| session.gallery.entries().get(index)) else {
            match session.running() {
                None => empty_ui(ui, &session.card().examples, desk.commands),
                Some(job) => promise_ui(ui, &job.request.prompt),
            }
            return;
        };
        if let Some(reason) = &entry.withheld {
            withheld_ui(ui, entry, reason);
            return;
        }
        let shown = desk.pictures.full(ui.ctx(), &session.loader, &entry.path);
        self.original.follow(ui.ctx(), entry, desk);
        if has_room_beside(ui.max_rect().size()) {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 2.0 * SPACE;
                let width = ui.available_width() - DETAILS_WIDTH - 2.0 * SPACE;
                let room = vec2(width, ui.available_height());
                let size = self.place_ui(ui, room, entry, shown);
                ui.vertical(|ui| details::beside_ui(ui, entry, size, desk.commands));
            });
        } else {
            let height = (ui.available_height() - DETAILS_HEIGHT - SPACE).max(8.0 * SPACE);
            let size = self.place_ui(ui, vec2(ui.available_width(), height), entry, shown);
            ui.add_space(SPACE);
            details::below_ui(ui, entry, size, desk.commands);
        }
    }

    /// Draws the picture, or why there is none, into a place of this size. Returns the picture's size in pixels.
    fn place_ui(&mut self, ui: &mut Ui, room: Vec2, entry: &Entry, shown: Shown) -> Size {
        let (rect, response) = ui.allocate_exact_size(room, Sense::click_and_drag());
        let name = text::picture(entry.file_name());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
        let size = match shown {
            Shown::Ready(texture, size) => {
                self.last = Some((texture, size));
                Some(size)
            }
            Shown::Pending => None,
            Shown::Failed(sentence) => {
                widgets::unreadable_ui(ui, rect, &sentence);
                return None;
            }
        };
        self.picture_ui(ui, rect, &response);
        size
    }

    /// Paints the picture into `rect`, zoomed and moved.
    fn picture_ui(&mut self, ui: &mut Ui, rect: Rect, response: &Response) {
        let Some((texture, size)) = self.last.clone() else {
            return;
        };
        let size = vec2(size[0] as f32, size[1] as f32);
        let fit = (rect.size() / size).min_elem();
        self.zoom_ui(ui, rect, response, size * fit);
        let drawn = Rect::from_center_size(rect.center() + self.offset, size * fit * self.zoom);
        let painter = ui.painter_at(rect);
        if self.zoom > 1.0 {
            painter.image(texture.id(), drawn, WHOLE, theme::UNTINTED);
        } else {
            let image = egui::Image::from_texture((texture.id(), drawn.size()));
            image.corner_radius(RADIUS).paint_at(ui, drawn);
        }
        self.original.compare_ui(ui, drawn.intersect(rect), drawn);
        let corner = drawn.intersect(rect).right_top() + vec2(-SPACE, SPACE);
        let row = Rect::from_min_max(rect.left_top(), corner + vec2(0.0, CONTROL));
        let layout = Layout::right_to_left(Align::Center);
        let row = egui::UiBuilder::new().max_rect(row).layout(layout);
        let mut row = ui.new_child(row);
        if self.zoom > 1.0 && widgets::square_button_ui(&mut row, icons::FIT, text::FIT).clicked() {
            self.fit();
        }
        self.original.switch_ui(&mut row);
    }

    /// Takes in the wheel, drags and double clicks. `fitted` is the picture's size when it fits.
    fn zoom_ui(&mut self, ui: &Ui, rect: Rect, response: &Response, fitted: Vec2) {
        if response.double_clicked() {
            self.fit();
        }
        if let Some(pointer) = response.hover_pos() {
            let scroll = ui.input(|input| input.smooth_scroll_delta().y);
            let factor = (scroll / 240.0).exp() * ui.input(InputState::zoom_delta);
            let zoom = (self.zoom * factor).clamp(1.0, MAX_ZOOM);
            // The point under the pointer stays where it is.
            let from_middle = pointer - rect.center() - self.offset;
            self.offset -= from_middle * (zoom / self.zoom - 1.0);
            self.zoom = zoom;
        }
        self.offset += response.drag_delta();
        let slack = ((fitted * self.zoom - rect.size()) / 2.0).max(Vec2::ZERO);
        self.offset = self.offset.clamp(-slack, slack);
    }
}

/// Whether a square picture gets larger with the details beside it than with the details below it. The messages that
/// happen to stand above the picture do not count, so that nothing jumps when they come and go.
fn has_room_beside(room: Vec2) -> bool {
    let Vec2 { x: width, y } = room;
    let height = y - MESSAGES_HEIGHT;
    let below = width.min(height - DETAILS_HEIGHT - SPACE);
    (width - DETAILS_WIDTH - 2.0 * SPACE).min(height) > below
}

/// Says what to do when there is no picture yet.
fn empty_ui(ui: &mut Ui, examples: &[String], commands: &mut Commands) {
    let icon = RichText::new(icons::SMILE).color(theme::palette(ui).accent);
    widgets::middle_ui(ui, icon, text::EMPTY, |ui| {
        let key = shortcuts::text(ui.ctx(), shortcuts::GENERATE);
        ui.label(theme::weak(ui, text::empty_hint(&key)));
        if !examples.is_empty() {
            ui.add_space(SPACE);
            widgets::small_ui(ui, text::EXAMPLES);
        }
        for example in examples.iter().take(EXAMPLES) {
            if ui.available_height() < 2.0 * CONTROL {
                break; // Half a button would be worse than none.
            }
            let button = egui::Button::new((icons::GENERATE, example.as_str())).wrap();
            let button = ui.add(button).accessible_name(example);
            commands.on_click(&button, Command::Example(example.clone()));
        }
    });
}

/// Where the first picture will be, while it is made.
fn promise_ui(ui: &mut Ui, prompt: &str) {
    let icon = RichText::new(icons::PICTURE).color(theme::palette(ui).weak);
    widgets::middle_ui(ui, icon, text::PROMISE, |ui| {
        widgets::truncated_ui(ui, theme::weak(ui, prompt));
    });
}

/// In place of a picture that the safety checker has withheld.
fn withheld_ui(ui: &mut Ui, entry: &Entry, reason: &str) {
    let icon = RichText::new(icons::EYE_CLOSED).color(theme::palette(ui).weak);
    widgets::middle_ui(ui, icon, text::WITHHELD, |ui| {
        ui.label(theme::weak(ui, text::withheld(common::sentence(reason))));
        if let Some(record) = &entry.record {
            widgets::small_ui(ui, text::withheld_facts(record.index + 1, record.seed));
            widgets::truncated_ui(ui, theme::small(ui, common::prompt(record.prompt())));
        }
    });
}
