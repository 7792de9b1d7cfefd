//! What the canvas remembers, and how it follows the inputs.

use egui::{Context, Id};
use image::GrayImage;

use crate::session::inputs;
use crate::session::pictures::Pixels;
use crate::session::program::Session;
use crate::session::settings::Painting;
use crate::ui::canvas::camera::Camera;
use crate::ui::canvas::open::{Kept, NewStart, Open, Source};
use crate::ui::canvas::tools::{self, Gesture, Pointer};
use crate::ui::command::{CanvasCommand, Command, Commands, NewMask};
use crate::ui::files::Errands;
use crate::ui::theme::MASK_COLOURS;

/// How long painting rests before the mask is kept, in seconds.
const KEEP_DELAY: f64 = 0.8;

/// The canvas and everything it remembers.
#[derive(Default)]
pub(crate) struct Canvas {
    pub(super) content: Content,
    /// How the user paints now.
    pub(crate) options: Painting,
    pub(super) is_overlay_hidden: bool,
    pub(super) beside: Beside,
    pub(super) camera: Camera,
    pub(super) gesture: Gesture,
    pub(super) pointer: Pointer,
    /// Whether the pointer was over it in the last frame.
    pub(super) is_hovered: bool,
    /// Its name for the keyboard's focus.
    pub(super) id: Option<Id>,
    /// How many pixels of the screen a pixel is to take, once its place is known.
    pub(super) wanted_zoom: Option<u8>,
}

/// What the canvas must know of the rest of the window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside {
    /// Whether another picture is on its way to it.
    pub(crate) is_keeping: bool,
    /// Whether there is a picture that this one has replaced.
    pub(crate) has_earlier: bool,
}

/// What is on the canvas.
#[derive(Default)]
pub(super) enum Content {
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
    pub(crate) fn new(painting: Painting) -> Self {
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

    /// Takes over what was chosen in the settings.
    pub(crate) fn set_habits(&mut self, painting: Painting) {
        self.options.brush_keeps_size = painting.brush_keeps_size;
        self.options.ctrl_zooms = painting.ctrl_zooms;
    }

    /// Whether a picture is on it.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.content, Content::Open(_))
    }

    /// Whether Space is the canvas's: the pointer is over it, and no other control has the focus.
    pub(crate) fn takes_space(&self, ctx: &Context) -> bool {
        let focused = ctx.memory(egui::Memory::focused);
        self.is_hovered && (focused.is_none() || focused == self.id)
    }

    /// The mask, if there is one and something is painted on it.
    pub(crate) fn painted(&self) -> Option<GrayImage> {
        match &self.content {
            Content::Open(open) => open.painted(),
            _ => None,
        }
    }

    /// Whether there is a step on it to take back.
    pub(crate) fn can_undo(&self) -> bool {
        let is_open = |open: &Open| open.mask.can_undo();
        self.is_busy() || matches!(&self.content, Content::Open(open) if is_open(open))
    }

    /// Whether a button is held on it, or an outline or a part waits to be finished.
    pub(crate) fn is_busy(&self) -> bool {
        self.pointer.is_held() || !matches!(self.gesture, Gesture::Idle)
    }

    /// Ends what depends on a button that is held, for example when the canvas is not shown any more.
    pub(crate) fn let_go_of_pointer(&mut self) {
        self.is_hovered = false;
        self.with_open(Self::let_go);
    }

    /// Brings the canvas in line with the inputs: opens their picture, takes their mask.
    pub(crate) fn follow(&mut self, ctx: &Context, session: &Session, commands: &mut Commands) {
        self.turn(session, commands);
        if let Content::Loading(source) = &self.content {
            let source = source.clone();
            match session.loader.load_input(&source.path, source.fidelity) {
                Pixels::Pending => {}
                Pixels::Failed(sentence) => self.content = Content::Failed(source, sentence),
                Pixels::Ready(picture) => {
                    tools::fit_brush(&mut self.options, picture.width().max(picture.height()));
                    self.camera.fit();
                    self.content = Content::Open(Box::new(Open::new(ctx, source, picture)));
                }
            }
        }
        if let Content::Open(open) = &mut self.content {
            open.take_mask(&session.settings().params, commands);
        }
    }

    /// Turns to the picture that the inputs name. What was painted on the one before is kept first, if they still name the
    /// mask of that one.
    fn turn(&mut self, session: &Session, commands: &mut Commands) {
        let settings = session.settings();
        let wanted = settings.params.image.clone();
        let wanted = wanted.map(|path| Source::new(path, settings.fidelity));
        let is_here = match (self.source(), &wanted) {
            (None, None) => true,
            (Some(source), Some(wanted)) => source.is_same(wanted),
            _ => false,
        };
        if is_here {
            return;
        }
        if let Content::Open(open) = &self.content
            && settings.params.mask == open.kept.path
        {
            match self.keep(session) {
                Ok(kept) => commands.extend(kept),
                Err(sentence) => commands.push(Command::Notice(sentence)),
            }
        }
        self.gesture = Gesture::Idle;
        self.content = wanted.map_or(Content::Nothing, Content::Loading);
    }

    /// The picture that is on the canvas, or on its way there.
    fn source(&self) -> Option<&Source> {
        match &self.content {
            Content::Nothing => None,
            Content::Loading(source) | Content::Failed(source, _) => Some(source),
            Content::Open(open) => Some(&open.source),
        }
    }

    /// Keeps the mask as a file, if it has changed. A stroke that is under way is ended. Returns it for the
    /// inputs.
    ///
    /// # Errors
    /// One sentence, when the file cannot be written.
    pub(crate) fn keep(&mut self, session: &Session) -> Result<Option<NewMask>, String> {
        self.with_open(Self::let_go);
        let Content::Open(open) = &mut self.content else {
            return Ok(None);
        };
        let version = open.mask.version();
        let is_there = open.kept.path.as_ref().is_none_or(|path| path.is_file());
        if version == open.kept.version && is_there {
            return Ok(None);
        }
        let mask = open.painted();
        let kept = mask.map(|mask| inputs::keep_mask(&session.inputs, &mask));
        let path = kept.transpose()?;
        Ok(open.take_kept(Kept { path, version }, &session.settings().params))
    }

    /// Keeps the mask in the background when painting has rested for a moment.
    pub(crate) fn keep_in_time(
        &mut self,
        ctx: &Context,
        session: &Session,
        errands: &mut Errands,
        commands: &mut Commands,
    ) {
        let is_busy = self.pointer.is_held();
        let Content::Open(open) = &mut self.content else {
            return;
        };
        let params = &session.settings().params;
        match errands.take_mask_of(&open.source.path) {
            Some((version, Ok(path))) if version > open.kept.version => {
                let path = Some(path);
                commands.extend(open.take_kept(Kept { path, version }, params));
            }
            Some((_, Err(sentence))) => {
                commands.push(Command::Notice(sentence));
                return;
            }
            Some((_, Ok(_))) | None => {}
        }
        let version = open.mask.version();
        // One that could not be kept is tried again when it has changed, or is used.
        if is_busy || version == open.kept.version || version == open.tried {
            open.changed_at = None;
            return;
        }
        let now = ctx.input(|input| input.time);
        let since = *open.changed_at.get_or_insert(now);
        if now - since < KEEP_DELAY {
            ctx.request_repaint_after(std::time::Duration::from_secs_f64(KEEP_DELAY));
            return;
        }
        open.tried = version;
        match open.painted() {
            None => {
                let path = None;
                commands.extend(open.take_kept(Kept { path, version }, params));
            }
            Some(mask) => {
                let of = open.source.path.clone();
                errands.keep_mask(session.inputs.clone(), of, version, mask);
            }
        }
    }

    /// Does something with the open picture, if there is one.
    pub(super) fn with_open<T>(
        &mut self,
        act: impl FnOnce(&mut Self, &mut Open) -> T,
    ) -> Option<T> {
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
    pub(crate) fn command(&mut self, command: CanvasCommand) -> Option<NewStart> {
        self.with_open(|canvas, open| canvas.carry_out(command, open))?
    }

    fn carry_out(&mut self, command: CanvasCommand, open: &mut Open) -> Option<NewStart> {
        // A stroke stays; the rest of what was begun is given up for another tool.
        let leave = |canvas: &mut Self, open: &mut Open| {
            canvas.let_go(open);
            canvas.give_up(open);
        };
        match command {
            CanvasCommand::Take(tool) => {
                leave(self, open);
                self.options.tool = tool;
            }
            CanvasCommand::SwapInk => {
                leave(self, open);
                tools::swap(&mut self.options);
            }
            CanvasCommand::Widen(notches) => tools::widen(&mut self.options, notches),
            CanvasCommand::Harden(by) => tools::harden(&mut self.options, by),
            CanvasCommand::Undo => {
                if !self.step_back(open) {
                    open.mask.undo();
                }
            }
            CanvasCommand::Redo => open.mask.redo(),
            CanvasCommand::Invert => open.mask.invert(),
            CanvasCommand::FillAll => open.mask.fill(),
            CanvasCommand::Clear => open.mask.clear(),
            CanvasCommand::FromAlpha => open.mask.replace(&open.transparent()),
            CanvasCommand::Fit => self.camera.fit(),
            // The place is known when it is drawn next.
            CanvasCommand::ZoomTo(pixels) => self.wanted_zoom = Some(pixels),
            CanvasCommand::ToggleOverlay => self.is_overlay_hidden = !self.is_overlay_hidden,
            CanvasCommand::GiveUp => {
                self.give_up(open);
            }
            CanvasCommand::Confirm => match self.gesture {
                Gesture::Chosen { from, to } => {
                    self.gesture = Gesture::Idle;
                    return open.cut(from, to);
                }
                Gesture::Outline { .. } => self.close_outline(open),
                _ => {}
            },
            CanvasCommand::Turn(quarters) => {
                leave(self, open);
                return Some(open.turned(quarters));
            }
        }
        None
    }
}
