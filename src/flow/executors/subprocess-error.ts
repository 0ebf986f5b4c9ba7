/** Why an attempt of a subprocess failed, with what a trace can show of its process. */
import { Output, storableText } from "../../compute/output.ts";

const stderrBytesMax = 8 * 1024;
const lineCharsMax = 300;

/** Null where the process has not ended by itself, or was never started. */
export interface ProcessFacts {
  readonly exitCode: number | null;
  readonly pid: number | null;
  /** The last 8 KiB at most. */
  readonly stderr: string;
}

export class SubprocessError extends Error implements ProcessFacts {
  override readonly name = "SubprocessError";
  readonly exitCode: number | null;
  readonly pid: number | null;
  readonly stderr: string;
  constructor(reason: string, { exitCode, pid, stderr }: ProcessFacts, options?: ErrorOptions) {
    super(reason, options);
    this.exitCode = exitCode;
    this.pid = pid;
    this.stderr = stderr;
  }
}

/** `exit code 3: no such ship`: the last line that the process wrote to stderr says most. */
export function withLastLine(reason: string, stderr: string): string {
  const line = stderr.trimEnd().split("\n").at(-1)?.trim().slice(-lineCharsMax) ?? "";
  return line === "" ? reason : `${reason}: ${line}`;
}

export const tooMuch = (bytesMax: number): string => `it printed more than ${bytesMax} bytes on stdout`;

export const stderrTail = (): Output => new Output(0, stderrBytesMax);

export const textOfTail = (tail: Output): string => storableText(new TextDecoder().decode(tail.lastBytes()));
