/** @jsxImportSource hono/jsx */
/** Signing in: with an API key or a token, or as a service by its own key. */
import { document } from "./layout.tsx";
import type { Look } from "./look.ts";

export interface SignIn {
  /** The path that it leads back to. */
  readonly next: string;
  /** Why it did not work; null: it was not tried. */
  readonly fault: string | null;
  readonly service: string;
}

export function signInPage({ next, fault, service }: SignIn, look: Look): string {
  return document(
    { section: null, look },
    String(
      <div class="narrow">
        <h1>Sign in</h1>
        <p class="muted">
          Anyone may read these pages, unless the operator has closed them. Pausing, clearing or acknowledging needs a
          key with the role for it.
        </p>
        {fault === null ? null : (
          <p class="fault" role="alert">
            {fault}
          </p>
        )}
        <form class="card padded form" method="post" action="/session">
          <input type="hidden" name="next" value={next} />
          <label>
            API key or token
            <input
              type="password"
              name="key"
              required
              autofocus={service === ""}
              autocomplete="current-password"
              placeholder="orr_…"
            />
          </label>
          <label>
            Service <span class="muted">only for a service's own key</span>
            <input type="text" name="service" value={service} autocomplete="username" spellcheck={false} />
          </label>
          <button type="submit">Sign in</button>
        </form>
        <p class="muted">
          On the machine that runs Orrery, <code>npm start -- token</code> (or <code>orrery token</code>) prints a
          token.
        </p>
      </div>,
    ),
  );
}
