/** A ship whose packets end in a CRC, a template gated on them, and passes over it that lost some: for tests of what comes after a pass. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { buildPacket } from "../../src/ground/ccsds.ts";
import { sendTo } from "./ground.ts";
import { done } from "./http.ts";
import type { Answer } from "./runtime.ts";
import { until } from "./signal.ts";
import type { TemplateRuntime } from "./template-runs.ts";

export const latePackets = {
  crc: true,
  packets: [
    { name: "power", apid: 100, fields: [{ name: "volts", type: "u32" }] },
    { name: "attitude", apid: 101, fields: [{ name: "angle", type: "u32" }] },
  ],
};

/** `twin`: other octets under the same count. */
export function packet(apid: number, count: number, twin = 0): Uint8Array {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, count * 2 + twin);
  return buildPacket({ apid, sequenceCount: count, data, crc: true });
}

export const packets = (apid: number, from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, i) => packet(apid, from + i));

export const gatedTemplate = (id: string): string => `
id: ${id}
tasks:
  - { id: power, command: [cat], require: { completeness: 0.999, apids: [100] } }
  - { id: plot, command: [cat], depends_on: [power] }
  - { id: attitude, command: [cat], require: { completeness: 0.999, apids: [101] } }
  - { id: free, command: [cat], passthrough: { file: "{{ params.telemetry.path }}" } }
params: { telemetry: {} }
`;

export interface LateShip {
  readonly ship: string;
  /** Flies a pass that receives these, and resolves when it is completed. Returns the pass. */
  fly(received: readonly Uint8Array[], template?: string): Promise<string>;
  add(passId: string, sent: readonly Uint8Array[], token?: string): Promise<Answer>;
  get(path: string): Promise<Answer>;
}

export async function registerLateShip(
  runtime: Pick<TemplateRuntime, "node" | "call">,
  packets: object = latePackets,
): Promise<LateShip> {
  const { node, call } = runtime;
  const ship = `late-${randomUUID()}`;
  done(await call("PUT", `/ship/${ship}`, { format: "ccsds", packets }));
  const get = (path: string) => node.request("GET", `/api${path}`);
  return {
    ship,
    get,
    fly(received, template) {
      const order = { ship, template, duration_s: 2, prepass_margin_s: 0.1, drain_margin_s: 0.5 };
      return flyWhole(call, order, received, { aheadMs: 200, triesMax: 5 });
    },
    add: async (passId, sent, token) => addPackets(node.url, passId, sent, token ?? (await node.tokenOf("publisher"))),
  };
}

interface Flight {
  /** How long before its beginning it is planned. */
  readonly aheadMs: number;
  readonly triesMax: number;
  /** How long its end is waited for. */
  readonly endMs?: number;
}

/**
 * Flies a pass of this order that receives all of `sent`. On a busy machine a window of seconds may be over before anybody has sent, and its
 * kernel may drop some, which is counted: then it is flown again. Returns the pass.
 */
export async function flyWhole(
  call: (method: string, path: string, body?: unknown) => Promise<Answer>,
  order: object,
  sent: readonly Uint8Array[],
  { aheadMs, triesMax, endMs }: Flight,
): Promise<string> {
  for (let tries = 1; ; tries++) {
    const aos = new Date(Date.now() + aheadMs).toISOString();
    const { json: pass } = done(await call("POST", "/pass", { ...order, aos }));
    const seen = async () => (await call("GET", `/pass/${pass.id}`)).json;
    await until("the port open", async () => !["planned", "prepass"].includes((await seen()).state));
    await sendTo(pass.port, sent);
    await until("its end", async () => ["completed", "missed"].includes((await seen()).state), endMs);
    const { state, ledger } = await seen();
    if (state === "completed" && ledger.stored === sent.length) return pass.id;
    assert.ok(tries < triesMax, `${state}: ${JSON.stringify(ledger)}`);
  }
}

/** As its route takes them: octets. */
export async function addPackets(
  url: string,
  passId: string,
  sent: readonly Uint8Array[],
  token: string,
): Promise<Answer> {
  const response = await fetch(`${url}/api/pass/${passId}/packet`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream", Authorization: `Bearer ${token}` },
    body: new Uint8Array(Buffer.concat(sent)),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) };
}
