//! The tools of the canvas, what can be set about them, and the bar that shows them.

use std::ops::RangeInclusive;

use egui::{Align, DragValue, Layout, ScrollArea, Sense, Slider, Stroke, Ui, vec2};

use crate::imaging::mask::ink::Ink;
use crate::session::settings::{Painting, Tool};
use crate::ui::canvas::open::Open;
use crate::ui::files::Asked;
use crate::ui::theme::{
    self, CONTROL, HALF, MASK_COLOURS, NUMBER_WIDTH, SHORT_SLIDER, SMALL_CONTROL, SPACE, TOOL_LINE,
};
use crate::ui::{Action, icons, shortcuts, widgets};

/// The widest brush, in pixels.
pub(super) const WIDEST: f32 = 1024.0;

/// Free space between the buttons of the bar, in points.
const GAP: f32 = 2.0;

/// Every tool in the order of the bar, with its icon, its name and its key.
pub(in crate::ui) const TOOLS: [(Tool, &str, &str, egui::Key); 9] = [
    (Tool::Brush, icons::BRUSH, "Brush", egui::Key::B),
    (Tool::Eraser, icons::ERASER, "Eraser", egui::Key::E),
    (Tool::Rectangle, icons::RECTANGLE, "Rectangle", egui::Key::R),
    (Tool::Ellipse, icons::ELLIPSE, "Ellipse", egui::Key::O),
    (Tool::Lasso, icons::LASSO, "Lasso", egui::Key::L),
    (Tool::Polygon, icons::POLYGON, "Polygon", egui::Key::P),
    (Tool::Bucket, icons::BUCKET, "Bucket", egui::Key::G),
    (Tool::Hand, icons::HAND, "Hand", egui::Key::H),
    (Tool::Crop, icons::CROP, "Crop the picture", egui::Key::K),
];

/// Whether a tool paints with the brush.
pub(super) fn is_brush(tool: Tool) -> bool {
    matches!(tool, Tool::Brush | Tool::Eraser)
}

/// What a tool does to the mask when nothing else is held.
pub(super) fn ink(tool: Tool) -> Ink {
    if tool == Tool::Eraser {
        Ink::Erase
    } else {
        Ink::Paint
    }
}

/// What to do with a tool, in a few words.
fn hint(tool: Tool) -> &'static str {
    match tool {
        Tool::Brush | Tool::Eraser => {
            "Shift draws straight, Alt or the right button swaps painting and erasing, [ and ] set the size"
        }
        Tool::Rectangle | Tool::Ellipse => "Drag; Shift keeps the sides equal, Alt or Ctrl erases",
        Tool::Lasso => "Draw around what is to change; Alt or Ctrl erases",
        Tool::Polygon => {
            "Click the corners, then the first one again or Enter; Shift keeps to 45°, Alt or Ctrl erases"
        }
        Tool::Bucket => "Click an area of one colour; Alt or Ctrl erases",
        Tool::Hand => "Drag the picture; the wheel zooms",
        Tool::Crop => "Drag a part, then Enter; Esc gives it up",
    }
}

/// Makes the brush as wide on a picture whose longest side is `longest` as it was on the last one, seen as a whole.
pub(super) fn fit_brush(painting: &mut Painting, longest: u32) {
    if painting.width == 0.0 || painting.width_for == 0 {
        painting.width = (longest as f32 / 16.0).round();
    } else if !painting.brush_keeps_size {
        painting.width *= longest as f32 / painting.width_for as f32;
    }
    painting.width = painting.width.clamp(1.0, WIDEST);
    painting.width_for = longest;
}

/// Makes the brush wider or narrower by a number of notches.
pub(super) fn widen(painting: &mut Painting, notches: f32) {
    // An eighth of the width, but a whole pixel at least.
    let change = (painting.width * 0.125).max(1.0);
    painting.width = (painting.width + change * notches).clamp(1.0, WIDEST);
}

/// Makes the edge of the brush harder or softer.
pub(super) fn harden(painting: &mut Painting, by: f32) {
    painting.hardness = ((painting.hardness + by) * 20.0).round().clamp(0.0, 20.0) / 20.0;
}

/// Switches between brush and eraser.
pub(super) fn swap(painting: &mut Painting) {
    painting.tool = if painting.tool == Tool::Brush {
        Tool::Eraser
    } else {
        Tool::Brush
    };
}

/// What can be done on the canvas besides painting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::ui) enum Command {
    Take(Tool),
    SwapInk,
    Widen(f32),
    Harden(f32),
    Undo,
    Redo,
    Invert,
    FillAll,
    Clear,
    /// Paints what is transparent in the picture.
    FromAlpha,
    Fit,
    /// Shows this many pixels of the screen for a pixel of the picture.
    ZoomTo(u8),
    ToggleOverlay,
    /// Ends a polygon, or cuts the picture.
    Confirm,
    GiveUp,
    /// Quarter turns clockwise.
    Turn(u8),
}

impl From<Command> for Action {
    fn from(command: Command) -> Self {
        Self::Canvas(command)
    }
}

/// What the bar must know of the canvas.
#[derive(Clone, Copy)]
pub(super) struct State<'a> {
    pub(super) tool: Tool,
    pub(super) is_overlay_shown: bool,
    /// Points a pixel takes.
    pub(super) zoom: f32,
    /// Whether there is a picture that this one has replaced.
    pub(super) has_earlier: bool,
    pub(super) open: &'a Open,
}

/// Draws tools and commands.
pub(super) fn bar_ui(ui: &mut Ui, state: State<'_>, actions: &mut Vec<Action>) {
    let tools = tool_buttons(state.tool);
    let commands = command_buttons(ui, state.open, state.has_earlier);
    let looks = look_buttons(ui, state.is_overlay_shown);
    ui.set_width(2.0 * CONTROL + GAP);
    let area = ScrollArea::vertical().auto_shrink([false, true]);
    area.show(ui, |ui| {
        ui.spacing_mut().item_spacing = vec2(GAP, GAP);
        pairs_ui(ui, &tools, actions);
        line_ui(ui);
        pairs_ui(ui, &commands, actions);
        line_ui(ui);
        pairs_ui(ui, &looks, actions);
        let percent = format!("{:.0} %", state.zoom * ui.ctx().pixels_per_point() * 100.0);
        let hint = format!(
            "100 % ({})",
            shortcuts::text(ui.ctx(), shortcuts::ACTUAL_SIZE)
        );
        let button = egui::Button::new(theme::small(ui, percent.as_str()))
            .min_size(vec2(2.0 * CONTROL, SMALL_CONTROL))
            .frame(false);
        let response = ui.add(button).accessible_name(format!("Zoom {percent}"));
        if response.on_hover_text(hint).clicked() {
            actions.push(Action::Canvas(Command::ZoomTo(1)));
        }
    });
}

/// One button of the bar.
struct Button {
    icon: &'static str,
    name: String,
    hint: String,
    action: Action,
    is_chosen: bool,
    enabled: bool,
}

impl Button {
    /// A button for an action, with the key that does the same if there is one.
    fn new(icon: &'static str, name: &str, key: &str, action: impl Into<Action>) -> Self {
        Self {
            icon,
            name: name.to_owned(),
            hint: if key.is_empty() {
                name.to_owned()
            } else {
                format!("{name} ({key})")
            },
            action: action.into(),
            is_chosen: false,
            enabled: true,
        }
    }
}

/// The buttons of the tools.
fn tool_buttons(chosen: Tool) -> Vec<Button> {
    let button = |(tool, icon, name, key): (Tool, _, _, egui::Key)| {
        let button = Button::new(icon, name, key.name(), Command::Take(tool));
        Button {
            hint: format!("{}\n{}", button.hint, hint(tool)),
            is_chosen: chosen == tool,
            ..button
        }
    };
    TOOLS.map(button).into()
}

/// The buttons of what changes the mask or the picture at once.
fn command_buttons(ui: &Ui, open: &Open, has_earlier: bool) -> Vec<Button> {
    let key = |shortcut| shortcuts::text(ui.ctx(), shortcut);
    let (undo, redo) = (key(shortcuts::UNDO), key(shortcuts::REDO));
    let mut buttons = vec![
        Button {
            enabled: open.mask.can_undo() || has_earlier,
            ..Button::new(icons::UNDO, "Undo", &undo, Command::Undo)
        },
        Button {
            enabled: open.mask.can_redo(),
            ..Button::new(icons::REDO, "Redo", &redo, Command::Redo)
        },
        Button::new(icons::INVERT, "Invert the mask", "Shift+V", Command::Invert),
        Button::new(icons::SAVE, "Save the mask…", "", Action::Ask(Asked::Mask)),
        Button::new(icons::FILL, "Fill the mask", "", Command::FillAll),
        Button::new(icons::UNFILL, "Clear the mask", "", Command::Clear),
        Button::new(icons::TURN_LEFT, "Turn left", "", Command::Turn(3)),
        Button::new(icons::TURN_RIGHT, "Turn right", "", Command::Turn(1)),
    ];
    if open.has_alpha {
        let name = "Mask what is transparent";
        buttons.push(Button::new(icons::FROM_ALPHA, name, "", Command::FromAlpha));
    }
    buttons
}

/// The buttons of how it is looked at.
fn look_buttons(ui: &Ui, is_overlay_shown: bool) -> [Button; 2] {
    let (eye, toggle) = if is_overlay_shown {
        (icons::EYE, "Hide the mask")
    } else {
        (icons::EYE_CLOSED, "Show the mask")
    };
    let fit = shortcuts::text(ui.ctx(), shortcuts::FIT);
    [
        Button::new(eye, toggle, "M, or hold \\", Command::ToggleOverlay),
        Button::new(icons::FIT, "Fit", &fit, Command::Fit),
    ]
}

/// Draws buttons in two columns.
fn pairs_ui(ui: &mut Ui, buttons: &[Button], actions: &mut Vec<Action>) {
    for pair in buttons.chunks(2) {
        ui.horizontal(|ui| {
            for button in pair {
                ui.add_enabled_ui(button.enabled, |ui| {
                    let Button {
                        icon,
                        name,
                        hint,
                        is_chosen,
                        ..
                    } = button;
                    if widgets::tool_ui(ui, icon, name, hint, *is_chosen).clicked() {
                        actions.push(button.action.clone());
                    }
                });
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
    if is_brush(options.tool) {
        setting("Size", 1.0..=WIDEST, " px").ui(ui, &mut options.width, 1.0);
        setting("Hardness", 0.0..=100.0, " %").ui(ui, &mut options.hardness, 100.0);
    }
    if options.tool == Tool::Bucket {
        let mut tolerance = f32::from(options.tolerance);
        setting("Tolerance", 0.0..=255.0, "").ui(ui, &mut tolerance, 1.0);
        options.tolerance = tolerance as u8;
    }
    setting("Opacity", 5.0..=100.0, " %").ui(ui, &mut options.opacity, 100.0);
    ui.allocate_ui(vec2(4.0 * SMALL_CONTROL, SMALL_CONTROL), |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = HALF;
            for (index, (name, colour)) in MASK_COLOURS.into_iter().enumerate() {
                let name = format!("Mask in {name}");
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
