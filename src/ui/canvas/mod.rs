//! The canvas: the starting picture, and the mask that is painted on it.
//!
//! The inputs of the form are the truth: the canvas opens the picture they name, and what is painted becomes the mask
//! they name, as a file that is kept. The mask itself is [`imaging::mask`](crate::imaging::mask); here are only its looks
//! and the hand that paints it.

mod camera;
mod draw;
mod gestures;
mod open;
mod pointer;
mod sheets;
pub(super) mod tools;

use egui::Id;
use image::{GrayImage, RgbaImage};

use crate::session::inputs;
use crate::session::pictures::Pixels;
use crate::session::program::Session;
use crate::session::settings::Painting;
use crate::ui::canvas::camera::Camera;
use crate::ui::canvas::gestures::Gesture;
use crate::ui::canvas::open::{NewStart, Open, Source};
use crate::ui::canvas::pointer::Pointer;
use crate::ui::canvas::tools::Command;
use crate::ui::files::Errands;
use crate::ui::theme::MASK_COLOURS;

/// How long painting rests before the mask is kept, in seconds.
const KEEP_DELAY: f64 = 0.8;

/// The canvas and everything it remembers.
#[derive(Default)]
pub(super) struct Canvas {
    content: Content,
    options: Painting,
    is_overlay_hidden: bool,
    beside: Beside,
    camera: Camera,
    gesture: Gesture,
    pointer: Pointer,
    /// Whether the pointer was over it in the last frame.
    is_hovered: bool,
    /// Its name for the keyboard's focus.
    id: Option<Id>,
    /// How many pixels of the screen a pixel is to take, once its place is known.
    wanted_zoom: Option<u8>,
}

/// What the canvas must know of the rest of the window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    /// Whether another picture is on its way to it.
    pub(super) is_keeping: bool,
    /// Whether there is a picture that this one has replaced.
    pub(super) has_earlier: bool,
}

/// What is on the canvas.
#[derive(Default)]
enum Content {
    /// There is no starting picture.
    #[default]
    Nothing,
    /// It is being read.
    Loading(Source),
    /// It cannot be read, in one sentence.
    Failed(Source, String),
    Open(Box<Open>),
}

impl Canvas {
    /// An empty canvas for somebody who paints in this way.
    pub(super) fn new(painting: Painting) -> Self {
        Self {
            options: Painting {
                // What other programs and versions may have written.
                width: painting.width.clamp(0.0, tools::WIDEST),
                hardness: painting.hardness.clamp(0.0, 1.0),
                opacity: painting.opacity.clamp(0.05, 1.0),
                colour: painting.colour.min(MASK_COLOURS.len() - 1),
                ..painting
            },
            ..Self::default()
        }
    }

    /// How the user paints now.
    pub(super) fn painting(&self) -> Painting {
        self.options
    }

    /// Takes over what was chosen in the settings.
    pub(super) fn set_habits(&mut self, painting: Painting) {
        self.options.brush_keeps_size = painting.brush_keeps_size;
        self.options.ctrl_zooms = painting.ctrl_zooms;
    }

    /// Whether a picture is on it.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.content, Content::Open(_))
    }

    /// Whether Space is the canvas's: the pointer is over it, and no other control has the focus.
    pub(super) fn takes_space(&self, ctx: &egui::Context) -> bool {
        let focused = ctx.memory(egui::Memory::focused);
        self.is_hovered && (focused.is_none() || focused == self.id)
    }

    /// The mask, if there is one and something is painted on it.
    pub(super) fn painted(&self) -> Option<GrayImage> {
        match &self.content {
            Content::Open(open) => open.painted(),
            _ => None,
        }
    }

    /// Whether there is a step on it to take back.
    pub(super) fn can_undo(&self) -> bool {
        let is_open = |open: &Open| open.mask.can_undo();
        self.is_busy() || matches!(&self.content, Content::Open(open) if is_open(open))
    }

    /// Whether a button is held on it, or an outline or a part waits to be finished.
    pub(super) fn is_busy(&self) -> bool {
        self.pointer.is_held() || !matches!(self.gesture, Gesture::Idle)
    }

    /// Ends what depends on a button that is held, for example when the canvas is not shown any more.
    pub(super) fn let_go_of_pointer(&mut self) {
        self.is_hovered = false;
        self.with_open(Self::let_go);
    }

    /// Brings the canvas in line with the inputs: opens their picture, takes their mask. Returns what there is to say.
    pub(super) fn follow(&mut self, ctx: &egui::Context, session: &mut Session) -> Option<String> {
        let Some(path) = session.settings.params.image.clone() else {
            let kept = self.keep_before_leaving(session);
            self.content = Content::Nothing;
            return kept.err();
        };
        let wanted = Source::new(path, session.settings.fidelity);
        let is_here = self.source().is_some_and(|source| source.is_same(&wanted));
        let mut remark = None;
        if !is_here {
            remark = self.keep_before_leaving(session).err();
            self.gesture = Gesture::Idle;
            self.content = Content::Loading(wanted.clone());
        }
        if let Content::Loading(source) = &self.content {
            match session.loader.load_input(&source.path, source.fidelity) {
                Pixels::Pending => {}
                Pixels::Failed(sentence) => self.content = Content::Failed(wanted, sentence),
                Pixels::Ready(picture) => self.open(ctx, wanted, picture),
            }
        }
        let Content::Open(open) = &mut self.content else {
            return remark;
        };
        open.take_mask(&mut session.settings.params).or(remark)
    }

    /// Keeps what was painted last, if the inputs still name the mask of this picture.
    fn keep_before_leaving(&mut self, session: &mut Session) -> Result<(), String> {
        match &self.content {
            Content::Open(open) if session.settings.params.mask == open.kept.path => {
                self.keep(session)
            }
            _ => Ok(()),
        }
    }

    /// The picture that is on the canvas, or on its way there.
    fn source(&self) -> Option<&Source> {
        match &self.content {
            Content::Nothing => None,
            Content::Loading(source) | Content::Failed(source, _) => Some(source),
            Content::Open(open) => Some(&open.source),
        }
    }

    /// Puts a picture on the canvas, without a mask.
    fn open(&mut self, ctx: &egui::Context, source: Source, picture: RgbaImage) {
        tools::fit_brush(&mut self.options, picture.width().max(picture.height()));
        self.camera.fit();
        self.content = Content::Open(Box::new(Open::new(ctx, source, picture)));
    }

    /// Keeps the mask as a file and names it in the inputs, if it has changed. A stroke that is under way is ended.
    ///
    /// # Errors
    /// One sentence, when the file cannot be written.
    pub(super) fn keep(&mut self, session: &mut Session) -> Result<(), String> {
        self.with_open(Self::let_go);
        let Content::Open(open) = &mut self.content else {
            return Ok(());
        };
        let version = open.mask.version();
        let is_there = open.kept.path.as_ref().is_none_or(|path| path.is_file());
        if version == open.kept.version && is_there {
            return Ok(());
        }
        let kept = open
            .painted()
            .map(|mask| inputs::keep_mask(&session.inputs, &mask));
        open.take_kept(version, kept.transpose()?, &mut session.settings.params);
        Ok(())
    }

    /// Keeps the mask in the background when painting has rested for a moment. Returns what went wrong.
    pub(super) fn keep_in_time(
        &mut self,
        ctx: &egui::Context,
        session: &mut Session,
        errands: &mut Errands,
    ) -> Option<String> {
        let is_busy = self.pointer.is_held();
        let Content::Open(open) = &mut self.content else {
            return None;
        };
        let params = &mut session.settings.params;
        if let Some((version, result)) = errands.take_mask_of(&open.source.path) {
            match result {
                Ok(path) if version > open.kept.version => {
                    open.take_kept(version, Some(path), params);
                }
                Ok(_) => {}
                Err(sentence) => return Some(sentence),
            }
        }
        let version = open.mask.version();
        // One that could not be kept is tried again when it has changed, or is used.
        if is_busy || version == open.kept.version || version == open.tried {
            open.changed_at = None;
            return None;
        }
        let now = ctx.input(|input| input.time);
        let since = *open.changed_at.get_or_insert(now);
        if now - since < KEEP_DELAY {
            ctx.request_repaint_after(std::time::Duration::from_secs_f64(KEEP_DELAY));
            return None;
        }
        open.tried = version;
        match open.painted() {
            None => open.take_kept(version, None, params),
            Some(mask) => {
                let of = open.source.path.clone();
                errands.keep_mask(session.inputs.clone(), of, version, mask);
            }
        }
        None
    }

    /// Does something with the open picture, if there is one.
    fn with_open<T>(&mut self, act: impl FnOnce(&mut Self, &mut Open) -> T) -> Option<T> {
        match std::mem::take(&mut self.content) {
            Content::Open(mut open) => {
                let done = act(self, &mut open);
                self.content = Content::Open(open);
                Some(done)
            }
            other => {
                self.content = other;
                None
            }
        }
    }

    /// Does what a key or a button asks for. Returns a new starting picture with its mask, if that was asked for.
    pub(super) fn command(&mut self, command: Command) -> Option<NewStart> {
        self.with_open(|canvas, open| canvas.carry_out(command, open))
            .flatten()
    }

    fn carry_out(&mut self, command: Command, open: &mut Open) -> Option<NewStart> {
        // A stroke stays; the rest of what was begun is given up for another tool.
        let leave = |canvas: &mut Self, open: &mut Open| {
            canvas.let_go(open);
            canvas.give_up(open);
        };
        match command {
            Command::Take(tool) => {
                leave(self, open);
                self.options.tool = tool;
            }
            Command::SwapInk => {
                leave(self, open);
                tools::swap(&mut self.options);
            }
            Command::Widen(notches) => tools::widen(&mut self.options, notches),
            Command::Harden(by) => tools::harden(&mut self.options, by),
            Command::Undo => {
                if !self.step_back(open) {
                    open.mask.undo();
                }
            }
            Command::Redo => open.mask.redo(),
            Command::Invert => open.mask.invert(),
            Command::FillAll => open.mask.fill(),
            Command::Clear => open.mask.clear(),
            Command::FromAlpha => open.mask.replace(&open.transparent()),
            Command::Fit => self.camera.fit(),
            // The place is known when it is drawn next.
            Command::ZoomTo(pixels) => self.wanted_zoom = Some(pixels),
            Command::ToggleOverlay => self.is_overlay_hidden = !self.is_overlay_hidden,
            Command::GiveUp => {
                self.give_up(open);
            }
            Command::Confirm => match self.gesture {
                Gesture::Chosen { from, to } => {
                    self.gesture = Gesture::Idle;
                    return open.cut(from, to);
                }
                Gesture::Outline { .. } => self.close_outline(open),
                _ => {}
            },
            Command::Turn(quarters) => {
                leave(self, open);
                return Some(open.turned(quarters));
            }
        }
        None
    }
}
