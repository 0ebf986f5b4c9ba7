/** How the battery did over the pass: charge, voltage, temperature, what went in and out, and a verdict with its reasons. */
import { join } from "node:path";
import type { FunctionTask } from "../../../src/compute/function.ts";
import { decodedColumns } from "./csv.ts";
import { passOf, productFolder } from "./pass.ts";
import { writeProduct } from "./product-file.ts";

interface Range {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

/** A longer silence between two samples is a loss: nothing is integrated over it. */
const silenceMsMax = 10_000;

export default async function batteryHealth(task: FunctionTask) {
  const power = await decodedColumns(task, "power");
  if (power.rows === 0) throw new Error("No power packet was received: there is nothing to judge");
  const charge = power.numbers("battery_charge");
  const voltage = power.numbers("battery_voltage");
  const current = power.numbers("battery_current");
  const report = {
    samples: power.rows,
    charge_percent: rangeOf(charge),
    charge_first_percent: charge[0] ?? 0,
    charge_last_percent: charge[charge.length - 1] ?? 0,
    voltage_v: rangeOf(voltage),
    temperature_c: rangeOf(power.numbers("battery_temperature")),
    ...flows(power.at, current),
    eclipse_share: rounded(power.words("sunlight").filter((word) => word === "eclipse").length / power.rows),
  };
  const reasons = [
    report.charge_percent.min < 55 ? `charge went down to ${report.charge_percent.min} %` : null,
    report.voltage_v.min < 7 ? `voltage went down to ${report.voltage_v.min} V` : null,
    report.temperature_c.max > 40 ? `temperature rose to ${report.temperature_c.max} °C` : null,
    report.temperature_c.min < -5 ? `temperature fell to ${report.temperature_c.min} °C` : null,
  ].filter((reason) => reason !== null);
  const verdict = reasons.length === 0 ? "healthy" : "look at it";
  task.log([verdict, ...reasons].join(": "));
  const folder = await productFolder(passOf(task));
  const file = await writeProduct(join(folder, "battery-health.json"), [
    `${JSON.stringify({ verdict, reasons, ...report }, null, 2)}\n`,
  ]);
  return { files: [file], verdict, reasons, ...report };
}

/** Ampere-hours in and out, by the trapezoid rule. */
function flows(atMs: Float64Array, amperes: Float64Array): { charged_ah: number; discharged_ah: number } {
  let charged = 0;
  let discharged = 0;
  for (let i = 1; i < amperes.length; i++) {
    const gapMs = (atMs[i] ?? 0) - (atMs[i - 1] ?? 0);
    if (gapMs <= 0 || gapMs > silenceMsMax) continue;
    const hours = ((((amperes[i] ?? 0) + (amperes[i - 1] ?? 0)) / 2) * gapMs) / 3_600_000;
    if (hours > 0) charged += hours;
    else discharged -= hours;
  }
  return { charged_ah: rounded(charged), discharged_ah: rounded(discharged) };
}

function rangeOf(values: Float64Array): Range {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return { min: rounded(min), mean: rounded(sum / values.length), max: rounded(max) };
}

const rounded = (value: number) => Math.round(value * 10_000) / 10_000;
