/** CRC-16/CCITT as CCSDS uses it: polynomial 0x1021, preset to all ones, not reflected, no final inversion. */

/** Eight tables of 256: eight octets a step ("slicing"), as a table a byte costs four times as much. */
const tables = makeTables();

/** Over `bytes[start, end)`. "123456789" in ASCII gives 0x29b1. */
export function crc16(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = 0xffff;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    const high = (crc >> 8) ^ (bytes[at] ?? 0);
    const low = (crc & 0xff) ^ (bytes[at + 1] ?? 0);
    crc =
      (tables[1792 + high] ?? 0) ^
      (tables[1536 + low] ?? 0) ^
      (tables[1280 + (bytes[at + 2] ?? 0)] ?? 0) ^
      (tables[1024 + (bytes[at + 3] ?? 0)] ?? 0) ^
      (tables[768 + (bytes[at + 4] ?? 0)] ?? 0) ^
      (tables[512 + (bytes[at + 5] ?? 0)] ?? 0) ^
      (tables[256 + (bytes[at + 6] ?? 0)] ?? 0) ^
      (tables[bytes[at + 7] ?? 0] ?? 0);
  }
  for (; at < end; at++) crc = ((crc << 8) & 0xffff) ^ (tables[(crc >> 8) ^ (bytes[at] ?? 0)] ?? 0);
  return crc;
}

/** Table k holds, for each byte, its remainder after k further zero bytes. */
function makeTables(): Uint16Array {
  const made = new Uint16Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte << 8;
    for (let bit = 0; bit < 8; bit++)
      remainder = (remainder & 0x8000) === 0 ? remainder << 1 : (remainder << 1) ^ 0x1021;
    made[byte] = remainder & 0xffff;
  }
  for (let index = 256; index < made.length; index++) {
    const before = made[index - 256] ?? 0;
    made[index] = ((before << 8) & 0xffff) ^ (made[before >> 8] ?? 0);
  }
  return made;
}
