import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs } from '../addr/isd-as.ts'
import type { PathInterface } from '../path/path.ts'

/** An AS on a path with the interfaces by which the path enters and leaves it; 0 where it does not. */
export interface PathHop {
  readonly isdAs: IsdAs
  readonly ingress: number
  readonly egress: number
}

/**
 * The ASes of a path in travel order. The interface list alternates leave, enter, leave, enter …;
 * a path inside one AS crosses no interface and has no hop.
 */
export function pathHops(interfaces: readonly PathInterface[]): readonly PathHop[] {
  const hops: PathHop[] = []
  for (let index = 0; index <= interfaces.length; index += 2) {
    const entered = interfaces[index - 1]
    const left = interfaces[index]
    const isdAs = left?.isdAs ?? entered?.isdAs
    if (isdAs !== undefined) hops.push({ isdAs, ingress: entered?.id ?? 0, egress: left?.id ?? 0 })
  }
  return hops
}

/** A path as the reference's tools print a sequence: `1-ff00:0:111#0,41 1-ff00:0:110#1,0`. */
export function formatSequence(interfaces: readonly PathInterface[]): string {
  return pathHops(interfaces)
    .map((hop) => `${formatIsdAs(hop.isdAs)}#${hop.ingress},${hop.egress}`)
    .join(' ')
}
