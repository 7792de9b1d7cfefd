//! The demo model, inside the program. `assets/demo/README.md` says what it is and how it was trained.

/// Lists the files of the embedded model by their path inside it.
macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../assets/demo/model/", $name)).as_slice())),*]
    };
}

/// Every file that is needed to run it.
static FILES: [(&str, &[u8]); 0] = embedded![];

/// The file of this name.
pub(super) fn find(name: &str) -> Option<&'static [u8]> {
    FILES
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, contents)| *contents)
}
