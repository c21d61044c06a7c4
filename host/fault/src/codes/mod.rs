//! The table of all codes, one file per area. docs/errors.md is made of it.

use crate::Code;

pub mod host;
pub mod job;
pub mod observe;
pub mod output;
pub mod plan;
pub mod policy;
pub mod recording;
pub mod runpod;
pub mod scenario;
pub mod serve;
pub mod settings;
pub mod storage;
pub mod upload;
pub mod waveform;
pub mod webhook;

/// Codes that share the part of their name before the dot: a section of docs/errors.md.
pub(crate) struct Area {
    pub name: &'static str,
    /// Follows the name in the heading. May be empty.
    pub title: &'static str,
    /// Markdown between heading and table, at most 120 wide. May be empty.
    pub about: &'static str,
    pub codes: &'static [&'static Code],
}

/// In the order of docs/errors.md.
pub(crate) static AREAS: [&Area; 15] = [
    &upload::AREA,
    &policy::AREA,
    &plan::AREA,
    &settings::AREA,
    &scenario::AREA,
    &recording::AREA,
    &storage::AREA,
    &host::AREA,
    &output::AREA,
    &job::AREA,
    &webhook::AREA,
    &waveform::AREA,
    &runpod::AREA,
    &serve::AREA,
    &observe::AREA,
];

/// Every code, in the order of docs/errors.md.
pub fn all() -> impl Iterator<Item = &'static Code> {
    AREAS.iter().flat_map(|area| area.codes).copied()
}

/// Looks a code up by name. `None` for a code of a policy's own.
#[must_use]
pub fn find(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

#[cfg(test)]
mod tests;
