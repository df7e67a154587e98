//! (scaffold)
fn main() {}
