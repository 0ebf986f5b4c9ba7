/** Builds the housekeeping packets that examples/mission/packets.yaml defines, from a made-up ship in orbit. */
import { headerBytes, sequenceModulus, writeCrc, writePrimaryHeader } from "./ccsds.ts";
import { type OrbitSample, orbitAt } from "./orbit.ts";

export const housekeepingApids = [100, 101, 102, 103] as const;
export type HousekeepingApid = (typeof housekeepingApids)[number];

/** Octets after the primary header, without the CRC. */
const dataBytes: Record<HousekeepingApid, number> = { 100: 20, 101: 32, 102: 22, 103: 40 };
const crcBytes = 2;
export const housekeepingBytesMin = headerBytes + Math.max(...Object.values(dataBytes)) + crcBytes;

const software = "fsw-2.4";

/** The thermistor's table in the definition, read from value to raw. */
const thermistor = [
  [0, -60],
  [1024, -10],
  [2048, 15],
  [3072, 40],
  [4095, 90],
] as const;

export interface HousekeepingOptions {
  readonly ship: number;
  /** Of an orbit, in seconds. */
  readonly orbitS: number;
  /** Pads every packet with zeros before its CRC; null: as long as its fields are. */
  readonly sizeBytes: number | null;
}

/** Makes packets of one ship. Each call's packet is a buffer of its own. */
export function createHousekeeping(
  options: HousekeepingOptions,
): (apid: HousekeepingApid, count: number, epochMs: number) => Uint8Array {
  const { ship, orbitS, sizeBytes } = options;
  return (apid, count, epochMs) => {
    const packet = new Uint8Array(sizeBytes ?? headerBytes + dataBytes[apid] + crcBytes);
    const view = new DataView(packet.buffer, headerBytes);
    writePrimaryHeader(packet, { apid, sequenceCount: count % sequenceModulus });
    const sample = orbitAt(ship, epochMs / 1000, orbitS);
    if (apid === 103) view.setUint16(0, Math.floor(epochMs / 86_400_000));
    else writeCuc(view, epochMs);
    switch (apid) {
      case 100:
        writePower(view, sample);
        break;
      case 101:
        writeAttitude(view, sample);
        break;
      case 102:
        writeThermal(view, sample);
        break;
      case 103:
        writeComputer(view, sample, epochMs, count);
        break;
      default:
        apid satisfies never;
    }
    writeCrc(packet);
    return packet;
  };
}

/** Four octets of seconds since 1970, two of their fraction. */
function writeCuc(view: DataView, epochMs: number): void {
  const seconds = Math.floor(epochMs / 1000);
  view.setUint32(0, seconds);
  view.setUint16(4, Math.floor((epochMs / 1000 - seconds) * 65_536));
}

function writePower(view: DataView, sample: OrbitSample): void {
  view.setUint16(6, Math.round(sample.batteryVoltage * 1000));
  view.setInt16(8, Math.round(sample.batteryCurrent * 1000));
  view.setUint8(10, Math.round(sample.batteryCharge * 2));
  view.setUint16(11, thermistorRaw(sample.batteryTemperature));
  view.setUint16(13, Math.round(sample.solarVoltage * 1000));
  view.setUint16(15, Math.round(sample.solarCurrent * 1000));
  view.setUint16(17, Math.round(sample.busLoadW * 100));
  const mode = sample.isSunlit ? 2 : 1;
  view.setUint8(19, (sample.isSunlit ? 0x80 : 0) | (sample.isHeaterOn ? 0x40 : 0) | mode);
}

function writeAttitude(view: DataView, sample: OrbitSample): void {
  for (const [i, part] of sample.quaternion.entries()) view.setFloat32(6 + i * 4, part);
  for (const [i, rate] of sample.rates.entries()) view.setInt16(22 + i * 2, Math.round(clamp(rate * 1000, 32_767)));
  view.setUint16(28, Math.round(sample.sunAngleDegrees * 100));
  view.setUint8(30, sample.isSunlit ? 1 : 2);
  view.setUint8(31, sample.isSunlit ? 7 : 12);
}

function writeThermal(view: DataView, sample: OrbitSample): void {
  for (const [i, celsius] of sample.temperatures.entries()) view.setInt16(6 + i * 2, Math.round(celsius * 100));
  // The definition's polynomial is −0.5 + 0.002 raw + 1e-8 raw²: its inverse.
  const raw = (-0.002 + Math.sqrt(0.002 ** 2 + 4e-8 * (sample.tankPressureBar + 0.5))) / 2e-8;
  view.setUint16(18, Math.round(raw));
  view.setUint8(20, sample.isHeaterOn ? 120 : 10);
  view.setUint8(21, sample.isHeaterOn ? 3 : 0);
}

function writeComputer(view: DataView, sample: OrbitSample, epochMs: number, count: number): void {
  view.setUint32(2, Math.floor(epochMs % 86_400_000));
  view.setUint32(6, Math.floor(epochMs / 1000) % 1_000_000);
  view.setUint16(10, 17);
  view.setUint8(12, Math.round(sample.cpuLoad));
  view.setUint32(13, 41_943_040 - (count % 1000) * 64, true);
  view.setBigUint64(17, BigInt(count) + 9_007_199_254_740_993n); // beyond what a double holds
  view.setInt8(25, Math.round(-88 + 6 * Math.sin(epochMs / 9000)));
  for (let i = 0; i < software.length; i++) view.setUint8(26 + i, software.charCodeAt(i));
  view.setUint32(34, 0xc0de0000 + (count % 256));
  view.setUint16(38, (2 << 13) | (Math.floor(count / 5000) & 0x1fff));
}

function thermistorRaw(celsius: number): number {
  for (const [i, [raw, value]] of thermistor.entries()) {
    const [rawNext, valueNext] = thermistor[i + 1] ?? [raw, value];
    if (celsius < valueNext) return Math.round(raw + ((celsius - value) / (valueNext - value)) * (rawNext - raw));
  }
  return 4095;
}

function clamp(value: number, most: number): number {
  return Math.max(-most, Math.min(most, value));
}
