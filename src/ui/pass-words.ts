/** What a pass's ledger says in words: how complete it is, and where the rest went. */
import type { LedgerJson } from "../ground/ledger-json.ts";
import { count, share } from "./figures.ts";

/** One account of lost packets. `key` is its class in the style sheet. */
export interface Loss {
  readonly key: "kernel" | "rejected" | "queue" | "store" | "outage" | "upstream";
  readonly packets: number;
  /** After the number: `3 lost in kernel`. */
  readonly words: string;
}

export function losses(ledger: LedgerJson): Loss[] {
  const rejected = Object.values(ledger.rejected).reduce((sum, packets) => sum + packets, 0);
  const all: Loss[] = [
    { key: "kernel", packets: ledger.kernel_drops ?? 0, words: "lost in kernel" },
    { key: "rejected", packets: rejected, words: "rejected" },
    { key: "queue", packets: ledger.queue_drops, words: "dropped in queue" },
    { key: "store", packets: ledger.store_drops, words: "not stored" },
    { key: "outage", packets: ledger.outage, words: "in outages" },
    { key: "upstream", packets: ledger.upstream, words: "upstream" },
  ];
  return all.filter(({ packets }) => packets > 0);
}

/** `99.98 %: 3 lost in kernel, 41 upstream`. */
export function completenessSentence(ledger: LedgerJson): string {
  if (ledger.received === 0 && ledger.missing === 0) return "nothing received";
  const parts = losses(ledger).map(({ packets, words }) => `${count(packets)} ${words}`);
  if (ledger.kernel_drops === null) parts.push("kernel drops unknown");
  return `${share(ledger.completeness)}: ${parts.length === 0 ? "nothing lost" : parts.join(", ")}`;
}
