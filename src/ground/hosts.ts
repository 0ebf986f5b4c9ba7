/** Which addresses this machine can bind: a pass whose host is among them can be held here. */
import { networkInterfaces } from "node:os";

/** The configured host, this machine's own addresses, and all of them at once. */
export function ownHosts(configured: string): string[] {
  const own = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
  return [...new Set([configured, "127.0.0.1", "::1", "0.0.0.0", "::", "localhost", ...own])];
}
