/** What a definition must keep beside its shape: names and APIDs that agree, fields that fit their type, limits that nest. */
import type { FieldDefinition, PacketCondition, PacketDefinition, PacketType } from "./packet-definition.ts";

/** Where, as a path below the definition, and why. */
type Fault = [path: string, fault: string];

export function definitionFault({ packets }: PacketDefinition): Fault | null {
  const before = new Map<number, PacketType>();
  const parameters = new Map<string, { readonly path: string; readonly text: string }>();
  for (const [p, packet] of packets.entries()) {
    const path = `packets.${p}`;
    const fault = packetFault(packet, before.get(packet.apid)) ?? namesFault(packet, path, parameters);
    if (fault !== null) return [`${path}.${fault[0]}`, fault[1]];
    before.set(packet.apid, packet);
  }
  return null;
}

function packetFault(packet: PacketType, sameApid: PacketType | undefined): Fault | null {
  const { apid, when, fields, time } = packet;
  if (sameApid !== undefined && sameApid.when === undefined)
    return ["apid", `APID ${apid} is defined twice: all but the last packet of an APID need \`when\``];
  if (sameApid !== undefined && sameApid.crc !== packet.crc) return ["crc", `must be the same for all of APID ${apid}`];
  for (const [c, condition] of when?.entries() ?? []) {
    const fault = conditionFault(condition);
    if (fault !== null) return [`when.${c}`, fault];
  }
  for (const [f, field] of fields.entries()) {
    const fault = fieldFault(field);
    if (fault !== null) return [`fields.${f}.${fault[0]}`, fault[1]];
  }
  const timeField = fields.find((one) => one.name === time);
  if (time !== undefined && timeField?.type !== "cuc" && timeField?.type !== "cds")
    return ["time", "must name a field of type cuc or cds of this packet"];
  return null;
}

function conditionFault({ bits, equals, not, min, max }: PacketCondition): string | null {
  const asked = [equals, not, min ?? max].filter((one) => one !== undefined);
  if (asked.length !== 1) return "needs one of equals, not, or min and max";
  const largest = 2 ** bits - 1;
  if ([equals, not, min, max].some((one) => one !== undefined && one > largest))
    return `compares with more than ${bits} bits can hold`;
  return (min ?? 0) > (max ?? largest) ? "must have its min at most its max" : null;
}

/** One name is one parameter: within a packet once, in other packets with the same meaning. */
function namesFault(
  { fields }: PacketType,
  path: string,
  known: Map<string, { readonly path: string; readonly text: string }>,
): Fault | null {
  const here = new Set<string>();
  for (const [f, field] of fields.entries()) {
    const { name, bit_offset: _offset, description: _description, ...meaning } = field;
    const fault = (text: string): Fault => [`fields.${f}.name`, `"${name}" ${text}`];
    if (here.has(name)) return fault("is there twice in this packet");
    here.add(name);
    const text = JSON.stringify(meaning);
    const other = known.get(name);
    if (other === undefined) known.set(name, { path: `${path}.fields.${f}`, text });
    else if (other.text !== text)
      return fault(`is defined otherwise at ${other.path}: a parameter's name is its ship's own`);
  }
  return null;
}

function fieldFault(one: FieldDefinition): Fault | null {
  if (one.type === "bits" && one.bits === undefined)
    return ["bits", "is missing: a field of type bits needs its number"];
  if (one.type !== "bits" && one.signed !== undefined) return ["signed", "is a matter of type bits"];
  if (
    one.type === "bits" &&
    one.byte_order === "little" &&
    ((one.bits ?? 0) % 8 !== 0 || (one.bit_offset ?? 1) % 8 !== 0)
  )
    return ["byte_order", "little needs bits of whole octets, at a bit_offset that is a multiple of 8"];
  if (one.type !== "bits" && (one.bit_offset ?? 0) % 8 !== 0)
    return ["bit_offset", "must be a multiple of 8, unless the type is bits"];
  const isOctets = one.type === "bytes" || one.type === "string";
  if (isOctets && one.bytes === undefined) return ["bytes", `is missing: a field of type ${one.type} needs its length`];
  const isNumber = !isOctets && one.type !== "cuc" && one.type !== "cds";
  if (!isNumber && one.calibration !== undefined) return ["calibration", `cannot apply to type ${one.type}`];
  const { calibration: how, limits } = one;
  if (
    how !== undefined &&
    "table" in how &&
    how.table.some(([raw], i) => i > 0 && raw <= (how.table[i - 1]?.[0] ?? raw))
  )
    return ["calibration.table", "must have its raw values ascending"];
  if (limits === undefined) return null;
  if (!isNumber || (how !== undefined && "enum" in how)) return ["limits", "need a number, calibrated or not"];
  return limitsFault(limits);
}

/** Each range holds the next milder one: critical.low ≤ warning.low ≤ watch.low < watch.high ≤ … */
function limitsFault(limits: NonNullable<FieldDefinition["limits"]>): Fault | null {
  const { alarm, ...levels } = limits;
  if (alarm !== undefined && Object.keys(levels).length === 0)
    return ["limits.alarm", "needs a level to be beyond: watch, warning or critical"];
  if (alarm !== undefined && alarm.violations > (alarm.of ?? alarm.violations))
    return ["limits.alarm.violations", "must be at most `of`, the number of values looked at"];
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.POSITIVE_INFINITY;
  for (const level of ["critical", "warning", "watch"] as const) {
    const { low: lowHere = low, high: highHere = high } = limits[level] ?? {};
    if (lowHere >= highHere) return [`limits.${level}`, "must have its low below its high"];
    if (lowHere < low || highHere > high) return [`limits.${level}`, "must lie within the graver range"];
    low = lowHere;
    high = highHere;
  }
  return null;
}
