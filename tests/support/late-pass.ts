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
    async fly(received, template) {
      // On a busy machine a window of seconds may be over before anybody has sent: then it is flown again.
      for (let tries = 1; ; tries++) {
        const body = {
          ...{ ship, template, aos: new Date(Date.now() + 200).toISOString(), duration_s: 2 },
          ...{ prepass_margin_s: 0.1, drain_margin_s: 0.5 },
        };
        const { json: pass } = done(await call("POST", "/pass", body));
        const seen = async () => (await get(`/pass/${pass.id}`)).json;
        await until("the port open", async () => !["planned", "prepass"].includes((await seen()).state));
        await sendTo(pass.port, received);
        await until("its end", async () => ["completed", "missed"].includes((await seen()).state));
        const { state, ledger } = await seen();
        if (state === "completed" && ledger.stored === received.length) return pass.id;
        assert.ok(tries < 5, `${state}: ${JSON.stringify(ledger)}`);
      }
    },
    add: async (passId, sent, token) => addPackets(node.url, passId, sent, token ?? (await node.tokenOf("publisher"))),
  };
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
