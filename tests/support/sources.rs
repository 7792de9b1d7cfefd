//! Which source file depends on which, read from the sources.
//!
//! A file depends on another if a `use` or a path in its code leads there, in its test modules too. What is declared by
//! `mod x;` is no dependency, and comments are none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

/// A source file: its path below `src/`, with forward slashes, and its text.
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
}

/// Every source file of the library.
pub(crate) fn of_library() -> Vec<Source> {
    fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(root, &path, sources);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.strip_prefix(root).unwrap().to_string_lossy();
                sources.push(Source {
                    file: file.replace('\\', "/"),
                    text: fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    walk(&root, &root, &mut sources);
    sources.sort_by(|a, b| a.file.cmp(&b.file));
    sources
}

/// A module or a path in code, segment by segment.
type Segments = Vec<String>;

/// The file of each module.
type Modules = BTreeMap<Segments, String>;

/// For each file the files that it depends on, and for each of them the paths that say so.
pub(crate) struct Dependencies(pub(crate) BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Dependencies {
    /// Reads the sources of the library; `main.rs` is a crate of its own.
    pub(crate) fn read(sources: &[Source]) -> Self {
        let sources = || sources.iter().filter(|source| source.file != "main.rs");
        let module = |source: &Source| (module_of(&source.file), source.file.clone());
        let modules: Modules = sources().map(module).collect();
        let all = sources().map(|Source { file, text }| {
            let mut targets: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
            for (path, written) in paths(&tokens(text), &module_of(file), &modules) {
                let target = (0..=path.len())
                    .rev()
                    .find_map(|end| modules.get(&path[..end]));
                if let Some(target) = target.filter(|target| *target != file) {
                    targets.entry(target.clone()).or_default().insert(written);
                }
            }
            (file.clone(), targets)
        });
        Self(all.collect())
    }

    /// The shortest cycle through each file, as `a.rs → b.rs (crate::b::X) → a.rs (crate::a::Y)`; the shortest first.
    pub(crate) fn cycles(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut cycles: Vec<_> = self
            .0
            .keys()
            .filter_map(|file| self.cycle_through(file))
            .collect();
        cycles.retain(|files| seen.insert(BTreeSet::from_iter(files.clone())));
        cycles.sort_by_key(Vec::len);
        cycles.iter().map(|files| self.describe(files)).collect()
    }

    /// The files of the shortest cycle through `start`, which begins and ends it.
    fn cycle_through<'a>(&'a self, start: &'a str) -> Option<Vec<&'a str>> {
        let mut ways = VecDeque::from([vec![start]]);
        let mut reached = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            for target in self.0.get(*way.last()?)?.keys() {
                if reached.insert(target) {
                    let longer = [&way[..], &[target]].concat();
                    if target == start {
                        return Some(longer);
                    }
                    ways.push_back(longer);
                }
            }
        }
        None
    }

    fn describe(&self, files: &[&str]) -> String {
        let steps = files.windows(2).map(|pair| {
            let path = self.0[pair[0]][pair[1]].first().map_or("", String::as_str);
            format!(" → {} ({path})", pair[1])
        });
        steps.fold(files[0].to_owned(), |chain, step| chain + &step)
    }
}

/// The module that a file holds.
fn module_of(file: &str) -> Segments {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    let segments = path.split('/').filter(|segment| *segment != "lib");
    segments.map(str::to_owned).collect()
}

/// The words and signs of a source, without comments and literals.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal_or_comment(rest);
        let word = rest.find(|letter: char| letter != '_' && !letter.is_alphanumeric());
        let taken = match (length, word.unwrap_or(rest.len())) {
            (Some(length), _) => length,
            (None, 0) if rest.starts_with("::") => 2,
            (None, 0) => first.len_utf8(),
            (None, word) => word,
        };
        if length.is_none() && !first.is_whitespace() {
            tokens.push(&rest[..taken]);
        }
        rest = &rest[taken..];
    }
    tokens
}

/// The length of a literal, a lifetime or a comment that the text begins with.
fn literal_or_comment(text: &str) -> Option<usize> {
    let end = |from: usize, end: &str| Some(text[from..].find(end)? + from + end.len());
    if text.starts_with("//") {
        return end(0, "\n").or(Some(text.len()));
    }
    if text.starts_with("/*") {
        return end(2, "*/");
    }
    if let Some(rest) = text.strip_prefix('\'') {
        let mut letters = rest.char_indices();
        let (_, first) = letters.next()?;
        let (second, quote) = letters.next()?;
        return match first {
            '\\' => end(3, "'"),
            _ if quote == '\'' => Some(1 + second + 1),
            _ => Some(1),
        };
    }
    let prefix = text.len() - text.trim_start_matches(['b', 'c', 'r']).len();
    let hashes = text[prefix..].len() - text[prefix..].trim_start_matches('#').len();
    if prefix > 2 || !text[prefix + hashes..].starts_with('"') {
        return None;
    }
    if text[..prefix].contains('r') {
        let closing = format!("\"{}", "#".repeat(hashes));
        return end(prefix + hashes + 1, &closing);
    }
    let mut is_escaped = false;
    let closing = text[prefix + 1..].find(|letter| {
        let was_escaped = std::mem::take(&mut is_escaped);
        is_escaped = letter == '\\' && !was_escaped;
        letter == '"' && !was_escaped
    });
    Some(prefix + 1 + closing? + 1)
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The paths in the code of a file that holds `module`: from the root of the crate, and as they are written.
fn paths(tokens: &[&str], module: &[String], modules: &Modules) -> Vec<(Segments, String)> {
    let token = |at: usize| tokens.get(at).copied().unwrap_or_default();
    let find = |from: usize, end: &str| (from..tokens.len()).find(|&at| token(at) == end).unwrap();
    let mut found = Vec::new();
    // The module and those inside it, each with the depth of brackets that it begins at.
    let mut scopes = vec![(usize::MAX, module.to_vec())];
    let (mut at, mut depth) = (0, 0);
    while at < tokens.len() {
        let mut written = Vec::new();
        let mut last = at;
        match token(at) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth -= 1;
                scopes.pop_if(|(begins, _)| *begins == depth);
            }
            "mod" if token(at + 2) == "{" => {
                let outer = &scopes.last().unwrap().1;
                scopes.push((depth, [&outer[..], &[token(at + 1).to_owned()]].concat()));
                last = at + 1;
            }
            // `pub(in crate::x)` does not depend on it.
            "pub" if token(at + 1) == "(" => last = find(at, ")"),
            "use" if token(at + 1) != "<" => {
                last = find(at, ";");
                written = use_paths(&tokens[at + 1..last]);
            }
            word if is_word(word) && ![".", "::"].contains(&token(at.wrapping_sub(1))) => {
                while token(last + 1) == "::" && is_word(token(last + 2)) {
                    last += 2;
                }
                if last > at {
                    let words = tokens[at..=last].iter().filter(|token| is_word(token));
                    written = vec![words.map(|word| (*word).to_owned()).collect()];
                }
            }
            _ => {}
        }
        at = last + 1;
        let scope = &scopes.last().unwrap().1;
        found.extend(written.into_iter().filter_map(|path| {
            let written = path.join("::");
            Some((from_root(&path, scope, modules)?, written))
        }));
    }
    found
}

/// The paths of one `use`, which may group them. What follows `as` may stay behind a path, for it leads to no other file.
fn use_paths(tokens: &[&str]) -> Vec<Segments> {
    let mut paths = Vec::new();
    // What stands before each group that is open.
    let mut groups: Vec<Segments> = Vec::new();
    let mut path: Segments = Vec::new();
    let mut before = "";
    for &token in tokens.iter().chain(&[","]) {
        match token {
            "::" => {}
            "{" => groups.push(path.clone()),
            "," | "}" => {
                if !["{", "}", ","].contains(&before) {
                    paths.push(path);
                }
                path = groups.last().cloned().unwrap_or_default();
                if token == "}" {
                    groups.pop();
                }
            }
            word => path.push(word.to_owned()),
        }
        before = token;
    }
    paths
}

/// A path from the root of the crate; `None` for one that leads out of the crate.
fn from_root(path: &[String], module: &[String], modules: &Modules) -> Option<Segments> {
    let first = path.first()?.as_str();
    let base = match first {
        "crate" => &[],
        "self" | "super" => module,
        first => {
            // A child's name is enough in the module that declares it.
            let child = [module, &[first.to_owned()]].concat();
            return modules
                .contains_key(&child)
                .then(|| [module, path].concat());
        }
    };
    let rest = path.iter().skip(usize::from(first != "super"));
    let up = rest
        .clone()
        .take_while(|segment| *segment == "super")
        .count();
    let base = &base[..base.len().checked_sub(up)?];
    Some([base, &rest.skip(up).cloned().collect::<Vec<_>>()].concat())
}
