/** Whatever goes wrong in the page outside of a step. */

/** Adds to `errors` what the page and its libraries complain of. */
export function collectErrors(errors) {
  const add = (from, message) => errors.push({ from, message });
  window.addEventListener("error", (event) => add("window", event.message));
  window.addEventListener("unhandledrejection", (event) => add("promise", describeError(event.reason)));
  const write = console.error;
  console.error = (...values) => {
    add("console", values.map(describeError).join(" "));
    write.apply(console, values);
  };
}

/** Shaka's errors have numbers instead of a message. */
export function describeError(error) {
  if (error && typeof error === "object" && "category" in error && "code" in error) {
    return `shaka error ${error.code} (${(error.data ?? []).map(String).join(", ")})`;
  }
  return error instanceof Error ? `${error.message}` : String(error);
}
