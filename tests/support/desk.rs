//! A window on a script, as a person sits before it: through the accessibility tree, without a display and a model.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egui::{Event, Key, Modifiers, Pos2, Role};
use egui_kittest::kittest::{NodeT, Queryable, by};
use egui_kittest::{Harness, Node};
use flux_qfaces::session::program::{Session, Setup};
use flux_qfaces::ui::{app::state::App, theme};
use tempfile::TempDir;

use crate::support::fake::Script;
use crate::support::stage::folders;

/// A file as the window library hands it over.
#[derive(Debug)]
pub(crate) struct Dropped(pub(crate) PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("paths are enough".to_owned())
    }
}

/// A window on a script, and the folder it works in.
pub(crate) struct Desk {
    pub(crate) harness: Harness<'static, App>,
    pub(crate) folder: TempDir,
}

/// How often a test looks before it gives up, five milliseconds apart.
const PATIENCE: usize = 2000;

impl Desk {
    /// Opens the window in the size of a usual screen.
    pub(crate) fn open(script: &Script) -> Self {
        Self::open_sized(script, [1280.0, 800.0])
    }

    /// Opens the window so high that the whole form is visible.
    pub(crate) fn open_tall(script: &Script) -> Self {
        Self::open_sized(script, [1280.0, 2600.0])
    }

    pub(crate) fn open_sized(script: &Script, size: [f32; 2]) -> Self {
        Self::open_with(script.setup(), size, tempfile::tempdir().unwrap())
    }

    /// Opens the window on something else, in a folder that may hold files already.
    pub(crate) fn open_with(setup: Setup, size: [f32; 2], folder: TempDir) -> Self {
        let session = Session::open(folders(folder.path()), setup, Arc::new(|| {}));
        let harness = Harness::builder()
            .with_size(size)
            .with_context_setup(theme::install)
            .build_ui_state(
                |ui, app: &mut App| {
                    app.pump(ui.ctx());
                    app.show(ui);
                },
                App::new(session),
            );
        let mut desk = Self { harness, folder };
        desk.settle();
        desk
    }

    /// Draws a few frames, and checks that every control has a name.
    pub(crate) fn settle(&mut self) {
        self.harness.run_steps(6);
        self.harness.check_accessibility();
    }

    /// Draws until `condition` holds.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..PATIENCE {
            self.harness.step();
            if condition(self) {
                return self.settle();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("waited in vain: {what}");
    }

    pub(crate) fn session(&self) -> &Session {
        self.harness.state().session()
    }

    /// The control of this kind and name.
    #[track_caller]
    pub(crate) fn control<'a>(&'a self, role: Role, label: &'a str) -> Node<'a> {
        self.harness.get(by().role(role).label(label))
    }

    #[track_caller]
    pub(crate) fn click(&mut self, role: Role, label: &str) {
        self.control(role, label).click();
        self.settle();
    }

    #[track_caller]
    pub(crate) fn press(&mut self, label: &str) {
        self.click(Role::Button, label);
    }

    /// Chooses whose behaviour is wanted, in the settings.
    pub(crate) fn set_behaviour(&mut self, name: &str) {
        self.harness
            .key_press_modifiers(Modifiers::COMMAND, Key::Comma);
        self.settle();
        self.click(Role::RadioButton, name);
        self.press("Close settings");
    }

    /// Replaces the text of a field.
    #[track_caller]
    pub(crate) fn type_into(&mut self, role: Role, label: &str, text: &str) {
        self.control(role, label).focus();
        self.settle();
        self.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        self.settle();
        self.control(role, label).type_text(text);
        self.settle();
    }

    #[track_caller]
    pub(crate) fn type_prompt(&mut self, text: &str) {
        self.type_into(Role::MultilineTextInput, "Prompt", text);
    }

    /// Lets a file go over the window; the pointer comes with it where `at` says.
    pub(crate) fn drop_file(&mut self, path: &Path, at: Option<Pos2>) {
        let files = &mut self.harness.input_mut().dropped_files;
        files.push(Arc::new(Dropped(path.to_owned())));
        if let Some(at) = at {
            self.harness.event(Event::PointerMoved(at));
        }
        self.harness.step();
        self.harness.input_mut().dropped_files.clear();
        self.settle();
    }

    pub(crate) fn shows(&self, part: &str) -> bool {
        self.harness
            .query_all(by().label_contains(part))
            .next()
            .is_some()
    }

    pub(crate) fn is_disabled(&self, role: Role, label: &str) -> bool {
        self.control(role, label).accesskit_node().is_disabled()
    }

    pub(crate) fn pictures(&self) -> usize {
        self.session().gallery.entries().len()
    }
}
