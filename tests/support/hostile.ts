/** Text that does harm where it is not escaped: markup, a way out of an attribute and of a script, a link that would run. */
export const hostile = `<img src=x onerror=alert(1)>"><script>alert(2)</script>' onfocus=alert(3) autofocus '`;
export const hostileLink = "javascript:alert(4)";
/** A service of this name, with every role, writes all of a hostile mission. */
export const hostileService = { name: hostile, key: "hostile-key" } as const;

/**
 * What of a page or fragment would run, or load something, that is not ours: elements that we never make, handlers, scripts and
 * styles within the page, links that are no address. Our markup escapes `<`, `>` and quotes, so that each match is a real tag.
 */
export function harmIn(html: string): string[] {
  const harm: string[] = [];
  for (const [tag, name = "", attributes = ""] of html.matchAll(/<([a-zA-Z][\w-]*)((?:"[^"]*"|[^<>"])*)>/g)) {
    if (/^(img|iframe|object|embed|style|base|audio|video|foreignobject)$/i.test(name)) harm.push(tag);
    for (const [, attribute = "", value = ""] of attributes.matchAll(/([^\s"=]+)(?:="([^"]*)")?/g)) {
      if (/^(on|style$|srcdoc$)/i.test(attribute)) harm.push(tag);
      if (/^(href|src|action|formaction|xlink:href)$/i.test(attribute) && !/^(\/|#|\?|https?:)/.test(value))
        harm.push(tag);
    }
  }
  for (const [script, inner] of html.matchAll(/<script\b[^>]*>([\s\S]*?)<\/script/gi))
    if (inner !== "") harm.push(script);
  return harm;
}
