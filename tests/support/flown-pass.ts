/** A pass over HTTP for a test: planned from now on, sent to while it receives, waited for until it has ended. */
import { sendTo } from "./ground.ts";
import { done } from "./http.ts";
import { openTestRuntime, type TestRuntime } from "./runtime.ts";
import { until } from "./signal.ts";

export interface FlownPass {
  readonly id: string;
  /** Sends and waits until all of them are stored. */
  send(packets: readonly Uint8Array[]): Promise<void>;
  completed(): Promise<void>;
}

/** A node that knows a ship with this packet definition. */
export async function openNodeOfShip(ship: string, packets: object): Promise<TestRuntime> {
  const node = await openTestRuntime();
  const body = { format: "ccsds", packets };
  done(await node.request("PUT", `/api/ship/${ship}`, { token: await node.tokenOf("publisher"), body }));
  return node;
}

/** Its port is open when this resolves. */
export async function beginPass(node: TestRuntime, ship: string, seconds: number): Promise<FlownPass> {
  const token = await node.tokenOf("publisher");
  const body = { ship, aos: new Date(Date.now() + 300).toISOString(), duration_s: seconds, drain_margin_s: 0.5 };
  const { json: pass } = done(await node.request("POST", "/api/pass", { token, body }));
  const seen = async () => (await node.request("GET", `/api/pass/${pass.id}`)).json;
  await until("receiving", async () => {
    const { state, reason } = await seen();
    if (!["planned", "prepass", "receiving"].includes(state)) throw new Error(`The pass is ${state}: ${reason}`);
    return state === "receiving";
  });
  let sent = 0;
  return {
    id: pass.id,
    async send(packets) {
      await sendTo(pass.port, packets);
      sent += packets.length;
      await until("all stored", async () => (await seen()).counters?.stored === sent);
    },
    completed: () => until("completed", async () => (await seen()).state === "completed"),
  };
}
