/** Stations, orbits, and the passes that follow from both. The numbers are those of src/ground/predict.test.ts, which names their sources. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";

const line1 = "1 25544U 98067A   14020.93268519  .00009878  00000-0  18200-3 0  5082";
const line2 = "2 25544  51.6498 109.4756 0003572  55.9686 274.8005 15.49815350868473";

/** The same orbit with another epoch and the checksum that belongs to it. */
function ofEpoch(year: string, dayOfYear: string): string {
  const body = line1.slice(0, 18) + year + dayOfYear + line1.slice(32, 68);
  let sum = 0;
  for (const character of body) sum += character === "-" ? 1 : Number(character) || 0;
  return body + (sum % 10);
}

function epochOf(date: Date): string {
  const dayOfYear = (date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 0)) / 86_400_000;
  return ofEpoch(`${date.getUTCFullYear() % 100}`, dayOfYear.toFixed(8).padStart(12, "0"));
}

describe("stations, orbits and predicted passes", () => {
  let node: TestRuntime;
  let token = "";
  before(async () => {
    node = await openTestRuntime();
    token = await node.tokenOf("publisher");
    await put("/ship/iss", { format: "ccsds" });
    await put("/ship/lost", { format: "ccsds" });
  });
  after(() => node.stop());

  const put = (path: string, body: unknown, as = token) => node.request("PUT", `/api${path}`, { token: as, body });
  const get = (path: string) => node.request("GET", `/api${path}`);
  const post = (path: string, body: unknown) => node.request("POST", `/api${path}`, { token, body });
  const weilheim = { latitude: 47.88, longitude: 11.0853, height_m: 600, mask: 5 };

  describe("a station", () => {
    it("is saved, replaced, read, listed and deleted", async () => {
      const saved = await put("/station/Wh-1.a", { ...weilheim, description: "30 m" });
      assert.equal(saved.status, 200, saved.text);
      const { modified_date, ...row } = saved.json;
      assert.deepEqual(row, { ...weilheim, station: "Wh-1.a", description: "30 m", modified_by: "publisher" });
      assert.ok(modified_date);
      const mask = [
        [0, 5],
        [90, 12.5],
        [359.9, 3],
      ];
      await put("/station/Wh-1.a", { latitude: -90, longitude: 180, mask });
      const read = (await get("/station/Wh-1.a")).json;
      assert.deepEqual(
        [read.latitude, read.longitude, read.height_m, read.mask, read.description],
        [-90, 180, 0, mask, null],
      );
      await put("/station/b", weilheim);
      const names = async (query = "") =>
        (await get(`/station${query}`)).json.rows.map(({ station }: { station: string }) => station);
      assert.deepEqual(await names(), ["Wh-1.a", "b"]);
      assert.deepEqual([await names("?limit=1"), await names("?after=Wh-1.a")], [["Wh-1.a"], ["b"]]);
      assert.equal((await get("/station?limit=1")).json.next_after, "Wh-1.a");
      const deleted = await node.request("DELETE", "/api/station/b", { token });
      assert.deepEqual([deleted.status, deleted.json.station], [200, "b"]);
      for (const method of ["GET", "DELETE"])
        assert.equal((await node.request(method, "/api/station/b", { token })).status, 404);
    });

    it("is refused with the field that is wrong, and to a caller without the role", async () => {
      for (const [change, field] of [
        [{ latitude: 91 }, "latitude"],
        [{ latitude: undefined }, "latitude"],
        [{ longitude: -181 }, "longitude"],
        [{ height_m: "high" }, "height_m"],
        [{ mask: 91 }, "mask"],
        [{ mask: [] }, "mask"],
        [{ mask: [[360, 1]] }, "mask"],
        [
          {
            mask: [
              [10, 1],
              [10, 2],
            ],
          },
          "mask",
        ],
        [{ description: "a\u0000" }, "description"],
      ] as const) {
        const { status, json } = await put("/station/x", { ...weilheim, ...change });
        assert.equal(status, 400, JSON.stringify(change));
        assert.match(json.field, new RegExp(`^${field}`));
      }
      assert.equal((await put("/station/a%2Fb", weilheim)).json.field, "station");
      assert.equal((await put("/station/x", weilheim, await node.tokenOf("reader"))).status, 403);
      assert.equal((await get("/station/x")).status, 404);
    });
  });

  describe("a ship's orbit", () => {
    it("is kept beside its definition, as lines or as a text, and forgotten", async () => {
      const { status, json } = await put("/ship/iss/tle", { tle: `ISS (ZARYA)\n${line1}\n${line2}\n` });
      assert.equal(status, 200);
      assert.deepEqual(
        [json.tle.name, json.tle.catalog_number, json.tle.epoch.slice(0, 19)],
        ["ISS (ZARYA)", "25544", "2014-01-20T22:23:04"],
      );
      await put("/ship/iss", { format: "ccsds" });
      assert.deepEqual((await get("/ship/iss")).json.tle, json.tle);
      assert.equal((await put("/ship/iss/tle", { tle: null })).json.tle, null);
      assert.equal((await get("/ship/iss")).json.tle, null);
      assert.deepEqual((await put("/ship/iss/tle", { tle: [line1, line2] })).json.tle.lines, [line1, line2]);
    });

    it("is refused by the line and the columns that are wrong", async () => {
      for (const [tle, detail] of [
        [[line1, line2.replace("51.6498", "51.6499")], /^tle: line 2, column 69: the checksum is 3/],
        [`${line1}`, /^tle: two lines are needed/],
        [7, /^tle: /],
        [undefined, /^tle: /],
      ] as const) {
        const answer = await put("/ship/iss/tle", { tle });
        assert.deepEqual([answer.status, answer.json.field], [400, "tle"], answer.text);
        assert.match(answer.json.detail, detail);
      }
      assert.equal((await put("/ship/nobody/tle", { tle: [line1, line2] })).status, 404);
      assert.equal((await put("/ship/iss/tle", { tle: null }, await node.tokenOf("reader"))).status, 403);
    });
  });

  describe("predicted passes", () => {
    const window = "from=2014-01-21T00:00:00Z&to=2014-01-22T00:00:00Z";
    before(async () => {
      await put("/ship/iss/tle", { tle: [line1, line2] });
      await put("/station/weilheim", weilheim);
    });

    it("are told with their times, azimuths and elevations", async () => {
      const { status, json } = await get(`/pass/predict?ship=iss&station=weilheim&${window}`);
      assert.equal(status, 200, JSON.stringify(json));
      assert.deepEqual([json.ship, json.station, json.warnings, json.passes.length], ["iss", "weilheim", [], 6]);
      const [, second] = json.passes;
      assert.match(second.aos, /^2014-01-21T01:48:5[45]\.\d{6}\+00:00$/);
      assert.match(second.los, /^2014-01-21T01:57:15\./);
      assert.deepEqual(
        [second.aos_azimuth, second.los_azimuth, second.max_elevation].map((value) => Math.round(value * 10) / 10),
        [228.3, 69.8, 50.8],
      );
      assert.deepEqual([Math.round(second.duration_s), second.pass_id], [500, null]);
      const high = await get(`/pass/predict?ship=iss&station=weilheim&${window}&min_elevation=60`);
      assert.equal(high.json.passes.length, 1);
    });

    it("warn of elements that are old, and say what is wrong with what is asked", async () => {
      const old = await get(
        "/pass/predict?ship=iss&station=weilheim&from=2014-03-01T00:00:00Z&to=2014-03-02T00:00:00Z",
      );
      assert.match(old.json.warnings[0], /of 2014-01-20.*up to 40\.1 days/);
      for (const [query, status, field] of [
        ["station=weilheim", 400, "ship"],
        ["ship=iss", 400, "station"],
        ["ship=iss&station=weilheim&min_elevation=x", 400, "min_elevation"],
        ["ship=iss&station=weilheim&min_elevation=91", 400, "min_elevation"],
        ["ship=iss&station=weilheim&from=now", 400, "from"],
        ["ship=iss&station=weilheim&from=2014-01-02T00:00:00Z&to=2014-01-01T00:00:00Z", 422, "to"],
        ["ship=iss&station=weilheim&from=2014-01-01T00:00:00Z&to=2014-03-01T00:00:00Z", 422, "to"],
        ["ship=nobody&station=weilheim", 404, undefined],
        ["ship=iss&station=nowhere", 404, undefined],
        ["ship=lost&station=weilheim", 422, "ship"],
      ] as const) {
        const answer = await get(`/pass/predict?${query}`);
        assert.deepEqual([answer.status, answer.json.field], [status, field], answer.text);
      }
    });

    it("are planned once: with what each is given, in a dry run not at all, and again only what is new", async () => {
      const soon = new Date();
      await put("/ship/iss/tle", { tle: [epochOf(soon), line2] });
      const to = new Date(soon.getTime() + 2 * 86_400_000).toISOString();
      const from = new Date(soon.getTime() + 3_600_000).toISOString();
      const body = { ship: "iss", station: "weilheim", from, to, min_elevation: 10, priority: 3, prepass_margin_s: 2 };
      const dry = (await post("/pass/predict?dry_run=true", body)).json;
      assert.deepEqual([dry.accepted, dry.prediction.warnings], [true, []]);
      assert.ok(dry.passes.length >= 4, `${dry.passes.length}`);
      assert.equal((await get("/pass?ship=iss")).json.rows.length, 0);

      const made = await post("/pass/predict", body);
      assert.equal(made.status, 200, made.text);
      assert.equal(made.json.passes.length, dry.passes.length);
      const [first] = made.json.passes;
      assert.deepEqual(
        [first.aos, first.los, first.station, first.priority, first.prepass_margin_s, first.state],
        [dry.prediction.passes[0].aos, dry.prediction.passes[0].los, "weilheim", 3, 2, "planned"],
      );
      assert.equal((await get(`/pass/${first.id}`)).status, 200);

      const again = await post("/pass/predict", body);
      assert.deepEqual([again.status, again.json.passes], [200, []]);
      assert.deepEqual(
        again.json.prediction.passes.map(({ pass_id }: { pass_id: string }) => pass_id),
        made.json.passes.map(({ id }: { id: string }) => id),
      );
      await node.request("PUT", `/api/pass/${first.id}/cancel`, { token });
      assert.equal((await post("/pass/predict", body)).json.passes.length, 1);
    });

    it("meet the same conflict rules as any pass", async () => {
      const now = Date.now();
      await put("/ship/iss/tle", { tle: [epochOf(new Date(now)), line2] });
      const [from, to] = [3, 4].map((days) => new Date(now + days * 86_400_000).toISOString());
      const ask = { ship: "iss", station: "weilheim", from, to, priority: 1 };
      const found = (await get(`/pass/predict?ship=iss&station=weilheim&from=${from}&to=${to}`)).json.passes;
      const other = await post("/pass", { ship: "lost", station: "weilheim", aos: found[0].aos, los: found[0].los });
      assert.equal(other.status, 200, other.text);
      const refused = await post("/pass/predict", ask);
      assert.deepEqual([refused.status, refused.json.pass_ids], [409, [other.json.id]]);
      assert.equal((await get(`/pass/${other.json.id}`)).json.state, "planned");
      const won = (await post("/pass/predict?on_conflict=priority", ask)).json;
      assert.deepEqual([won.passes.length, won.cancelled[0].id], [found.length, other.json.id]);
      for (const [body, status] of [
        [{ ...ask, ship: "lost" }, 422],
        [{ ...ask, from: to, to: undefined, template: "none such" }, 404],
        [{ ...ask, priority: 1.5 }, 400],
        [{ ...ask, station: "nowhere" }, 404],
      ] as const)
        assert.equal((await post("/pass/predict", body)).status, status, JSON.stringify(body));
      const reader = await node.tokenOf("reader");
      assert.equal((await node.request("POST", "/api/pass/predict", { token: reader, body: ask })).status, 403);
    });
  });

  it("are in the document", async () => {
    const { paths } = (await node.request("GET", "/spec")).json;
    for (const path of ["/station", "/station/{station}", "/ship/{ship}/tle", "/pass/predict"])
      assert.ok(paths[path], path);
    assert.ok(paths["/pass"].post.requestBody.content["text/csv"]);
    assert.deepEqual(
      paths["/pass"].post.parameters.map(({ name }: { name: string }) => name),
      ["on_conflict", "dry_run"],
    );
  });
});
