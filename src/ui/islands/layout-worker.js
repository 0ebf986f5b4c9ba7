// @ts-check
/** Places a graph off the page's thread. It is told sizes and edges by number, never a name, and answers where they go. */
import { layeredLayout } from "./layered-layout.js";

self.onmessage = (
  /** @type {MessageEvent<{ sizes: { width: number, height: number }[], edges: [number, number][] }>} */ event,
) => {
  self.postMessage(layeredLayout(event.data.sizes, event.data.edges));
};
