/** Sends simulated ships' packets over UDP at their rate, each ship to a port of its own, and says what really went out. */
import { openLink } from "./sim-link.ts";
import type { SentJson, ShipSimulation } from "./simulator.ts";

export interface SendOptions {
  readonly host: string;
  /** One a ship. */
  readonly ports: readonly number[];
  readonly ships: readonly ShipSimulation[];
  /** Packets a second, of each ship. */
  readonly ratePerS: number;
  readonly seconds: number;
  /** Ends the sending early; what was sent is told all the same. */
  readonly signal?: AbortSignal;
  /** Called about once a second. */
  readonly onProgress?: (generated: number, of: number) => void;
}

export interface SendReport {
  readonly seconds: number;
  readonly ratePerS: number;
  /** Datagrams that the system refused to send: they are counted as sent in `ships`. 0, or the account does not hold. */
  readonly failed: number;
  readonly ships: readonly SentJson[];
}

/** Packets of one ship in a row, when it is behind its time. */
const burstMax = 64;

export async function sendSimulation(options: SendOptions): Promise<SendReport> {
  const { ships, ports, ratePerS, seconds, signal } = options;
  const link = await openLink(options.host);
  const countEach = Math.round(ratePerS * seconds);
  const startMs = performance.now();
  let generated = 0;
  let toldMs = startMs;
  try {
    while (generated < countEach && signal?.aborted !== true) {
      const elapsedMs = performance.now() - startMs;
      const due = Math.min(countEach, Math.floor((elapsedMs / 1000) * ratePerS) + 1, generated + burstMax);
      if (due === generated) {
        await pause(1);
        continue;
      }
      for (const [i, ship] of ships.entries()) {
        for (let n = generated; n < due; n++) {
          const datagrams = ship.next(performance.timeOrigin + startMs + (n / ratePerS) * 1000);
          for (const datagram of datagrams) await link.send(datagram, ports[i] ?? 0);
        }
      }
      const isBehind = due - generated === burstMax;
      generated = due;
      if (performance.now() - toldMs > 1000) {
        toldMs = performance.now();
        options.onProgress?.(generated * ships.length, countEach * ships.length);
      }
      await pause(isBehind ? 0 : 1);
    }
    for (const [i, ship] of ships.entries()) {
      for (const datagram of ship.end()) await link.send(datagram, ports[i] ?? 0);
    }
  } finally {
    await link.close();
  }
  const tookS = (performance.now() - startMs) / 1000;
  return {
    seconds: tookS,
    ratePerS: (generated * ships.length) / tookS,
    failed: link.failed(),
    ships: ships.map((ship) => ship.json()),
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));
}
