/** Reads one template from its text, in whichever dialect. Whatever is wrong is refused with file, line and column. */
import { isFlowForge, readFlowForge } from "./read-flowforge.ts";
import { readOwn } from "./read-own.ts";
import { templateOf } from "./template-of.ts";
import type { Template } from "./templates.ts";
import { YamlSource } from "./yaml-source.ts";

export interface TemplateSource {
  /** YAML, which JSON is a part of. */
  readonly text: string;
  /** What messages say. */
  readonly path: string;
  /** For a template that names no id: its file's name. Null: it must name one. */
  readonly fallbackId: string | null;
}

export interface ReadOptions {
  /** Whether a configured compute is there, and which are. Null: not asked, as a stored version may outlive one. */
  readonly computes: { names(): string[]; isKnown(name: string): boolean; dispatches(name: string): boolean } | null;
  /** 0: it is not stored. */
  readonly version?: number;
}

export function readTemplate(source: TemplateSource, { computes, version = 0 }: ReadOptions): Template {
  const yaml = new YamlSource(source.text, source.path);
  const draft = isFlowForge(yaml.value) ? readFlowForge(yaml) : readOwn(yaml);
  return templateOf(draft, yaml, { computes, version, fallbackId: source.fallbackId });
}
