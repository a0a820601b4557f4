/** The browser's own time in whole milliseconds, for "3 seconds ago" and for nothing that must be exact. */
export function browserNowMs(): number {
  return Math.round(performance.timeOrigin + performance.now())
}

/** A number in [0, 1) that spreads comebacks. */
export function browserRandom(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32
}
