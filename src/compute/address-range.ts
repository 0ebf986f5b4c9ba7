/** IP addresses and ranges: reads them in their plain notation, and tells which of them are private, reserved or otherwise not the public internet. */

export interface Address {
  /** 4 or 16 octets. */
  readonly octets: readonly number[];
}

export interface Range extends Address {
  /** How many leading bits count. */
  readonly bits: number;
}

/** `127.0.0.1`, `::1`, `fe80::1%eth0`; null if it is none. No octal, hexadecimal or shortened IPv4: who resolves those hands on a plain one. */
export function parseAddress(text: string): Address | null {
  const octets = text.includes(":") ? ipv6Octets(text.replace(/%.*$/, "")) : ipv4Octets(text);
  return octets && { octets };
}

/** `10.0.0.0/8`, or one address; null if it is neither. */
export function parseRange(text: string): Range | null {
  const [base = "", length, ...rest] = text.split("/");
  const address = parseAddress(base);
  if (address === null || rest.length > 0) return null;
  const whole = address.octets.length * 8;
  if (length === undefined) return { ...address, bits: whole };
  return /^\d{1,3}$/.test(length) && Number(length) <= whole ? { ...address, bits: Number(length) } : null;
}

export function isWithin({ octets }: Address, range: Range): boolean {
  if (octets.length !== range.octets.length) return false;
  for (let bit = 0; bit < range.bits; bit += 8) {
    const counted = Math.min(8, range.bits - bit);
    const mask = (0xff << (8 - counted)) & 0xff;
    if (((octets[bit / 8] ?? 0) & mask) !== ((range.octets[bit / 8] ?? 0) & mask)) return false;
  }
  return true;
}

/** The IPv4 address that an IPv6 one stands for (mapped, compatible, NAT64, 6to4); any other address as it is. */
export function unwrapped(address: Address): Address {
  for (const [range, at] of wrappings) {
    if (isWithin(address, range)) return { octets: address.octets.slice(at, at + 4) };
  }
  return address;
}

/** Whether it is one of the public internet's, by the IANA special-purpose registries (RFC 6890 and its successors). */
export function isPublic(given: Address): boolean {
  const address = unwrapped(given);
  if (address.octets.length === 4) return !reservedIpv4.some((range) => isWithin(address, range));
  return isWithin(address, globalIpv6) && !reservedIpv6.some((range) => isWithin(address, range));
}

const ranges = (...texts: string[]): Range[] => texts.map(known);

function known(text: string): Range {
  const range = parseRange(text);
  if (range === null) throw new Error(`${text} is no range`);
  return range;
}

const reservedIpv4 = ranges(
  "0.0.0.0/8", // this host
  "10.0.0.0/8",
  "100.64.0.0/10", // carrier-grade NAT
  "127.0.0.0/8",
  "169.254.0.0/16", // link-local, and the clouds' metadata
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, and broadcast
);
/** All else is loopback, unique-local, link-local, multicast or not given out. */
const globalIpv6 = known("2000::/3");
const reservedIpv6 = ranges("2001::/23", "2001:db8::/32", "3fff::/20");
const wrappings: readonly (readonly [Range, number])[] = [
  [known("::ffff:0:0/96"), 12],
  [known("::/96"), 12],
  [known("64:ff9b::/96"), 12],
  [known("2002::/16"), 2],
];

function ipv4Octets(text: string): number[] | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return null;
  return parts.map(Number);
}

function ipv6Octets(text: string): number[] | null {
  const [head = "", tail, ...rest] = text.split("::");
  if (rest.length > 0) return null;
  const before = groupOctets(head);
  const after = tail === undefined ? [] : groupOctets(tail);
  if (before === null || after === null) return null;
  const missing = 16 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return null;
  return [...before, ...new Array<number>(missing).fill(0), ...after];
}

/** `2001:db8:10.0.0.1` without the `::`. */
function groupOctets(text: string): number[] | null {
  if (text === "") return [];
  const octets: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (i === groups.length - 1 && group.includes(".")) {
      const ipv4 = ipv4Octets(group);
      if (ipv4 === null) return null;
      octets.push(...ipv4);
    } else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      octets.push(value >> 8, value & 0xff);
    } else return null;
  }
  return octets;
}
