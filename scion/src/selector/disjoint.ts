/** Paths that are looked at when disjoint ones are sought: the search grows with the third power. */
export const DISJOINT_CANDIDATES_MAX = 24
/** Most paths that one packet is sent over. */
export const REDUNDANCY_MAX = 4

/** How many links two sets of links have in common. */
export function sharedLinks(a: readonly string[], b: readonly string[]): number {
  return a.filter((link) => b.includes(link)).length
}

/**
 * Up to `count` of the candidates that share no link, the first one always among them.
 *
 * Candidates come best first. Among all sets of the largest size that can be had, the one whose
 * members stand furthest in front wins: taking the best greedily can block two others.
 */
export function disjointSet<T extends { readonly links: readonly string[] }>(
  candidates: readonly T[],
  count: number,
): readonly T[] {
  const pool = candidates.slice(0, DISJOINT_CANDIDATES_MAX)
  const wanted = Math.min(count, REDUNDANCY_MAX, pool.length)
  let best: readonly T[] = []
  const grow = (chosen: readonly T[], from: number): boolean => {
    if (chosen.length > best.length) best = chosen
    if (best.length >= wanted) return true
    for (const [offset, next] of pool.slice(from).entries()) {
      if (chosen.some((one) => sharedLinks(one.links, next.links) > 0)) continue
      if (grow([...chosen, next], from + offset + 1)) return true
    }
    return false
  }
  const first = pool[0]
  if (first !== undefined && wanted > 0) grow([first], 1)
  return best
}
