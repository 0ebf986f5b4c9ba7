/** What a test needs to read a page that we made ourselves: no parser, as our markup is regular. */
import assert from "node:assert/strict";
import type { Answer } from "./runtime.ts";

/** An HTML answer of this status, in the one layout of all pages. */
export function page(answer: Answer, status = 200): string {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(contentOf(answer.text, "title")[0], "Orrery");
  assert.match(answer.text, /<a [^>]*href="\/"/);
  return answer.text;
}

/** The inner markup of every element of this name. */
export function contentOf(html: string, name: string): string[] {
  return [...html.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, "g"))].map(
    ([, inner]) => inner ?? "",
  );
}

/** The cells of every row of the page's one table body, as people read them. */
export function cellsOf(html: string): string[][] {
  const [body = ""] = contentOf(html, "tbody");
  return contentOf(body, "tr").map((row) => contentOf(row, "td").map(textOf));
}

/** Markup as text. */
export function textOf(html: string): string {
  return html
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")
    .trim();
}
