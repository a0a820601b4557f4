/** Characters of the longest duration that is read. */
const DURATION_CHARS_MAX = 32

const BOOLEANS: Readonly<Record<string, boolean>> = {
  ...{ true: true, t: true, '1': true },
  ...{ false: false, f: false, '0': false },
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ...{ ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1 },
  ...{ s: 1000, m: 60_000, h: 3_600_000 },
}

/**
 * Writes what the flags of Go programs allow, and those of Node do not, as Node reads it:
 * `--refresh=true`, `--no-probe=false`, `-c=3`. All behind `--` is left alone.
 *
 * @param switches names of the flags that take no value
 */
export function withoutGoisms(
  words: readonly string[],
  switches: readonly string[],
): readonly string[] {
  const end = words.indexOf('--')
  const flags = end < 0 ? words : words.slice(0, end)
  const plain = flags.flatMap((word) => {
    const [, short, shortValue = ''] = /^-([a-z])=(.*)$/.exec(word) ?? []
    if (short !== undefined) return [`-${short}${shortValue}`]
    const [, name = '', value = ''] = /^--([a-z-]+)=(.*)$/.exec(word) ?? []
    const wanted = switches.includes(name) ? BOOLEANS[value.toLowerCase()] : undefined
    return wanted === undefined ? [word] : wanted ? [`--${name}`] : []
  })
  return end < 0 ? plain : [...plain, ...words.slice(end)]
}

/** A duration as Go writes it, `500ms`, `1.5s`, `1m30s`, in milliseconds; undefined for none. */
export function readGoDuration(text: string): number | undefined {
  const isDuration = /^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+$/.test(text)
  let durationMs = 0
  for (const [, value, unit = ''] of text.matchAll(/([0-9.]+)([a-zµ]+)/g)) {
    durationMs += Number(value) * (UNITS_MS[unit] ?? NaN)
  }
  const isShort = text.length <= DURATION_CHARS_MAX
  return isDuration && isShort && durationMs > 0 ? durationMs : undefined
}
