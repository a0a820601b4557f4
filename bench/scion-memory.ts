/**
 * Memory of the SCION stack in the long run: a million packets between two sockets, over ten thousand
 * changes of path, with nothing but the kernel left out.
 */
import type { Path, ScionSocket, UnderlayFactory, UnderlayListener } from '../scion/src/index.ts'
import {
  LIVELY_PLAN,
  PathSelector,
  encodeStandardPath,
  openScionSocket,
  parseHost,
} from '../scion/src/index.ts'
import { fakePath } from '../scion/test/support/fake-path.ts'
import { heapBytes } from '../scion/test/support/heap.ts'
import { realClock } from '../scion/test/support/clock.ts'
import type { Bench } from './table.ts'

const PACKETS = 1_000_000
const CHANGES = 10_000
const PAYLOAD = new Uint8Array(300)
const GROWTH_KIB_MAX = 512
const HOUR_MS = 3_600_000

/** Measures growth, after a tenth of all has warmed everything up. */
export const run: Bench = async () => {
  const wire = new Map<string, UnderlayListener>()
  const [near, far] = [await socketAt('127.0.0.1', wire), await socketAt('127.0.0.2', wire)]
  const journey = new Journey(near, far)
  await journey.travel(CHANGES / 10)
  const before = heapBytes()
  await journey.travel(CHANGES)
  const value = (heapBytes() - before) / 1024
  const { received } = far.counters()
  await near.close()
  await far.close()
  if (received < PACKETS) throw new Error(`only ${received} packets arrived`)
  const [packets, changes] = [PACKETS, CHANGES].map((count) => count.toLocaleString('en'))
  return [
    {
      name: `heap growth over ${packets} packets and ${changes} changes of path`,
      ...{ value, unit: 'KiB', aim: `<= ${GROWTH_KIB_MAX}`, met: value <= GROWTH_KIB_MAX },
    },
  ]
}

/** A selector whose paths fail one after the other, and the packets that go over the chosen ones. */
class Journey {
  readonly #near: ScionSocket
  readonly #far: ScionSocket
  readonly #selector: PathSelector
  #nowMs = 0
  #made = 0

  constructor(near: ScionSocket, far: ScionSocket) {
    this.#near = near
    this.#far = far
    const clock = { nowMs: () => this.#nowMs, monotonicMs: () => this.#nowMs }
    this.#selector = new PathSelector({ clock, plan: LIVELY_PLAN })
  }

  async travel(changes: number): Promise<void> {
    let last: string | undefined
    for (let count = 0; count < changes;) {
      const path = this.#next()
      if (path.fingerprint === last) continue
      last = path.fingerprint
      count += 1
      for (let packet = 0; packet < PACKETS / CHANGES; packet += 1) {
        await this.#near.send(this.#far.local, PAYLOAD, path)
        await this.#far.receive()
      }
      const [first] = path.interfaces
      if (first !== undefined) this.#selector.interfaceDown(path, first.isdAs, first.id)
    }
  }

  #next(): Path {
    this.#nowMs += 5_000
    const paths = [0, 1].map(() => pathNumber((this.#made += 1), this.#nowMs + HOUR_MS))
    this.#selector.offer(paths)
    for (const path of paths) this.#selector.answered(path, this.#nowMs, 20, 'probe')
    const path = this.#selector.pick()
    if (path === undefined) throw new Error('no path')
    // The sockets live by the clock of the machine.
    return { ...path, expiryMs: Infinity }
  }
}

const HOPS = [1, 2].map((id) => ({
  ...{ ingressAlert: false, egressAlert: false, expTime: 63 },
  ...{ consIngress: id, consEgress: id + 1, mac: Uint8Array.of(1, 2, 3, 4, 5, 6) },
}))

/** A path over links of its own, as the far host finds it. */
function pathNumber(number: number, expiryMs: number): Path {
  const info = { consDir: true, peering: false, segmentId: number & 0xffff, timestamp: 1 }
  const segments = [{ info, hops: HOPS }]
  const bytes = encodeStandardPath({ currInf: 0, currHf: 1, segments })
  const path = fakePath([1 + (number % 60_000), 1 + ((number * 7) % 60_000)], expiryMs)
  return { ...path, dataplane: { type: 1, bytes } }
}

/** A socket in an AS of its own on a wire that hands every packet to the other one. */
function socketAt(ip: string, wire: Map<string, UnderlayListener>): Promise<ScionSocket> {
  const underlay: UnderlayFactory = {
    bind: ({ host }, listener) => {
      wire.set(host, listener)
      const local = { host, port: 31_000 }
      const send = (bytes: Uint8Array): Promise<void> => {
        for (const [other, one] of wire) if (other !== host) one.datagram(bytes, local)
        return Promise.resolve()
      }
      return Promise.resolve({ local, send, close: () => Promise.resolve() })
    },
  }
  const { source, destination } = fakePath([1, 1], HOUR_MS)
  const isdAs = ip === '127.0.0.1' ? source : destination
  const localAs = { isdAs, core: true, mtu: 1472, borderRouters: new Map() }
  const local = { isdAs, host: parseHost(ip), port: 0 }
  const random = (): number => Math.random()
  return openScionSocket({ local, localAs, underlay, clock: realClock, random })
}
