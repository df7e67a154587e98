//! Whole calls of the step against a source on a socket: what was asked for, and what is stored of it.

mod children;
mod pages;
mod world;
