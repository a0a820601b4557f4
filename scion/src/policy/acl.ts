import { ScionError } from '../errors.ts'
import type { PathInterface } from '../path/path.ts'
import type { HopPredicate } from './predicate.ts'
import { formatHopPredicate, matchesInterface, parseHopPredicate } from './predicate.ts'

/** Most entries of one access control list. */
export const ACL_ENTRIES_MAX = 256

/** One line of an access control list; without a predicate it matches everything. */
export interface AclEntry {
  readonly allow: boolean
  readonly predicate?: HopPredicate
}

/** Parses `+ 1-ff00:0:110#1`, `-`, `+ 0`; throws `ERR_SCION_CONFIG` for anything else. */
export function parseAclEntry(text: string): AclEntry {
  const [action = '', predicate, ...rest] = text.trim().split(/\s+/, 3)
  if ((action !== '+' && action !== '-') || rest.length > 0) {
    const shown = JSON.stringify(text.slice(0, 80))
    throw new ScionError(
      'ERR_SCION_CONFIG',
      `acl entry: + or - and a hop predicate, found ${shown}`,
    )
  }
  const allow = action === '+'
  return predicate === undefined ? { allow } : { allow, predicate: parseHopPredicate(predicate) }
}

/** Writes an entry as {@link parseAclEntry} reads it. */
export function formatAclEntry(entry: AclEntry): string {
  const action = entry.allow ? '+' : '-'
  return entry.predicate === undefined ? action : `${action} ${formatHopPredicate(entry.predicate)}`
}

/**
 * An access control list: for each interface of a path the first entry that matches decides, and one
 * denied interface refuses the path. The last entry, and only the last, must match everything, so
 * that nothing is left undecided.
 */
export class Acl {
  readonly entries: readonly AclEntry[]

  constructor(entries: readonly AclEntry[]) {
    if (entries.length > ACL_ENTRIES_MAX) {
      throw new ScionError('ERR_SCION_CONFIG', `acl: at most ${ACL_ENTRIES_MAX} entries`)
    }
    const catchAll = entries.findIndex(matchesEverything)
    if (catchAll < 0) throw new ScionError('ERR_SCION_CONFIG', 'acl: no default (a last + or -)')
    if (catchAll < entries.length - 1) {
      throw new ScionError('ERR_SCION_CONFIG', 'acl: extra entries behind the default')
    }
    this.entries = entries
  }

  /** Parses the list of strings of a policy document. */
  static parse(lines: readonly string[]): Acl {
    return new Acl(lines.map((line) => parseAclEntry(line)))
  }

  /** Why a path with these interfaces is refused, in a few words; undefined where it may pass. */
  refusal(interfaces: readonly PathInterface[]): string | undefined {
    for (const [index, one] of interfaces.entries()) {
      const side = index % 2 === 0 ? 'egress' : 'ingress'
      const entry = this.entries.find(
        ({ predicate }) =>
          predicate === undefined || matchesInterface(predicate, one.isdAs, one.id, side),
      )
      if (entry?.allow !== true) {
        return `the access list says "${entry === undefined ? '-' : formatAclEntry(entry)}"`
      }
    }
    return undefined
  }

  /** The list as a policy document has it. */
  toJSON(): readonly string[] {
    return this.entries.map((entry) => formatAclEntry(entry))
  }
}

function matchesEverything(entry: AclEntry): boolean {
  return entry.predicate === undefined || formatHopPredicate(entry.predicate) === '0-0#0'
}
