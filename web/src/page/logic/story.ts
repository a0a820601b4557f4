import type { Failover, NetworkAnswer, NetworkLink, PathReason } from '../../api.ts'
import { hopsOf } from './paths.ts'

/** What a reader should know of the network now; the words for it are in `texts/`. */
export interface Story {
  /** `flowing`: nothing is cut; `moved`: readings took another way; `spare`: only unused links are
   * cut; `stuck`: no way is left. */
  readonly kind: 'flowing' | 'moved' | 'spare' | 'stuck'
  /** Names of the ASes between the two ends of the way in use, in order of travel. */
  readonly via: readonly string[]
  readonly roundTripMs?: number
  /** Ways that could take over at once. */
  readonly ready: number
  /** Links that are cut, each by the names of its ends. */
  readonly cut: readonly (readonly [string, string])[]
  /** The change of path that the cut led to, where it did. */
  readonly failover?: Failover
}

/** How long a change of path is told of once everything is mended. */
export const STORY_MS = 60_000

/** Whether anybody would call it a pause: shorter ones are the unrest of any network. */
export function isPause(gapMs: number): boolean {
  return gapMs >= 50
}

/** Why a path had to be left; any other reason is a choice between ways that all work. */
const BROKEN: ReadonlySet<PathReason> = new Set(['silent', 'revoked', 'unreachable', 'faulty'])

/** Puts the network's state into what a person who never heard of SCION needs to know. */
export function tellStory(network: NetworkAnswer, nowMs: number): Story {
  const active = network.paths.find((path) => path.id === network.active)
  const cut = network.links.filter((link) => !link.up).map((link) => endsOf(network, link))
  const [latest] = network.failovers
  const told =
    latest !== undefined &&
    BROKEN.has(latest.cause) &&
    (cut.length > 0 || nowMs - latest.atMs < STORY_MS)
  const kind =
    active === undefined ? 'stuck' : told ? 'moved' : cut.length > 0 ? 'spare' : 'flowing'
  return {
    kind,
    via:
      active === undefined
        ? []
        : hopsOf(active)
            .slice(1, -1)
            .map((ia) => asName(network, ia)),
    ready: network.paths.filter((path) => path.state === 'alive').length,
    cut,
    ...(active?.roundTripMs !== undefined && { roundTripMs: active.roundTripMs }),
    ...(told && { failover: latest }),
  }
}

/** What people call an AS; its number where it has no name. */
export function asName(network: NetworkAnswer, ia: string): string {
  return network.ases.find((as) => as.ia === ia)?.name ?? ia
}

function endsOf(network: NetworkAnswer, link: NetworkLink): readonly [string, string] {
  return [asName(network, link.a.ia), asName(network, link.b.ia)]
}
