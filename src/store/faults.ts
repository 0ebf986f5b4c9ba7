/** What a failed statement means: both drivers turn what they catch into a `SqlError` here. */
import { SqlError, type SqlFault } from "./sql.ts";

/** What of an error both drivers fill in: `code` is a SQLSTATE from the server, or the name of a socket error. */
interface DriverError {
  readonly message: string;
  readonly code: string | null;
  /** The server said so, in an ErrorResponse. */
  readonly fromServer: boolean;
}

const sqlState = /^[0-9A-Z]{5}$/;

function read(error: unknown): DriverError {
  if (!(error instanceof Error)) return { message: String(error), code: null, fromServer: false };
  const code = "code" in error && typeof error.code === "string" ? error.code : null;
  const fromServer = "severity" in error && code !== null && sqlState.test(code);
  return { message: error.message || (code ?? error.name), code, fromServer };
}

/** The server hangs up after one of these, or is not to be written to any more. */
export function endsConnection(error: unknown): boolean {
  const { code, fromServer } = read(error);
  if (fromServer)
    return code !== null && (code.startsWith("57P") || code === "25P03" || code === "25006" || code.startsWith("08"));
  return code !== null && connectionCodes.has(code);
}

/** Socket and postgres.js names for "the connection is gone or never was". */
const connectionCodes = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
  "ERR_SOCKET_CLOSED",
  "ERR_STREAM_DESTROYED",
]);

/** `sent`: the statement may have reached the server. */
export function sqlErrorOf(error: unknown, sent: boolean): SqlError {
  if (error instanceof SqlError) return error;
  const { code, fromServer, message } = read(error);
  if (fromServer && code !== null) return new SqlError(faultOfState(code, sent), code, message, { cause: error });
  if (!sent) return new SqlError("unavailable", null, `No connection to the database: ${message}`, { cause: error });
  const lost = endsConnection(error);
  return new SqlError(lost ? "unknown" : "defect", null, lost ? `The connection broke: ${message}` : message, {
    cause: error,
  });
}

function faultOfState(state: string, sent: boolean): SqlFault {
  switch (state) {
    case "40001": // serialization failure
    case "40P01": // deadlock
    case "55P03": // lock not available in time
      return "retry";
    case "57014": // cancelled, or statement_timeout passed
      return "unknown";
    case "57P01": // shut down by an administrator
    case "57P02": // crash of another backend
    case "25P03": // idle in transaction for too long
      return sent ? "unknown" : "unavailable";
    case "57P03": // starting up or shutting down
    case "53300": // too many connections
    case "25006": // read-only: a primary that was demoted
      return "unavailable";
    default:
      break;
  }
  if (state.startsWith("22") || state.startsWith("23")) return "data";
  if (state.startsWith("08")) return sent ? "unknown" : "unavailable";
  if (state.startsWith("53")) return "unavailable"; // out of disk, memory or connections: rolled back
  return "defect";
}
