import type { IsdAs } from '../addr/isd-as.ts'
import { parseIp } from '../addr/host.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import type { Underlay, UnderlayFactory } from '../socket/underlay.ts'
import { decodeBindingRequest, encodeBindingResponse, isStun } from '../stun/message.ts'
import type { BorderRouter, Ingress, Verdict } from './router.ts'

/** What a running router asks of the network around it. */
export interface RouterSurroundings {
  /** Whether hosts are told from where they are seen. */
  readonly answersStun: boolean
  /** Puts a packet on a link; calls back when and if it arrives at the other end. */
  readonly carry: (from: IsdAs, link: number, bytes: Uint8Array, arrive: () => void) => void
  /** Hears of what was answered or dropped, and why. */
  readonly tell: (verdict: Verdict) => void
}

/** A border router with its sockets: one inside its AS, one for each link. */
export class RunningRouter {
  readonly isdAs: IsdAs
  readonly name: string
  readonly #surroundings: RouterSurroundings
  #inside: Underlay | undefined
  #router: BorderRouter | undefined
  readonly #links = new Map<number, Underlay>()
  readonly #remotes = new Map<number, UnderlayAddress>()
  #running = true

  constructor(isdAs: IsdAs, name: string, surroundings: RouterSurroundings) {
    this.isdAs = isdAs
    this.name = name
    this.#surroundings = surroundings
  }

  /** Binds the sockets at `host`, all with free ports. */
  async bind(factory: UnderlayFactory, host: string, interfaces: readonly number[]): Promise<void> {
    const open = (ingress: (from: UnderlayAddress) => Ingress): Promise<Underlay> =>
      factory.bind(
        { host, port: 0 },
        {
          datagram: (bytes, from) => {
            this.#take(bytes, from, ingress(from))
          },
          error: () => undefined, // A send that failed is a packet lost.
        },
      )
    this.#inside = await open((from) => ({ inside: from }))
    for (const id of interfaces) this.#links.set(id, await open(() => ({ link: id })))
  }

  /** Starts to work, once every router's addresses are known. */
  start(router: BorderRouter, remotes: ReadonlyMap<number, UnderlayAddress>): void {
    this.#router = router
    for (const [id, remote] of remotes) this.#remotes.set(id, remote)
  }

  /** Where hosts and sibling routers of the AS send packets. */
  get internalAddress(): UnderlayAddress {
    if (this.#inside === undefined) throw new Error('router: bound first')
    return this.#inside.local
  }

  /** Where the neighbour sends packets for an interface. */
  linkAddress(id: number): UnderlayAddress | undefined {
    return this.#links.get(id)?.local
  }

  /** Stops or resumes work without a word to anybody, as a crash does. */
  setRunning(running: boolean): void {
    this.#running = running
  }

  /** Closes all sockets. */
  async close(): Promise<void> {
    this.#running = false
    await this.#inside?.close()
    for (const link of this.#links.values()) await link.close()
  }

  #take(bytes: Uint8Array, from: UnderlayAddress, ingress: Ingress): void {
    if (!this.#running || this.#router === undefined) return
    if ('inside' in ingress && this.#surroundings.answersStun && isStun(bytes)) {
      this.#answerStun(bytes, from)
      return
    }
    const verdict = this.#router.process(bytes, ingress)
    switch (verdict.action) {
      case 'forward':
        this.#forward(verdict.link, verdict.bytes)
        return
      case 'inside':
        this.#send(this.#inside, verdict.bytes, verdict.to)
        return
      case 'answer':
        this.#surroundings.tell(verdict)
        if ('link' in ingress) this.#forward(ingress.link, verdict.bytes)
        else this.#send(this.#inside, verdict.bytes, from)
        return
      case 'drop':
        this.#surroundings.tell(verdict)
    }
  }

  /** As the reference does: only inside the AS, and only what ends in a right FINGERPRINT. */
  #answerStun(request: Uint8Array, from: UnderlayAddress): void {
    try {
      const mapped = { ip: parseIp(from.host).bytes, port: from.port }
      this.#send(this.#inside, encodeBindingResponse(decodeBindingRequest(request), mapped), from)
    } catch (error) {
      if (!(error instanceof ScionError)) throw error
    }
  }

  #forward(id: number, bytes: Uint8Array): void {
    const remote = this.#remotes.get(id)
    if (remote === undefined) return
    this.#surroundings.carry(this.isdAs, id, bytes, () => {
      if (this.#running) this.#send(this.#links.get(id), bytes, remote)
    })
  }

  #send(socket: Underlay | undefined, bytes: Uint8Array, to: UnderlayAddress): void {
    socket?.send(bytes, to).catch(() => undefined) // Lost, as packets may be.
  }
}
