/** The inspector's page of a partition that a flow reads: what it holds, its newest events, and the way through them. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cellsOf, page, textOf } from "./support/html.ts";
import { cookieOf } from "./support/inspect.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const file = "a b#1.jsonl";
const path = `/inspect/source/held/${encodeURIComponent(file)}`;
const moduleText = `
let isOpen = false;
const waiting = [];
globalThis.letSourceGo = () => { isOpen = true; for (const go of waiting.splice(0)) go(); };
export default { execute: () => isOpen ? 1 : new Promise((go) => waiting.push(() => go(1))) };`;

describe("the inspector's page of a partition", () => {
  let dir: string;
  let node: TestRuntime;
  let cookie: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "orrery-inspect-source-"));
    await mkdir(join(dir, "inbox"));
    await writeFile(join(dir, "inbox", file), '{"n":1}\n'.repeat(20));
    await writeFile(
      join(dir, "held.yaml"),
      "source: { kind: jsonl, folder: inbox, poll_s: 0.05 }\nmodule: held.ts\nwindow: 4\nbatch: 2\nsinks: {}\n",
    );
    await writeFile(join(dir, "held.ts"), moduleText);
    node = await openTestRuntime({ config: { flowsDir: dir } });
    cookie = await cookieOf(node, "operator");
    await until("its file is read", async () => (await get(path)).status === 200);
  });
  after(async () => {
    await node.stop();
    await rm(dir, { recursive: true });
  });

  const get = (at: string, as = cookie) => node.request("GET", at, { headers: { Cookie: as } });
  const shown = async (at = path) => page(await get(at));
  const litState = (html: string) => /<g class="card-of [a-z]+ lit" data-state="([^"]+)"/.exec(html)?.[1];
  /** Step, event and state of each row of its log. */
  const logOf = (html: string) => cellsOf(html).map(([step, , event, state]) => [step, event, state]);
  const isNow = (state: string) => until(state, async () => litState(await shown()) === state);

  it("has its state lit, its events as the machine answers them, and what it holds", async () => {
    await isNow("stalled");
    const html = await shown();
    assert.deepEqual(logOf(html), [
      ["2", "window.filled", "live → stalled"],
      ["1", "opened", "starting → live"],
      ["0", "created", "starting"],
    ]);
    const text = textOf(html);
    assert.match(text, /Partition a b#1\.jsonl/);
    assert.match(text, /stopReading/);
    const [, context = ""] = html.split(`id="context_title"`);
    assert.match(
      textOf(context),
      /"isPaused": false,\s+"reason": null,\s+"held": \d+,\s+"window": 4,\s+"committed": null,/,
    );
    assert.match(html, /href="\/flow\/held"/);
  });

  it("goes back to what it was", async () => {
    const then = await shown(`${path}?step=1`);
    assert.equal(litState(then), "live");
    assert.match(then, /rel="prev" href="[^"]*\?step=0"/);
    for (const none of [
      `${path}?step=9`,
      "/inspect/source/held/none",
      `/inspect/source/none/${encodeURIComponent(file)}`,
    ])
      assert.equal((await get(none)).status, 404, none);
  });

  it("is led to from its flow's page and the list of actors, by who may inspect", async () => {
    assert.ok((await shown("/flow/held")).includes(`href="${path}"`));
    assert.ok(!(await node.request("GET", "/flow/held")).text.includes(path));
    assert.equal((await get(path, await cookieOf(node, "publisher"))).status, 403);
    const list = await shown("/inspect?machine=source&q=A+B%23");
    assert.ok(list.includes(`href="${path}"`), list);
  });

  it("tells of pauses, and of what came after them", async () => {
    const token = await node.tokenOf("operator");
    await node.request("PUT", "/api/flow/held/pause", { token });
    await until("it is paused", async () => logOf(await shown())[0]?.[1] === "paused");
    (globalThis as unknown as { letSourceGo(): void }).letSourceGo();
    await isNow("live");
    const fragment = await get(`/component${path}`);
    assert.deepEqual([fragment.status, logOf(fragment.text)[0]], [200, ["4", "window.freed", "stalled → live"]]);
    await node.request("PUT", "/api/flow/held/resume", { token });
    await until("all is done", async () => {
      const { json } = await node.request("GET", "/api/flow/held");
      return json.partitions[0]?.confirmed === 20;
    });
    const events = logOf(await shown()).map(([, event]) => event);
    assert.ok(events.includes("unpaused"), events.join());
    assert.ok(!(await shown()).includes("differs from the store"));
  });
});
