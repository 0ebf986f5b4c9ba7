/** A payload as the JSON text that a sink writes. */

/** Null: it is no JSON value, and no sink can write it. A function, a symbol and undefined have no text; a cycle and a bigint throw. */
export function payloadJson(payload: unknown): string | null {
  try {
    return JSON.stringify(payload) ?? null;
  } catch {
    return null;
  }
}

export const notJson = { kind: "refused", reason: "its payload is not a JSON value" } as const;
