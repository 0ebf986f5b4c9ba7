/** The document that a delivery becomes in MongoDB, and what the server or its driver would refuse a whole batch for. */
import { BSON } from "mongodb";
import type { Position } from "../message.ts";
import { notJson, payloadJson } from "./payload-json.ts";

export interface MongoDocument {
  readonly _id: string;
  readonly payload: unknown;
  readonly origin: Position;
}

/** A document of 16 MiB, less what the update is wrapped in. */
const sizeBytesMax = 16 * 1024 * 1024 - 4096;
/** MongoDB's is 100, of which the document itself is one. */
const depthMax = 99;

/** Null: it may be sent. */
export function refusalOf(document: MongoDocument): string | null {
  if (payloadJson(document.payload) === null) return notJson.reason;
  const reason = shapeRefusal(document.payload, 0);
  if (reason !== null) return reason;
  const sizeBytes = BSON.calculateObjectSize(document);
  return sizeBytes > sizeBytesMax ? `its document of ${sizeBytes} octets is larger than MongoDB's 16 MiB` : null;
}

function shapeRefusal(value: unknown, depth: number): string | null {
  if (typeof value !== "object" || value === null) return null;
  if (depth >= depthMax) return `its payload is nested deeper than ${depthMax}`;
  for (const [key, inner] of Object.entries(value)) {
    const reason = keyRefusal(key) ?? shapeRefusal(inner, depth + 1);
    if (reason !== null) return reason;
  }
  return null;
}

/** What begins with `$` is an operator or a reference to servers before 5.0, and cannot be asked for or updated on later ones. */
function keyRefusal(key: string): string | null {
  if (key.includes("\0")) return `its key ${JSON.stringify(key)} holds a NUL, which MongoDB cannot store`;
  if (key.startsWith("$")) return `its key ${JSON.stringify(key)} begins with $, which MongoDB keeps for itself`;
  // The driver takes an object with it for a type of its own.
  return key === "_bsontype" ? "its key _bsontype is the driver's own" : null;
}
