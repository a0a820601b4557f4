/**
 * The line, counted from 1, on which a key of a TOML text is given; undefined if it is nowhere.
 *
 * The parser says what is in the file, not where. This scan follows table headers and keys only,
 * which is all that our configuration has: `[a.b]`, `key = …`, `a.b = …`; for an inner key of an
 * inline table it answers with the line of the table. Of a list of tables (`[[meter]]`) the second is
 * asked for as `meter[1]`, and `[meter.keys]` after it belongs to it; so do lists within lists
 * (`[[meter.list]]` as `meter[1].list[0]`).
 */
export function lineOf(toml: string, path: readonly string[]): number | undefined {
  const wanted = path.join('.')
  let table = ''
  let best: { line: number; length: number } | undefined
  let fence: string | undefined
  const lists = new Map<string, number>()
  for (const [index, raw] of toml.split('\n').entries()) {
    const line = raw.trim()
    if (fence !== undefined) {
      if (line.includes(fence)) fence = undefined
      continue
    }
    const header = /^\[\[?([^\]]+)\]\]?/u.exec(line)
    if (header?.[1] !== undefined) {
      table = plain(header[1])
      if (line.startsWith('[[')) {
        lists.set(table, (lists.get(table) ?? -1) + 1)
        // The lists within it begin anew.
        for (const inner of lists.keys()) if (inner.startsWith(`${table}.`)) lists.delete(inner)
      }
      table = numbered(table, lists)
      best = better(best, wanted, table, index + 1)
      continue
    }
    const key = /^((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/u.exec(
      line,
    )
    if (key?.[1] === undefined) continue
    const full = table === '' ? plain(key[1]) : `${table}.${plain(key[1])}`
    best = better(best, wanted, full, index + 1)
    fence = openFence(line.slice(key[0].length))
  }
  return best?.line
}

/** A table's name with the numbers of the lists that it is in, the outer one first. */
function numbered(table: string, lists: ReadonlyMap<string, number>): string {
  let from = 0
  let name = ''
  for (let to = 1; to <= table.length; to += 1) {
    if (to < table.length && table[to] !== '.') continue
    const index = lists.get(table.slice(0, to))
    name += table.slice(from, to) + (index === undefined ? '' : `[${String(index)}]`)
    from = to
  }
  return name
}

/** Dotted key without spaces and quotes. */
function plain(key: string): string {
  return key
    .split('.')
    .map((part) => part.trim().replace(/^["']|["']$/gu, ''))
    .join('.')
}

/** The longest key on the way to the wanted one; among equals the first. */
function better(
  best: { line: number; length: number } | undefined,
  wanted: string,
  found: string,
  line: number,
): { line: number; length: number } | undefined {
  if (found !== wanted && !wanted.startsWith(`${found}.`)) return best
  return best === undefined || found.length > best.length ? { line, length: found.length } : best
}

/** The end mark of a multi-line string that begins in this value and does not end in it. */
function openFence(value: string): string | undefined {
  for (const mark of ['"""', "'''"]) {
    const start = value.indexOf(mark)
    if (start >= 0 && !value.includes(mark, start + 3)) return mark
  }
  return undefined
}
