/** Different event names whose budgets are kept; the names are ours, so few. */
export const EVENT_NAMES_MAX = 256

interface Budget {
  sinceMs: number
  passed: number
  held: number
}

/** Lets so many events of each name pass in a period, and counts those that it holds back. */
export class EventBudget {
  readonly #most: number
  readonly #periodMs: number
  readonly #budgets = new Map<string, Budget>()

  /** Lets `most` events of one name pass in `periodMs` milliseconds. */
  constructor(most: number, periodMs: number) {
    this.#most = most
    this.#periodMs = periodMs
  }

  /** How many of its name were held back before this one; undefined when it is held back too. */
  admit(name: string, monotonicMs: number): number | undefined {
    const budget = this.#budgetOf(name, monotonicMs)
    if (monotonicMs - budget.sinceMs >= this.#periodMs) {
      budget.sinceMs = monotonicMs
      budget.passed = 0
    }
    if (budget.passed >= this.#most) {
      budget.held += 1
      return undefined
    }
    const held = budget.held
    budget.passed += 1
    budget.held = 0
    return held
  }

  #budgetOf(name: string, monotonicMs: number): Budget {
    const known = this.#budgets.get(name)
    if (known !== undefined) return known
    if (this.#budgets.size >= EVENT_NAMES_MAX) this.#budgets.clear()
    const fresh = { sinceMs: monotonicMs, passed: 0, held: 0 }
    this.#budgets.set(name, fresh)
    return fresh
  }
}
