//! What can be asked for in the window: plain data. Everything that is drawn only reads the session and says here what
//! the user wants; [`app`](crate::ui::app) carries it out.

use std::path::PathBuf;

use egui::Response;

use crate::schema::choices::Fidelity;
use crate::schema::params::Params;
use crate::session::downloads::Purpose;
use crate::session::jobs::JobId;
use crate::session::program::Session;
use crate::session::record::Record;
use crate::session::settings::{Theme, Tool};
use crate::ui::pictures::Pictures;
use crate::weights::survey::found::FoundModel;
use crate::weights::tokens::Service;

/// A page in the middle of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tab {
    /// The chosen result.
    #[default]
    Results,
    /// The starting picture and its mask.
    Canvas,
    /// The models of this machine, and those that can be downloaded.
    Models,
}

/// A dialog of the window itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialog {
    Settings,
    Shortcuts,
}

/// What a dialog of the system asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    OutputFolder,
    /// The picture for the input of this name.
    Input(&'static str),
    /// The LoRA for this place of the form.
    Lora(Place),
    /// Where the mask is saved.
    Mask,
    ModelFile,
    ModelFolder,
}

/// The place of a LoRA in the form: 0 is the main one, 1 the extra one, and those beyond follow.
pub(crate) type Place = usize;

/// Something that comes in from outside.
#[derive(Clone)]
pub(crate) enum Incoming {
    /// A file as the starting picture.
    Picture(PathBuf),
    /// The clipboard's picture as the starting picture.
    Paste,
    /// Each file as the starting picture of a job of its own.
    Queue(Vec<PathBuf>),
    /// A file as the mask.
    Mask(PathBuf),
    /// The starting picture and the mask of a result.
    MaskOf(Box<Record>),
    /// The settings in a picture's file.
    SettingsOf(PathBuf),
    /// A file or folder as the model that runs.
    Model(PathBuf),
    /// A reference to a LoRA, for the first free place of the form.
    Lora(String),
}

/// Another file that the inputs are to name as the mask; `None` for no mask.
#[derive(Clone)]
pub(crate) struct NewMask(pub(crate) Option<PathBuf>);

/// How far the arrow keys and their neighbours move the choice in the gallery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the picture on the left.
    Newer,
    /// To the picture on the right.
    Older,
    /// To the first picture.
    Newest,
    /// To the last picture.
    Oldest,
}

/// What can be done on the canvas besides painting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CanvasCommand {
    Take(Tool),
    SwapInk,
    Widen(f32),
    Harden(f32),
    Undo,
    Redo,
    Invert,
    FillAll,
    Clear,
    /// Paints what is transparent in the picture.
    FromAlpha,
    Fit,
    /// Shows this many pixels of the screen for a pixel of the picture.
    ZoomTo(u8),
    ToggleOverlay,
    /// Ends a polygon, or crops the picture.
    Confirm,
    GiveUp,
    /// Quarter turns clockwise.
    Turn(u8),
}

/// What can be done about the LoRA that was typed.
#[derive(Clone)]
pub(crate) enum LoraCommand {
    /// Puts a reference into a place of the form.
    Take(Place, String),
    /// Puts a trigger word into the prompt.
    InsertTrigger(String),
    /// Looks it up again after a failure.
    Retry(String),
    /// Looks for a newer file.
    Renew(String),
    /// Cancels its download.
    Cancel(String),
    /// Permits the download of one that comes from a picture's settings.
    Permit(String),
    Disable(String),
    Enable(String),
}

/// What can be done about models and their downloads.
#[derive(Clone)]
pub(crate) enum ModelCommand {
    /// Looks through the folders again.
    Look,
    /// Loads the model again that could not be used.
    Reload,
    /// Uses the model at this path, or the demo model.
    Choose(Option<PathBuf>),
    Trash(Box<FoundModel>),
    RemoveFolder(PathBuf),
    Download(Purpose),
    Pause(Purpose),
    Resume(Purpose),
    GiveUp(Purpose),
    /// Notes that the user has seen what models there are, and shows the results.
    BeginWithDemo,
    StoreToken(Service, String),
    DismissRefusal,
}

#[derive(Clone)]
pub(crate) enum Setting {
    Theme(Theme),
    Fidelity(Fidelity),
    Metadata(bool),
    FileNames(String),
    /// The most memory for jobs, in GiB; `None` for as much as is free.
    MemoryGib(Option<u32>),
    BrushKeepsSize(bool),
    CtrlZooms(bool),
}

/// Whatever the user can ask for. There is no `Debug`, because one of them holds a token.
#[derive(Clone)]
pub(crate) enum Command {
    Generate,
    TryAgain(Box<Params>),
    /// Turns the safety checker off and tries again.
    TryUnchecked(Box<Params>),
    FetchSafetyChecker,
    Cancel(JobId),
    CancelRunning,
    /// Moves a waiting job by a number of places.
    Reorder(JobId, isize),
    Pause(bool),
    ClearEnded,
    /// Replaces the inputs of the form.
    Edit(Box<Params>),
    Set(Setting),
    Lora(LoraCommand),
    Model(ModelCommand),
    Canvas(CanvasCommand),
    Incoming(Incoming),
    NameMask(NewMask),
    Select(PathBuf),
    Step(Step),
    UseSettings(Box<Record>),
    Example(String),
    Open(PathBuf),
    OpenFolder,
    Reveal(PathBuf),
    CopyPicture(PathBuf),
    CopySeed(u64),
    Ask(Asked),
    ShowTab(Tab),
    Toggle(Dialog),
    TogglePanels,
    ToggleQueue,
    Notice(String),
    DismissNotice(usize),
    DismissFailure,
}

/// Lets a command of one kind be handed up as it is.
macro_rules! of_kind {
    ($($variant:ident($kind:ident)),+) => {$(
        impl From<$kind> for Command {
            fn from(command: $kind) -> Self {
                Self::$variant(command)
            }
        }
    )+};
}

of_kind!(
    Set(Setting),
    Lora(LoraCommand),
    Model(ModelCommand),
    Canvas(CanvasCommand),
    Incoming(Incoming),
    NameMask(NewMask),
    Ask(Asked),
    ShowTab(Tab)
);

/// What a page or a panel is drawn from, and what it asks for.
pub(crate) struct Desk<'a> {
    pub(crate) session: &'a Session,
    pub(crate) pictures: &'a mut Pictures,
    pub(crate) commands: &'a mut Commands,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(
        session: &'a Session,
        pictures: &'a mut Pictures,
        commands: &'a mut Commands,
    ) -> Self {
        Self {
            session,
            pictures,
            commands,
        }
    }
}

/// The commands of one frame, in the order in which they are carried out.
#[derive(Default)]
pub(crate) struct Commands(pub(crate) Vec<Command>);

impl Commands {
    pub(crate) fn push(&mut self, command: impl Into<Command>) {
        self.0.push(command.into());
    }

    /// Adds commands, if there are any.
    pub(crate) fn extend(&mut self, commands: impl IntoIterator<Item: Into<Command>>) {
        self.0.extend(commands.into_iter().map(Into::into));
    }

    /// Adds a command if the control was clicked.
    pub(crate) fn on_click(&mut self, control: &Response, command: impl Into<Command>) {
        if control.clicked() {
            self.push(command);
        }
    }
}
