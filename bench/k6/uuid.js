// A random uuid (version 4), cheap: a load generator should not be what is measured.
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function uuidv4() {
  const byte = () => hex[Math.floor(Math.random() * 256)];
  const variant = hex[128 + Math.floor(Math.random() * 64)];
  return `${byte()}${byte()}${byte()}${byte()}-${byte()}${byte()}-4${byte().slice(1)}${byte()}-${variant}${byte()}-${byte()}${byte()}${byte()}${byte()}${byte()}${byte()}`;
}
