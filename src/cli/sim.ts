/** `orrery sim`: simulated ships that send CCSDS housekeeping over UDP, and say at the end exactly what they sent. */
import process from "node:process";
import { Command, InvalidArgumentError } from "commander";
import { type SendReport, sendSimulation } from "../ground/sim-sender.ts";
import { type SentJson, ShipSimulation } from "../ground/simulator.ts";
import { SetupError } from "../model/errors.ts";

interface SimFlags {
  readonly host: string;
  readonly port: readonly number[];
  readonly ships: number;
  readonly rate: number;
  readonly seconds: number;
  readonly lose: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly corrupt: number;
  readonly idle: number;
  readonly size?: number;
  readonly orbit: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function simCommand(): Command {
  return new Command("sim")
    .description("simulate ships: send CCSDS housekeeping packets over UDP, and say exactly what was sent")
    .option("-H, --host <address>", "where to send to", "127.0.0.1")
    .option("-p, --port <ports>", "one port a ship, as 5000,5010; or the first of as many", portsOf, [10_015])
    .option("--ships <number>", "how many ships", wholeOf(1, 1000), 1)
    .option("-r, --rate <number>", "packets a second of each ship", numberOf(0.01, 1_000_000), 10)
    .option("-s, --seconds <number>", "for how long", numberOf(0, 31_536_000), 20)
    .option("--lose <share>", "packets never sent: 0.01 or 1%", shareOf, 0)
    .option("--duplicate <share>", "packets sent twice", shareOf, 0)
    .option("--reorder <share>", "packets sent after up to four later ones", shareOf, 0)
    .option("--corrupt <share>", "packets sent damaged: a wrong CRC, version or length, or cut off", shareOf, 0)
    .option("--idle <share>", "idle packets (APID 2047) added for each packet", shareOf, 0)
    .option("--size <octets>", "pad every packet to this size", wholeOf(48, 65_507))
    .option("--orbit <seconds>", "how long an orbit takes", numberOf(1, 1e9), 5640)
    .option("--seed <number>", "the same seed does the same to the same packets", wholeOf(0, 2 ** 31), 1)
    .option("--json", "say it as JSON")
    .addHelpText(
      "after",
      `
Examples:
  orrery sim --port 10015 --rate 100 --seconds 60
  orrery sim --ships 3 --port 5001 --lose 1% --duplicate 0.5% --reorder 1% --corrupt 0.1% --json`,
    )
    .action(simulate);
}

async function simulate(flags: SimFlags): Promise<void> {
  const { host, rate, seconds, lose, duplicate, reorder, corrupt, idle } = flags;
  const ports = portsFor(flags);
  const options = {
    lose,
    duplicate,
    reorder,
    corrupt,
    idle,
    seed: flags.seed,
    orbitS: flags.orbit,
    sizeBytes: flags.size ?? null,
  };
  if (lose + duplicate + reorder + corrupt > 1)
    throw new SetupError("Cannot simulate: lose, duplicate, reorder and corrupt are together more than 1");
  const ships = ports.map((_, ship) => new ShipSimulation({ ...options, ship }));
  const stop = new AbortController();
  const onInterrupt = () => stop.abort();
  process.once("SIGINT", onInterrupt).once("SIGTERM", onInterrupt);
  const showsProgress = process.stderr.isTTY === true && flags.json !== true;
  const report = await sendSimulation({
    host,
    ports,
    ships,
    ratePerS: rate,
    seconds,
    signal: stop.signal,
    ...(showsProgress
      ? { onProgress: (generated: number, of: number) => process.stderr.write(`\r${generated} of ${of} packets`) }
      : {}),
  });
  process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
  if (showsProgress) process.stderr.write("\r\x1b[K");
  process.stdout.write(flags.json === true ? `${JSON.stringify(jsonOf(report, ports))}\n` : textOf(report, ports));
  if (report.failed > 0)
    throw new SetupError(`${report.failed} datagrams could not be sent: the numbers above count them as sent`);
}

function jsonOf(report: SendReport, ports: readonly number[]): object {
  const ships = report.ships.map((ship, i) => ({ ...ship, port: ports[i] }));
  return { seconds: report.seconds, rate: report.ratePerS, failed: report.failed, ships };
}

function textOf(report: SendReport, ports: readonly number[]): string {
  const head = `Sent for ${report.seconds.toFixed(1)} s, ${Math.round(report.ratePerS)} packets/s in all.\n`;
  return head + report.ships.map((ship, i) => shipText(ship, ports[i] ?? 0)).join("");
}

function shipText(ship: SentJson, port: number): string {
  const damaged = Object.entries(ship.corrupted).map(([reason, count]) => `${count} ${reason}`);
  const lines = [
    `Ship ${ship.ship} to port ${port}: ${ship.datagrams} datagrams, ${ship.bytes} bytes, of ${ship.generated} packets; idle ${ship.idle}; damaged ${damaged.join(", ") || "none"}`,
    "  APID  generated  distinct  missing  duplicates  out of order  unseen before/after",
    ...ship.apids.map((apid) =>
      [
        String(apid.apid).padStart(6),
        String(apid.generated).padStart(9),
        String(apid.distinct).padStart(8),
        String(apid.missing).padStart(7),
        String(apid.duplicates).padStart(10),
        String(apid.out_of_order).padStart(12),
        `${apid.lost_before_first}/${apid.lost_after_last}`.padStart(19),
      ].join("  "),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function portsFor(flags: SimFlags): readonly number[] {
  const [first = 0] = flags.port;
  const ports = flags.port.length > 1 ? flags.port : Array.from({ length: flags.ships }, (_, i) => first + i);
  if (flags.port.length > 1 && flags.ships !== 1 && flags.ships !== flags.port.length)
    throw new SetupError(
      `Cannot simulate ${flags.ships} ships on ${flags.port.length} ports: name one port a ship, or the first one alone`,
    );
  const outside = ports.find((port) => port > 65_535);
  if (outside !== undefined) throw new SetupError(`Cannot send to port ${outside}: the last one is 65535`);
  return ports;
}

function portsOf(text: string): number[] {
  return text.split(",").map((part) => wholeOf(1, 65_535)(part.trim()));
}

function shareOf(text: string): number {
  const share = text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (text.trim() === "" || !(share >= 0 && share <= 1))
    throw new InvalidArgumentError("It must be a share: 0 to 1, or 0% to 100%.");
  return share;
}

function numberOf(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= min && value <= max))
      throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    return value;
  };
}

function wholeOf(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = numberOf(min, max)(text);
    if (!Number.isInteger(value)) throw new InvalidArgumentError("It must be a whole number.");
    return value;
  };
}
