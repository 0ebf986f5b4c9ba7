/** What only a pass under way has: how fast packets come, what the socket has room for, what was dropped on the way in, when it ends. */
import { receiveBufferTargetBytes } from "../ground/udp-port.ts";
import { epochMsOf } from "../model/clock.ts";
import { count, duration, size } from "./figures.ts";
import { type Figure, figuresMarkup, timeMarkup } from "./markup.ts";
import type { ShownPass } from "./shown-pass.ts";

/** Empty unless the pass is under way. */
export function livePassSection(shown: ShownPass, nowMs: number): string {
  const { pass, live, ledger, notedAt } = shown;
  if (pass.state !== "receiving" && pass.state !== "draining") return "";
  const noted = notedAt === null ? "" : `, as it noted ${timeMarkup(notedAt, nowMs)}`;
  const elsewhere =
    live === null
      ? `<p class="under muted">Another node receives it: what follows is what that has told${noted}.</p>`
      : "";
  const leftS = (epochMsOf(pass.los) - nowMs) / 1000;
  const figures: Figure[] = [
    ["Until LOS", leftS > 0 ? duration(leftS) : "over", leftS > 0 ? "" : "what is on its way is taken in"],
    ...(live === null ? [] : [rateFigure(live.packetsPerSecond)]),
    ["Receive buffer", bufferText(pass.receiveBufferBytes), `${size(receiveBufferTargetBytes)} asked`],
    [
      "Dropped by the kernel",
      ledger?.kernel_drops == null ? "unknown" : count(ledger.kernel_drops),
      "when its buffer is full",
    ],
    ["Dropped in the queue", count(ledger?.queue_drops ?? 0), "when this node is behind"],
    ["Not stored", count(ledger?.store_drops ?? 0), "when the store is away"],
  ];
  return `<section class="block" aria-label="Reception">${elsewhere}${figuresMarkup(figures)}${live === null ? "" : rateDrawing(live.packetsPerSecond)}</section>`;
}

function rateFigure(perSecond: readonly number[]): Figure {
  const now = perSecond.at(-1);
  if (now === undefined) return ["Packets/s", "–", "the first second"];
  return ["Packets/s", count(now), `${count(Math.max(...perSecond))} at most in the last minute`];
}

function bufferText(bytes: number | null): string {
  if (bytes === null) return "unknown";
  if (bytes >= receiveBufferTargetBytes) return size(bytes);
  return `<span class="short" title="Raise net.core.rmem_max: bursts may be lost">${size(bytes)}</span>`;
}

const secondsDrawn = 60;
const height = 48;

/** A bar a second of the last minute, the latest at the right. */
function rateDrawing(perSecond: readonly number[]): string {
  const most = Math.max(1, ...perSecond);
  const first = secondsDrawn - perSecond.length;
  const bars = perSecond.map((packets, i) => {
    const tall = packets === 0 ? 0.5 : Math.max(1.5, (packets / most) * height);
    return `<rect x="${(first + i) * 10 + 1}" y="${(height - tall).toFixed(1)}" width="8" height="${tall.toFixed(1)}"/>`;
  });
  return (
    `<figure class="card rate"><svg viewBox="0 0 ${secondsDrawn * 10} ${height}" preserveAspectRatio="none" aria-hidden="true">${bars.join("")}</svg>` +
    `<figcaption class="muted"><span>a minute ago</span><span>packets each second, ${count(most)} the tallest</span><span>now</span></figcaption></figure>`
  );
}
