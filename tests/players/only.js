/** The only item that a test finds, whose failure says what there is. */
export function only(items, what, isWanted) {
  const found = items.filter(isWanted);
  if (found.length === 1) return found[0];
  throw new Error(`${found.length} are ${what} among ${JSON.stringify(items)}`);
}
