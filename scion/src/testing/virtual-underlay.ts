import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { Underlay, UnderlayFactory, UnderlayListener } from '../socket/underlay.ts'
import { formatUnderlay } from '../addr/underlay.ts'

/** How long a datagram takes inside an AS unless something else is asked for, in milliseconds. */
export const VIRTUAL_LATENCY_MS = 0.02

const FIRST_PORT = 31_000
const LAST_PORT = 65_535

/** UDP without sockets: every datagram is a timer of the clock. One object is one IP network. */
export class VirtualUnderlay implements UnderlayFactory {
  readonly #clock: Clock
  readonly #latencyMs: number
  readonly #bound = new Map<string, UnderlayListener>()

  constructor(clock: Clock, latencyMs = VIRTUAL_LATENCY_MS) {
    this.#clock = clock
    this.#latencyMs = latencyMs
  }

  bind(local: UnderlayAddress, listener: UnderlayListener): Promise<Underlay> {
    const address = { host: local.host, port: local.port === 0 ? this.#freePort(local.host) : local.port } // prettier-ignore
    const key = formatUnderlay(address)
    if (this.#bound.has(key)) {
      return Promise.reject(new ScionError('ERR_SCION_IO', `bind ${key}: a free port, found taken`))
    }
    this.#bound.set(key, listener)
    let open = true
    return Promise.resolve({
      local: address,
      send: (bytes, to) => {
        if (!open) {
          return Promise.reject(new ScionError('ERR_SCION_CLOSED', 'underlay: open, found closed'))
        }
        if (!(to.port > 0 && to.port <= LAST_PORT)) {
          return Promise.reject(new ScionError('ERR_SCION_IO', `send to ${formatUnderlay(to)}: refused`)) // prettier-ignore
        }
        this.#carry(bytes.slice(), address, formatUnderlay(to))
        return Promise.resolve()
      },
      close: () => {
        if (open) this.#bound.delete(key)
        open = false
        return Promise.resolve()
      },
    })
  }

  #carry(bytes: Uint8Array, from: UnderlayAddress, to: string): void {
    void this.#clock.sleep(this.#latencyMs).then(() => {
      this.#bound.get(to)?.datagram(bytes, from)
    })
  }

  #freePort(host: string): number {
    for (let port = FIRST_PORT; port <= LAST_PORT; port += 1) {
      if (!this.#bound.has(formatUnderlay({ host, port }))) return port
    }
    throw new ScionError('ERR_SCION_IO', `bind ${host}: a free port, found none`)
  }
}
