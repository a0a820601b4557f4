/* Which paths the owner allows, and what became of each. */

/** A policy: one of those that have a name, or an access list or sequence as its owner typed it. */
export type PolicyChoice =
  | { readonly kind: 'named'; readonly name: string }
  /** One entry a line, first match decides: `- 2-ff00:0:220`, `+`. */
  | { readonly kind: 'acl'; readonly text: string }
  /** The path policy language's sequence: `1-0 0* 2-0`. */
  | { readonly kind: 'sequence'; readonly text: string }

/** What a policy's owner wrote into the meter's configuration; a page shows it and cannot change it. */
export interface ConfiguredPolicy {
  readonly kind: 'configured'
  /** Its name; empty where the configuration has none, and every path is allowed. */
  readonly name: string
}

/** Characters of a typed policy. */
export const POLICY_CHARS_MAX = 4096

/** What the policy in force makes of one path. */
export interface PathRuling {
  /** The path's id, as in {@link NetworkAnswer}. */
  readonly path: string
  readonly allowed: boolean
  /** Which kind of rule decided; `none` where no rule was against it. */
  readonly by: 'none' | 'acl' | 'sequence' | 'jurisdiction' | 'requirement'
  /** The rule in its own words: the entry, the sequence, the AS. */
  readonly rule?: string
  /** Its place in the policy's order, 1 the most wanted; absent where the policy orders nothing. */
  readonly preference?: number
}

/**
 * `GET /api/v1/network/policy`. On a server that can change it, `POST` to the same address with a {@link PolicyChoice} changes it, takes
 * effect at once and answers the same. A text that does not parse is refused with 400
 * `bad_policy` and what was expected where.
 */
export interface PolicyAnswer {
  readonly choice: PolicyChoice | ConfiguredPolicy
  /** Names that can be chosen, worded by the page: 'any', 'stay-in-europe', … */
  readonly named: readonly string[]
  /** Every known path, refused ones too. */
  readonly rulings: readonly PathRuling[]
}
