//! What the program is doing: the queue, the worker, the gallery, the settings. No toolkit, no tensors.
//!
//! [`Session`](program::Session) is the one object that a front end draws. It is owned by the front end's thread; everything
//! slow happens in tasks on threads of their own ([`background`]), which wake the front end. It calls
//! [`Session::pump`](program::Session::pump) before it draws.
//!
//! | files, lowest first | what they are about |
//! |---|---|
//! | `text`, `folders`, `stored`, [`naming`] | what is said, where files go, how they are read and called |
//! | [`background`] | tasks: the only place that starts threads |
//! | [`inputs`], [`record`], [`files`] | what is kept of a picture, written into it, and written as a file |
//! | [`settings`] | what the user chose, and what the program remembers besides |
//! | [`gallery`], [`pictures`], [`preview`] | the output folder, pictures read from disk, what the form asks in every frame |
//! | [`loras`], [`models`], [`downloads`] | what is on this machine, and what is on its way |
//! | [`jobs`], `queue`, [`worker`] | the jobs, the model in use, and the task that runs them |
//! | [`program`], `library`, `resolving` | the session on top of its parts, its models, and the way from inputs to jobs |

pub mod background;
pub mod downloads;
pub mod files;
pub mod folders;
pub mod gallery;
pub mod inputs;
pub mod jobs;
mod library;
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
mod stored;
mod text;
pub mod worker;
