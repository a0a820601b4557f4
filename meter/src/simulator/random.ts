/**
 * A number in [0, 1) that follows from `seed` and up to two keys alone: the same for the same, and
 * unrelated for neighbours (the finaliser of MurmurHash3).
 */
export function hashed(seed: number, key: number, other = 0): number {
  let value = Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(key | 0, 0x85ebca77)
  value ^= Math.imul(other | 0, 0xc2b2ae3d)
  value ^= value >>> 16
  value = Math.imul(value, 0x85ebca6b)
  value ^= value >>> 13
  value = Math.imul(value, 0xc2b2ae35)
  value ^= value >>> 16
  return (value >>> 0) / 4_294_967_296
}

/** Smooth noise in [−1, 1]: random knots every `period`, eased in between. */
export function noise(seed: number, at: number, period: number): number {
  const knot = Math.floor(at / period)
  const part = at / period - knot
  const ease = part * part * (3 - 2 * part)
  const here = hashed(seed, knot)
  return 2 * (here + (hashed(seed, knot + 1) - here) * ease) - 1
}
