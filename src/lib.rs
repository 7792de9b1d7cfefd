//! Flux QFaces makes pictures with a FLUX.1 model on the user's own machine. This page is the map.
//!
//! # The ladder
//! Each module may use those below it, never above; `tests/layers.rs` checks it by reading the sources.
//!
//! | module | what it is about |
//! |---|---|
//! | `main` | reads the command line; opens the window or runs one command |
//! | [`ui`] | draws a [`session::program::Session`]; the only place that knows a toolkit |
//! | [`cli`] | the same work without a window: `generate`, `schema`, `inspect` |
//! | [`session`] | what the program is doing: jobs, worker, gallery, settings, recovery |
//! | [`engine`] | [`schema::request::Request`] → pictures; a plain blocking call without threads or network |
//! | [`weights`] | a reference to weights → files on this machine; the only place for a network |
//! | [`imaging`] | pixels, masks, picture files and what is written in them |
//! | [`schema`] | what can be asked; pure data |
//! | [`files`], [`text`] | files that are written whole; numbers in the form that people read |
//!
//! # One schema
//! [`schema::fields`] holds one row per input, those that go beyond the contract included. The form,
//! the command line, defaults, range checks, help, saved settings, the record in a picture and the printed JSON schema are
//! made from these rows; nothing else repeats a default or a limit. [`schema::params::Params`] is what was typed, always
//! representable and maybe wrong.
//! [`schema::request::Request::resolve`] is the only way from there to a job: it returns every problem at once, and
//! below it nothing validates again. Whatever is decided against a wish becomes a [`schema::notes::Note`]. Where the reference
//! behaves oddly, its way and ours stand side by side in [`schema::quirks`].
//!
//! # How a job flows
//! ```text
//! ui::form / cli ──▶ Params ──resolve──▶ Request  or  Problems (shown beside the fields)
//! Session::submit ──▶ queue: Job { id, request, state }
//! thread "engine": find the files of the LoRAs, then generator.generate(&request, &files, &mut watch)
//!      let the LoRAs act → read the starting picture → encode it and the prompt → noise → denoise step by step → decode
//!      → put back what the mask keeps → check → files, each with its record
//!    ◀── Event::{Progress, Finished, Cancelled, Failed} + wake
//! App pumps the session, then draws it
//! ```
//! The engine hears one callback, [`engine::Watch`], before every block of the model: it is progress and cancel in one.
//! The story of a job inside the engine is [`engine::pipeline`]; the model is [`engine::flux`], and where the tensor library is
//! slow, [`engine::kernels`] has operations of our own (`cargo bench --bench kernels` compares them).
//! A model folder may hold a transformer for dev and one for schnell, as the embedded demo model does; the pipeline
//! exchanges them between jobs. `assets/demo` has the scripts that train the demo model and measure its pictures.
//!
//! # How a model comes in
//! [`weights::header`] parses what stands at the beginning of a file of tensors, [`weights::inspect`] tells by the names which
//! parts of a model are in it and whose names they are, [`weights::architecture`] what its transformer is, and
//! [`weights::survey`] puts parts that fit one another together, wherever they lie.
//! [`engine::checkpoint`] is the view of it by our names: a matrix stays as its file has it, in the
//! memory map, and is decoded a few rows at a time while it is multiplied ([`engine::kernels`]). Before each job
//! [`engine::plan`] decides from the headers what stays at hand and what is read anew, so that its memory is known beforehand;
//! `engine::planner` gathers what it decides from.
//!
//! [`weights::catalog`] knows what can be downloaded, and [`weights::install`] brings it into the folder of models, each file
//! under its name only when it is whole. [`session::models`] looks through the folders and opens what is chosen,
//! [`session::downloads`] runs one download after the other, and `session::library` lets another model take over: the worker
//! then exchanges its generator. `ui/models` and `ui/offers` are the page of it.
//!
//! # How a picture comes in
//! The form names a file; the caller of [`schema::request::Request::resolve`] looks at its header ([`imaging::read`]), so that
//! the size is known and what cannot be used is said before anything runs. The job reads it, fits it and cuts out what the
//! model is to see ([`imaging::prepare`]), and puts the model's work back into it. In the window the canvas (`ui/canvas`) shows
//! the same file and paints on an [`imaging::mask::Mask`], which knows tiles, tools and undo, but no toolkit. What is pasted,
//! cut or painted is kept by [`session::inputs`] under the name of its contents.
//!
//! # How a picture is withheld
//! [`engine::checking`] lets the pictures of models as large as FLUX.1, and of those that bring a safety checker, go through
//! [`engine::safety`] before anybody sees them. It looks with two models, on the CPU and in f32 whatever the device: the first
//! flags, the second has the last word. What it withholds has a reason, no file, and a card in the gallery until the program
//! ends.
//!
//! # How a LoRA comes in
//! What is typed becomes a [`schema::reference::Reference`]: data, nothing is looked up. [`weights::library`] finds the file it
//! means, or downloads it ([`weights::fetch`]) from where the services say ([`weights::http`] has the rules for tokens). The
//! form shows what a reference has led to as soon as its field is left ([`session::loras`]); a job collects the files before
//! it runs. What a picture's settings name is not downloaded before the user says so: anybody may have made the picture. In the engine, [`engine::lora::layouts`] knows in data what the world calls the layers, and the rest of
//! [`engine::lora`] pairs a file with the model by names and shapes, reads what matches and puts it into the slots that the
//! layers have beside their weights. Names and shapes are enough to tell beforehand how much of a file will act.
//!
//! # What always holds
//! * A picture's record holds no time and no path: the same request gives the same bytes. Input files are named in it by
//!   their contents, and the mask is in it. LoRAs are named by their source, or by their contents where that would tell
//!   about this machine.
//! * A LoRA never changes a weight: with empty slots every layer computes what it computed before, bit for bit.
//! * A token goes to its own service and to nobody else, also through a redirect.
//! * Outside the mask a picture comes back byte for byte, in the corrected mode.
//! * Files are written under a temporary name, synced and renamed ([`files`]).
//! * Latents, schedule, noise and rotary angles are f32 or better, whatever the precision of the weights.
//! * The transformer's tensors have BFL's names inside, the VAE's and the text encoders' those of diffusers and
//!   transformers; [`engine::checkpoint`] translates.
//! * No size of a model is written in code: widths, depths, heads, axes, lengths and factors come from its files. Where a
//!   single file does not tell them, they are FLUX.1's, each with its source.
//! * A plan changes how a job runs and not its latents, bit for bit; only tiles change a picture slightly, with a note.
//! * No picture of a model as large as FLUX.1 is shown or saved unchecked unless the user has turned the checker off.
//! * Nothing panics on what came from outside, and a panic in the engine ends one job, not the program.
//!
//! # Where the plan was left
//! References to LoRAs are parsed in [`schema`] rather than in [`weights`]: parsing is pure, and
//! [`schema::request::Request::resolve`] has to name the problem with a wrong one.
//!
//! The text encoders are our own rather than those of candle-transformers: its layers are closed, while cancelling inside
//! a text encoder, and later LoRA and quantised bases in it, need to sit between the layers. It was also the largest
//! single unit of the build.

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
