//! The window: draws a [`Session`](crate::session::program::Session) and changes it as the user says. The only place that knows a
//! toolkit.
//!
//! Lowest first: [`theme`] holds every colour and size, `widgets` the controls, `text` every word; `command` is what can be
//! asked for. Each panel and page is a file or a folder that reads the session and adds commands to a list. [`app`] lays
//! them out, and is the only place that carries commands out.

pub mod app;
mod bars;
mod canvas;
mod choices;
mod command;
mod drops;
mod files;
mod form;
mod icons;
mod messages;
mod models;
mod pictures;
mod queue;
mod results;
mod settings;
mod shortcuts;
mod text;
pub mod theme;
mod widgets;
pub mod window;
