//! Colours, sizes and fonts: the only place where they are written down.
//!
//! Distances are multiples of `SPACE` or half of it. There is one accent colour; it marks what is chosen and the one
//! button that matters.

use std::sync::Arc;

use egui::style::{HandleShape, WidgetVisuals};
use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin,
    RichText, Shadow, Stroke, Style, TextStyle, Theme, Ui, Visuals, vec2,
};

use crate::session::settings::Theme as Choice;

/// The grid everything sits on, in points.
pub(super) const SPACE: f32 = 8.0;
/// Half of [`SPACE`], between things that belong together.
pub(super) const HALF: f32 = SPACE / 2.0;
pub(super) const PANEL_MARGIN: i8 = 16;
pub(super) const CONTROL: f32 = 32.0;
/// Height of a small control that stands beside a label.
pub(super) const SMALL_CONTROL: f32 = 24.0;
/// The greatest height of the prompt's editor; longer prompts scroll.
pub(super) const PROMPT_HEIGHT: f32 = 208.0;
pub(super) const LINE_HEIGHT: f32 = 20.0;
pub(super) const SLIDER: f32 = 16.0;
pub(super) const PRIMARY: f32 = 48.0;
/// Width of a field for one number.
pub(super) const NUMBER_WIDTH: f32 = 64.0;
/// Width of a field for a number of many digits.
pub(super) const LONG_NUMBER_WIDTH: f32 = 96.0;
/// Height of a button that shows the shape of a picture.
pub(super) const SHAPE_BUTTON: f32 = 52.0;
/// Longest side of the shape drawn on such a button.
pub(super) const SHAPE: f32 = 20.0;
/// Corners of panels and pictures.
pub(super) const RADIUS: u8 = 8;
/// Corners of controls.
pub(super) const CONTROL_RADIUS: u8 = 6;
pub(super) const LINE: f32 = 1.0;
/// Width of the ring around what is chosen.
pub(super) const RING: f32 = 2.0;
pub(super) const FORM_WIDTH: f32 = 336.0;
/// Width of what chooses between results and canvas.
pub(super) const TABS_WIDTH: f32 = 240.0;
pub(super) const PAGE_WIDTH: f32 = 880.0;
/// The least width of the card of a model that can be had.
pub(super) const OFFER_WIDTH: f32 = 320.0;
pub(super) const QUEUE_WIDTH: f32 = 288.0;
/// Width of the column beside the picture.
pub(super) const DETAILS_WIDTH: f32 = 248.0;
pub(super) const TILE: f32 = 88.0;
pub(super) const LORA_PICTURE: f32 = 48.0;
pub(super) const LABEL_WIDTH: f32 = 104.0;
pub(super) const MENU_WIDTH: f32 = 280.0;
pub(super) const PROGRESS: f32 = 6.0;
pub(super) const DIALOG_WIDTH: f32 = 480.0;
/// What a dialog has around its contents, and the window around the dialog, from top to bottom.
pub(super) const DIALOG_REST: f32 = 16.0 * SPACE;
pub(super) const TOOLTIP_WIDTH: f32 = 280.0;
/// Width of a column of text that is nice to read.
pub(super) const READING_WIDTH: f32 = 400.0;
pub(super) const MESSAGE_ICON: f32 = 16.0;
pub(super) const PRIMARY_TEXT: f32 = 16.0;
/// Side of a picture in the strip of a low window.
pub(super) const SMALL_TILE: f32 = 56.0;
/// Below this height, in points, a window is low.
pub(super) const LOW: f32 = 680.0;
/// Below this width, in points, the queue lies over the picture instead of beside it.
pub(super) const NARROW: f32 = 1080.0;
/// Size of the face in front of the name.
pub(super) const TITLE_ICON: f32 = 24.0;
/// Size of the picture in an empty place.
pub(super) const BIG_ICON: f32 = 56.0;
/// Size of the text over places to drop files on.
pub(super) const DROP_TITLE: f32 = 22.0;
pub(super) const DROP_NAME: f32 = 18.0;
pub(super) const DROP_ICON: f32 = 44.0;
/// Width of a slider in a line of several.
pub(super) const SHORT_SLIDER: f32 = 64.0;
/// Width of the line of the tools' settings with sliders; where there is less room it has only the numbers.
pub(super) const TOOL_LINE: f32 = 640.0;
/// Half the cross in the middle of a brush.
pub(super) const CROSS: f32 = 3.0;
/// Half the mark on the first corner of a polygon.
pub(super) const CORNER: f32 = 4.0;
/// The light part of what is drawn over a picture, which is seen on every one together with [`DARK_LINE`].
pub(super) const LIGHT_LINE: Color32 = Color32::WHITE;
pub(super) const DARK_LINE: Color32 = Color32::from_black_alpha(160);
/// The light part where it matters less.
pub(super) const FAINT_LINE: Color32 = Color32::from_rgba_premultiplied(90, 90, 90, 90);
/// Over what of a picture is cut off, and behind words on a picture.
pub(super) const SHADE: Color32 = Color32::from_black_alpha(150);
pub(super) const ON_SHADE: Color32 = Color32::WHITE;
/// Behind what is transparent in a picture, as the model gets it.
pub(super) const PAPER: Color32 = Color32::WHITE;
/// Lets a texture through unchanged.
pub(super) const UNTINTED: Color32 = Color32::WHITE;
/// Colours a mask can be shown in, by name; they differ also for those who see red and green alike.
/// After Okabe and Ito, <https://jfly.uni-koeln.de/color/>.
pub(super) const MASK_COLOURS: [(&str, Color32); 4] = [
    ("vermilion", Color32::from_rgb(213, 94, 0)),
    ("blue", Color32::from_rgb(0, 114, 178)),
    ("yellow", Color32::from_rgb(240, 228, 66)),
    ("white", Color32::from_rgb(255, 255, 255)),
];
/// How dark the darkened window behind a dialog is.
pub(super) const BACKDROP: Color32 = Color32::from_black_alpha(120);

pub(super) struct Palette {
    /// Behind the picture.
    pub(super) ground: Color32,
    pub(super) panel: Color32,
    /// Cards and buttons, on panels and on the ground.
    pub(super) raised: Color32,
    /// The same under the pointer.
    pub(super) hovered: Color32,
    /// Where text is typed.
    pub(super) field: Color32,
    /// Lines between areas and around fields.
    pub(super) line: Color32,
    pub(super) text: Color32,
    /// Text of lesser importance; still readable on every background above.
    pub(super) weak: Color32,
    /// What is chosen, and the button that matters.
    pub(super) accent: Color32,
    /// The same under the pointer.
    pub(super) accent_hovered: Color32,
    pub(super) on_accent: Color32,
    /// A breath of the accent behind text.
    pub(super) accent_soft: Color32,
    /// What went wrong.
    pub(super) error: Color32,
    /// A breath of that behind text.
    pub(super) error_soft: Color32,
}

impl Palette {
    /// The colour of text, or the accent where it is what was chosen.
    pub(super) fn marked(&self, is_chosen: bool) -> Color32 {
        if is_chosen { self.accent } else { self.text }
    }
}

const LIGHT: Palette = Palette {
    ground: Color32::from_rgb(0xEE, 0xF1, 0xEF),
    panel: Color32::from_rgb(0xFB, 0xFC, 0xFB),
    raised: Color32::from_rgb(0xEF, 0xF2, 0xF0),
    hovered: Color32::from_rgb(0xE3, 0xE8, 0xE5),
    field: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    line: Color32::from_rgb(0xD9, 0xDF, 0xDB),
    text: Color32::from_rgb(0x1A, 0x20, 0x1D),
    weak: Color32::from_rgb(0x59, 0x63, 0x5E),
    accent: Color32::from_rgb(0x0A, 0x75, 0x58),
    accent_hovered: Color32::from_rgb(0x08, 0x63, 0x4A),
    on_accent: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    accent_soft: Color32::from_rgb(0xDD, 0xF0, 0xE9),
    error: Color32::from_rgb(0xB3, 0x26, 0x1E),
    error_soft: Color32::from_rgb(0xFB, 0xE9, 0xE7),
};

const DARK: Palette = Palette {
    ground: Color32::from_rgb(0x12, 0x15, 0x14),
    panel: Color32::from_rgb(0x1B, 0x1F, 0x1D),
    raised: Color32::from_rgb(0x28, 0x2E, 0x2B),
    hovered: Color32::from_rgb(0x33, 0x3A, 0x37),
    field: Color32::from_rgb(0x13, 0x17, 0x15),
    line: Color32::from_rgb(0x33, 0x3B, 0x37),
    text: Color32::from_rgb(0xE6, 0xEB, 0xE8),
    weak: Color32::from_rgb(0x9D, 0xA8, 0xA2),
    accent: Color32::from_rgb(0x35, 0xC3, 0x97),
    accent_hovered: Color32::from_rgb(0x4C, 0xD3, 0xA9),
    on_accent: Color32::from_rgb(0x05, 0x22, 0x19),
    accent_soft: Color32::from_rgb(0x1D, 0x3A, 0x31),
    error: Color32::from_rgb(0xFF, 0x97, 0x8C),
    error_soft: Color32::from_rgb(0x3B, 0x23, 0x20),
};

/// The colours of the theme that `ui` is drawn in.
pub(super) fn palette(ui: &Ui) -> &'static Palette {
    let is_dark = ui.visuals().dark_mode;
    if is_dark { &DARK } else { &LIGHT }
}

/// `colour`, paler where `ui` is disabled.
pub(super) fn faded(ui: &Ui, colour: Color32) -> Color32 {
    let paler = || ui.visuals().disable(colour);
    if ui.is_enabled() { colour } else { paler() }
}

/// Sets fonts and both themes up. Call it once, before the first frame.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    ctx.style_mut_of(Theme::Light, |style| dress(style, Visuals::light(), &LIGHT));
    ctx.style_mut_of(Theme::Dark, |style| dress(style, Visuals::dark(), &DARK));
}

/// Follows the user's choice of a theme.
pub(super) fn choose(ctx: &Context, choice: Choice) {
    ctx.set_theme(match choice {
        Choice::System => egui::ThemePreference::System,
        Choice::Light => egui::ThemePreference::Light,
        Choice::Dark => egui::ThemePreference::Dark,
    });
}

/// The heavier cut of the font.
fn strong_family() -> FontFamily {
    FontFamily::Name("strong".into())
}

/// Text in the heavier cut, in the size of body text.
pub(super) fn strong(text: impl Into<String>) -> RichText {
    RichText::new(text).family(strong_family())
}

pub(super) fn title(text: impl Into<String>) -> RichText {
    RichText::new(text).text_style(TextStyle::Heading)
}

/// Text of lesser importance.
pub(super) fn weak(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).color(palette(ui).weak)
}

/// Small text of lesser importance.
pub(super) fn small(ui: &Ui, text: impl Into<String>) -> RichText {
    weak(ui, text).text_style(TextStyle::Small)
}

const INTER: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.ttf");
const INTER_SEMIBOLD: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold.ttf");
const PHOSPHOR: &[u8] = include_bytes!("../../assets/fonts/Phosphor.ttf");

/// Inter for text and Phosphor for icons, in front of what egui brings for other scripts.
fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let mut add = |name: &str, bytes: &'static [u8]| {
        let font = Arc::new(FontData::from_static(bytes));
        fonts.font_data.insert(name.to_owned(), font);
    };
    add("Inter", INTER);
    add("Inter SemiBold", INTER_SEMIBOLD);
    add("Phosphor", PHOSPHOR);
    let families = &mut fonts.families;
    let fallback = families
        .remove(&FontFamily::Proportional)
        .unwrap_or_default();
    for (family, first) in [
        (FontFamily::Proportional, "Inter"),
        (strong_family(), "Inter SemiBold"),
    ] {
        let own = [first, "Phosphor"].map(str::to_owned).into_iter();
        families.insert(family, own.chain(fallback.iter().cloned()).collect());
    }
    fonts
}

/// Fills one of egui's styles in.
fn dress(style: &mut Style, visuals: Visuals, palette: &Palette) {
    let strong = FontId::new(18.0, strong_family());
    style.text_styles = [
        (TextStyle::Small, FontId::proportional(12.0)),
        (TextStyle::Body, FontId::proportional(14.0)),
        (TextStyle::Button, FontId::proportional(14.0)),
        (TextStyle::Monospace, FontId::monospace(13.0)),
        (TextStyle::Heading, strong),
    ]
    .into();
    style.always_scroll_the_only_direction = true;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.3;
    style.spacing.item_spacing = vec2(SPACE, SPACE);
    style.spacing.button_padding = vec2(12.0, HALF);
    style.spacing.interact_size = vec2(CONTROL, CONTROL);
    style.spacing.icon_spacing = 6.0;
    style.spacing.tooltip_width = TOOLTIP_WIDTH;
    style.spacing.menu_margin = Margin::same(12);
    style.spacing.window_margin = Margin::same(24);
    style.spacing.slider_rail_height = HALF;
    style.visuals = dressed(visuals, palette);
}

/// One of egui's sets of colours, in ours.
fn dressed(visuals: Visuals, palette: &Palette) -> Visuals {
    let widget = |fill: Color32, line: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(LINE, line),
        corner_radius: CornerRadius::same(CONTROL_RADIUS),
        fg_stroke: Stroke::new(LINE, palette.text),
        expansion: 0.0,
    };
    let color = Color32::from_black_alpha(48);
    let shadow = Shadow {
        offset: [0, 8],
        blur: 24,
        spread: 0,
        color,
    };
    let mut dressed = Visuals {
        weak_text_color: Some(palette.weak),
        hyperlink_color: palette.accent,
        faint_bg_color: palette.raised,
        extreme_bg_color: palette.field,
        text_edit_bg_color: Some(palette.field),
        code_bg_color: palette.raised,
        warn_fg_color: palette.error,
        error_fg_color: palette.error,
        window_corner_radius: CornerRadius::same(12),
        window_shadow: shadow,
        window_fill: palette.panel,
        window_stroke: Stroke::new(LINE, palette.line),
        menu_corner_radius: CornerRadius::same(RADIUS),
        panel_fill: palette.panel,
        popup_shadow: shadow,
        slider_trailing_fill: true,
        handle_shape: HandleShape::Circle,
        ..visuals
    };
    dressed.widgets.noninteractive = widget(palette.panel, palette.line);
    dressed.widgets.inactive = widget(palette.raised, palette.line);
    dressed.widgets.hovered = widget(palette.hovered, palette.line);
    dressed.widgets.active = widget(palette.hovered, palette.accent);
    dressed.widgets.open = widget(palette.hovered, palette.line);
    dressed.selection.bg_fill = palette.accent.gamma_multiply(0.35);
    dressed.selection.stroke = Stroke::new(LINE, palette.accent);
    dressed.text_cursor.stroke = Stroke::new(RING, palette.accent);
    // A blinking cursor would redraw the whole window twice a second, at the cost of the model's speed.
    dressed.text_cursor.blink = false;
    dressed
}

#[cfg(test)]
mod tests {
    use super::{Color32, DARK, LIGHT, Palette};

    /// Relative luminance. <https://www.w3.org/TR/WCAG21/#dfn-relative-luminance>
    fn luminance(colour: Color32) -> f32 {
        let linear = |channel: u8| {
            let value = f32::from(channel) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    }

    /// Contrast ratio. <https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio>
    fn contrast(a: Color32, b: Color32) -> f32 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_can_be_read_on_every_ground_it_stands_on() {
        let pairs = |theme: &Palette| {
            let Palette {
                ground,
                panel,
                raised,
                hovered,
                field,
                ..
            } = *theme;
            let grounds = [ground, panel, raised, hovered, field].into_iter();
            let pairs = grounds.flat_map(|ground| [(theme.text, ground), (theme.weak, ground)]);
            let others = [
                (theme.text, theme.accent_soft),
                (theme.weak, theme.accent_soft),
                (theme.accent, theme.accent_soft),
                (theme.accent, theme.panel),
                (theme.on_accent, theme.accent),
                (theme.on_accent, theme.accent_hovered),
                (theme.error, theme.error_soft),
                (theme.error, theme.panel),
                (theme.error, theme.raised),
            ];
            pairs.chain(others).collect::<Vec<_>>()
        };
        // Level AA of WCAG 2.1 for text of any size.
        for (text, ground) in pairs(&LIGHT).into_iter().chain(pairs(&DARK)) {
            let contrast = contrast(text, ground);
            assert!(contrast >= 4.5, "{text:?} on {ground:?}: {contrast}");
        }
    }
}
