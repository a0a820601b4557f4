import { FirmwareError } from '../errors.ts'
import type { Found } from './detect.ts'

/** A meter found, as the configuration has it: keys and values in TOML. */
export interface MeterLines {
  readonly keys: Readonly<Record<string, string>>
}

/** What the configuration says of a meter that was found. */
export function meterLines({ path, settings, isAsked, reading }: Found, name?: string): MeterLines {
  const [baud = '9600', frame = '8N1'] = settings.split(' ')
  return {
    keys: {
      ...(name === undefined ? {} : { name: JSON.stringify(name) }),
      device: JSON.stringify(path),
      protocol: JSON.stringify(reading.protocol),
      // A sign-on begins at its own speed; a minute spares meters with a battery.
      ...(isAsked ? { ask: '"1m"' } : { baud, frame: JSON.stringify(frame) }),
    },
  }
}

/** The section, or sections, of the meters found. */
export function meterSections(found: readonly Found[]): string {
  const isAlone = found.length === 1
  return found
    .map((one, index) => {
      const { keys } = meterLines(one, isAlone ? undefined : `meter-${String(index + 1)}`)
      const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}`)
      return [isAlone ? '[meter]' : '[[meter]]', ...lines].join('\n')
    })
    .join('\n\n')
}

/**
 * The text of a configuration with the meters found in place of what it said of its meter. Everything
 * else stays as it is written, remarks included; so do further keys of a single meter.
 *
 * @throws FirmwareError `config` for a text that has several meters already: nobody can tell which of
 * them was found.
 */
export function withMeters(text: string, found: readonly Found[]): string {
  const lines = text.split('\n')
  if (lines.some((line) => /^\s*\[\[meter\]\]/u.test(line))) {
    const cure = `add by hand:\n${meterSections(found)}`
    throw new FirmwareError('config', `it has several meters already; ${cure}`)
  }
  const from = lines.findIndex((line) => /^\s*\[meter\]/u.test(line))
  if (from < 0) return `${meterSections(found)}\n\n${text}`
  const rest = lines.slice(from + 1)
  const length = rest.findIndex((line) => /^\s*\[/u.test(line))
  const section = length < 0 ? rest : rest.slice(0, length)
  const behind = length < 0 ? [] : rest.slice(length)
  const [only, second] = found
  const own =
    only === undefined || second !== undefined
      ? [meterSections(found), '']
      : ['[meter]', ...withKeys(section, meterLines(only).keys)]
  return [...lines.slice(0, from), ...own, ...behind].join('\n')
}

/** The lines of a section with other values of some keys; those that are not there come first. */
function withKeys(
  section: readonly string[],
  keys: Readonly<Record<string, string>>,
): readonly string[] {
  const missing = new Map(Object.entries(keys))
  const changed = section.map((line) => {
    const key = /^\s*([a-z_]+)\s*=/u.exec(line)?.[1] ?? ''
    const value = missing.get(key)
    if (value === undefined) return line
    missing.delete(key)
    return `${key} = ${value}`
  })
  // Which port it is comes first; how it is read, behind it.
  const device = changed.findIndex((line) => /^\s*device\s*=/u.test(line))
  const added = [...missing].map(([key, value]) => `${key} = ${value}`)
  return [...changed.slice(0, device + 1), ...added, ...changed.slice(device + 1)]
}
