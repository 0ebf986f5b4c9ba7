/** Keys that are for some ships only: what they may write, that everything else is closed to them, and that no other ship pays for it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { roles } from "../src/model/service.ts";
import { done, refused } from "./support/http.ts";
import { type Answer, openTestRuntime, services, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const rootHash = services.find(({ service }) => service === "admin")?.hash ?? "";
const [aurora, borealis] = [`aurora-${randomUUID()}`, `borealis-${randomUUID()}`];
const tle = [
  "1 25544U 98067A   08264.51782528 -.00002182  00000-0 -11606-4 0  2927",
  "2 25544  51.6416 247.4627 0006703 130.5360 325.0288 15.72125391563537",
];

let api: TestRuntime;
let root = "";
let key: { readonly id: string; readonly name: string; readonly key: string };
before(async () => {
  api = await openTestRuntime({ config: { services: [...services, { service: "root", hash: rootHash, roles }] } });
  const login = await api.request("POST", "/api/authenticate", { body: { service: "root", key: "admin-key" } });
  root = done(login).json.access_token;
  for (const ship of [aurora, borealis]) done(await asRoot("PUT", `/ship/${ship}`, { format: "raw" }));
  done(await asRoot("PUT", "/station/kiruna", { latitude: 67.857, longitude: 20.964, height_m: 390 }));
  key = await makeKey({ ships: [aurora] });
});
after(() => api.stop());

const asRoot = (method: string, path: string, body?: unknown) =>
  api.request(method, `/api${path}`, { token: root, body });
const asKey = (method: string, path: string, body?: unknown) =>
  api.request(method, `/api${path}`, { token: key.key, body });

/** With every role: what is refused is refused for its ships. */
async function makeKey(more: object) {
  return done(await asRoot("POST", "/key", { name: `key-${randomUUID()}`, roles, ...more })).json;
}

function outOfScope(answer: Answer, ...named: string[]): void {
  refused(answer, 403, key.name, aurora, ...named);
  assert.equal(answer.json.code, "ship_out_of_scope");
}

let days = 0;
/** A day of its own, so that no two meet unless they are told to. */
const passOf = (ship: string, more: object = {}) => ({
  ...{ ship, aos: new Date(Date.now() + 86_400_000 * ++days).toISOString(), duration_s: 60 },
  ...more,
});
const contactOf = (ship: string, more: object = {}) => ({
  ship,
  cron: "0 3 1 1 *",
  duration_s: 60,
  ahead_days: 1,
  ...more,
});
const planned = async (body: object): Promise<string> => done(await asRoot("POST", "/pass", body)).json.id;

/** Whatever a key of ships may do, by what it does it to. Everything else is closed to it. */
const open: Record<string, (ship: string) => Promise<Answer>> = {
  "put /ship/{ship}": (ship) => asKey("PUT", `/ship/${ship}`, { format: "ccsds" }),
  "put /ship/{ship}/tle": (ship) => asKey("PUT", `/ship/${ship}/tle`, { tle }),
  "post /pass": (ship) => asKey("POST", "/pass", [passOf(aurora), passOf(ship)]),
  "post /pass/predict": (ship) => {
    const from = "2008-09-21T00:00:00Z";
    return asKey("POST", "/pass/predict?dry_run=true", { ship, station: "kiruna", from, to: "2008-09-22T00:00:00Z" });
  },
  "put /pass/{pass_id}/cancel": async (ship) => asKey("PUT", `/pass/${await planned(passOf(ship))}/cancel`),
  "put /pass/{pass_id}/extend": async (ship) =>
    asKey("PUT", `/pass/${await planned(passOf(ship))}/extend`, { by_s: 60 }),
  "put /contact/{contact}": (ship) => asKey("PUT", `/contact/of-${ship}`, contactOf(ship)),
  "delete /contact/{contact}": async (ship) => {
    done(await asRoot("PUT", `/contact/gone-${ship}`, contactOf(ship)));
    return asKey("DELETE", `/contact/gone-${ship}`);
  },
};

/** As above, but of a pass that has ended, which takes longer than a walk through all routes has time for: that it has not is the answer. */
const openOnceEnded: Record<string, (ship: string) => Promise<Answer>> = {
  "post /pass/{pass_id}/packet": async (ship) =>
    api.request("POST", `/api/pass/${await planned(passOf(ship))}/packet`, {
      ...{ token: key.key, body: "packets", headers: { "Content-Type": "application/octet-stream" } },
    }),
  "post /pass/{pass_id}/replay": async (ship) => asKey("POST", `/pass/${await planned(passOf(ship))}/replay`, {}),
};

interface Operation {
  readonly security?: readonly object[];
  readonly requestBody?: object;
}

describe("a key of some ships", () => {
  it("may do a short list of things to these, and nothing else of all that is guarded", async () => {
    const { paths } = done(await api.request("GET", "/spec")).json as {
      paths: Record<string, Record<string, Operation>>;
    };
    const guarded = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).flatMap(([method, operation]) =>
        operation.security === undefined ? [] : [{ name: `${method} ${path}`, method, path: `/api${path}`, operation }],
      ),
    );
    assert.ok(guarded.length > 40, `only ${guarded.length} guarded operations were found`);
    const names = guarded.map(({ name }) => name);
    assert.deepEqual(
      Object.keys({ ...open, ...openOnceEnded }).filter((name) => !names.includes(name)),
      [],
    );
    for (const { name, method, path, operation } of guarded) {
      const tried = open[name];
      if (tried !== undefined) {
        done(await tried(aurora));
        outOfScope(await tried(borealis), borealis);
        continue;
      }
      const triedLater = openOnceEnded[name];
      if (triedLater !== undefined) {
        refused(await triedLater(aurora), 409);
        outOfScope(await triedLater(borealis), borealis);
        continue;
      }
      const target = path.replace(/\{(\w+)\}/g, (_, parameter) => (parameter.endsWith("_id") ? randomUUID() : aurora));
      // What is read must fit before it is asked whose it is.
      const body = operation.requestBody === undefined ? undefined : { comment: "seen" };
      const answer = await api.request(method.toUpperCase(), target, { token: key.key, body });
      outOfScope(answer, `${method.toUpperCase()} ${target}`, "not for keys of ships");
    }
  });

  it("makes no keys, whatever its roles", async () => {
    outOfScope(await asKey("POST", "/key", { name: "mine", roles: ["admin"] }), "POST /api/key");
    outOfScope(await asKey("GET", "/key"));
    outOfScope(await asKey("DELETE", `/key/${key.id}`));
  });

  it("does not set its ships' quota or retention, and leaves them as they are", async () => {
    done(await asRoot("PUT", `/ship/${aurora}`, { format: "raw", quota: { packets_per_s: 7 } }));
    for (const body of [{ quota: null }, { quota: { packets_per_s: 1000 } }, { retention: { archive_days: 1 } }])
      outOfScope(await asKey("PUT", `/ship/${aurora}`, { format: "raw", ...body }));
    const { quota } = done(await asKey("PUT", `/ship/${aurora}`, { format: "raw" })).json;
    assert.equal(quota.packets_per_s, 7);
  });

  it("plans all of a list or none, in CSV too, and hears of what is not there as anyone does", async () => {
    const csv = `ship,aos,duration_s\n${aurora},2031-01-01T00:00:00Z,60\n${borealis},2031-01-02T00:00:00Z,60\n`;
    const headers = { "Content-Type": "text/csv" };
    outOfScope(await api.request("POST", "/api/pass", { token: key.key, body: csv, headers }), borealis);
    const { rows } = done(await api.request("GET", `/api/pass?ship=${aurora}&limit=200`)).json;
    assert.ok(rows.every(({ aos }: { aos: string }) => !aos.startsWith("2031")));
    refused(await asKey("PUT", `/pass/${randomUUID()}/cancel`), 404);
    refused(await asKey("DELETE", "/contact/nobody"), 404);
    refused(await asKey("POST", "/pass", { ship: aurora }), 400);
  });

  it("reads what anyone may read", async () => {
    for (const path of [`/ship/${borealis}`, "/pass", "/contact", "/station"]) done(await asKey("GET", path));
  });

  it("does not take over a contact of another ship by its name", async () => {
    done(await asRoot("PUT", "/contact/theirs", contactOf(borealis)));
    outOfScope(await asKey("PUT", "/contact/theirs", contactOf(aurora)), borealis);
    assert.equal(done(await api.request("GET", "/api/contact/theirs")).json.ship, borealis);
  });

  it("stands in the audit when it was refused", async () => {
    // One of its own, as refusals of a service are noted at a bounded rate.
    const noted = await makeKey({ ships: [borealis] });
    const body = { latitude: 1, longitude: 1 };
    refused(await api.request("PUT", "/api/station/mine", { token: noted.key, body }), 403, noted.name);
    await until("audited", async () => {
      const { rows } = done(await asRoot("GET", `/audit?service=${noted.name}&action=station.save`)).json;
      return rows.some(
        ({ status, target }: { status: number; target: string }) => status === 403 && target === "/station/mine",
      );
    });
  });
});

describe("other ships' passes", () => {
  const station = "shared";

  it("never give way to it, whatever the priorities; its own do", async () => {
    const theirs = passOf(borealis, { station, priority: -5 });
    const theirId = await planned(theirs);
    const ask = { ...theirs, ship: aurora, priority: 1000 };
    const answer = done(await asKey("POST", "/pass?on_conflict=priority", ask)).json;
    assert.deepEqual([answer.state, answer.cancelled], ["cancelled", []]);
    assert.ok(answer.reason.includes(theirId) && answer.reason.includes(borealis), answer.reason);
    assert.equal(done(await asRoot("GET", `/pass/${theirId}`)).json.state, "planned");
    refused(await asKey("POST", "/pass", { ...ask, priority: 999 }), 409, theirId);

    const own = passOf(aurora, { station, priority: 1 });
    const ownId = await planned(own);
    const stronger = done(await asKey("POST", "/pass?on_conflict=priority", { ...own, priority: 2 })).json;
    assert.deepEqual([stronger.state, stronger.cancelled[0].id], ["planned", ownId]);
    const byRoot = done(await asRoot("POST", "/pass?on_conflict=priority", ask)).json;
    assert.deepEqual([byRoot.state, byRoot.cancelled[0].id], ["planned", theirId]);
  });

  it("are not cancelled by a pass of it that is extended", async () => {
    const own = passOf(aurora, { station, priority: 10 });
    const ownId = await planned(own);
    const aos = new Date(Date.parse(own.aos) + 90_000).toISOString();
    const theirId = await planned({ ...passOf(borealis, { station, priority: 0 }), aos });
    const extend = `/pass/${ownId}/extend?on_conflict=priority`;
    refused(await asKey("PUT", extend, { by_s: 120 }), 409, theirId);
    assert.equal(done(await asRoot("PUT", extend, { by_s: 120 })).json.cancelled[0].id, theirId);
  });

  it("are not cancelled by a contact that it has saved, either", async () => {
    const tick = new Date(Math.ceil((Date.now() + 7_200_000) / 3_600_000) * 3_600_000);
    const theirId = await planned({ ...passOf(borealis, { station: "contested" }), aos: tick.toISOString() });
    const cron = `0 ${tick.getUTCHours()} * * *`;
    const contact = `mine-${randomUUID()}`;
    done(await asKey("PUT", `/contact/${contact}`, contactOf(aurora, { cron, station: "contested", priority: 1000 })));
    await until("planned", async () => {
      const { rows } = done(await api.request("GET", `/api/pass?contact=${contact}`)).json;
      return rows.some(
        ({ state, reason }: { state: string; reason: string }) => state === "cancelled" && reason.includes(theirId),
      );
    });
    assert.equal(done(await asRoot("GET", `/pass/${theirId}`)).json.state, "planned");
  });
});

describe("making a key of ships", () => {
  it("shows which they are, and refuses ships that are not there and what is no list of names", async () => {
    const made = await makeKey({ ships: [aurora, aurora, borealis] });
    assert.deepEqual(made.ships, [aurora, borealis]);
    const listed = done(await asRoot("GET", "/key")).json;
    const shipsOf = (id: string) => listed.find((one: { id: string }) => one.id === id).ships;
    assert.deepEqual([shipsOf(made.id), shipsOf(key.id)], [[aurora, borealis], [aurora]]);
    const free = await makeKey({ ships: null });
    assert.equal(free.ships, null);
    const asFree = await api.request("PUT", "/api/station/free", {
      token: free.key,
      body: { latitude: 1, longitude: 1 },
    });
    done(asFree);
    const make = (ships: unknown) => asRoot("POST", "/key", { name: `key-${randomUUID()}`, roles: ["publish"], ships });
    refused(await make(["nobody"]), 404, "nobody");
    for (const ships of [[], ["a:b"], ["*"], "aurora", [1]]) assert.equal((await make(ships)).status, 422);
  });

  it("is revoked, expires and lacks roles as any other", async () => {
    const brief = await makeKey({ ships: [aurora], expires_at: new Date(Date.now() + 1_500).toISOString() });
    const lame = await makeKey({ ships: [aurora], roles: ["update"] });
    const gone = await makeKey({ ships: [aurora] });
    const save = (token: string) => api.request("PUT", `/api/ship/${aurora}`, { token, body: { format: "raw" } });
    for (const { key: text } of [brief, gone]) done(await save(text));
    refused(await save(lame.key), 403, "publish");
    done(await asRoot("DELETE", `/key/${gone.id}`));
    refused(await save(gone.key), 403);
    await until("expired", async () => (await save(brief.key)).json.code === "token_refused");
  });
});
