//! The lake on AWS, against the emulator of `tests/cloud`, and one suite that every engine passes.

mod engines;
mod house;
mod lake;
mod lost;
