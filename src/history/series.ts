/**
 * The values of a packet type's fields over time, in a bounded number of rows: a row a millisecond while there is room, then
 * rows that span 2, 4, 8 … ms. One structure for what a pass leaves, for what a running pass has so far, and for an answer.
 */

/** A field's samples of one row, or of many. `n` 0: none. */
export interface Samples {
  readonly n: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
}

const rowsFirst = 64;
/** Columns of a field: n, min, max, sum. */
export const columnsPerField = 4;

export class Series {
  readonly fieldCount: number;
  readonly #rowsMax: number;
  /** What a row spans; a power of two, counted from 1970, so that the same data makes the same rows. */
  widthMs = 1;
  count = 0;
  /** Of each row: when its first sample was taken. */
  #times: Float64Array;
  /** Row by row, field by field: n, min, max, sum. */
  #cells: Float64Array;
  readonly #rowOf = new Map<number, number>();

  constructor(fieldCount: number, rowsMax: number) {
    this.fieldCount = fieldCount;
    this.#rowsMax = rowsMax;
    const rows = Math.min(rowsFirst, rowsMax);
    this.#times = new Float64Array(rows);
    this.#cells = new Float64Array(rows * fieldCount * columnsPerField);
  }

  /** The row of a time: found or made. Rows that were found before may be others now. */
  row(atMs: number): number {
    for (;;) {
      const bucket = Math.floor(atMs / this.widthMs);
      const known = this.#rowOf.get(bucket);
      if (known !== undefined) {
        if (atMs < (this.#times[known] ?? 0)) this.#times[known] = atMs;
        return known;
      }
      if (this.count < this.#rowsMax) return this.#append(bucket, atMs);
      this.#coarsen();
    }
  }

  /** One sample. What is no number leaves no mark. */
  add(row: number, field: number, value: number): void {
    if (Number.isFinite(value)) this.#fold((row * this.fieldCount + field) * columnsPerField, 1, value, value, value);
  }

  /** Samples that were folded before. */
  fold(row: number, field: number, { n, min, max, sum }: Samples): void {
    if (n > 0) this.#fold((row * this.fieldCount + field) * columnsPerField, n, min, max, sum);
  }

  timeOf(row: number): number {
    return this.#times[row] ?? 0;
  }

  samplesOf(row: number, field: number): Samples {
    const at = (row * this.fieldCount + field) * columnsPerField;
    const cells = this.#cells;
    return { n: cells[at] ?? 0, min: cells[at + 1] ?? 0, max: cells[at + 2] ?? 0, sum: cells[at + 3] ?? 0 };
  }

  /** Rows in the order of time. */
  rowsInTime(): number[] {
    return Array.from({ length: this.count }, (_, row) => row).sort((a, b) => this.timeOf(a) - this.timeOf(b));
  }

  /** The same in fewer rows. */
  coarser(rowsMax: number): Series {
    const coarse = new Series(this.fieldCount, rowsMax);
    for (let row = 0; row < this.count; row++) {
      const into = coarse.row(this.timeOf(row));
      for (let field = 0; field < this.fieldCount; field++) coarse.fold(into, field, this.samplesOf(row, field));
    }
    return coarse;
  }

  #fold(at: number, n: number, min: number, max: number, sum: number): void {
    const cells = this.#cells;
    const before = cells[at] ?? 0;
    cells[at] = before + n;
    cells[at + 1] = before === 0 ? min : Math.min(cells[at + 1] ?? 0, min);
    cells[at + 2] = before === 0 ? max : Math.max(cells[at + 2] ?? 0, max);
    cells[at + 3] = (cells[at + 3] ?? 0) + sum;
  }

  #append(bucket: number, atMs: number): number {
    const row = this.count;
    if (row === this.#times.length) this.#grow();
    this.#times[row] = atMs;
    this.#rowOf.set(bucket, row);
    this.count = row + 1;
    return row;
  }

  #grow(): void {
    const rows = Math.min(this.#times.length * 2, this.#rowsMax);
    const times = new Float64Array(rows);
    times.set(this.#times);
    this.#times = times;
    const cells = new Float64Array(rows * this.fieldCount * columnsPerField);
    cells.set(this.#cells);
    this.#cells = cells;
  }

  /** Rows twice as wide, in place: a row only ever moves to where one was read already. Those far apart stay as they are. */
  #coarsen(): void {
    this.widthMs *= 2;
    const size = this.fieldCount * columnsPerField;
    const count = this.count;
    this.#rowOf.clear();
    this.count = 0;
    for (let row = 0; row < count; row++) {
      const atMs = this.timeOf(row);
      const bucket = Math.floor(atMs / this.widthMs);
      const known = this.#rowOf.get(bucket);
      if (known === undefined) {
        const into = this.count;
        this.#cells.copyWithin(into * size, row * size, (row + 1) * size);
        this.#times[into] = atMs;
        this.#rowOf.set(bucket, into);
        this.count = into + 1;
        continue;
      }
      for (let field = 0; field < this.fieldCount; field++) this.fold(known, field, this.samplesOf(row, field));
      if (atMs < this.timeOf(known)) this.#times[known] = atMs;
    }
    this.#cells.fill(0, this.count * size);
  }
}
