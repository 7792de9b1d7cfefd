//! What the headers of a server's answer say.

use std::time::Duration;

use ureq::Body;
use ureq::http::Response;

/// What a server has answered.
pub(super) type Answer = Response<Body>;

/// The text of a header.
pub(super) fn said<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    Some(answer.headers().get(name)?.to_str().ok()?.trim())
}

/// Whether it is a page for people, which no file is.
pub(super) fn is_web_page(answer: &Answer) -> bool {
    said(answer, "content-type").is_some_and(|kind| kind.starts_with("text/html"))
}

/// How long the server asks to wait.
pub(super) fn wanted_wait(answer: &Answer) -> Duration {
    let seconds = said(answer, "retry-after").and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

/// What Hugging Face says of a file before it leads to where it lies: its length, and SHA-256 where that is its tag.
/// <https://github.com/huggingface/huggingface_hub/blob/v0.34.0/src/huggingface_hub/constants.py> (`HUGGINGFACE_HEADER_X_LINKED_ETAG`)
pub(super) fn linked(answer: &Answer) -> (Option<u64>, Option<String>) {
    let size = said(answer, "x-linked-size").and_then(|size| size.parse().ok());
    let tag =
        said(answer, "x-linked-etag").map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
    let is_sum = |tag: &&str| tag.len() == 64 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    (size, tag.filter(is_sum).map(str::to_owned))
}

/// By what the server recognises the file: a strong tag, or a date.
pub(super) fn validator(answer: &Answer) -> Option<String> {
    let tag = said(answer, "etag").filter(|tag| tag.starts_with('"'));
    Some(tag.or_else(|| said(answer, "last-modified"))?.to_owned())
}

/// The length of the whole body.
pub(super) fn length(answer: &Answer) -> Option<u64> {
    said(answer, "content-length")?.parse().ok()
}

/// The first byte and the length of the whole: `bytes 5-9/10`.
pub(super) fn content_range(answer: &Answer) -> Option<(u64, Option<u64>)> {
    let range = said(answer, "content-range")?.strip_prefix("bytes ")?;
    let (range, total) = range.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

/// The length of the whole, where no range is given: `bytes */10`.
pub(super) fn content_range_total(answer: &Answer) -> Option<u64> {
    let range = said(answer, "content-range")?.strip_prefix("bytes */")?;
    range.trim().parse().ok()
}
