import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs } from '../addr/isd-as.ts'
import { formatUnderlay } from '../addr/underlay.ts'
import { formatInterface } from '../path/interface-text.ts'
import type { Path, PathInterface } from '../path/path.ts'

/** A link of a path: its name and the interfaces at its ends. */
export interface PathLink {
  /** The same in both directions: `1-ff00:0:110#1--1-ff00:0:111#41`. */
  readonly key: string
  readonly ends: readonly [PathInterface, PathInterface]
}

/** The links of a path in travel order. */
export function linksOf(path: Path): readonly PathLink[] {
  const links: PathLink[] = []
  for (let index = 0; index + 1 < path.interfaces.length; index += 2) {
    const [out, into] = [path.interfaces[index], path.interfaces[index + 1]]
    if (out === undefined || into === undefined) break
    const key = [formatInterface(out), formatInterface(into)].sort().join('--')
    links.push({ key, ends: [out, into] })
  }
  return links
}

/** The key of the way through an AS: what "internal connectivity down" is about. */
export function crossingKey(isdAs: IsdAs, ingressId: number, egressId: number): string {
  return `${formatIsdAs(isdAs)}#${ingressId}>${egressId}`
}

/** The keys of the ways through the ASes between source and destination. */
export function crossingsOf(path: Path): readonly string[] {
  const keys: string[] = []
  for (let index = 1; index + 1 < path.interfaces.length; index += 2) {
    const [into, out] = [path.interfaces[index], path.interfaces[index + 1]]
    if (into !== undefined && out !== undefined) keys.push(crossingKey(into.isdAs, into.id, out.id))
  }
  return keys
}

/** The key of a path as a whole, for failures that nothing smaller can be blamed for. */
export function pathKey(fingerprint: string): string {
  return `path ${fingerprint}`
}

/** The key of the first router, for packets that the system refused to send. */
export function routerKey(path: Path): string {
  return path.nextHop === undefined ? 'no router' : `router ${formatUnderlay(path.nextHop)}`
}
