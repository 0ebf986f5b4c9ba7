/** A node killed again and again while clients enqueue: each request under a key is stored once, whole, and answered alike. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openDatabase } from "../src/store/open.ts";
import { clientNames, Fleet } from "./crash/fleet.ts";
import { makeDatabasePlace, quietLog } from "./support/database.ts";
import { requester } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const kills = 6;
const requestsBetweenKills = 150;
const answerMsMax = 25_000;

/** What was asked under a key, and the one answer to it. */
interface Entry {
  readonly count: number;
  readonly text: string;
}

class Client {
  readonly ledger = new Map<string, Entry>();
  unanswered = 0;
  stopping = false;
  readonly #fleet: Fleet;
  readonly #service: string;
  #token = "";

  constructor(fleet: Fleet, service: string) {
    this.#fleet = fleet;
    this.#service = service;
  }

  async run(): Promise<void> {
    while (!this.stopping) {
      const key = randomUUID();
      const count = Math.random() < 0.3 ? 25 : 1;
      const text = await this.send(key, count);
      this.ledger.set(key, { count, text });
      if (Math.random() < 0.1) assert.equal(await this.send(key, count), text);
    }
  }

  /** Sends until it is answered. */
  async send(key: string, count: number): Promise<string> {
    const job = { job_type: "work", delay_s: 36_000, payload: key };
    const body = count === 1 ? job : Array.from({ length: count }, () => job);
    for (;;) {
      const answer = await this.#ask("/api/job", body, { "Idempotency-Key": key });
      if (answer?.status === 200) return answer.text;
      if (answer !== null) assert.equal(answer.status, 503, answer.text);
      this.unanswered += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #ask(path: string, body: unknown, headers: Record<string, string>) {
    const url = await this.#fleet.someUrl(Math.random);
    const request = requester(url);
    try {
      if (this.#token === "") {
        const login = await request("POST", "/api/authenticate", {
          body: { service: this.#service, key: "admin-key" },
        });
        this.#token = login.json?.access_token ?? "";
      }
      const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error("hangs")), answerMsMax).unref());
      return await Promise.race([request("POST", path, { token: this.#token, body, headers }), late]);
    } catch (error) {
      if (error instanceof Error && error.message === "hangs") throw error;
      return null; // the node was killed
    }
  }
}

describe("enqueueing on a node that is killed", () => {
  it("stores each request under a key once and whole, and gives it one answer", async () => {
    const place = await makeDatabasePlace();
    const fleet = new Fleet(1, place);
    try {
      const own = join(place.dataDir, "node-0");
      mkdirSync(own, { recursive: true });
      writeFileSync(join(own, "orrery.yaml"), 'computes:\n  work:\n    kind: shell\n    command: ["true"]\n');
      await fleet.start(0);
      const clients = clientNames.slice(0, 4).map((name) => new Client(fleet, name));
      const running = clients.map((client) => client.run());
      const answered = () => clients.reduce((sum, client) => sum + client.ledger.size, 0);
      for (let kill = 1; kill <= kills; kill++) {
        const goal = answered() + requestsBetweenKills;
        await until("more is acknowledged", () => answered() >= goal || fleet.fallen !== null, 60_000);
        assert.equal(fleet.fallen, null);
        await fleet.kill(0, Math.random() * 10);
        await fleet.start(0);
      }
      for (const client of clients) client.stopping = true;
      await Promise.all(running);
      for (const client of clients) {
        for (const [key, { count, text }] of [...client.ledger].slice(-20))
          assert.equal(await client.send(key, count), text);
      }
      await fleet.killAll();

      const database = await openDatabase({ ...place, dataDir: own, maxConnections: 2 }, quietLog);
      try {
        const rows = await database.sql<{ jobId: string; payload: string; isLive: boolean; isDecided: boolean }>`
          select r.job_id as "jobId", payload, exists (select 1 from job where job.job_id = r.job_id) as "isLive",
            exists (select 1 from decision d where d.job_id = r.job_id) as "isDecided" from job_record r`;
        const stored = Map.groupBy(rows, (row) => JSON.parse(row.payload) as string);
        const entries = new Map(clients.flatMap((client) => [...client.ledger]));
        assert.ok(clients.some((client) => client.unanswered > 0));
        assert.deepEqual(new Set(stored.keys()), new Set(entries.keys()));
        for (const [key, { count, text }] of entries) {
          const own = stored.get(key) ?? [];
          const answer = JSON.parse(text) as { id?: string; ids?: string[] };
          assert.deepEqual(own.map((row) => row.jobId).sort(), (answer.ids ?? [answer.id ?? ""]).toSorted());
          assert.equal(own.length, count);
          assert.ok(own.every((row) => row.isLive && row.isDecided === (count === 1)));
        }
      } finally {
        await database.close();
      }
    } finally {
      await fleet.killAll();
      await place.remove();
    }
  });
});
