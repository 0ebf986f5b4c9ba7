/**
 * Who may look into actors: whoever operates or administers the node. A page's session counts for its WebSocket only when the page
 * is ours; a tool comes with a token, an API key, or a ticket that a page has made out for it.
 */
import { randomBytes } from "node:crypto";
import { RoleMissingError, TokenRefusedError } from "../model/errors.ts";
import type { Caller } from "../model/service.ts";
import { type Guard, requireOwnOrigin } from "./guard.ts";
import type { Session } from "./sessions.ts";

/** Contexts and causes of everything that runs are more than what any one client of the API was given. */
export const mayInspect = ({ roles }: Caller): boolean => roles.includes("operate") || roles.includes("admin");

function requireInspector(caller: Caller): void {
  if (mayInspect(caller)) return;
  throw new RoleMissingError(caller.service, "operate or admin");
}

/** Long enough to paste an address into a tool. */
const ticketMs = 120_000;
const ticketsMax = 100;

export interface InspectAccess {
  /** A word that opens one WebSocket within two minutes, for as long as the session holds. */
  ticketFor(session: Session): string;
  /** Whether the request may listen, asked again while it does: rejects with 401 or 403 when it may not, or no more. */
  admit(request: Request): Promise<() => Promise<void>>;
}

export function createInspectAccess(auth: Guard, baseUrl: string, nowMs: () => number): InspectAccess {
  const ownOrigin = new URL(baseUrl).origin;
  const tickets = new Map<string, { readonly session: Session; readonly endsMs: number }>();

  function take(ticket: string): Session {
    const known = tickets.get(ticket);
    tickets.delete(ticket);
    if (known === undefined || known.endsMs < nowMs())
      throw new TokenRefusedError("The ticket is unknown, used or older than two minutes: get a new one at /inspect");
    return known.session;
  }

  return {
    ticketFor(session) {
      for (const [ticket, { endsMs }] of tickets)
        if (endsMs < nowMs() || tickets.size >= ticketsMax) tickets.delete(ticket);
      const ticket = randomBytes(24).toString("base64url");
      tickets.set(ticket, { session, endsMs: nowMs() + ticketMs });
      return ticket;
    },
    async admit(request) {
      const ticket = new URL(request.url).searchParams.get("ticket");
      let callerNow: () => Caller | Promise<Caller>;
      if (ticket !== null) {
        const session = take(ticket);
        callerNow = () => {
          if (session.expires * 1000 > nowMs()) return auth.sessions.callerOf(session);
          throw new TokenRefusedError("The session that the ticket was made out for is over");
        };
      } else {
        const { headers } = request;
        const isSession = headers.get("authorization") === null && headers.get("x-api-key") === null;
        if (isSession) requireOwnOrigin(headers, ownOrigin);
        // Of its own: the server's one does not outlive its answer.
        const asked = new Request("http://inspect.invalid", { headers: new Headers(headers) });
        callerNow = () => auth.callerFrom(asked);
      }
      const check = async (): Promise<void> => requireInspector(await callerNow());
      await check();
      return check;
    },
  };
}
