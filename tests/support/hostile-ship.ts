/** The ship of a hostile mission: one pass that receives and alarms, one that is over, and some that are planned. */

import { buildPacket } from "../../src/ground/ccsds.ts";
import { freshTle } from "./fresh-tle.ts";
import { sendTo } from "./ground.ts";
import { hostile } from "./hostile.ts";
import type { Call } from "./hostile-mission.ts";
import { until } from "./signal.ts";

export interface FlownHostile {
  /** It receives, and has an alarm that was acknowledged. */
  readonly passId: string;
  readonly endedPassId: string;
}

const definition = {
  packets: [
    {
      apid: 100,
      name: "power",
      description: hostile,
      time: "clock",
      fields: [
        { name: "clock", type: "cuc", fine_bytes: 2, epoch: "unix" },
        {
          ...{ name: "battery_voltage", type: "u16", unit: hostile, description: hostile },
          calibration: { polynomial: [0, 0.001] },
          limits: { warning: { low: 7, high: 8.5 }, critical: { low: 6, high: 9 } },
        },
        { name: "mode", type: "u8", description: hostile, calibration: { enum: { "0": "idle", "1": hostile } } },
        { name: "note", type: "string", bytes: 40, unit: hostile },
      ],
    },
  ],
};

function packet(sequenceCount: number): Uint8Array {
  const takenMs = Date.now() - 60_000 + sequenceCount * 1000;
  const data = Buffer.alloc(49);
  data.writeUInt32BE(Math.floor(takenMs / 1000), 0);
  data.writeUInt16BE(Math.floor((takenMs % 1000) * 65.536), 4);
  data.writeUInt16BE(7500 + sequenceCount * 100, 6);
  data.writeUInt8(sequenceCount % 2, 8);
  data.write(hostile.slice(0, 40), 9);
  return buildPacket({ apid: 100, sequenceCount, data });
}

const packetsSent = 20;

export async function flyHostile(call: Call): Promise<FlownHostile> {
  await call("PUT", "/ship/aurora", { format: "ccsds", packets: definition });
  await call("PUT", "/ship/aurora/tle", { tle: [hostile.slice(0, 80), ...freshTle()] });
  await call("PUT", "/station/weilheim", { latitude: 47.8, longitude: 11.1, description: hostile, mask: 5 });
  const order = { ship: "aurora", cron: "30 6 * * *", duration_s: 600, ahead_days: 2 };
  await call("PUT", "/contact/daily", { ...order, station: "weilheim" });
  const plan = async (inS: number, seconds: number, more: object = {}): Promise<string> => {
    const aos = new Date(Date.now() + inS * 1000).toISOString();
    const body = { ship: "aurora", station: hostile, aos, duration_s: seconds, drain_margin_s: 0.5, ...more };
    return (await call("POST", "/pass", body)).json.id;
  };
  const endedPassId = await plan(0.2, 1);
  const passId = await plan(3, 900);
  await plan(3600, 900, { station: "weilheim" });
  await plan(6000, 900, { station: "weilheim" });
  const seen = async (id: string) => (await call("GET", `/pass/${id}`)).json;
  const packets = Array.from({ length: packetsSent }, (_, n) => packet(n));

  await until("receiving", async () => (await seen(passId)).state === "receiving", 20_000);
  await sendTo((await seen(passId)).port, packets);
  await until("stored", async () => (await seen(passId)).counters?.stored === packetsSent, 20_000);
  const alarms = async () => (await call("GET", "/alarm?ship=aurora")).json.rows;
  await until("alarmed", async () => (await alarms()).length > 0, 20_000);
  const [alarm] = await alarms();
  await call("PUT", `/alarm/${alarm.id}/acknowledge`, { comment: hostile });
  await until("ended", async () => (await seen(endedPassId)).state === "completed", 20_000);
  return { passId, endedPassId };
}
