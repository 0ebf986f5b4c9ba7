import { defineFlow } from "orrery";

interface Reading {
  readonly sensor: string;
  readonly celsius: number;
}
interface Result {
  readonly sensor: string;
  readonly kelvin: number;
}

export default defineFlow<Reading, Result>({
  execute({ input: { sensor, celsius } }) {
    if (celsius < -273.15) throw new Error(`${sensor} says ${celsius} °C, below absolute zero`);
    return { sensor, kelvin: celsius + 273.15 };
  },
  onTaskComplete: (_, { output }) => ({ archive: [output], alarms: output.kelvin > 350 ? [output] : [] }),
});
