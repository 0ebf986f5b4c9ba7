/** A client's JSON for people: indented, with keys, texts, numbers and literals told apart. */
import type { JsonText } from "../model/json.ts";
import { escapeHtml } from "./markup.ts";
import { prettyJson } from "./pretty-json.ts";

/** Beyond it nobody reads for the colours: 100 kB would become 15,000 elements. */
const colouredLengthMax = 100_000;
const token = /("(?:[^"\\]|\\.)*")(:)?|(-?\d[\d.eE+-]*)|(true|false|null)/g;

export function jsonMarkup(text: JsonText): string {
  const pretty = prettyJson(text);
  if (pretty.length > colouredLengthMax) return `<pre class="code"><code>${escapeHtml(pretty)}</code></pre>`;
  let markup = "";
  let from = 0;
  for (const found of pretty.matchAll(token)) {
    const [whole, string, colon, number] = found;
    const kind = string === undefined ? (number === undefined ? "literal" : "number") : colon ? "key" : "text";
    const value = string ?? whole;
    markup += `${escapeHtml(pretty.slice(from, found.index))}<span class="json-${kind}">${escapeHtml(value)}</span>`;
    from = found.index + value.length;
  }
  return `<pre class="code"><code>${markup}${escapeHtml(pretty.slice(from))}</code></pre>`;
}
