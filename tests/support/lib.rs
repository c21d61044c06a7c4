//! What the whole-program tests share: uploads made by ffmpeg, the program as a job that reads as a sentence, and
//! probes that look at decoded media instead of trusting exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it runs in tests only, and a test may fail"
)]

pub mod authoring;
pub mod browser;
pub mod captions;
pub mod collector;
pub mod colour;
pub mod dash;
pub mod disk;
pub mod fixtures;
pub mod guest;
pub mod job;
pub mod mock_gpu;
pub mod needs;
pub mod outcome;
pub mod platform;
pub mod playlist;
pub mod probe;
pub mod receiver;
pub mod runpod;
pub mod s3;
pub mod site;
pub mod sound;
pub mod standards;
pub mod tab;
pub mod terminal;
pub mod tool;
pub mod wav;
pub mod workspace;
