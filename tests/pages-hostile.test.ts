/** Every page and fragment over a mission whose every text is hostile: it is shown, and nothing of it is markup. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { EventReader } from "./support/events.ts";
import { addressesOf, knownPatterns, pagePatterns } from "./support/every-page.ts";
import { harmIn, hostile, hostileService } from "./support/hostile.ts";
import { type HostileMission, openHostileMission } from "./support/hostile-mission.ts";

let mission: HostileMission;
let cookie = "";
before(async () => {
  mission = await openHostileMission();
  const form = new URLSearchParams({ service: hostileService.name, key: hostileService.key });
  const answer = await sent("/session", form);
  assert.equal(answer.status, 303);
  cookie = (answer.headers.get("set-cookie") ?? "").replace(/;.*/, "");
});
after(() => mission?.node.stop());

/** A form as a page of ours sends it. */
const sent = (path: string, form: URLSearchParams): Promise<Response> => {
  const { url } = mission.node;
  const headers = { Cookie: cookie, Origin: url };
  return fetch(`${url}${path}`, { method: "POST", body: form, redirect: "manual", headers });
};

/** What shows no text of a client, at none of its addresses. */
const silent = ["/component/inspect/listener/:id", "/inspect/listener/:id", "/inspect/machine/:machine", "/sign-in"];

describe("hostile text", () => {
  it("is looked for on every page that there is, by the routes of the node itself", () => {
    assert.deepEqual(pagePatterns(mission.node), knownPatterns);
  });

  it("is shown as text on every page and in every fragment, to who may do everything and to nobody", async () => {
    const speaking = new Set<string>();
    for (const pattern of pagePatterns(mission.node)) {
      for (const path of addressesOf(mission, pattern)) {
        // The inspector lists what is in memory, and a plan is that for seconds only.
        await mission.call("GET", `/plan/${mission.datasetId}`);
        const own = await mission.node.request("GET", path, { headers: { Cookie: cookie } });
        assert.equal(own.status, 200, path);
        const strange = await mission.node.request("GET", path);
        assert.ok([200, 303, 403].includes(strange.status), path);
        for (const { text, headers } of [own, strange]) {
          assert.deepEqual(harmIn(text), [], path);
          if (text !== "") assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/, path);
        }
        const [, main = own.text] = own.text.split("</header>");
        if (main.includes("&lt;img src=x")) speaking.add(pattern);
      }
    }
    assert.deepEqual(
      pagePatterns(mission.node).filter((pattern) => !speaking.has(pattern)),
      silent,
    );
  });

  it("is text in what is sent to keep a page live", async () => {
    const live = ["/job/list", "/dead-letter", "/worker", "/template", "/run", `/job/${mission.deadJobId}`];
    for (const path of live) {
      const headers = { Accept: "text/event-stream", Cookie: cookie };
      const events = await EventReader.of(await fetch(`${mission.node.url}/component${path}`, { headers }));
      const { html } = (await events.next()).data;
      await events.close();
      assert.match(html, /&lt;img src=x/, path);
      assert.deepEqual(harmIn(html), [], path);
    }
  });

  it("is text where it is sent to us: a path, a service that does not exist, where to go after signing in", async () => {
    const encoded = encodeURIComponent(hostile);
    for (const path of [
      `/${encoded}`,
      `/ship/${encoded}`,
      `/template/${encoded}`,
      `/plan/${encoded}?product=${encoded}`,
    ]) {
      const { status, text } = await mission.node.request("GET", path, { headers: { Cookie: cookie } });
      assert.equal(status, 404, path);
      assert.deepEqual(harmIn(text), [], path);
    }
    const form = new URLSearchParams({ service: hostile, key: hostile, next: hostile });
    const refused = await sent("/session", form);
    assert.equal(refused.status, 403);
    const text = await refused.text();
    assert.ok(text.includes("&lt;img src=x"));
    assert.deepEqual(harmIn(text), []);
  });
});

describe("what harm is looked for", () => {
  it("is found", () => {
    for (const html of [
      `<p>${hostile}</p>`,
      `<td title="${hostile}">`,
      `<a href="javascript:alert(4)">`,
      `<a href=" javascript:alert(4)">`,
      `<form action="data:text/html,x">`,
      `<svg><image xlink:href="javascript:alert(1)"/></svg>`,
      `<input value="" onfocus="alert(1)">`,
      `<p style="x">`,
      `<script>alert(1)</script>`,
      `<script src="/assets/a.js">alert(1)</script>`,
      `<iframe srcdoc="x">`,
    ])
      assert.notDeepEqual(harmIn(html), [], html);
  });

  it("is not found in markup of ours", () => {
    const html = `<a class="x" href="/plan/1?a=%3Cimg">a</a> <script type="module" src="/assets/a.js"></script>
      <a href="https://example.org/" rel="noopener">&lt;img src=x onerror=alert(1)&gt;</a> <a href="#top" data-open>up</a>`;
    assert.deepEqual(harmIn(html), []);
  });
});
