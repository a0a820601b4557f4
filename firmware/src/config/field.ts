import type { z } from 'zod'

/** One key of the configuration: how it is checked, what it is without being written, what it says. */
export interface Field<Schema extends z.ZodType> {
  readonly schema: Schema
  /** The value in TOML when the key is not written; undefined when it must be, or may be left out. */
  readonly fallback?: string
  /** A value in TOML to show where there is no fallback. */
  readonly example?: string
  /** What a right value looks like, for errors and for the documentation. */
  readonly expected: string
  /** A wrong value is not shown: it may be a key in the wrong place. */
  readonly secret?: true
  readonly doc: string
}
