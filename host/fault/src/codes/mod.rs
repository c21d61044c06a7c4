//! The table of all codes, one file per area. docs/errors.md is made of it.

use crate::Code;

/// Defines a static [`Code`] for each entry, `ALL`, which lists them in order, and their `AREA`. An entry reads
///
/// ```text
/// NAME "area.reason" (Blame, retryable, exit 2)
///     "What it means." => "What to do.";
/// ```
///
/// where `retryable` is left out if the code isn't, and `exit` if the exit code is that of the blame.
macro_rules! codes {
    (@value) => { true };
    (@value $exit:literal) => { Some($exit) };
    (
        area $area:literal $(, title $title:literal)? $(, about $about:literal)?;
        $(
            $id:ident $name:literal ($blame:ident $(, $field:ident $($value:literal)?)*)
                $meaning:literal => $advice:expr;
        )+
    ) => {
        $(
            #[doc = concat!("`", $name, "`: ", $meaning)]
            pub static $id: $crate::Code = $crate::Code {
                $($field: codes!(@value $($value)?),)*
                ..$crate::Code::new($name, $crate::Blame::$blame, $meaning, $advice)
            };
        )+

        /// All codes of the area, in the order of docs/errors.md.
        pub static ALL: &[&$crate::Code] = &[$(&$id),+];

        pub static AREA: super::Area = super::Area {
            name: $area,
            title: concat!("" $(, $title)?),
            about: concat!("" $(, $about)?),
            codes: ALL,
        };
    };
}

pub mod host;
pub mod job;
pub mod keys;
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
pub struct Area {
    pub name: &'static str,
    /// Follows the name in the heading. May be empty.
    pub title: &'static str,
    /// Markdown between heading and table, at most 120 wide. May be empty.
    pub about: &'static str,
    pub codes: &'static [&'static Code],
}

/// In the order of docs/errors.md.
pub static AREAS: [&Area; 16] = [
    &upload::AREA,
    &policy::AREA,
    &plan::AREA,
    &keys::AREA,
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
