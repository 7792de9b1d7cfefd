//! The canvas and its tools.

use crate::session::settings::Tool;
use crate::ui::text::common;

pub(crate) const CLEAR: &str = "Clear the mask";
pub(crate) const CROP_HINT: &str = "Enter cuts the picture to this part, Esc gives it up";
pub(crate) const EMPTY: &str = "Start from a picture";
pub(crate) const EMPTY_HINT: &str =
    "Drop one here, paste one, or open one. Then paint over what should change";
pub(crate) const EMPTY_HINT_WITHOUT_DROPS: &str = "Paste one, or open one; this desktop does not let files be dropped here. Then paint over what should change";
pub(crate) const FILL: &str = "Fill the mask";
pub(crate) const FIT: &str = "Fit";
pub(crate) const FROM_ALPHA: &str = "Mask what is transparent";
pub(crate) const FULL_SIZE: &str = "100 %";
pub(crate) const HARDNESS: &str = "Hardness";
pub(crate) const HIDE_MASK: &str = "Hide the mask";
pub(crate) const INVERT: &str = "Invert the mask";
pub(crate) const INVERT_KEY: &str = "Shift+V";
pub(crate) const MASK_KEYS: &str = "M, or hold \\";
pub(crate) const NAME: &str = "Canvas";
pub(crate) const OPACITY: &str = "Opacity";
pub(crate) const OPEN: &str = "Open a picture…";
pub(crate) const PASTE: &str = "Paste a picture";
pub(crate) const READING: &str = "Reading the picture…";
pub(crate) const REDO: &str = "Redo";
pub(crate) const SAVE_MASK: &str = "Save the mask…";
pub(crate) const SHOW_MASK: &str = "Show the mask";
pub(crate) const SIZE: &str = "Size";
pub(crate) const TOLERANCE: &str = "Tolerance";
pub(crate) const TURN_LEFT: &str = "Turn left";
pub(crate) const TURN_RIGHT: &str = "Turn right";
pub(crate) const UNDO: &str = "Undo";

pub(crate) const fn tool(tool: Tool) -> &'static str {
    match tool {
        Tool::Brush => "Brush",
        Tool::Eraser => "Eraser",
        Tool::Rectangle => "Rectangle",
        Tool::Ellipse => "Ellipse",
        Tool::Lasso => "Lasso",
        Tool::Polygon => "Polygon",
        Tool::Bucket => "Bucket",
        Tool::Hand => "Hand",
        Tool::Crop => "Crop the picture",
    }
}

/// The tooltip of a tool: its name with its key, and what to do with it.
pub(crate) fn tool_hint(tool: Tool, key: &str) -> String {
    let hint = match tool {
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
    };
    let name = common::with_key(self::tool(tool), key);
    format!("{name}\n{hint}")
}

sentences! {
    zoom(percent) = "Zoom {percent}";
    mask_in(colour) = "Mask in {colour}";
    mask_unusable(sentence) = "The mask {sentence}";
}
