/** JSON for reading: indented, keys, texts, numbers and words told apart. Not a digit of it is changed. */
import type { JsonText } from "../model/json.ts";
import { escapeHtml } from "./markup.ts";
import { prettyJson } from "./pretty-json.ts";

/** What is longer is cut: it is read elsewhere. */
const lengthMax = 100_000;
/** A text (a key, if a colon follows), a number, a word. */
const token = /"(?:[^"\\]|\\.)*"(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g;

/** In `<pre><code>`. `whole`: the address where all of it is. */
export function jsonMarkup(text: JsonText, whole: string): string {
  const pretty = prettyJson(text.slice(0, lengthMax));
  let markup = "";
  let from = 0;
  for (const match of pretty.matchAll(token)) {
    markup += escapeHtml(pretty.slice(from, match.index));
    from = match.index + match[0].length;
    const colon = match[1] ?? "";
    const said = escapeHtml(colon === "" ? match[0] : match[0].slice(0, -colon.length));
    markup += `<span class="${kindOf(match[0], colon !== "")}">${said}</span>${colon}`;
  }
  markup += escapeHtml(pretty.slice(from));
  const cut = text.length > lengthMax ? `<p class="muted cut">Cut here: <a href="${whole}">all of it</a></p>` : "";
  return `<pre><code class="json-text">${markup}</code></pre>${cut}`;
}

function kindOf(said: string, isKey: boolean): string {
  if (isKey) return "json-key";
  if (said.startsWith('"')) return "json-string";
  return /^[tfn]/.test(said) ? "json-word" : "json-number";
}
