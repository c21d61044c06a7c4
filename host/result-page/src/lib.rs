//! The page about a finished job, in one file of HTML: a player, the ladder, pictures, the waveform, the steps and their
//! times, warnings, the webhook, the policy and the cost.
//!
//! It is made of the job's report as JSON, so it can be made where the job ran and from a report that was kept. Whatever a
//! report holds is treated as hostile: every text is escaped, and the page's own policy lets no script run but its own.

mod document;
mod facts;
mod html;
mod json;
mod links;
mod media;
mod outputs;
mod page;
mod report;
mod steps;
mod storyboard;
mod warnings;
mod waveform;

#[cfg(test)]
mod tests;

pub use document::Document;
pub use html::Escaped;
pub use links::{Links, Place, encoded};
pub use page::ResultPage;

/// The largest file that is embedded: the data of a waveform or a storyboard.
pub const LARGEST_EMBEDDED: usize = 4 << 20;
