//! Inputs beyond the contract: more LoRAs, and how the starting picture and its mask are treated.
//!
//! They are rows of the same kind as [`FIELDS`](crate::schema::fields::FIELDS), so that they have a flag, a control, a
//! range and a place in JSON like every other input. At their defaults nothing differs from the contract. They act in
//! the corrected mode only ([`quirks::honours_extras`](crate::schema::quirks::honours_extras)).

use crate::schema::field::{Field, Group, Kind, access};
use crate::schema::unused;

/// The farthest an edge of a mask can be moved or softened, in pixels.
pub const MAX_EDGE: i64 = 256;

/// The farthest a side of a picture can be extended, in pixels.
pub const MAX_EXTEND: i64 = 4096;

/// Makes the row for the side that a picture is extended on.
macro_rules! extend {
    ($field:ident, $name:literal, $label:literal, $where:literal) => {
        Field {
            name: $name,
            label: $label,
            group: Group::Input,
            help: concat!(
                "Outpainting: how many pixels are added ",
                $where,
                " the starting picture, to be painted by the model."
            ),
            unit: Some("px"),
            unused: unused::without_image,
            kind: Kind::integer(access!($field, 0), 0..=MAX_EXTEND),
        }
    };
}

/// Every input beyond the contract, in presentation order.
pub static EXTRAS: [Field; 9] = [
    Field {
        name: "more_loras",
        label: "More LoRAs",
        group: Group::Lora,
        help: "LoRAs beyond the main and the extra one, as a JSON list: [{\"lora\": \"owner/name\", \"scale\": 0.8}]. Scales go from -1 to 3.",
        unit: None,
        unused: unused::never,
        kind: Kind::Loras(access!(more_loras)),
    },
    Field {
        name: "grow",
        label: "Grow the mask",
        group: Group::Input,
        help: "Moves the edge of the mask outwards by this many pixels of the result, or inwards where negative.",
        unit: Some("px"),
        unused: unused::without_mask,
        kind: Kind::integer(access!(grow, 0), -MAX_EDGE..=MAX_EDGE),
    },
    Field {
        name: "feather",
        label: "Feather",
        group: Group::Input,
        help: "Blends old and new inside the edge of the mask, over a band of this many pixels of the result. Outside the mask nothing changes.",
        unit: Some("px"),
        unused: unused::without_mask,
        kind: Kind::integer(access!(feather, 0), 0..=MAX_EDGE),
    },
    Field {
        name: "crop_to_mask",
        label: "Inpaint at full resolution",
        group: Group::Input,
        help: "Cuts the surroundings of the mask out, repaints them at the size the model draws best, and puts them back. The picture keeps its own size, so a large photograph and a small face both work.",
        unit: None,
        unused: unused::without_mask,
        kind: Kind::Boolean {
            access: access!(crop_to_mask, false),
        },
    },
    Field {
        name: "crop_margin",
        label: "Context around the mask",
        group: Group::Input,
        help: "With inpainting at full resolution: how many pixels around the mask the model sees at least.",
        unit: Some("px"),
        unused: unused::without_crop,
        kind: Kind::integer(access!(crop_margin, 64), 0..=2048),
    },
    extend!(extend_left, "extend_left", "Extend left", "to the left of"),
    extend!(extend_top, "extend_top", "Extend above", "above"),
    extend!(
        extend_right,
        "extend_right",
        "Extend right",
        "to the right of"
    ),
    extend!(extend_bottom, "extend_bottom", "Extend below", "below"),
];
