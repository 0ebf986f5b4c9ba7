/** Lets modules of flows import from "orrery" beside the executable too, where no such package is installed. */
import { isCompiled } from "../embedded.ts";
import { OrreryError, SetupError } from "../model/errors.ts";
import { defineFlow } from "./hooks.ts";

let isOffered = false;

/** Before a module is loaded. What it offers is what `src/mod.ts` has for modules; types are gone by then. */
export function offerOwnPackage(): void {
  if (!isCompiled || isOffered) return;
  isOffered = true;
  Bun.plugin({
    name: "orrery",
    setup(build) {
      build.module("orrery", () => ({ loader: "object", exports: { defineFlow, OrreryError, SetupError } }));
    },
  });
}
