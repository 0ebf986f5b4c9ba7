/**
 * Connects to where a URL points, unless that is a private address that nobody allowed. The guard works on the connection and not
 * on the name: a name is resolved once, here, each of its addresses is judged, the socket is opened to that very address, and what
 * it really reached is judged again before a byte is sent. So a name that resolves differently a moment later gains nothing.
 */
import { lookup } from "node:dns/promises";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { abortable } from "./abortable.ts";
import { type Address, isPublic, isWithin, parseAddress, parseRange, type Range, unwrapped } from "./address-range.ts";

/** True: all; else the host names, addresses and ranges (`10.2.0.0/16`) that are allowed although they are private. */
export type AllowPrivate = boolean | readonly string[];

/** The address is private, and the configuration does not allow it. */
export class AddressRefusedError extends Error {
  readonly code = "address_refused";
  constructor(host: string, address: string) {
    const shown = host === address ? host : `${host} (${address})`;
    super(`Cannot connect to ${shown} as it is not a public address: list it in allow_private if it is meant`);
    this.name = new.target.name;
  }
}

export interface ConnectAsk {
  readonly url: URL;
  readonly allowPrivate: AllowPrivate;
  /** PEM of further authorities, beside the ones that the runtime trusts. */
  readonly ca?: string | undefined;
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
  /** For tests: a resolver of their own. */
  readonly resolve?: Resolve;
}

export type Resolve = (host: string) => Promise<readonly string[]>;

export const connectMs = 10_000;

const resolveBySystem: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/**
 * A socket to the host and port of `url`; of https one with TLS, whose certificate was checked against the host's name.
 * Rejects with `AddressRefusedError`, or with why it could not connect.
 */
export async function connectGuarded(ask: ConnectAsk): Promise<Socket> {
  const host = hostOf(ask.url);
  const guard = guardOf(host, ask.allowPrivate);
  const own = AbortSignal.any([ask.signal, AbortSignal.timeout(ask.timeoutMs ?? connectMs)]);
  const addresses = parseAddress(host) ? [host] : await abortable((ask.resolve ?? resolveBySystem)(host), own);
  const allowed = addresses.filter((address) => guard(address));
  let last: unknown = new AddressRefusedError(host, addresses[0] ?? "no address");
  for (const address of allowed) {
    try {
      return await openSocket(ask, host, address, guard, own);
    } catch (error) {
      last = error;
      if (own.aborted || error instanceof AddressRefusedError) break;
    }
  }
  throw own.aborted && !ask.signal.aborted ? new Error(`Cannot connect to ${host}: no answer in time`) : last;
}

function openSocket(
  { url, ca }: ConnectAsk,
  host: string,
  address: string,
  guard: (address: string) => boolean,
  signal: AbortSignal,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const isTls = url.protocol === "https:";
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  // A certificate is checked against `servername`; an address has none to send, and is checked as it is.
  const name = parseAddress(host) ? {} : { servername: host };
  const socket = isTls
    ? connectTls({ host: address, port, ...name, ...(ca === undefined ? {} : { ca }), ALPNProtocols: ["http/1.1"] })
    : connectPlain({ host: address, port });
  const fail = (error: Error) => {
    socket.destroy();
    reject(error);
  };
  const onAbort = () => fail(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
  socket.on("error", fail); // for good: one that comes later must not end the process
  socket.once(isTls ? "secureConnect" : "connect", () => {
    signal.removeEventListener("abort", onAbort);
    const reached = socket.remoteAddress;
    if (reached === undefined || !guard(reached)) fail(new AddressRefusedError(host, reached ?? "unknown"));
    else resolve(socket);
  });
  socket.once("close", () => fail(new Error(`Cannot connect to ${host} as the connection was closed`)));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return promise;
}

/** Whether an address may be connected to, for a host of this name. */
export function guardOf(host: string, allowPrivate: AllowPrivate): (address: string) => boolean {
  if (allowPrivate === true) return () => true;
  const ranges: Range[] = [];
  for (const entry of allowPrivate === false ? [] : allowPrivate) {
    const range = parseRange(entry.replace(/^\[(.*)\]$/, "$1"));
    if (range !== null) ranges.push(range);
    else if (entry.toLowerCase() === host) return () => true;
  }
  return (text) => {
    const address = parseAddress(text);
    return address !== null && (isPublic(address) || isListed(address, ranges));
  };
}

const isListed = (address: Address, ranges: readonly Range[]): boolean =>
  ranges.some((range) => isWithin(address, range) || isWithin(unwrapped(address), range));

/** As the URL standard reads it: `http://2130706433`, `http://0x7f.1` and `http://0177.0.0.1` are 127.0.0.1 by now. */
export function hostOf(url: URL): string {
  return url.hostname
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "")
    .toLowerCase();
}
