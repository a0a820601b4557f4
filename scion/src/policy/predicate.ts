import type { IsdAs } from '../addr/isd-as.ts'
import { asOf, formatIsdAs, isdAs, matchesIsdAs, parseAs, parseIsd } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { PathHop } from './hop.ts'

/** Longest text of a hop predicate, in characters. */
export const PREDICATE_CHARS_MAX = 64

/**
 * Which hops a rule speaks of: `ISD[-AS[#IF[,IF]]]`, where 0 stands for any. One interface matches
 * on either side of the AS; of two, the first is where the path enters and the second where it
 * leaves.
 */
export interface HopPredicate {
  readonly isdAs: IsdAs
  /** One or two interface numbers. */
  readonly interfaces: readonly [number] | readonly [number, number]
}

/** Parses a hop predicate; throws `ERR_SCION_CONFIG` for anything else. */
export function parseHopPredicate(text: string): HopPredicate {
  const match =
    text.length > PREDICATE_CHARS_MAX
      ? null
      : /^([0-9]+)(?:-([0-9A-Fa-f:]+)(?:#([0-9]+)(?:,([0-9]+))?)?)?$/.exec(text)
  if (match === null) throw notA(text)
  const [, isd = '', as = '0', first = '0', second] = match
  const predicate = {
    isdAs: isdAsOfTexts(isd, as, text),
    interfaces: interfacesOf(first, second, text),
  }
  const namesInterface = predicate.interfaces.some((id) => id !== 0)
  if (namesInterface && asOf(predicate.isdAs) === 0) {
    throw new ScionError(
      'ERR_SCION_CONFIG',
      `hop predicate: interface of a named AS, found ${text}`,
    )
  }
  return predicate
}

function isdAsOfTexts(isd: string, as: string, text: string): IsdAs {
  try {
    return isdAs(parseIsd(isd), parseAs(as))
  } catch (cause) {
    throw notA(text, cause)
  }
}

function interfacesOf(
  first: string,
  second: string | undefined,
  text: string,
): HopPredicate['interfaces'] {
  const ids = [Number(first), Number(second ?? 0)] as const
  if (ids.some((id) => id > 0xffff)) throw notA(text)
  return second === undefined ? [ids[0]] : ids
}

function notA(text: string, cause?: unknown): ScionError {
  const shown = text.slice(0, PREDICATE_CHARS_MAX)
  return new ScionError(
    'ERR_SCION_CONFIG',
    `hop predicate: ISD[-AS[#IF[,IF]]], found ${JSON.stringify(shown)}`,
    { cause },
  )
}

/** Writes a predicate in its canonical form, such as `1-ff00:0:110#1,2` or `0-0#0`. */
export function formatHopPredicate(predicate: HopPredicate): string {
  return `${formatIsdAs(predicate.isdAs)}#${predicate.interfaces.join(',')}`
}

/** Whether a whole hop fits: the AS, and its interfaces on the sides that the predicate names. */
export function matchesHop(predicate: HopPredicate, hop: PathHop): boolean {
  if (!matchesIsdAs(predicate.isdAs, hop.isdAs)) return false
  const [first, second] = predicate.interfaces
  if (second === undefined) return first === 0 || first === hop.ingress || first === hop.egress
  return fits(first, hop.ingress) && fits(second, hop.egress)
}

/**
 * Whether one interface fits, which is how access control lists look at a path. Of a predicate with
 * two interfaces only the one of this side counts, as in the reference implementation.
 */
export function matchesInterface(
  predicate: HopPredicate,
  as: IsdAs,
  id: number,
  side: 'ingress' | 'egress',
): boolean {
  if (!matchesIsdAs(predicate.isdAs, as)) return false
  const [first, second] = predicate.interfaces
  return fits(second === undefined || side === 'ingress' ? first : second, id)
}

function fits(wanted: number, id: number): boolean {
  return wanted === 0 || wanted === id
}
