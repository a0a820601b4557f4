/** Statistics of round trips without the round trips, for a ping that goes on for months. */
export class Tally {
  #count = 0
  #min = Infinity
  #max = 0
  #mean = 0
  /** Sum of squared distances from the mean (Welford's method, which loses no digits). */
  #squares = 0

  /** Takes one round trip, in milliseconds. */
  add(roundTripMs: number): void {
    this.#count += 1
    this.#min = Math.min(this.#min, roundTripMs)
    this.#max = Math.max(this.#max, roundTripMs)
    const distance = roundTripMs - this.#mean
    this.#mean += distance / this.#count
    this.#squares += distance * (roundTripMs - this.#mean)
  }

  /** Round trips taken. */
  get count(): number {
    return this.#count
  }

  /** Least, mean and greatest round trip and their standard deviation, in ms; zeros where there is none. */
  summary(): {
    readonly min: number
    readonly avg: number
    readonly max: number
    readonly mdev: number
  } {
    if (this.#count === 0) return { min: 0, avg: 0, max: 0, mdev: 0 }
    const mdev = Math.sqrt(this.#squares / this.#count)
    return { min: this.#min, avg: this.#mean, max: this.#max, mdev }
  }
}
