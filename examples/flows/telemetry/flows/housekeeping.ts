import { defineFlow } from "orrery";

interface Packet {
  readonly ship: string;
  readonly time: string;
  readonly values: { readonly bus_voltage: number; readonly temperature: number; readonly mode: string };
}
interface Housekeeping {
  readonly ship: string;
  readonly at: string;
  readonly volts: number;
  readonly celsius: number;
  readonly mode: string;
}

const lowVolts = 7;

export default defineFlow<Packet, Housekeeping>({
  execute({ input: { ship, time, values } }, _, { count }) {
    if (values.bus_voltage < lowVolts) count("low");
    return { ship, at: time, volts: values.bus_voltage, celsius: values.temperature, mode: values.mode };
  },
  onTaskComplete: (_, { output }) => ({ newest: [output], operators: output.volts < lowVolts ? [output] : [] }),
});
