//! What the files of the input pictures say, looked at again only when they have changed: the form asks every frame.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::imaging::read::{self, Looks};
use crate::schema::circumstances::Look;
use crate::schema::params::Params;

/// How many looks are remembered.
const REMEMBERED: usize = 16;

/// When a file was changed and how long it is; `None` when it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    /// That of the file at `path` as it is now.
    pub fn of(path: &Path) -> Self {
        let data = fs::metadata(path).ok();
        Self(data.and_then(|data| Some((data.modified().ok()?, data.len()))))
    }

    /// Whether there was a file.
    pub fn is_of_file(self) -> bool {
        self.0.is_some()
    }
}

/// Looks at files, remembered.
#[derive(Default)]
pub(super) struct LookCache(RefCell<HashMap<PathBuf, (Stamp, Look)>>);

impl LookCache {
    /// Looks at the files that `params` name.
    pub(super) fn at(&self, params: &Params) -> Looks {
        let at = |path: &Option<PathBuf>| path.as_deref().map(|path| self.look(path));
        Looks {
            image: at(&params.image),
            mask: at(&params.mask),
        }
    }

    /// Looks at one file.
    pub(super) fn look(&self, path: &Path) -> Look {
        let stamp = Stamp::of(path);
        let mut looks = self.0.borrow_mut();
        if let Some((then, look)) = looks.get(path)
            && *then == stamp
        {
            return look.clone();
        }
        let look = read::look(path);
        if looks.len() >= REMEMBERED {
            looks.clear();
        }
        looks.insert(path.to_owned(), (stamp, look.clone()));
        look
    }
}
