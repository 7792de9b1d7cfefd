//! How the files of pictures are called.
//!
//! A pattern such as `[date]-[time]-[seed]-[n]` is filled in; what stands between the words is kept. A name that is taken
//! gets a suffix, so that no file is ever replaced.

use jiff::Zoned;

use crate::schema::request::Request;

/// The pattern until the user chooses another.
pub const DEFAULT: &str = "[date]-[time]-[seed]-[n]";

/// The words that are filled in, and what they mean.
pub const WORDS: [(&str, &str); 6] = [
    ("[date]", "day, as 20261231"),
    ("[time]", "time, as 235959"),
    ("[prompt]", "beginning of the prompt"),
    ("[seed]", "seed"),
    ("[model]", "dev or schnell"),
    ("[n]", "number of the picture in its job"),
];

/// The most characters of a prompt in a name.
const PROMPT: usize = 60;

/// The most bytes of a name; systems take 255, of which a suffix and an ending need some.
const LONGEST: usize = 200;

/// The name without ending of picture `index` of a job that is saved at `now`.
pub fn stem(pattern: &str, request: &Request, index: usize, now: &Zoned) -> String {
    let filled = pattern
        .replace("[date]", &now.strftime("%Y%m%d").to_string())
        .replace("[time]", &now.strftime("%H%M%S").to_string())
        .replace("[seed]", &request.seed.to_string())
        .replace("[model]", request.model.name())
        .replace("[n]", &index.to_string())
        // Last, so that brackets in a prompt stay what they are.
        .replace("[prompt]", &words(&request.prompt));
    let mut name: String = filled.chars().map(safe).collect();
    name.truncate(name.floor_char_boundary(LONGEST));
    // Windows takes no name that ends with a dot or a space, and others hide one that begins with a dot.
    let name = name.trim_matches([' ', '.']);
    if name.is_empty() {
        format!("picture-{index}")
    } else {
        name.to_owned()
    }
}

/// The beginning of a prompt, cut between words if it has any.
fn words(prompt: &str) -> String {
    let mut taken = String::new();
    for word in prompt.split_whitespace() {
        if taken.chars().count() + word.chars().count() >= PROMPT {
            if taken.is_empty() {
                taken.extend(word.chars().take(PROMPT));
            }
            break;
        }
        if !taken.is_empty() {
            taken.push(' ');
        }
        taken.push_str(word);
    }
    taken
}

/// A character that every file system takes.
fn safe(letter: char) -> char {
    let refused = letter.is_control() || "/\\:*?\"<>|".contains(letter);
    if refused { '_' } else { letter }
}
