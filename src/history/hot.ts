/**
 * Passes under way, decoded as far as somebody asked: a question decodes only what came since the last one. Nothing is kept of
 * a pass that nobody asks about, and of the least recently asked one when there are too many.
 */
import { emptyValues, type Values } from "../ground/decode.ts";
import { compilePlan, type DecodePlan } from "../ground/field-plan.ts";
import type { PacketDefinition } from "../ground/packet-definition.ts";
import type { JsonText } from "../model/json.ts";
import type { StreamName, Telemetry } from "../telemetry/telemetry.ts";
import { Columns } from "./columns.ts";
import { eachDecoded } from "./decoded.ts";
import type { TakeSamples } from "./history-file.ts";

/** Up to 16 MiB each. */
const passesMax = 8;
/** A question decodes this many packets at most, the next one goes on from there. Measured: 0.15 s for packets of 2 fields, an entry at a time. */
const packetsAtOnceMax = 100_000;

interface HotPass {
  readonly definition: JsonText;
  readonly plan: DecodePlan;
  readonly values: Values;
  readonly columns: Columns;
  position: { token: number; entry: number };
  /** One reader at a time, the next waits for it. */
  reading: Promise<boolean>;
}

export interface HotHistory {
  /** Hands out the rows of one parameter, in no order. False: there are packets that it did not get to. */
  read(stream: StreamName, definition: JsonText, parameter: string, take: TakeSamples): Promise<boolean>;
}

export function createHotHistory(telemetry: Telemetry): HotHistory {
  const passes = new Map<string, HotPass>();

  function passOf({ passId }: StreamName, definition: JsonText): HotPass {
    const known = passes.get(passId);
    passes.delete(passId);
    const pass = known?.definition === definition ? known : newPass(definition);
    passes.set(passId, pass);
    const [oldest] = passes.keys();
    if (passes.size > passesMax && oldest !== undefined) passes.delete(oldest);
    return pass;
  }

  async function catchUp(pass: HotPass, stream: StreamName): Promise<boolean> {
    let packets = 0;
    for await (const { token, entry, payload } of telemetry.read(stream, pass.position)) {
      packets += eachDecoded(payload, pass.plan, pass.values, ({ packet, place, takenMs }) => {
        if (!place.conflict) pass.columns.take(packet, pass.values, takenMs);
      });
      pass.position = { token, entry };
      if (packets >= packetsAtOnceMax) return false;
    }
    return true;
  }

  return {
    async read(stream, definition, parameter, take) {
      const pass = passOf(stream, definition);
      const caughtUp = pass.reading.then(() => catchUp(pass, stream));
      pass.reading = caughtUp.catch(() => true); // whoever asked hears of it
      const isWhole = await caughtUp;
      for (const { parameters, series } of pass.columns.packets) {
        const field = parameters.findIndex((i) => pass.plan.parameters[i]?.name === parameter);
        if (field === -1) continue;
        for (let row = 0; row < series.count; row++) take(series.timeOf(row), series.samplesOf(row, field));
      }
      return isWhole;
    },
  };
}

function newPass(definition: JsonText): HotPass {
  // Checked when the ship was registered.
  const plan = compilePlan(JSON.parse(definition) as PacketDefinition);
  return {
    definition,
    plan,
    values: emptyValues(plan),
    columns: new Columns(plan),
    position: { token: 0, entry: 0 },
    reading: Promise.resolve(true),
  };
}
