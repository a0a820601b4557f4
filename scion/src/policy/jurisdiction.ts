import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs, isdOf, matchesIsdAs } from '../addr/isd-as.ts'
import type { Path } from '../path/path.ts'

/**
 * Where a packet may be: isolation domains, ASes and countries. Every given list must hold for
 * every AS of the path, the two ends included, and what is not known is not allowed.
 */
export interface Jurisdiction {
  readonly isds?: readonly number[]
  /** ASes, or patterns with 0 for any (`1-0`). */
  readonly isdAses?: readonly IsdAs[]
  /** ISO 3166-1 alpha-2 codes. */
  readonly countries?: readonly string[]
  /** Countries of ASes that state none, or whose statement is not to be believed. */
  readonly countryOf?: ReadonlyMap<IsdAs, string>
}

/** Why a path would leave the jurisdiction, in a few words; undefined where it stays inside. */
export function leavesJurisdiction(allowed: Jurisdiction, path: Path): string | undefined {
  const ases = new Set([path.source, ...path.interfaces.map((one) => one.isdAs), path.destination])
  for (const as of ases) {
    const reason = leavesNetworks(allowed, as) ?? leavesCountries(allowed, path, as)
    if (reason !== undefined) return reason
  }
  return undefined
}

function leavesNetworks({ isds, isdAses }: Jurisdiction, as: IsdAs): string | undefined {
  if (isds !== undefined && !isds.includes(isdOf(as))) {
    return `enters ISD ${isdOf(as)}, allowed: ${isds.join(', ')}`
  }
  if (isdAses !== undefined && !isdAses.some((pattern) => matchesIsdAs(pattern, as))) {
    return `enters ${formatIsdAs(as)}, which is not allowed`
  }
  return undefined
}

function leavesCountries(allowed: Jurisdiction, path: Path, as: IsdAs): string | undefined {
  if (allowed.countries === undefined) return undefined
  const configured = allowed.countryOf?.get(as)
  const countries = configured === undefined ? statedCountries(path, as) : [configured]
  if (countries.length === 0) return `nobody states the country of ${formatIsdAs(as)}`
  const outside = countries.find((one) => one === undefined || !allowed.countries?.includes(one))
  if (outside !== undefined) return `enters ${outside} in ${formatIsdAs(as)}`
  return countries.includes(undefined)
    ? `a router of ${formatIsdAs(as)} states no country`
    : undefined
}

/** The country of each router of an AS on the path, as stated; undefined where it states none. */
function statedCountries(path: Path, as: IsdAs): readonly (string | undefined)[] {
  return path.interfaces.flatMap((one, index) =>
    one.isdAs === as ? [countryIn(path.metadata?.geo[index]?.address ?? '')] : [],
  )
}

/** A civic address ends in its country's code: `Rathausplatz 1, 3011 Bern, CH`. */
function countryIn(address: string): string | undefined {
  return /(?:^|[\s,])([A-Z]{2})\s*$/.exec(address)?.[1]
}
