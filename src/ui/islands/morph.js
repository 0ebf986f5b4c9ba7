// @ts-check
/** Makes one element say what another says, in place: what stays the same keeps its focus, its scroll position and what is open. */

/** @param {Element} here @param {Element} next of the same name */
function morph(here, next) {
  if (here.hasAttribute("data-own")) return; // an island draws in it
  for (const { name, value } of next.attributes) {
    if (here.getAttribute(name) !== value) here.setAttribute(name, value);
  }
  for (const { name } of [...here.attributes]) {
    if (!next.hasAttribute(name) && !isOwn(here, name)) here.removeAttribute(name);
  }
  morphChildren(here, next);
}

/** What is opened is the reader's own. @param {Element} here @param {string} name */
const isOwn = (here, name) => here.localName === "details" && name === "open";

/** @param {Node} node */
const keyOf = (node) => (node instanceof Element && node.id !== "" ? node.id : null);

/** @param {Node} a @param {Node} b */
const isAlike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

/** The same for what is in them only. @param {Element} here @param {Element} next */
export function morphChildren(here, next) {
  const wanted = new Set([...next.children].map(keyOf));
  /** @type {Map<string, Element>} */
  const keyed = new Map();
  for (const child of [...here.children]) {
    const key = keyOf(child);
    if (key === null) continue;
    if (wanted.has(key)) keyed.set(key, child);
    else child.remove();
  }
  /** @type {Node | null} */
  let at = here.firstChild;
  for (const want of [...next.childNodes]) {
    const key = keyOf(want);
    const match = key === null ? at : (keyed.get(key) ?? null);
    if (match === null || !isAlike(match, want)) {
      here.insertBefore(document.importNode(want, true), at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else here.insertBefore(match, at);
    if (match instanceof Element && want instanceof Element) morph(match, want);
    else if (match.nodeValue !== want.nodeValue) match.nodeValue = want.nodeValue;
  }
  while (at !== null) {
    const { nextSibling } = at;
    here.removeChild(at);
    at = nextSibling;
  }
}
