//! Flux QFaces makes images with a FLUX.1 model on the user's own machine. This page is the map.
//!
//! # The layers
//! Each module may use those below it, never above, and no two files use each other; `tests/layers.rs` reads the sources to
//! check both. A `mod.rs` describes its folder, lists its files in order, and holds nothing that they use.
//!
//! | module | contents |
//! |---|---|
//! | `main` | reads the command line; opens the window or runs one command |
//! | [`ui`] | draws a [`session::program::Session`] and hands up commands; the only place that knows a toolkit |
//! | [`cli`] | the same work without a window: `generate`, `schema`, `inspect` |
//! | [`session`] | what the program is doing: queue, worker, models, gallery, settings, recovery |
//! | [`engine`] | a request → images: one plain blocking call without threads or network |
//! | [`weights`] | a reference to weights → files on this machine; the only place for a network |
//! | [`imaging`] | pixels, masks, image files and the record in them |
//! | [`schema`] | what can be asked; pure data |
//! | [`files`], [`text`] | files written whole or not at all; sizes and durations for people |
//!
//! The engine, lowest first: `error`, `progress` → [`engine::compute`] (arrays and the operations that models are made of) →
//! [`engine::tensors`] (files → arrays by our names) → [`engine::layers`] → [`engine::models`] → [`engine::lora`],
//! [`engine::plan`] → [`engine::job`], [`engine::pipeline`].
//!
//! # One schema, one way to a job
//! [`schema::fields`] holds one row per input: those of the contract, and those beyond it. The form, the command line,
//! defaults, range checks, help, saved settings, the record in an image and the printed JSON schema come from these rows.
//! [`schema::params::Params`] is what was typed, maybe wrong; [`schema::request::Request::resolve`] is the only way from there
//! to a job. It returns every problem at once, and nothing below it validates again. A decision against a wish becomes a note.
//! Where the reference behaves oddly, its behaviour and ours are next to each other in [`schema::quirks`].
//! ```text
//! ui::form / cli ──▶ Params ──resolve──▶ Request  or  Problems (shown next to the fields)
//! Session::submit ──▶ queue ──▶ task "engine": files of the LoRAs, then generator.generate(&Job { request, … }, &mut watch)
//!      LoRAs act → starting image → prompt → noise → denoise step by step → decode → restore outside the mask → check
//!      → files, each with its record        ◀── progress, images, failures + wake; App pumps the session, then draws it
//! ```
//! `watch` is called before every block of a model: progress and cancel in one. [`engine::pipeline`] is the story of a job.
//!
//! # One way to change things
//! A panel takes `&Session` and pushes commands (`ui/command.rs`); `ui/app` carries them out. Slow work runs as a task of
//! [`session::background`], which has a name, can be cancelled, and wakes the window; a task that was replaced is not heard.
//! Settings and state are saved when they change. Everything people read is in the `text` file of its layer or page.
//!
//! # Models and LoRAs
//! [`weights::header`] parses a file of tensors, [`weights::inspect`] tells by the names which parts are in it,
//! [`weights::architecture`] what the transformer is, and [`weights::survey`] puts fitting parts together, wherever they are.
//! A matrix stays in its file's format, in the memory map, and is decoded a few rows at a time while it is multiplied.
//! [`engine::plan`] decides from the headers what stays resident and what is streamed, so the memory is known beforehand.
//! [`weights::catalog`] lists what can be downloaded. A LoRA is a [`schema::reference::Reference`], data, until
//! [`weights::library`] finds or downloads its file; [`engine::lora`] pairs it with the model by names and shapes.
//!
//! # How to add
//! * **An input**: a row in [`schema::fields`] with its help, range, default and the rule for when it does not act;
//!   its field in [`schema::params::Params`]; its field in [`schema::request::Request`], set in `resolve`;
//!   its use in [`imaging::prepare`] or [`engine::pipeline`]. Form, flags, records and the JSON schema follow;
//!   `tests/data/schema.json` shows the change.
//! * **A kernel**: a file in `engine/compute/cpu` with a pure function on slices; the operation's file in [`engine::compute`]
//!   calls it where the array suits it, and keeps the library's operations for every other case.
//!   Its test in `tests/kernels.rs` compares both on odd sizes, and its ratio goes into `benches/kernels.rs`.
//!   Models do not change.
//! * **A device**: a constructor of [`engine::compute::hardware::Hardware`], and what [`engine::compute::array::Array`] is on it.
//!   The operations in [`engine::compute`] get their form for it; nothing above names a device.
//!   `every_model_equals_the_reference_on_the_path_of_other_devices` in `tests/parity.rs` gets a row with its tolerance.
//! * **A model**: its values in [`weights::architecture`], its names in [`weights::inspect`] and `engine/tensors/naming.rs`, its
//!   definition in [`engine::models`] over [`engine::layers`], its part in [`engine::pipeline`].
//!   A script in `tests/reference` makes its golden tensors, and `tests/parity.rs` compares every stage.
//! * **A page**: a file in `ui` that takes `&Session` and `&mut Commands`, its words in `ui/text`, its tab in `ui/command.rs`,
//!   its place in `ui/app`. A test in `tests/window.rs` finds its controls by their labels;
//!   `.ci/window.sh` clicks through it in the real window.
//!
//! # What always holds
//! * A record holds no time and no path: the same request gives the same bytes. Inputs and LoRAs are named by their contents
//!   or source, and the mask is in the record.
//! * A LoRA never changes a weight: with empty slots every layer computes what it computed before, bit for bit.
//! * A plan changes how a job runs, not its latents; only tiles change an image slightly, with a note.
//! * A token goes to its own service and to nobody else, also through a redirect; no log has a token, prompt or private path.
//! * Outside the mask an image comes back byte for byte, in the recommended mode.
//! * Latents, schedule, noise and rotary angles are f32 or better, whatever the precision of the weights.
//! * No size of a model is written in code: it comes from the files, or is FLUX.1's, with its source, in `architecture`.
//! * No image of a model as large as FLUX.1 is shown or saved unchecked unless the user turned the checker off.
//! * Nothing panics on what came from outside, and a panic in the engine ends one job, not the program.
//!
//! # Decisions worth knowing
//! References to LoRAs are parsed in [`schema`], since `resolve` has to name the problem with a wrong one. The text encoders are
//! our own, since cancelling, LoRA and streaming sit between and inside their layers; `tests/ports.rs` runs
//! candle-transformers' FLUX, CLIP and T5 next to ours. Its cache aside, Hugging Face is reached by our own resumable downloads.

#[macro_use]
pub mod text;

pub mod cli;
pub mod engine;
pub mod files;
pub mod imaging;
pub mod schema;
pub mod session;
pub mod ui;
pub mod weights;
