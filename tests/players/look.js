/** What is wrong with how a page looks and what it says to those who don't see it. */

const LEAST_CONTRAST = 4.5;
/** Of large text. */
const LEAST_OF_LARGE = 3;

/** Any colour of CSS as red, green, blue and opacity. */
function channels(colour) {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, opacity] = canvas.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, opacity / 255];
}

function luminance([red, green, blue]) {
  const linear = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

/** The first that isn't transparent, from the element outwards. */
function background(element, view) {
  for (let at = element; at; at = at.parentElement) {
    const found = channels(view.getComputedStyle(at).backgroundColor);
    if (found[3] > 0.99) return found;
  }
  return [255, 255, 255, 1];
}

/** Texts that are hard to read, each with its contrast. */
export function faint(page) {
  const view = page.defaultView;
  const texts = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  const found = [];
  let seen = 0;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    if (!text || element.closest("script, style, noscript, .hidden, .skip") || !element.checkVisibility()) continue;
    const style = view.getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = contrast(channels(style.color), background(element, view));
    seen += 1;
    if (ratio < (large ? LEAST_OF_LARGE : LEAST_CONTRAST)) found.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return { seen, found };
}

function name(element) {
  const label = element.labels?.[0]?.textContent ?? "";
  const byId = (ids) => ids.split(" ").map((id) => element.ownerDocument.getElementById(id)?.textContent ?? "").join(" ");
  return [
    element.getAttribute("aria-label"),
    byId(element.getAttribute("aria-labelledby") ?? ""),
    element.getAttribute("alt"),
    element.querySelector("img")?.alt,
    label,
    element.textContent,
  ].find((text) => text?.trim());
}

/** Elements that a reader can use or that show something, and that have no name. */
export function nameless(page) {
  const all = page.querySelectorAll("a, button, input, select, textarea, video, audio, img, iframe, section, fieldset, [tabindex]");
  return [...all].filter((element) => element.checkVisibility() && !name(element)).map((element) => element.outerHTML.slice(0, 120));
}

/** What is beside the structure of a page: headings out of order, ids that are there twice, a missing landmark. */
export function structure(page) {
  const problems = [];
  const levels = [...page.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.tagName[1]));
  levels.reduce((before, level) => {
    if (level > before + 1) problems.push(`a heading of level ${level} after one of level ${before}`);
    return level;
  }, 0);
  const ids = [...page.querySelectorAll("[id]")].map(({ id }) => id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => problems.push(`the id ${id} is there twice`));
  if (page.querySelectorAll("main").length !== 1) problems.push("there is not one main");
  if (page.querySelectorAll("h1").length !== 1) problems.push("there is not one h1");
  if (!page.documentElement.lang) problems.push("the page has no language");
  const view = page.defaultView;
  if (page.documentElement.scrollWidth > view.innerWidth) problems.push("the page is wider than the window");
  return problems;
}
