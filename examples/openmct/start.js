/** A stock Open MCT with Orrery's ships: what /openmct/ loads. */
import { orreryPlugin } from "./orrery.js";

/** Put there by the script before this one; its package exports no types. */
const { openmct } = /** @type {{ openmct: any }} */ (/** @type {unknown} */ (globalThis));
const lookBackMs = 15 * 60_000;
const aheadMs = 30_000;

openmct.setAssetPath("/openmct/dist");
openmct.install(openmct.plugins.LocalStorage());
openmct.install(openmct.plugins.MyItems());
openmct.install(openmct.plugins.Espresso());
openmct.install(openmct.plugins.UTCTimeSystem());
openmct.install(openmct.plugins.LocalTimeSystem());
openmct.install(
  openmct.plugins.Conductor({
    menuOptions: [
      {
        name: "Realtime",
        timeSystem: "utc",
        clock: "local",
        clockOffsets: { start: -lookBackMs, end: aheadMs },
      },
      { name: "Fixed", timeSystem: "utc", bounds: { start: Date.now() - lookBackMs, end: Date.now() } },
    ],
  }),
);
openmct.install(orreryPlugin());
openmct.start();
