/** Names are compared up to this many characters; longer ones get no suggestion. */
export const SUGGEST_TEXT_MAX = 64

/**
 * The known name that was most likely meant: at most a third of the letters away, counting a
 * swapped pair as one slip (optimal string alignment). Undefined when nothing is near.
 */
export function suggest(found: string, known: readonly string[]): string | undefined {
  if (found.length > SUGGEST_TEXT_MAX) return undefined
  const wanted = found.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(found.length / 3)) + 1
  for (const name of known) {
    const distance = slips(wanted, name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other. */
function slips(left: string, right: string): number {
  let before: number[] = []
  let above = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1]
      let cost = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
      )
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, (before[column - 2] ?? 0) + 1)
      current.push(cost)
    }
    before = above
    above = current
  }
  return above[right.length] ?? 0
}
