//! What the program is doing: the queue, the worker, the gallery, the settings. No toolkit, no tensors.
//!
//! [`Session`](program::Session) is the one object that a front end draws. It is owned by the front end's thread; everything
//! slow happens in tasks on threads of their own ([`background`]), which wake the front end. It calls
//! [`Session::pump`](program::Session::pump) before it draws.

pub mod background;
mod current;
pub mod downloads;
pub mod files;
pub mod folders;
pub mod gallery;
pub mod inputs;
pub mod jobs;
mod journal;
mod library;
pub mod looks;
pub mod loras;
pub mod models;
pub mod naming;
pub mod pictures;
pub mod preview;
pub mod program;
mod queue;
pub mod record;
mod resolving;
pub mod settings;
pub mod state;
mod stored;
mod text;
pub mod worker;
