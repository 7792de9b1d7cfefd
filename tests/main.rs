//! t
#[test] fn a() {}
