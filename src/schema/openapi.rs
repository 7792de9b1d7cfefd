//! The contract as JSON Schema, in the form the Cog and OpenAPI world uses.

use serde_json::{Map, Value, json};

use crate::schema::field::{Field, Kind};
use crate::schema::fields::FIELDS;

/// An object with the schemas `Input` and `Output`; the inputs carry `x-order`, counted from 0.
pub fn document() -> Value {
    let properties: Map<String, Value> = FIELDS
        .iter()
        .enumerate()
        .map(|(order, field)| (field.name.to_owned(), property(field, order)))
        .collect();
    let required: Vec<_> = FIELDS
        .iter()
        .filter(|field| field.is_required())
        .map(|field| field.name)
        .collect();
    json!({
        "Input": {
            "title": "Input",
            "type": "object",
            "required": required,
            "properties": properties,
        },
        "Output": {
            "title": "Output",
            "description": "One picture per output",
            "type": "array",
            "items": { "type": "string", "format": "uri" },
        },
    })
}

/// The schema of one input.
fn property(field: &Field, order: usize) -> Value {
    let mut schema = json!({ "title": field.label, "description": field.help, "x-order": order });
    let details = match field.kind {
        Kind::Text(_) | Kind::Weights(_) => json!({ "type": "string" }),
        Kind::Loras(_) => json!({ "type": "array" }),
        Kind::Image(_) => json!({ "type": "string", "format": "uri" }),
        Kind::Choice { access, choices } => {
            json!({ "type": "string", "enum": choices, "default": (access.default)() })
        }
        Kind::Integer { access, min, max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max, "default": (access.default)() })
        }
        Kind::OptionalInteger { limits, .. } => match limits {
            Some((min, max)) => {
                json!({ "type": "integer", "minimum": min as i64, "maximum": max as i64 })
            }
            None => json!({ "type": "integer" }),
        },
        Kind::Number { access, min, max } => {
            json!({ "type": "number", "minimum": min, "maximum": max, "default": (access.default)() })
        }
        Kind::Boolean(access) => json!({ "type": "boolean", "default": (access.default)() }),
    };
    if let (Value::Object(schema), Value::Object(details)) = (&mut schema, details) {
        schema.extend(details);
    }
    schema
}
