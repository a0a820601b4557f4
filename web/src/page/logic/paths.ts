import type { NetworkAnswer, NetworkPath } from '../../api.ts'
import { fill } from '../texts/fill.ts'
import type { Texts } from '../texts/texts.ts'

/** Letters for paths: what people call them while they live, "Path C". */
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** Paths in an order that stays: the shortest first, then by fingerprint; never by today's state. */
export function stablePaths(network: NetworkAnswer): readonly NetworkPath[] {
  return [...network.paths].sort(
    (one, two) => one.links.length - two.links.length || (one.id < two.id ? -1 : 1),
  )
}

/** The name of a path, "Path C"; its fingerprint's first letters where it is known no more. */
export function pathName(network: NetworkAnswer | undefined, id: string, t: Texts): string {
  const index =
    network === undefined ? -1 : stablePaths(network).findIndex((path) => path.id === id)
  const letter = LETTERS[index] ?? (index < 0 ? id.slice(0, 6) : String(index + 1))
  return fill(t.network.pathName, { number: letter })
}

/** The ASes of a path in order of travel, with the interfaces that it takes between them. */
export function hopsOf(path: NetworkPath): readonly string[] {
  const ases: string[] = []
  for (const end of path.interfaces) if (ases.at(-1) !== end.ia) ases.push(end.ia)
  return ases
}

const ORDER = { active: 0, alive: 1, probing: 2, down: 3, expired: 4, refused: 5 } as const

/** Paths for the table: the one in use first, then what could take over soonest. */
export function rankedPaths(network: NetworkAnswer): readonly NetworkPath[] {
  return [...network.paths].sort(
    (one, two) =>
      ORDER[one.state] - ORDER[two.state] ||
      (one.roundTripMs ?? Infinity) - (two.roundTripMs ?? Infinity) ||
      (one.id < two.id ? -1 : 1),
  )
}
