/** Buttons that do something by the API, for viewers who may; the island `act.js` asks first. */
import type { Role } from "../model/service.ts";
import type { Look } from "./look.ts";
import { escapeHtml } from "./markup.ts";

export interface Action {
  /** The button's word. */
  readonly name: string;
  readonly method: "PUT" | "POST" | "DELETE";
  readonly url: string;
  readonly body?: unknown;
  /** What the dialog asks, what it says is affected, and its button. */
  readonly title: string;
  readonly text: string;
  readonly confirm: string;
  /** What the dialog asks for besides: members of the body, of which those are sent that were changed. */
  readonly fields?: readonly ActionField[];
  /** Where it leads when it is done; `{id}` is that of the answer. Absent: the page stays. */
  readonly leadsTo?: string;
  readonly isGrave?: boolean;
}

/** As the island `fields.js` knows it. */
export interface ActionField {
  readonly name: string;
  readonly label: string;
  /** A text has to be given; a number may be left empty, which is null. */
  readonly kind: "text" | "number";
  /** As it is now; absent: nothing. */
  readonly value?: string;
  readonly hint?: string;
  /** Attributes of its input. */
  readonly bounds?: Readonly<Partial<Record<"maxlength" | "min" | "max" | "step", string | number>>>;
}

export const may = ({ viewer }: Pick<Look, "viewer">, role: Role): boolean => viewer?.roles.includes(role) ?? false;

export function actionMarkup({
  name,
  method,
  url,
  body,
  title,
  text,
  confirm,
  fields,
  leadsTo,
  isGrave,
}: Action): string {
  const data: Record<string, string> = { method, url, title, text, confirm };
  if (body !== undefined) data.body = JSON.stringify(body);
  if (fields !== undefined) data.fields = JSON.stringify(fields);
  if (leadsTo !== undefined) data["leads-to"] = leadsTo;
  const attributes = Object.entries(data).map(([key, value]) => ` data-${key}="${escapeHtml(value)}"`);
  return `<button type="button" class="act${isGrave ? " grave" : ""}"${attributes.join("")}>${escapeHtml(name)}</button>`;
}

/** The buttons; or, for who may not, what is needed for `what`. No actions: nothing. */
export function actionsMarkup(look: Look, role: Role, what: string, actions: readonly Action[]): string {
  if (actions.length === 0) return "";
  if (may(look, role)) return `<span class="acts">${actions.map(actionMarkup).join("")}</span>`;
  return needsRole(look, role, what);
}

/** Why there is no button. */
export function needsRole({ viewer, path }: Look, role: Role, what: string): string {
  if (viewer !== null) return `<span class="needs muted">To ${what} needs the role <code>${role}</code></span>`;
  const next = escapeHtml(new URLSearchParams({ next: path }).toString());
  return `<span class="needs muted"><a href="/sign-in?${next}">Sign in</a> to ${what}</span>`;
}
