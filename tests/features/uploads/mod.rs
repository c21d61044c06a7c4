//! What people really send: clocks that start over, tracks that pause, files that broke off, and codecs of every age.

mod codecs;
mod damaged;
mod refused;
mod timeline;
mod tracks;
