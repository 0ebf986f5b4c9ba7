/**
 * Makes a copy of what actors hold that people and tools may see: clients' payloads become their sizes, secrets by their key's name
 * nothing at all, and everything is bounded.
 */

/** What clients put into a plan may hold anything, so only its size is shown. */
const payloads = new Set(["passthrough", "passback", "extra", "check", "payload", "result", "output"]);
/** Keys whose text is a secret, whoever named them. A number is none: leases are fenced by a `token`. */
const secret = /password|passwd|passphrase|secret|token|api[-_]?key|credential|cookie|authorization|private[-_]?key/i;
const hidden = "(hidden)";

export const redactBounds = { depth: 6, members: 50, textLength: 300 } as const;

/** JSON-able, at most some kilobytes. */
export function redacted(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return shortened(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value === "function" || typeof value === "symbol" || value === undefined) return null;
  if (typeof value !== "object" || value === null) return value;
  if (depth >= redactBounds.depth) return "(deeper)";
  if (Array.isArray(value)) {
    const some = value.slice(0, redactBounds.members).map((item) => redacted(item, depth + 1));
    return value.length > some.length ? [...some, `(${value.length - some.length} more)`] : some;
  }
  const copy: Record<string, unknown> = {};
  const members = Object.entries(value);
  for (const [key, member] of members.slice(0, redactBounds.members))
    copy[shortened(key)] = memberOf(key, member, depth);
  if (members.length > redactBounds.members) copy["…"] = `(${members.length - redactBounds.members} more)`;
  return copy;
}

function memberOf(key: string, member: unknown, depth: number): unknown {
  if (member === null || member === undefined) return null;
  if (payloads.has(key)) return sizeOf(member);
  if (typeof member === "string" && secret.test(key)) return hidden;
  if (key === "link" && typeof member === "string") return withoutSecrets(member);
  return redacted(member, depth + 1);
}

function sizeOf(payload: unknown): string {
  const length = typeof payload === "string" ? payload.length : (JSON.stringify(payload) ?? "").length;
  return `(${length} characters)`;
}

/** A link's user and query may be its key: a signed URL is one. */
function withoutSecrets(link: string): string {
  const path = link.split(/[?#]/, 1)[0] ?? "";
  const plain = path.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/]*@/i, "$1");
  return shortened(path.length < link.length ? `${plain}?…` : plain);
}

function shortened(text: string): string {
  const { textLength } = redactBounds;
  return text.length <= textLength ? text : `${text.slice(0, textLength)}… (${text.length} characters)`;
}
