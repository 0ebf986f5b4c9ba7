/** CONTRACT.md §9: the search page and its fragment, through HTTP. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { cellsOf, contentOf, page, textOf } from "./support/html.ts";
import { done, refused, Scene } from "./support/http.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";

let api: TestRuntime;
/** 120 plans, the newest first; the first ten are odd ones. */
const ids: string[] = [];

before(async () => {
  api = await openTestRuntime();
  for (let n = 0; n < 120; n++) {
    const scene = new Scene(api);
    const extra = n % 12 === 0 ? { n, tag: 'Rare "100%"_<b>' } : n % 12 === 1 ? null : { n };
    done(await scene.publish("", extra));
    ids.unshift(scene.datasetId);
  }
});
after(() => api.stop());

const get = (path: string) => api.request("GET", path);
const fragment = (searchBy: string, page: number) =>
  get(`/component/plan_search?${new URLSearchParams({ search_by: searchBy, page: String(page) })}`);
const idsIn = (html: string): string[] => [...html.matchAll(/href="\/plan\/([^"]*)"/g)].map(([, id]) => id ?? "");

describe("GET /", () => {
  it("has the heading, the one search input, and the table with the first 50 plans of the empty search", async () => {
    const html = page(await get("/"));
    assert.deepEqual(contentOf(html, "h1"), ["Search"]);
    assert.equal(html.match(/<input/g)?.length, 1);
    const [, input = ""] = /<input type="search" name="search_by" id="search_by_input"([^>]*)>/.exec(html) ?? [];
    assert.match(input, /hx-get="\/component\/plan_search\?page=0"/);
    assert.match(input, /hx-target="#search_results"/);
    assert.match(input, /hx-trigger="input changed delay:200ms"/);
    assert.deepEqual(contentOf(html, "th"), ["Dataset ID", "Modified Date", "Extra"]);
    assert.match(html, /<tbody id="search_results"/);
    assert.deepEqual(idsIn(html), ids.slice(0, 50));
    assert.equal(html.match(/<table/g)?.length, 1);
  });

  it("shows the extra as JSON text, null too", async () => {
    const rows = cellsOf(page(await get("/")));
    const extras = new Map(rows.map(([id, , extra]) => [id, extra]));
    for (const [id, extra] of [...extras].slice(0, 50)) {
      const plan = (await get(`/api/plan/${id}`)).json;
      assert.deepEqual(JSON.parse(extra ?? ""), plan.dataset.extra);
    }
  });

  it("is found again by its address, in which a search and a page may be", async () => {
    const html = page(await get("/?search_by=rare+%22100%25"));
    assert.match(html, /<input type="search" name="search_by" id="search_by_input" value="rare &quot;100%"/);
    assert.equal(idsIn(html).length, 0, "JSON text holds the quotes escaped");
    assert.equal(idsIn(page(await get("/?search_by=100%25"))).length, 10);
    assert.deepEqual(idsIn(page(await get("/?search_by=&page=2"))), ids.slice(100));
    assert.deepEqual(idsIn(page(await get("/?page=-1"))), ids.slice(0, 50));
    assert.equal(idsIn(page(await get("/?search_by=%00"))).length, 0);
  });
});

describe("GET /component/plan_search", () => {
  it("is only the rows of that page, in order, with a last row that gets the next one", async () => {
    const seen: string[] = [];
    let next: string | undefined = "/component/plan_search?search_by=&page=0";
    while (next !== undefined) {
      const answer = await get(next);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get("content-type") ?? "", /^text\/html/);
      assert.ok(answer.text.startsWith("<tr>") && answer.text.endsWith("</tr>"));
      seen.push(...idsIn(answer.text));
      const rows: string[] = answer.text.match(/<tr[^>]*>/g) ?? [];
      const last: string = rows.at(-1) ?? "";
      assert.equal(
        rows.filter((row) => row.includes("search_pagination")).length,
        last.includes("search_pagination") ? 1 : 0,
      );
      const [, got]: (string | undefined)[] = /^<tr id="search_pagination" hx-get="([^"]*)"/.exec(last) ?? [];
      next = got === undefined ? undefined : textOf(got);
    }
    assert.deepEqual(seen, ids);
  });

  it("keeps the text of the search in the address of the next page", async () => {
    const { text } = await fragment("N&%=", 0);
    assert.equal(text, "");
    const more = await fragment('"N":', 0);
    const [, next = ""] = /id="search_pagination" hx-get="([^"]*)"/.exec(more.text) ?? [];
    const query = new URL(textOf(next), "http://any").searchParams;
    assert.deepEqual([query.get("search_by"), query.get("page")], ['"N":', "1"]);
  });

  it("is no row at all when nothing matches", async () => {
    const answer = await fragment("no such thing", 0);
    assert.deepEqual([answer.status, answer.text], [200, ""]);
  });

  it("escapes what it shows", async () => {
    const { text } = await fragment("Rare", 0);
    assert.ok(text.includes("_&lt;b&gt;") && !text.includes("<b>"));
  });

  it("refuses missing and bad parameters with 400", async () => {
    for (const query of [
      "",
      "?search_by=",
      "?page=0",
      "?search_by=&page=",
      "?search_by=&page=-1",
      "?search_by=&page=1.5",
    ]) {
      refused(await get(`/component/plan_search${query}`), 400);
    }
    refused(await get("/component/plan_search?search_by=&page=4294967296"), 400, "page");
  });

  it("tells htmx the address to keep, and nobody else", async () => {
    const asked = await api.request("GET", "/component/plan_search?search_by=a+b&page=0", {
      headers: { "HX-Request": "true" },
    });
    assert.equal(asked.headers.get("hx-replace-url"), "/?search_by=a+b");
    assert.equal((await fragment("a b", 0)).headers.get("hx-replace-url"), null);
  });
});
