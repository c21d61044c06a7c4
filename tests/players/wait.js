/** Waiting with a deadline. */

/** Two cores that encode for other tests at the same time can keep a player waiting for seconds. */
const DEADLINE_MS = 20_000;

const POLL_MS = 5;

/**
 * Resolves with the first value of `look` that is truthy. After the deadline, rejects with what was waited for and what
 * `state` returns.
 */
export async function until(what, look, state = () => undefined) {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const value = look();
    if (value) return value;
    if (performance.now() > deadline) {
      throw new Error(`not within ${DEADLINE_MS / 1000} s: ${what}; ${JSON.stringify(state())}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** What a wait for a video says when it fails. */
export function stateOf(video) {
  const { currentTime, duration, paused, seeking, readyState, videoWidth, videoHeight, buffered } = video;
  const ranges = Array.from({ length: buffered.length }, (_, at) => [buffered.start(at), buffered.end(at)]);
  return { currentTime, duration, paused, seeking, readyState, videoWidth, videoHeight, buffered: ranges };
}
