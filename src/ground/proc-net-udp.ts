/** What Linux tells of our UDP sockets in /proc/net/udp and udp6: drops and bytes waiting. Elsewhere nothing is known: null, never 0. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { endianness } from "node:os";

export interface SocketRow {
  readonly inode: number;
  /** Datagrams dropped since the socket was made, as its receive buffer was full. */
  readonly drops: number;
  /** Bytes in the receive buffer, the kernel's own overhead included. */
  readonly rxQueueBytes: number;
}

/** The rows of /proc/net/udp[6] by `addressKey`. Ports are held alone, so that a key names one socket. */
export function parseUdpTable(text: string): Map<string, SocketRow> {
  const rows = new Map<string, SocketRow>();
  for (const line of text.split("\n").slice(1)) {
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ref pointer drops
    const columns = line.trim().split(/\s+/);
    const [, local, , , queues, , , , , inode, , , drops] = columns;
    if (local === undefined || queues === undefined || inode === undefined || drops === undefined) continue;
    rows.set(local, {
      inode: Number(inode),
      drops: Number(drops),
      rxQueueBytes: Number.parseInt(queues.slice(queues.indexOf(":") + 1), 16),
    });
  }
  return rows;
}

/**
 * The `local_address` column for a bound address: 32-bit words in hex as the machine orders them, a colon, the port.
 * `127.0.0.1` port 4660 is `0100007F:1234` on a little-endian machine. null if the address is neither IPv4 nor IPv6.
 */
export function addressKey(address: string, port: number, littleEndian = endianness() === "LE"): string | null {
  const octets = address.includes(":") ? octetsOfIpv6(address) : octetsOfIpv4(address);
  if (octets === null) return null;
  let hex = "";
  for (let word = 0; word < octets.length; word += 4) {
    const four = octets.slice(word, word + 4);
    if (littleEndian) four.reverse();
    hex += four.map((octet) => octet.toString(16).padStart(2, "0")).join("");
  }
  return `${hex.toUpperCase()}:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Reads the tables afresh, unless they were read less than `ageMsMax` ago: many sockets sample at the same time. */
export class UdpTables {
  #rows: ReadonlyMap<string, SocketRow> | null = null;
  #readAtMs = Number.NEGATIVE_INFINITY;

  row(address: string, port: number, ageMsMax = 0): SocketRow | null {
    const key = addressKey(address, port);
    if (key === null) return null;
    const nowMs = performance.now();
    if (ageMsMax === 0 || nowMs - this.#readAtMs > ageMsMax) {
      this.#rows = readTables();
      this.#readAtMs = nowMs;
    }
    return this.#rows?.get(key) ?? null;
  }
}

/** Whether the inode is a socket of this process: another network namespace's table would show strangers. */
export function isOwnSocket(inode: number): boolean {
  try {
    return readdirSync("/proc/self/fd").some((descriptor) => linkOf(descriptor) === `socket:[${inode}]`);
  } catch {
    return false;
  }
}

/** What a socket gets that asks for nothing. */
export function receiveBufferDefaultBytes(): number | null {
  try {
    return Number(readFileSync("/proc/sys/net/core/rmem_default", "utf8"));
  } catch {
    return null;
  }
}

function linkOf(descriptor: string): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return null; // closed meanwhile
  }
}

function readTables(): ReadonlyMap<string, SocketRow> | null {
  const texts = ["/proc/net/udp", "/proc/net/udp6"].map(readOrNull);
  if (texts.every((text) => text === null)) return null;
  return new Map(texts.flatMap((text) => (text === null ? [] : [...parseUdpTable(text)])));
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function octetsOfIpv4(address: string): number[] | null {
  const octets = address.split(".").map(Number);
  return octets.length === 4 && octets.every((octet) => octet >= 0 && octet <= 255) ? octets : null;
}

/** Groups of hex, one `::` for a run of zeros, a zone (`%eth0`) left out, perhaps an IPv4 address at the end. */
function octetsOfIpv6(address: string): number[] | null {
  const [head = "", tail, ...more] = (address.split("%")[0] ?? "").split("::");
  if (more.length > 0) return null;
  const front = octetsOfGroups(head);
  const back = tail === undefined ? [] : octetsOfGroups(tail);
  if (front === null || back === null) return null;
  const zeros = 16 - front.length - back.length;
  if (zeros < 0 || (tail === undefined && zeros !== 0)) return null;
  return [...front, ...new Array<number>(zeros).fill(0), ...back];
}

function octetsOfGroups(groups: string): number[] | null {
  if (groups === "") return [];
  const octets: number[] = [];
  for (const group of groups.split(":")) {
    const four = group.includes(".") ? octetsOfIpv4(group) : null;
    if (four !== null) octets.push(...four);
    else if (/^[0-9a-f]{1,4}$/i.test(group))
      octets.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255);
    else return null;
  }
  return octets;
}
