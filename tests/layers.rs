//! The order of the source files, checked by reading them: each module may use those below it and no two files each other.

use std::collections::BTreeSet;

use crate::support::sources::{Dependencies, Source, of_library};

/// The modules, from the top down; those in one row stand side by side.
const LAYERS: [&[&str]; 17] = [
    &["main"],
    &["ui", "cli"],
    &["session"],
    &["engine/pipeline"],
    &["engine/job"],
    &["engine/text"],
    &["engine/lora", "engine/plan"],
    &["engine/models"],
    &["engine/layers"],
    &["engine/tensors"],
    &["engine/compute"],
    &["engine/progress"],
    &["engine/error"],
    &["weights"],
    &["imaging"],
    &["schema"],
    &["files", "text"],
];

/// The files that only declare modules and have no layer.
const ROOTS: [&str; 2] = ["lib.rs", "engine/mod.rs"];

/// What may be named in few places only: a word, and the paths below `src/` that say it.
const CONFINED: [(&str, &[&str]); 22] = [
    ("egui", &["ui/"]),
    ("eframe", &["ui/"]),
    ("rfd", &["ui/files.rs"]),
    ("arboard", &["ui/files.rs"]),
    ("clap", &["cli/", "main.rs"]),
    ("ctrlc", &["cli/"]),
    ("indicatif", &["cli/"]),
    ("env_logger", &["cli/log.rs"]),
    ("poll_promise", &["session/background.rs"]),
    ("thread::Builder", &["session/background.rs"]),
    ("thread::spawn", &[]),
    ("trash::", &["session/"]),
    ("candle_core", &["engine/compute/", "engine/error.rs"]),
    ("candle_nn", &["engine/compute/"]),
    ("gemm::", &["engine/compute/cpu/"]),
    ("tokenizers", &["engine/models/"]),
    ("unsafe {", &["engine/compute/cpu/", "weights/bytes.rs"]),
    ("memmap2", &["weights/bytes.rs"]),
    ("hf_hub", &["weights/hub.rs"]),
    ("ureq", &["weights/"]),
    ("std::net", &[]),
    ("getrandom", &["session/"]),
];

/// What `schema` must not touch: it is pure data.
const IMPURE: [&str; 7] = [
    "std::fs",
    "std::io",
    "std::env",
    "std::thread",
    "std::time",
    "std::process",
    "std::sync",
];

/// The most lines of a file.
const MOST_LINES: usize = 450;

/// The module of the table that a file belongs to, and how far up it stands.
fn layer(file: &str) -> Option<(usize, &'static str)> {
    let rows = LAYERS.into_iter().rev().enumerate();
    let all = rows.flat_map(|(height, row)| row.iter().map(move |module| (height, *module)));
    all.into_iter().find(|(_, module)| {
        let rest = file.strip_prefix(module);
        rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    })
}

/// The lines of a source that are not comments.
fn code(source: &Source) -> impl Iterator<Item = &str> {
    let lines = source.text.lines();
    lines.filter(|line| !line.trim_start().starts_with("//"))
}

/// Fails with all of `wrong` at once.
fn none(what: &str, wrong: impl IntoIterator<Item = String>) {
    let wrong: Vec<_> = wrong.into_iter().collect();
    assert!(
        wrong.is_empty(),
        "{} {what}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_module_has_its_layer() {
    let sources = of_library();
    let files = sources.iter().map(|source| source.file.as_str());
    let stray = files
        .clone()
        .filter(|file| !ROOTS.contains(file) && layer(file).is_none());
    none("files without a layer", stray.map(str::to_owned));
    let modules: BTreeSet<_> = files.filter_map(|file| Some(layer(file)?.1)).collect();
    let gone = LAYERS
        .concat()
        .into_iter()
        .filter(|module| !modules.contains(module));
    none("layers without a module", gone.map(str::to_owned));
}

#[test]
fn no_module_depends_on_one_above_or_beside_it() {
    let mut wrong = Vec::new();
    for (from, targets) in Dependencies::read(&of_library()).0 {
        let Some((height, module)) = layer(&from) else {
            continue;
        };
        let is_wrong = |to: &String| {
            layer(to).is_some_and(|(above, other)| other != module && above >= height)
        };
        let upwards = targets.iter().filter(|(to, _)| is_wrong(to));
        wrong.extend(upwards.map(|(to, paths)| format!("{from} → {to} {paths:?}")));
    }
    none("dependencies upwards or sideways", wrong);
}

#[test]
fn no_files_depend_on_each_other() {
    let dependencies = Dependencies::read(&of_library());
    none("cycles between files", dependencies.cycles());
}

#[test]
fn no_file_is_too_long() {
    let sources = of_library().into_iter();
    let lengths = sources.map(|source| (source.text.lines().count(), source.file));
    let long = lengths.filter(|(lines, _)| *lines > MOST_LINES);
    none(
        "files are too long",
        long.map(|(lines, file)| format!("{file}: {lines} lines")),
    );
}

#[test]
fn libraries_stay_in_their_places() {
    let sources = of_library();
    let mut wrong = Vec::new();
    for (word, places) in CONFINED {
        let names = |source: &&Source| code(source).any(|line| line.contains(word));
        let naming: Vec<_> = sources
            .iter()
            .filter(names)
            .map(|source| &source.file)
            .collect();
        let strays = naming
            .iter()
            .filter(|file| !places.iter().any(|place| file.starts_with(place)));
        wrong.extend(strays.map(|file| format!("{file} names {word}")));
        // What the table allows has to be so, or the table is out of date.
        let unused = places
            .iter()
            .filter(|place| !naming.iter().any(|file| file.starts_with(*place)));
        wrong.extend(unused.map(|place| format!("nothing in {place} names {word}")));
    }
    none("words out of place", wrong);
}

#[test]
fn schema_is_pure() {
    let sources = of_library();
    let schema = sources
        .iter()
        .filter(|source| source.file.starts_with("schema/"));
    let lines = schema.flat_map(|source| code(source).map(move |line| (&source.file, line)));
    let impure = lines.filter(|(_, line)| IMPURE.iter().any(|word| line.contains(word)));
    none(
        "lines are impure",
        impure.map(|(file, line)| format!("{file}: {line}")),
    );
}

/// The cycles in sources that are made up.
fn cycles(sources: &[(&str, &str)]) -> Vec<String> {
    let source = |(file, text): &(&str, &str)| Source {
        file: (*file).to_owned(),
        text: (*text).to_owned(),
    };
    let sources: Vec<_> = sources.iter().map(source).collect();
    Dependencies::read(&sources).cycles()
}

#[test]
fn a_cycle_is_named_with_its_paths() {
    let two = [
        ("a.rs", "use crate::b::B;\npub struct A(B);"),
        (
            "b.rs",
            "pub struct B;\nfn back() -> crate::a::A { todo!() }",
        ),
    ];
    assert_eq!(
        cycles(&two),
        ["a.rs → b.rs (crate::b::B) → a.rs (crate::a::A)"]
    );
    let three = [
        ("a.rs", "use crate::b;"),
        ("b.rs", "use crate::c::C;"),
        ("c.rs", "use super::a::A;"),
    ];
    assert_eq!(
        cycles(&three),
        ["a.rs → b.rs (crate::b) → c.rs (crate::c::C) → a.rs (super::a::A)"]
    );
    let both = [
        &two[..],
        &[
            ("c/mod.rs", "mod d; use d::D;"),
            ("c/d.rs", "use super::C;"),
        ],
    ]
    .concat();
    assert_eq!(cycles(&both).len(), 2);
}

/// Each of these, in a file of the module `m`, leads to its sibling `m::a` or its parent, which use this file too.
#[test]
fn every_form_of_a_path_counts() {
    for (leads_back, code) in [
        (true, "use crate::m::a::A;"),
        (true, "pub use crate::m::{b::B, a::A as Other};"),
        (true, "use crate::{n::N, m::{a::{self, A}}};"),
        (true, "use super::a::*;"),
        (true, "use super::{a as first};"),
        (true, "fn f() { let _ = crate::m::a::A; }"),
        (true, "fn f() -> Vec<super::a::A> { vec![super::a::A] }"),
        (true, "fn f() { println!(\"{}\", super::a::A); }"),
        (true, "mod tests { use super::super::a::A; }"),
        (true, "mod tests { use super::*; use crate::m::a::A; }"),
        (
            true,
            "mod tests { mod inner {} fn f() { super::super::a::f() } }",
        ),
        (true, "use super::M;"),
        (true, "use self::super::M;"),
        (true, "use crate::m::M;"),
        (
            false,
            "//! See [`a`](crate::m::a).\n// use crate::m::a::A;\n/// `super::a::A`\nstruct B;",
        ),
        (false, "const A: &str = \"crate::m::a::A\";"),
        (false, "pub(in crate::m) struct B; pub(super) fn b() {}"),
        (false, "use std::{fs, io::Read}; use crate::n::N;"),
        (false, "mod tests { use super::*; use super::B; }"),
        (
            false,
            "fn f(b: &B) -> impl Iterator<Item = u8> + use<'_> { b.a::<u8>() }",
        ),
    ] {
        let found = cycles(&[
            ("lib.rs", "mod m; mod n;"),
            (
                "m/mod.rs",
                "mod a; mod b; pub struct M; pub fn f() { b::f() }",
            ),
            ("m/a.rs", "use crate::m::b::B; pub struct A;"),
            ("m/b.rs", code),
            ("n.rs", "pub struct N;"),
        ]);
        assert_eq!(!found.is_empty(), leads_back, "{code}: {found:?}");
    }
}
