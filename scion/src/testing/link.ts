import type { Random } from '../clock.ts'
import type { LinkEnd, LinkQuality, TopologyLink } from './topology.ts'
import { readQuality } from './topology.ts'

/** Milliseconds that packets may wait for a link of limited rate before they are dropped. */
export const LINK_QUEUE_MS_MAX = 200

/** What became of a packet that a router put on a link. */
export type PacketFate = 'carried' | 'lost' | 'cut' | 'full'

/** A link as it is now. */
export interface LinkState {
  readonly id: string
  readonly a: LinkEnd
  readonly b: LinkEnd
  readonly kind: TopologyLink['kind']
  readonly mtu: number
  /** False while it is cut. */
  readonly up: boolean
  /** False while the routers at its ends know that it is cut, and say so. */
  readonly believedUp: boolean
  readonly quality: LinkQuality
  /** Packets by what became of them, since the network was opened. */
  readonly packets: Readonly<Record<PacketFate, number>>
  readonly bytes: number
}

/** A link at work: decides what becomes of each packet, and when it arrives. */
export class Link {
  readonly description: TopologyLink
  #quality: LinkQuality
  #up: boolean
  #believedUp: boolean
  #cuts = 0
  #bytes = 0
  /** Until when each direction is busy with packets already taken, monotonic milliseconds. */
  readonly #busyUntilMs = { ab: 0, ba: 0 }
  readonly #packets: Record<PacketFate, number> = { carried: 0, lost: 0, cut: 0, full: 0 }

  constructor(description: TopologyLink) {
    this.description = description
    this.#quality = readQuality(description)
    this.#up = description.up
    this.#believedUp = true
  }

  get up(): boolean {
    return this.#up
  }

  get believedUp(): boolean {
    return this.#believedUp
  }

  /** Counts cuts and mends, so that a detection under way can tell that it is out of date. */
  get cuts(): number {
    return this.#cuts
  }

  /** Cuts or mends. Routers believe what they believed until they are told. */
  setUp(up: boolean): void {
    this.#up = up
    this.#cuts += 1
    if (up) this.#believedUp = true
  }

  /** Tells the routers at both ends. */
  setBelievedUp(up: boolean): void {
    this.#believedUp = up
  }

  /** Changes what the link does to packets from now on. */
  shape(quality: Partial<LinkQuality>): void {
    this.#quality = readQuality({ ...this.#quality, ...quality })
  }

  /** Takes a packet; gives its fate and, where it is carried, after how many milliseconds. */
  take(
    direction: 'ab' | 'ba',
    bytes: number,
    nowMs: number,
    random: Random,
  ): { readonly fate: PacketFate; readonly delayMs: number } {
    const { latencyMs, jitterMs, loss, bandwidthKbps } = this.#quality
    const waitMs = Math.max(0, this.#busyUntilMs[direction] - nowMs)
    const sendMs = bandwidthKbps === 0 ? 0 : (bytes * 8) / bandwidthKbps
    // Both are drawn for every packet, so that one link's fate does not shift another's numbers.
    const [luck, shake] = [random(), random()]
    const fate: PacketFate = !this.#up
      ? 'cut'
      : waitMs > LINK_QUEUE_MS_MAX
        ? 'full'
        : luck < loss
          ? 'lost'
          : 'carried'
    this.#packets[fate] += 1
    if (fate === 'carried' || fate === 'lost') {
      this.#busyUntilMs[direction] = nowMs + waitMs + sendMs
      this.#bytes += bytes
    }
    return { fate, delayMs: waitMs + sendMs + latencyMs + jitterMs * shake }
  }

  /** How it is now. */
  state(): LinkState {
    const { id, a, b, kind, mtu } = this.description
    return {
      id,
      a,
      b,
      kind,
      mtu,
      up: this.#up,
      believedUp: this.#believedUp,
      quality: this.#quality,
      packets: { ...this.#packets },
      bytes: this.#bytes,
    }
  }
}
