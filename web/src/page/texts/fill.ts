/** Puts values into a text's braces: `fill('{n} bytes', { n: 3 })`; an unknown brace stays. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (brace, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : brace,
  )
}
