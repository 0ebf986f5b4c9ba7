/** A made-up ship in a low orbit: what its sensors would say at a time. Pure: the same ship and time give the same values. */

export interface OrbitSample {
  readonly batteryVoltage: number;
  /** A, positive while it charges. */
  readonly batteryCurrent: number;
  /** Percent. */
  readonly batteryCharge: number;
  readonly batteryTemperature: number;
  readonly solarVoltage: number;
  readonly solarCurrent: number;
  readonly busLoadW: number;
  readonly isSunlit: boolean;
  readonly isHeaterOn: boolean;
  readonly quaternion: readonly [x: number, y: number, z: number, w: number];
  /** Degrees a second. */
  readonly rates: readonly [x: number, y: number, z: number];
  readonly sunAngleDegrees: number;
  /** °C: panels x, y, z, computer, radio, payload. */
  readonly temperatures: readonly [number, number, number, number, number, number];
  readonly tankPressureBar: number;
  readonly cpuLoad: number;
}

/** Of each orbit the ship is in the Earth's shadow from 0.62 on. */
const sunlitShare = 0.62;

/** `ship` (0, 1, …) shifts the phase, so that no two ships show the same. `t` and `orbitS` in seconds. */
export function orbitAt(ship: number, t: number, orbitS: number): OrbitSample {
  const turns = t / orbitS + ship * 0.137;
  const phase = turns - Math.floor(turns);
  const angle = phase * 2 * Math.PI;
  const isSunlit = phase < sunlitShare;
  const sun = isSunlit ? Math.sin((phase / sunlitShare) * Math.PI) ** 0.4 : 0;
  const busLoadW = 6.5 + 1.5 * wave(t, 7, ship) + (isSunlit ? 2 : 0);
  const batteryCharge = isSunlit
    ? 62 + 36 * (1 - Math.exp((-3.2 * phase) / sunlitShare))
    : 96.5 - 34.5 * ((phase - sunlitShare) / (1 - sunlitShare));
  const solarCurrent = 2.4 * sun;
  const batteryVoltage = 6.72 + 0.0168 * batteryCharge + 0.02 * wave(t, 3, ship);
  const solarVoltage = isSunlit ? 16.2 + 0.5 * sun : 0.3;
  const batteryCurrent = isSunlit ? 0.15 + 1.3 * sun * (1 - batteryCharge / 140) : -busLoadW / batteryVoltage;
  const warmth = Math.sin(angle - 0.6);
  return {
    batteryVoltage,
    batteryCurrent,
    batteryCharge,
    batteryTemperature: 14 + 6 * warmth + 0.3 * wave(t, 11, ship),
    solarVoltage,
    solarCurrent,
    busLoadW,
    isSunlit,
    isHeaterOn: warmth < -0.7,
    quaternion: [0, Math.sin(angle / 2), 0.02 * wave(t, 31, ship), Math.cos(angle / 2)],
    rates: [0.02 * wave(t, 5, ship), -360 / orbitS + 0.01 * wave(t, 6, ship), 0.02 * wave(t, 9, ship)],
    sunAngleDegrees: Math.abs(phase - sunlitShare / 2) * 290,
    temperatures: [
      18 + 44 * warmth,
      12 + 30 * Math.sin(angle),
      5 + 25 * Math.cos(angle),
      27 + 8 * sun,
      24 + 5 * warmth,
      11 + 4 * warmth,
    ],
    tankPressureBar: 21.5 + 0.4 * warmth,
    cpuLoad: 35 + 25 * Math.abs(wave(t, 4, ship)),
  };
}

/** A little restlessness: a wave of `periodS` seconds, −1 … 1. */
function wave(t: number, periodS: number, ship: number): number {
  return Math.sin((t / periodS) * 2 * Math.PI + ship);
}
