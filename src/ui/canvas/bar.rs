//! The bar with the tools of the canvas, and the line with what can be set about them.

use std::ops::RangeInclusive;

use egui::{Align, DragValue, Key, Layout, ScrollArea, Sense, Slider, Stroke, Ui, vec2};

use crate::session::settings::{Painting, Tool};
use crate::ui::canvas::open::Open;
use crate::ui::canvas::state::Canvas;
use crate::ui::canvas::tools::{self, TOOLS, WIDEST};
use crate::ui::command::{Asked, CanvasCommand, Command, Commands};
use crate::ui::text::{canvas as text, common};
use crate::ui::theme::{
    self, CONTROL, HALF, MASK_COLOURS, NUMBER_WIDTH, SHORT_SLIDER, SMALL_CONTROL, SPACE, TOOL_LINE,
};
use crate::ui::{icons, shortcuts, widgets};

/// Free space between the buttons of the bar, in points.
const GAP: f32 = 2.0;

impl Canvas {
    /// Draws tools and commands.
    pub(super) fn bar_ui(&self, ui: &mut Ui, open: &Open, commands: &mut Commands) {
        let tools = tool_buttons(self.options.tool);
        let changes = change_buttons(ui, open, self.beside.has_earlier);
        let looks = look_buttons(ui, !self.is_overlay_hidden);
        ui.set_width(2.0 * CONTROL + GAP);
        let area = ScrollArea::vertical().auto_shrink([false, true]);
        area.show(ui, |ui| {
            ui.spacing_mut().item_spacing = vec2(GAP, GAP);
            pairs_ui(ui, &tools, commands);
            line_ui(ui);
            pairs_ui(ui, &changes, commands);
            line_ui(ui);
            pairs_ui(ui, &looks, commands);
            let percent = self.camera.zoom * ui.ctx().pixels_per_point() * 100.0;
            let percent = format!("{percent:.0} %");
            let button = egui::Button::new(theme::small(ui, percent.as_str())).frame(false);
            let zoom = ui.add(button.min_size(vec2(2.0 * CONTROL, SMALL_CONTROL)));
            let zoom = zoom.accessible_name(text::zoom(&percent));
            let hint = shortcuts::hint(ui.ctx(), text::FULL_SIZE, shortcuts::ACTUAL_SIZE);
            commands.on_click(&zoom.on_hover_text(hint), CanvasCommand::ZoomTo(1));
        });
    }
}

struct Button {
    icon: &'static str,
    name: &'static str,
    hint: String,
    command: Command,
    is_chosen: bool,
    is_enabled: bool,
}

impl Button {
    fn new<T: Into<Command>>(icon: &'static str, name: &'static str, command: T) -> Self {
        Self {
            icon,
            name,
            hint: name.to_owned(),
            command: command.into(),
            is_chosen: false,
            is_enabled: true,
        }
    }

    /// The same, with the key that does the same.
    fn with_key(self, key: &str) -> Self {
        Self {
            hint: common::with_key(self.name, key),
            ..self
        }
    }
}

fn tool_buttons(chosen: Tool) -> [Button; TOOLS.len()] {
    TOOLS.map(|(tool, icon, key): (Tool, _, Key)| Button {
        hint: text::tool_hint(tool, key.name()),
        is_chosen: chosen == tool,
        ..Button::new(icon, text::tool(tool), CanvasCommand::Take(tool))
    })
}

/// The buttons of what changes the mask or the picture at once.
fn change_buttons(ui: &Ui, open: &Open, has_earlier: bool) -> Vec<Button> {
    let key = |shortcut| shortcuts::text(ui.ctx(), shortcut);
    let button = Button::new::<CanvasCommand>;
    let mut undo = button(icons::UNDO, text::UNDO, CanvasCommand::Undo);
    undo.is_enabled = open.mask.can_undo() || has_earlier;
    let mut redo = button(icons::REDO, text::REDO, CanvasCommand::Redo);
    redo.is_enabled = open.mask.can_redo();
    let invert = button(icons::INVERT, text::INVERT, CanvasCommand::Invert);
    let mut buttons = vec![
        undo.with_key(&key(shortcuts::UNDO)),
        redo.with_key(&key(shortcuts::REDO)),
        invert.with_key(text::INVERT_KEY),
        Button::new(icons::SAVE, text::SAVE_MASK, Asked::Mask),
        button(icons::FILL, text::FILL, CanvasCommand::FillAll),
        button(icons::UNFILL, text::CLEAR, CanvasCommand::Clear),
        button(icons::TURN_LEFT, text::TURN_LEFT, CanvasCommand::Turn(3)),
        button(icons::TURN_RIGHT, text::TURN_RIGHT, CanvasCommand::Turn(1)),
    ];
    if open.has_alpha {
        let (icon, name) = (icons::FROM_ALPHA, text::FROM_ALPHA);
        buttons.push(button(icon, name, CanvasCommand::FromAlpha));
    }
    buttons
}

/// The buttons of how it is looked at.
fn look_buttons(ui: &Ui, is_overlay_shown: bool) -> [Button; 2] {
    let (eye, name) = if is_overlay_shown {
        (icons::EYE, text::HIDE_MASK)
    } else {
        (icons::EYE_CLOSED, text::SHOW_MASK)
    };
    let fit = shortcuts::text(ui.ctx(), shortcuts::FIT);
    [
        Button::new(eye, name, CanvasCommand::ToggleOverlay).with_key(text::MASK_KEYS),
        Button::new(icons::FIT, text::FIT, CanvasCommand::Fit).with_key(&fit),
    ]
}

/// Draws buttons in two columns.
fn pairs_ui(ui: &mut Ui, buttons: &[Button], commands: &mut Commands) {
    let button_ui = |ui: &mut Ui, button: &Button| {
        let drawn = widgets::tool_ui(ui, button.icon, button.name, button.is_chosen);
        let hint = &button.hint;
        drawn.on_hover_text(hint).on_disabled_hover_text(hint)
    };
    for pair in buttons.chunks(2) {
        ui.horizontal(|ui| {
            for button in pair {
                let drawn = ui.add_enabled_ui(button.is_enabled, |ui| button_ui(ui, button));
                commands.on_click(&drawn.inner, button.command.clone());
            }
        });
    }
}

/// A line between groups of tools.
fn line_ui(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(2.0 * CONTROL + GAP, SPACE), Sense::hover());
    let line = Stroke::new(theme::LINE, theme::palette(ui).line);
    ui.painter().hline(rect.x_range(), rect.center().y, line);
}

/// Draws what can be set about the tool and the overlay.
pub(super) fn options_ui(ui: &mut Ui, options: &mut Painting) {
    ui.spacing_mut().item_spacing = vec2(SPACE, HALF);
    ui.spacing_mut().interact_size.y = SMALL_CONTROL;
    ui.spacing_mut().slider_width = SHORT_SLIDER;
    let has_sliders = ui.available_width() >= TOOL_LINE;
    let setting = |name, range, suffix| Setting {
        name,
        range,
        suffix,
        has_sliders,
    };
    if tools::is_brush(options.tool) {
        setting(text::SIZE, 1.0..=WIDEST, " px").ui(ui, &mut options.width, 1.0);
        setting(text::HARDNESS, 0.0..=100.0, " %").ui(ui, &mut options.hardness, 100.0);
    }
    if options.tool == Tool::Bucket {
        let mut tolerance = f32::from(options.tolerance);
        setting(text::TOLERANCE, 0.0..=255.0, "").ui(ui, &mut tolerance, 1.0);
        options.tolerance = tolerance as u8;
    }
    setting(text::OPACITY, 5.0..=100.0, " %").ui(ui, &mut options.opacity, 100.0);
    ui.allocate_ui(vec2(4.0 * SMALL_CONTROL, SMALL_CONTROL), |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = HALF;
            for (index, (name, colour)) in MASK_COLOURS.into_iter().enumerate() {
                let name = text::mask_in(name);
                if widgets::swatch_ui(ui, colour, &name, options.colour == index).clicked() {
                    options.colour = index;
                }
            }
        });
    });
}

/// One number in the line of settings.
struct Setting {
    name: &'static str,
    range: RangeInclusive<f32>,
    suffix: &'static str,
    has_sliders: bool,
}

impl Setting {
    /// Draws it; `value` times `scale` is what is shown.
    fn ui(self, ui: &mut Ui, value: &mut f32, scale: f32) {
        // The controls round; what the wheel has set in smaller steps stays until one is moved.
        let mut shown = *value * scale;
        let slider = if self.has_sliders { SHORT_SLIDER } else { 0.0 };
        let size = vec2(slider + 2.0 * NUMBER_WIDTH - SPACE, SMALL_CONTROL);
        let row = Layout::left_to_right(Align::Center);
        let moved = ui.allocate_ui_with_layout(size, row, |ui| {
            ui.spacing_mut().item_spacing.x = HALF;
            let label = ui.label(theme::small(ui, self.name));
            let mut moved = false;
            if self.has_sliders {
                let is_width = *self.range.end() > 255.0;
                let slider = Slider::new(&mut shown, self.range.clone()).logarithmic(is_width);
                let drawn = ui.scope(|ui| {
                    widgets::dress_sliders(ui);
                    ui.add(slider.integer().show_value(false))
                });
                moved = drawn.inner.labelled_by(label.id).changed();
            }
            let number = DragValue::new(&mut shown).range(self.range);
            let number = ui.add(number.fixed_decimals(0).suffix(self.suffix));
            moved || number.labelled_by(label.id).changed()
        });
        if moved.inner {
            *value = shown / scale;
        }
    }
}
