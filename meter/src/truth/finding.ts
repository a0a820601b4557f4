import type { ReadingFlag } from '../reading.ts'

/** One thing that does not fit, in words for people. */
export interface TruthFinding {
  readonly flag: ReadingFlag
  /** What was expected and what was found, with codes and units. */
  readonly what: string
}
