/** Errors in a template's text: as a start meets them, and as callers are told. */
import { NotFoundError, OrreryError, SetupError } from "./errors.ts";

/** A template's text that cannot be used, and where: its message begins with file, line and column. */
export class TemplateFaultError extends SetupError {
  override readonly name = "TemplateFaultError";
  readonly line: number;
  readonly column: number;
  constructor(path: string, at: { readonly line: number; readonly column: number }, message: string) {
    super(`${path}:${at.line}:${at.column}: ${message}`);
    this.line = at.line;
    this.column = at.column;
  }
}

/** A template's text cannot be used. `line` and `column` count from 1, in the text as it was sent. */
export class InvalidTemplateError extends OrreryError {
  override readonly code = "invalid_template";
  override readonly status = 422;
  constructor(fault: TemplateFaultError) {
    super(fault.message, { line: fault.line, column: fault.column });
  }
}

/** No template of this id is in use. */
export class UnknownTemplateError extends NotFoundError {
  constructor(id: string) {
    super("template", id, ": GET /api/template and `orrery template list` show those there are");
  }
}
