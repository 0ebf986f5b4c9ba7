import { defineFlow } from "orrery";

export default defineFlow<{ readonly celsius: number }>({
  execute: ({ input }) => ({ kelvin: input.celsius + 273.15 }),
});
