/** A listener at the inspector's socket, and a signed-in operator's cookie. */
import { done } from "./http.ts";
import type { ServiceName, TestRuntime } from "./runtime.ts";

/** As a tool reads them; the members of each type differ. */
export interface Heard {
  readonly type: string;
  readonly sessionId: string;
  readonly rootId: string;
  readonly parentId?: string;
  readonly name?: string;
  readonly definition?: string;
  readonly sourceId?: string;
  readonly event?: { readonly type: string; readonly [member: string]: unknown };
  readonly snapshot?: { readonly status: string; readonly value: string; readonly context: Record<string, unknown> };
  readonly orrery?: { readonly revision: number | null; readonly before: string | null; readonly guards: string[] };
}

export async function cookieOf(node: TestRuntime, service: ServiceName): Promise<string> {
  const body = new URLSearchParams({ service, key: `${service}-key` }).toString();
  const headers = { "Content-Type": "application/x-www-form-urlencoded", Origin: node.url };
  const answer = await node.request("POST", "/session", { headers, body });
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

/** A ticket's address, as the page shows it to an operator. */
export async function ticketAddress(node: TestRuntime): Promise<string> {
  const headers = { Cookie: await cookieOf(node, "operator"), Origin: node.url };
  const answer = done(await node.request("POST", "/inspect/ticket", { headers }));
  return /id="ticket">\s*(\S+?)\s*</.exec(answer.text)?.[1] ?? "";
}

export async function openInspectSocket(address: string) {
  const heard: Heard[] = [];
  const socket = new WebSocket(address);
  let closedBy: number | null = null;
  socket.onmessage = ({ data }) => heard.push(JSON.parse(String(data)));
  socket.onclose = ({ code }) => {
    closedBy = code;
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("refused"));
  });
  return { heard, close: () => socket.close(), closedBy: () => closedBy };
}
