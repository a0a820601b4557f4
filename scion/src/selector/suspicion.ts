import type { Entry } from './entry.ts'
import type { LinkMemory } from './links.ts'
import { SILENCES_MAX } from './scoring.ts'

/**
 * The links of a path that fell silent over which nothing was answered since: one of them must be
 * the culprit, and paths that share one are doubtful.
 */
export function suspectsOf(entry: Entry, links: LinkMemory): readonly string[] {
  const { silence } = entry.stats
  if (silence === undefined) return []
  const keys = entry.links.map((link) => link.key)
  return keys.filter((key) => links.provenMs(key) < silence.sinceMs)
}

/**
 * The one link that must have failed: the path was looked at again, in vain, after all its other
 * links had been proven by other paths. Undefined while there is more than one to choose from.
 */
export function culpritOf(entry: Entry, links: LinkMemory): string | undefined {
  const { silence } = entry.stats
  if (silence === undefined || silence.count <= SILENCES_MAX) return undefined
  const suspects = suspectsOf(entry, links)
  const [only] = suspects
  if (suspects.length !== 1 || only === undefined) return undefined
  // A proof that came after the last look may mean that the trouble is over.
  const current = entry.links.every(
    ({ key }) => key === only || links.provenMs(key) <= silence.lastMs,
  )
  return current ? only : undefined
}
