//! Real renditions for the tests of this module, and the properties that hold for any bytes.

mod properties;
pub(super) mod samples;
