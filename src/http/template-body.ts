/** The text of a template in a request: YAML, or JSON, which is YAML too and keeps its lines. */
import { BodyTooLargeError, InvalidRequestError, MediaTypeError } from "../model/errors.ts";
import { InvalidTemplateError, TemplateFaultError } from "../model/template-errors.ts";
import { templateBytesMax } from "./template-schemas.ts";

const types = /^(application\/(json|yaml|x-yaml)|text\/(yaml|x-yaml|plain))[\t ]*(?:;|$)/i;
const utf8 = new TextDecoder("utf-8", { fatal: true });

export async function templateText(request: Request): Promise<string> {
  if (!types.test(request.headers.get("content-type") ?? ""))
    throw new MediaTypeError(
      "Cannot read the template: send it with Content-Type: application/yaml, or application/json",
    );
  if (Number(request.headers.get("content-length") ?? 0) > templateBytesMax)
    throw new BodyTooLargeError(templateBytesMax);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of request.body ?? []) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > templateBytesMax) throw new BodyTooLargeError(templateBytesMax);
    chunks.push(chunk);
  }
  try {
    return utf8.decode(Buffer.concat(chunks, sizeBytes));
  } catch {
    throw new InvalidRequestError("The template is not UTF-8 text");
  }
}

/** What messages call it. */
export const bodyPath = "body";

/** A fault of the text becomes an answer that says line and column. */
export function answering<T>(error: T): T | InvalidTemplateError {
  return error instanceof TemplateFaultError ? new InvalidTemplateError(error) : error;
}
