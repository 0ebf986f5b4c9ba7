/** /health (the process lives), /ready (it can serve) and /metrics, for probes and Prometheus. No token: they tell no data. */
import { Hono } from "hono";
import type { Metrics } from "../observe/metrics.ts";

export interface HealthParts {
  readonly metrics: Metrics;
  isReady(): boolean;
}

export function healthRoutes({ metrics, isReady }: HealthParts): Hono {
  return new Hono()
    .get("/health", (c) => c.json({ status: "ok" }, 200, uncached))
    .get("/ready", (c) => {
      const ready = isReady();
      return c.json({ status: ready ? "ready" : "starting or stopping" }, ready ? 200 : 503, uncached);
    })
    .get("/metrics", async (c) =>
      c.text(await metrics.text(), 200, { ...uncached, "Content-Type": metrics.registry.contentType }),
    );
}

const uncached = { "Cache-Control": "no-store" };
