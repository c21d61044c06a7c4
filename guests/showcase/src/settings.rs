//! What an environment can set.

use policy_sdk::prelude::*;
use policy_sdk::settings::{effort, flag};

policy_sdk::settings! {
    /// The settings of this policy.
    pub struct Settings {
        /// The effort of the encodes.
        pub effort: Effort = Effort::Fast, "effort" => effort;
        /// Whether to offer the smallest rung for download.
        pub download: bool = true, "download" => flag;
        /// Whether to make a storyboard.
        pub storyboard: bool = true, "storyboard" => flag;
    }
}
