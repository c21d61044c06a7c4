/** What tests/features/players/film.rs makes. */

/** Of every film. */
export const FRAMES_PER_SECOND = 10;

/** The upper half of each frame is its number, as this many black and white columns. */
export const BITS = 10;
