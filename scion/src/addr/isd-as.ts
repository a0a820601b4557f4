import { ScionError } from '../errors.ts'
import { quote, textLimit } from './text.ts'

declare const isdAsBrand: unique symbol

/**
 * The number of an AS within its isolation domain: ISD in the upper 16 bits, AS in the lower 48, as
 * it stands on the wire. A branded bigint: compares with `===`, serves as a map key, and cannot be
 * mixed up with another number. Made by {@link isdAs}, {@link parseIsdAs} and the packet decoder.
 */
export type IsdAs = bigint & { readonly [isdAsBrand]: true }

const ISD_MAX = 0xffff
const AS_MAX = 0xffff_ffff_ffff
/** From here on an AS number is written in hexadecimal groups; below, as on the Internet. */
const DECIMAL_AS_MAX = 0xffff_ffff

/** How an ISD or AS is spelled in file names. */
export interface SpellingOptions {
  /** What joins the three hexadecimal groups; file names use `_`. */
  readonly separator?: string
  /** Whether the number is led by `ISD` or `AS`. */
  readonly prefix?: boolean
}

/** Joins an ISD and an AS number; throws `ERR_SCION_ADDRESS` unless both are in range. */
export function isdAs(isd: number, as: number): IsdAs {
  if (!Number.isInteger(isd) || isd < 0 || isd > ISD_MAX) {
    throw new ScionError('ERR_SCION_ADDRESS', `isd: 0 … ${ISD_MAX}, found ${isd}`)
  }
  if (!Number.isInteger(as) || as < 0 || as > AS_MAX) {
    throw new ScionError('ERR_SCION_ADDRESS', `as: 0 … 2^48-1, found ${as}`)
  }
  return ((BigInt(isd) << 48n) | BigInt(as)) as IsdAs
}

/** Checks that a 64-bit number may serve as ISD-AS; every such number may. */
export function isdAsOf(value: bigint): IsdAs {
  if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
    throw new ScionError('ERR_SCION_ADDRESS', `isdAs: 64 bits, found ${value.toString()}`)
  }
  return value as IsdAs
}

/** The isolation domain of an AS. */
export function isdOf(ia: IsdAs): number {
  return Number(ia >> 48n)
}

/** The AS number without its isolation domain. */
export function asOf(ia: IsdAs): number {
  return Number(ia & 0xffff_ffff_ffffn)
}

/** The wildcard AS of an isolation domain: any (core) AS in it, written `1-0`. */
export function wildcardOf(ia: IsdAs): IsdAs {
  return ((ia >> 48n) << 48n) as IsdAs
}

/** Whether ISD or AS is 0 and thus stands for any. */
export function isWildcard(ia: IsdAs): boolean {
  return ia >> 48n === 0n || (ia & 0xffff_ffff_ffffn) === 0n
}

/** Whether `ia` falls under `pattern`, in which an ISD or AS of 0 stands for any. */
export function matchesIsdAs(pattern: IsdAs, ia: IsdAs): boolean {
  const isd = pattern >> 48n
  const as = pattern & 0xffff_ffff_ffffn
  return (isd === 0n || isd === ia >> 48n) && (as === 0n || as === (ia & 0xffff_ffff_ffffn))
}

/** Parses `1-ff00:0:110`; throws `ERR_SCION_ADDRESS` for anything else. */
export function parseIsdAs(text: string): IsdAs {
  textLimit(text, 'isdAs')
  const dash = text.indexOf('-')
  if (dash < 0) throw notAn('isdAs', 'ISD-AS', text)
  return isdAs(parseIsd(text.slice(0, dash)), parseAs(text.slice(dash + 1)))
}

/** Writes an ISD-AS in its canonical form, such as `1-ff00:0:110` or `1-64512`. */
export function formatIsdAs(ia: IsdAs): string {
  return `${isdOf(ia)}-${formatAs(asOf(ia))}`
}

/** Parses an ISD: decimal digits, 0 … 65535. */
export function parseIsd(text: string, options: SpellingOptions = {}): number {
  const digits = withoutPrefix(text, 'ISD', options)
  const isd = /^[0-9]+$/.test(digits) ? Number(digits) : NaN
  if (!(isd <= ISD_MAX)) throw notAn('isd', `decimal 0 … ${ISD_MAX}`, text)
  return isd
}

/**
 * Parses an AS number: decimal up to 2^32-1, or exactly three groups of up to 16 bits in
 * hexadecimal. Leading zeros and upper case are accepted, `::` is not.
 */
export function parseAs(text: string, options: SpellingOptions = {}): number {
  const separator = options.separator ?? ':'
  const body = withoutPrefix(text, 'AS', options)
  if (/^[0-9]+$/.test(body)) {
    const as = Number(body)
    if (as <= DECIMAL_AS_MAX) return as
    throw notAn('as', 'decimal 0 … 2^32-1', text)
  }
  const groups = body.split(separator, 4).map((group) => {
    return /^[0-9A-Fa-f]+$/.test(group) ? Number.parseInt(group, 16) : NaN
  })
  if (groups.length !== 3 || !groups.every((group) => group <= 0xffff)) {
    throw notAn('as', `decimal, or hex${separator}hex${separator}hex`, text)
  }
  return groups.reduce((as, group) => as * 0x1_0000 + group, 0)
}

/** Writes an AS number: decimal below 2^32, three hexadecimal groups from there on. */
export function formatAs(as: number, options: SpellingOptions = {}): string {
  const prefix = options.prefix === true ? 'AS' : ''
  if (as <= DECIMAL_AS_MAX) return prefix + String(as)
  const high = Math.floor(as / 0x1_0000_0000)
  const low = as % 0x1_0000_0000
  const groups = [high, low >>> 16, low & 0xffff].map((group) => group.toString(16))
  return prefix + groups.join(options.separator ?? ':')
}

/** The form of an ISD-AS in the file names of SCION deployments: `ISD1-ASff00_0_110`. */
export function formatIsdAsFile(ia: IsdAs): string {
  return `ISD${isdOf(ia)}-${formatAs(asOf(ia), { separator: '_', prefix: true })}`
}

/** Parses the form of file names, `ISD1-ASff00_0_110`. */
export function parseIsdAsFile(text: string): IsdAs {
  textLimit(text, 'isdAs')
  const dash = text.indexOf('-')
  if (dash < 0) throw notAn('isdAs', 'ISDn-ASn', text)
  return isdAs(
    parseIsd(text.slice(0, dash), { prefix: true }),
    parseAs(text.slice(dash + 1), { separator: '_', prefix: true }),
  )
}

function withoutPrefix(text: string, prefix: string, options: SpellingOptions): string {
  textLimit(text, prefix.toLowerCase())
  if (options.prefix !== true) return text
  if (!text.startsWith(prefix)) throw notAn(prefix.toLowerCase(), `${prefix} and a number`, text)
  return text.slice(prefix.length)
}

function notAn(field: string, expected: string, found: string): ScionError {
  return new ScionError('ERR_SCION_ADDRESS', `${field}: ${expected}, found ${quote(found)}`)
}
