//! t
mod fake;
mod window;
#[test] fn a() {}
