import { formatIsdAs } from '../addr/isd-as.ts'
import { formatUnderlay } from '../addr/underlay.ts'
import type { Path } from '../path/path.ts'
import { formatSequence } from '../policy/hop.ts'

/** A value that a program can read. */
export type Printable =
  | string
  | number
  | boolean
  | readonly Printable[]
  | { readonly [key: string]: Printable | undefined }

/** Writes a value as JSON, as the reference's tools do: indented by two. */
export function toJson(value: Printable): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

/** Writes a value as YAML: block style, every text quoted. */
export function toYaml(value: Printable, indent = ''): string {
  if (typeof value !== 'object') return `${JSON.stringify(value)}\n`
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]\n'
    return value
      .map((one: Printable) => {
        const text = toYaml(one, `${indent}    `)
        return `${indent}  - ${isScalar(one) ? text : text.trimStart()}`
      })
      .join('')
  }
  return Object.entries(value)
    .map(([key, one]) => {
      if (one === undefined) return ''
      if (isScalar(one)) return `${indent}${key}: ${toYaml(one)}`
      return `${indent}${key}:\n${toYaml(one, Array.isArray(one) ? indent : `${indent}    `)}`
    })
    .join('')
}

function isScalar(value: Printable): boolean {
  return typeof value !== 'object' || (Array.isArray(value) && value.length === 0)
}

/** What all tools print of a path, under the reference's names. */
export function pathFields(path: Path): Readonly<Record<string, Printable>> {
  return {
    fingerprint: path.fingerprint === '' ? 'local' : path.fingerprint,
    hops: path.interfaces.map(({ isdAs, id }) => ({ interface: id, isd_as: formatIsdAs(isdAs) })),
    sequence: formatSequence(path.interfaces),
    next_hop: path.nextHop === undefined ? '' : formatUnderlay(path.nextHop),
  }
}

/** A moment as the reference's tools print it: whole seconds in UTC. */
export function timestamp(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`
}

/** A path in one line: `1-ff00:0:111 41>1 1-ff00:0:110 2>1 1-ff00:0:112`. */
export function pathLine(path: Path): string {
  const [first] = path.interfaces
  if (first === undefined) return formatIsdAs(path.source)
  let line = formatIsdAs(first.isdAs)
  for (let index = 0; index + 1 < path.interfaces.length; index += 2) {
    const [near, far] = path.interfaces.slice(index, index + 2)
    if (near === undefined || far === undefined) break
    line += ` ${near.id}>${far.id} ${formatIsdAs(far.isdAs)}`
  }
  return line
}

/** Foreign text on one line, without control characters and quotation marks. */
export function oneLine(text: string): string {
  return text
    .replaceAll('\n', ', ')
    .replace(/[\p{Cc}"]/gu, '')
    .trim()
}

/** A duration in milliseconds as people read it. */
export function milliseconds(durationMs: number): string {
  return `${durationMs.toFixed(3)}ms`
}
