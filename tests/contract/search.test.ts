/** CONTRACT.md §8: search, its pages, its order; and what §10 adds to it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { done, refused, Scene } from "../support/http.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
before(async () => {
  api = await openTestRuntime();
});
after(() => api.stop());

interface Found {
  readonly rows: { dataset_id: string; extra: unknown; modified_date: string }[];
  readonly next_page: number | null;
}

const ask = (query: string) => api.request("GET", `/api/plan/search?${query}`);

async function search(text: string, page = 0, more = ""): Promise<Found> {
  return done(await ask(`search_by=${encodeURIComponent(text)}&page=${page}${more}`)).json;
}

const idsOf = async (text: string): Promise<string[]> => (await search(text)).rows.map((row) => row.dataset_id).sort();

async function published(extra: unknown, chains = ""): Promise<Scene> {
  const scene = new Scene(api);
  done(await scene.publish(chains, extra));
  return scene;
}

/** A text that no other test stores. */
const tag = () => `tag${randomUUID().replaceAll("-", "").slice(0, 12)}`;

describe("the query", () => {
  it("needs search_by, which may be empty, and page; unknown parameters are ignored", async () => {
    for (const query of ["", "search_by=", "page=0", "search_by=x", "page="]) refused(await ask(query), 400);
    done(await ask("search_by=&page=0"));
    done(await ask("page=0&search_by=&order=asc&limitless=1"));
  });

  it("takes a page that is an unsigned 32-bit decimal integer, and nothing else", async () => {
    const bad = [
      "-1",
      "1.5",
      "",
      "x",
      "0x1",
      "1e3",
      "4294967296",
      "99999999999999999999",
      " 1",
      "1 ",
      "-0",
      "null",
      "%00",
      "٣",
    ];
    for (const page of bad) refused(await ask(`search_by=&page=${encodeURIComponent(page)}`), 400);
    for (const page of ["0", "1", "007", "4294967295"]) done(await ask(`search_by=&page=${page}`));
  });
});

describe("a match", () => {
  it("is any part of the dataset id, in any letter case", async () => {
    const { datasetId } = await published(null);
    for (const text of [datasetId, datasetId.toUpperCase(), datasetId.slice(3, 20), datasetId.slice(-13)]) {
      assert.ok((await idsOf(text)).includes(datasetId), text);
    }
    assert.deepEqual(await idsOf(datasetId.replaceAll("-", "")), []);
  });

  it("is any part of the extra's JSON text, keys and values, in any letter case", async () => {
    const t = tag();
    const scene = await published({ [`${t}Key`]: { deep: [`${t} Ünïcödé Value`, 12345, true, null] } });
    for (const text of [`${t}key`, `${t}KEY`, `${t} ünÏCÖDÉ v`, "Ünïcödé value"]) {
      assert.ok((await idsOf(text)).includes(scene.datasetId), text);
    }
    assert.ok((await idsOf("12345")).includes(scene.datasetId));
  });

  it("is none in ids, names, versions and JSON of products, nor in dependencies", async () => {
    const t = tag();
    const scene = new Scene(api);
    const body = scene.body("a>b");
    for (const product of body.data_products) {
      Object.assign(product, { name: `${t}name`, version: `${t}version`, passthrough: `${t}pass`, extra: `${t}extra` });
    }
    for (const edge of body.dependencies) edge.extra = `${t}edge`;
    done(await scene.publish(body));
    assert.deepEqual(await idsOf(t), []);
    assert.deepEqual(await idsOf(scene.id("a")), []);
  });

  it("takes %, _ and \\ as themselves", async () => {
    const t = tag();
    const scene = await published(`${t} 100% a_b`);
    const other = await published(`${t} 100x axb`);
    assert.deepEqual(await idsOf(`${t} 100%`), [scene.datasetId]);
    assert.deepEqual(await idsOf(`${t} 100% a_b`), [scene.datasetId]);
    assert.deepEqual(await idsOf(`${t}%`), []);
    assert.deepEqual(await idsOf(`${t}_`), []);
    assert.deepEqual(await idsOf(t), [scene.datasetId, other.datasetId].sort());
    const back = await published({ [t]: "a\\b" });
    assert.deepEqual(await idsOf(`"${t}":"a\\\\b"`), [back.datasetId]);
    assert.deepEqual(await idsOf(`${t}\\`), []);
    assert.deepEqual(await idsOf("'; drop table dataset; --"), []);
  });

  it("of the empty text is every plan; one with null extra is shown with it", async () => {
    const scene = await published(null);
    const found = await search("");
    assert.deepEqual(found.rows[0]?.dataset_id, scene.datasetId);
    assert.equal(found.rows[0]?.extra, null);
  });

  it("works for one and two characters as well", async () => {
    const scene = await published("§");
    assert.deepEqual(await idsOf("§"), [scene.datasetId]);
    assert.ok((await idsOf('"§')).includes(scene.datasetId));
  });

  it("follows the extra when it is replaced", async () => {
    const [old, fresh] = [tag(), tag()];
    const scene = await published(old);
    done(await scene.publish("", fresh));
    assert.deepEqual(await idsOf(old), []);
    assert.deepEqual(await idsOf(fresh), [scene.datasetId]);
    done(await scene.publish(""));
    assert.deepEqual(await idsOf(fresh), []);
  });
});

describe("the rows", () => {
  it("carry the newest date of dataset, products and dependencies, newest first; writes move a plan up, a read does not", async () => {
    const t = tag();
    const first = await published({ t }, "a>b");
    const second = await published({ t }, "a>b");
    const order = async () => (await search(t)).rows.map((row) => row.dataset_id);
    assert.deepEqual(await order(), [second.datasetId, first.datasetId]);
    const updated = done(await first.set("success", "a"));
    const [top] = (await search(t)).rows;
    assert.equal(top?.dataset_id, first.datasetId);
    const a = updated.json.data_products.find((product: { name: string }) => product.name === "a");
    assert.equal(top?.modified_date, a.modified_date);
    await second.get();
    assert.deepEqual(await order(), [first.datasetId, second.datasetId]);
    done(await second.pause());
    assert.deepEqual(await order(), [second.datasetId, first.datasetId]);
    done(await first.publish("", { t }));
    assert.deepEqual(await order(), [first.datasetId, second.datasetId]);
  });

  it("come 50 a page, with next_page only when there is one more; past the end there are none", async () => {
    const t = tag();
    const made: string[] = [];
    const add = async (count: number) => {
      for (let i = 0; i < count; i++) made.unshift((await published({ t })).datasetId);
    };
    await add(50);
    const full = await search(t);
    assert.deepEqual([full.rows.length, full.next_page], [50, null]);
    assert.deepEqual(await search(t, 1), { rows: [], next_page: null });
    await add(1);
    const [one, two] = [await search(t, 0), await search(t, 1)];
    assert.deepEqual([one.rows.length, one.next_page, two.rows.length, two.next_page], [50, 1, 1, null]);
    assert.deepEqual(
      [...one.rows, ...two.rows].map((row) => row.dataset_id),
      made,
    );
    assert.deepEqual(await search(t, 2), { rows: [], next_page: null });
    assert.deepEqual(await search(t, 4_294_967_295), { rows: [], next_page: null });
    const empty = await search("", 0);
    assert.deepEqual([empty.rows.length, empty.next_page], [50, 1]);
  });

  it("are the same pages of a text that all of the newest hold, and of one that few do", async () => {
    const [every, seldom] = [tag(), tag()];
    const made: string[][] = [[], []];
    for (let n = 0; n < 40; n++) {
      const { datasetId } = await published({ every, ...(n % 5 === 0 && { seldom }) });
      made[0]?.unshift(datasetId);
      if (n % 5 === 0) made[1]?.unshift(datasetId);
    }
    for (const [i, text] of [every, seldom].entries()) {
      const found: string[] = [];
      for (let page = 0; ; page++) {
        const { rows, next_page } = await search(text, page, "&limit=3");
        found.push(...rows.map((row) => row.dataset_id));
        if (next_page === null) break;
      }
      assert.deepEqual(found, made[i]);
    }
  });
});

describe("beyond (§10)", () => {
  it("finds names of products with in=products", async () => {
    const t = tag();
    const scene = new Scene(api);
    const body = scene.body("a");
    for (const product of body.data_products) product.name = `${t} Product`;
    done(await scene.publish(body));
    assert.deepEqual((await search(t)).rows, []);
    const found = await search(`${t} prod`, 0, "&in=products");
    assert.deepEqual(
      found.rows.map((row) => row.dataset_id),
      [scene.datasetId],
    );
    refused(await ask("search_by=&page=0&in=nonsense"), 400);
  });

  it("takes a limit from 1 to 200", async () => {
    const t = tag();
    for (let i = 0; i < 3; i++) await published({ t });
    const page = await search(t, 0, "&limit=2");
    assert.deepEqual([page.rows.length, page.next_page], [2, 1]);
    assert.equal((await search(t, 1, "&limit=2")).rows.length, 1);
    assert.ok((await search("", 0, "&limit=200")).rows.length > 50);
    for (const limit of ["0", "201", "-1", "x", ""]) refused(await ask(`search_by=&page=0&limit=${limit}`), 400);
  });
});
