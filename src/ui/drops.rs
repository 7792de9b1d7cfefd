//! Files that are dropped on the window, and what becomes of them.
//!
//! While files hover, the window shows what it can do with them, as places to let them go on. The window library tells
//! where the pointer is only once the drag is over, and on some systems not before it moves again. So the place is taken
//! from the first pointer event that comes with the drop or within a moment after it; if none comes, the places stay and
//! can be clicked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use egui::{
    Align, Context, Event, FontId, Id, Key, Layout, Modifiers, Order, Pos2, Rect, Role, Sense,
    Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, vec2,
};

use crate::ui::command::{Command, Commands, Incoming};
use crate::ui::text::files as text;
use crate::ui::theme::{self, RADIUS, RING, SPACE};
use crate::ui::{files, icons};

/// How long a drop waits for the pointer, in seconds, before it asks.
const PATIENCE: f64 = 0.5;

/// What can be done with a dropped file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    Picture,
    Mask,
    Settings,
    /// Every file becomes a job of its own.
    Queue,
    /// A LoRA, which can be nothing else.
    Lora,
    Model,
}

impl Zone {
    /// What can be done with `count` files, where there is a picture for a mask to lie on or not.
    fn possible(count: usize, has_image: bool) -> Vec<Self> {
        match (count > 1, has_image) {
            (true, _) => vec![Self::Picture, Self::Queue],
            (false, true) => vec![Self::Picture, Self::Mask, Self::Settings],
            (false, false) => vec![Self::Picture, Self::Settings],
        }
    }

    /// Its icon, and its name and explanation.
    fn words(self) -> (&'static str, (&'static str, &'static str)) {
        match self {
            Self::Picture => (icons::PICTURE, text::DROP_PICTURE),
            Self::Mask => (icons::MASK, text::DROP_MASK),
            Self::Settings => (icons::USE, text::DROP_SETTINGS),
            Self::Lora => (icons::ADD, text::DROP_LORA),
            Self::Model => (icons::OPEN, text::DROP_MODEL),
            Self::Queue => (icons::QUEUE, text::DROP_QUEUE),
        }
    }

    /// What becomes of a file that is dropped on it.
    fn incoming(self, file: PathBuf) -> Incoming {
        match self {
            Self::Mask => Incoming::Mask(file),
            Self::Settings => Incoming::SettingsOf(file),
            Self::Lora => Incoming::Lora(file.to_string_lossy().into_owned()),
            Self::Model => Incoming::Model(file),
            Self::Picture | Self::Queue => Incoming::Picture(file),
        }
    }
}

/// What has been dropped and waits for its place.
struct Dropped {
    files: Vec<PathBuf>,
    since: f64,
}

/// Drops on the window.
#[derive(Default)]
pub(super) struct Drops {
    dropped: Option<Dropped>,
    /// Whether the files that hover are not believed any more: some sources leave without a word.
    ignores_hover: bool,
}

impl Drops {
    /// Whether something has been dropped that waits for a word.
    pub(super) fn asks(&self) -> bool {
        self.dropped.is_some()
    }

    /// Takes in drops, and shows the places while there is something to place. `has_image` says whether a mask has a
    /// picture to lie on.
    pub(super) fn drops_ui(&mut self, ui: &Ui, has_image: bool, commands: &mut Commands) {
        let ctx = ui.ctx();
        let now = ctx.input(|input| input.time);
        self.take_dropped(ctx, now, commands);
        let hovering = self.hovering(ctx);
        let Some(Dropped { files, since }) = &self.dropped else {
            if let Some((count, only)) = hovering {
                let possible = || Zone::possible(count, has_image);
                let zones = only.map_or_else(possible, |zone| vec![zone]);
                self.zones_ui(ctx, zones, text::DROP);
            }
            return;
        };
        if ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
            self.dropped = None;
            return;
        }
        let asks = now - since > PATIENCE;
        let title = if asks { text::ASK } else { text::DROP };
        let possible = Zone::possible(files.len(), has_image);
        let (zones, clicked) = self.zones_ui(ctx, possible, title);
        let moved = ctx.input(|input| first_place(&input.events));
        let at_pointer = moved.filter(|_| !asks).and_then(|at| {
            let (zone, _) = zones.into_iter().find(|(_, rect)| rect.contains(at))?;
            Some(zone)
        });
        if let Some(zone) = clicked.or(at_pointer)
            && let Some(dropped) = self.dropped.take()
        {
            act(zone, dropped.files, commands);
        } else if !asks {
            // Nothing else wakes the window when the pointer rests.
            ctx.request_repaint_after(Duration::from_millis(100));
        }
    }

    /// Takes in what has been dropped. Models and LoRAs can be nothing else, so their place does not matter.
    fn take_dropped(&mut self, ctx: &Context, now: f64, commands: &mut Commands) {
        let files: Vec<_> = ctx.input(|input| {
            let dropped = input.raw.dropped_files.iter();
            dropped.map(|file| file.path().to_owned()).collect()
        });
        let is_model = |path: &PathBuf| files::is_model(path);
        let (models, files): (Vec<_>, Vec<_>) = files.into_iter().partition(is_model);
        let count = models.len();
        commands.extend(models.into_iter().next().map(Incoming::Model));
        if count > 1 {
            commands.push(Command::Notice(text::first_of_models(count)));
        }
        let is_lora = |path: &PathBuf| files::is_lora(path);
        let (loras, files): (Vec<_>, Vec<_>) = files.into_iter().partition(is_lora);
        commands.extend(loras.into_iter().map(|lora| Zone::Lora.incoming(lora)));
        if !files.is_empty() {
            // Some sources hand their files over one by one.
            let earlier = self.dropped.take().map(|dropped| dropped.files);
            let files = earlier.into_iter().flatten().chain(files).collect();
            self.dropped = Some(Dropped { files, since: now });
        }
    }

    /// How many files hover, and what they are if they can be only one thing.
    fn hovering(&mut self, ctx: &Context) -> Option<(usize, Option<Zone>)> {
        let (count, only, is_free) = ctx.input(|input| {
            let hovered = &input.raw.hovered_files;
            let all = |is_it: fn(&Path) -> bool| {
                let mut paths = hovered.iter().map(|file| file.path.as_deref());
                paths.all(|path| path.is_some_and(is_it))
            };
            let only = if all(files::is_surely_model) {
                Some(Zone::Model)
            } else {
                all(files::is_lora).then_some(Zone::Lora)
            };
            // A window that is dragged over gets neither buttons nor keys.
            let is_of_hand =
                |event: &Event| matches!(event, Event::PointerButton { .. } | Event::Key { .. });
            (hovered.len(), only, input.events.iter().any(is_of_hand))
        });
        self.ignores_hover = count > 0 && (self.ignores_hover || is_free);
        (count > 0 && !self.ignores_hover).then_some((count, only))
    }

    /// Draws the places over the whole window. Returns where they are, and which was clicked.
    fn zones_ui(
        &self,
        ctx: &Context,
        possible: Vec<Zone>,
        title: &str,
    ) -> (Vec<(Zone, Rect)>, Option<Zone>) {
        let window = ctx.content_rect();
        let area = egui::Area::new(Id::unique("drop zones"))
            .order(Order::Foreground)
            .fixed_pos(window.min)
            .interactable(self.dropped.is_some());
        area.show(ctx, |ui| {
            ui.painter().rect_filled(window, 0.0, theme::BACKDROP);
            let inner = window.shrink(6.0 * SPACE);
            let font = FontId::proportional(theme::DROP_TITLE);
            let title = egui::RichText::new(title).font(font).color(theme::ON_SHADE);
            let line = Rect::from_min_size(inner.min, vec2(inner.width(), 4.0 * SPACE));
            ui.put(line, egui::Label::new(title));
            let inner = inner.with_min_y(inner.top() + 6.0 * SPACE);
            let gap = 2.0 * SPACE;
            let count = possible.len() as f32;
            let width = (inner.width() - (count - 1.0) * gap) / count;
            let mut clicked = None;
            let mut zones = Vec::new();
            for (index, zone) in possible.into_iter().enumerate() {
                let left = inner.left() + index as f32 * (width + gap);
                let rect = inner.with_min_x(left).with_max_x(left + width);
                if zone_ui(ui, rect, zone) {
                    clicked = Some(zone);
                }
                // The gaps belong to the places beside them.
                zones.push((zone, rect.expand2(vec2(gap / 2.0, 8.0 * SPACE))));
            }
            (zones, clicked)
        })
        .inner
    }
}

/// Draws one place; returns whether it was clicked.
fn zone_ui(ui: &mut Ui, rect: Rect, zone: Zone) -> bool {
    let palette = theme::palette(ui);
    let (icon, (name, words)) = zone.words();
    let response = ui.interact(rect, ui.scope_id().with(name), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    let is_marked = response.hovered() || response.has_focus();
    let (fill, line) = if is_marked {
        (palette.accent_soft, palette.accent)
    } else {
        (palette.panel, palette.line)
    };
    let stroke = Stroke::new(RING, line);
    let painter = ui.painter();
    painter.rect(rect, RADIUS, fill, stroke, StrokeKind::Inside);
    let layout = Layout::top_down(Align::Center);
    let inner = UiBuilder::new().max_rect(rect.shrink(2.0 * SPACE));
    ui.scope_builder(inner.layout(layout), |ui| {
        ui.add_space((ui.available_height() / 2.0 - 10.0 * SPACE).max(0.0));
        let icon = egui::RichText::new(icon).size(theme::DROP_ICON);
        ui.label(icon.color(palette.accent));
        ui.label(egui::RichText::new(name).size(theme::DROP_NAME));
        ui.label(theme::weak(ui, words));
    });
    response.clicked()
}

/// The first place the pointer has come to.
fn first_place(events: &[Event]) -> Option<Pos2> {
    events.iter().find_map(|event| match event {
        Event::PointerMoved(at) => Some(*at),
        _ => None,
    })
}

/// Does with the files what their place says.
fn act(zone: Zone, files: Vec<PathBuf>, commands: &mut Commands) {
    if zone == Zone::Queue {
        commands.push(Incoming::Queue(files));
        return;
    }
    let count = files.len();
    commands.extend(files.into_iter().next().map(|file| zone.incoming(file)));
    if count > 1 {
        commands.push(Command::Notice(text::first_of_files(count)));
    }
}
