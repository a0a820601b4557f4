import type { Scope } from '@s3mp/web/api'
import type { UserRow } from '../store/people.ts'

/** Who asks, and what that one may do. */
export interface Actor {
  /** For the audit log: a user's name, `token:` and a token's name, or `anybody`. */
  readonly who: string
  readonly scopes: ReadonlySet<Scope>
  /** The user and her session, where a cookie let her in. */
  readonly user?: UserRow
  readonly session?: { readonly id: string; readonly endMs: number }
  /** What the permission hangs on, so that it can be taken away from what is under way. */
  readonly key: string
}
