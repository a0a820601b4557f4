import {
  decodeStandardPath,
  DrkeyAuthentication,
  formatEndpoint,
  formatIsdAs,
  PATH_TYPE,
  pathFingerprint,
  ScionError,
  type Clock,
  type DrkeySource,
  type IsdAs,
  type Path,
  type PathSource,
  type Route,
  type ScionAddress,
  type ScionDatagram,
  type ScionSocket,
} from '@s3mp/scion'
import { fromHex } from '@s3mp/envelope'
import { HeadendError } from '../errors.ts'
import type { Arrival, Transport, TurnedAway } from './transport.ts'

/** Paths whose fingerprint is remembered; the oldest is forgotten. */
export const PATH_NAMES_MAX = 4096
/** Look-ups of paths under way at once, one for each AS that senders are in. */
export const PATH_LOOKUPS_MAX = 16
/** Answers handed to the socket and not yet sent; further ones are dropped, the meter asks again. */
export const SCION_REPLIES_MAX = 4096

const MISSES_PER_LOOKUP = 64

/** How to open the socket, and where paths can be asked for by name. */
export interface ScionTransportOptions {
  /** Opens the socket, with the authentication that it gets; called once, by `start`. */
  readonly open: (authentication?: DrkeyAuthentication) => Promise<ScionSocket>
  /** Tells the paths' fingerprints, where it is given: a packet itself names no AS on its way. */
  readonly source?: PathSource
  /** How packets prove their sender, and whether they must. */
  readonly proof?: PacketProof
  /** Called once by `close`: closes what was opened for this transport. */
  readonly onClose?: () => Promise<void>
}

/**
 * Packets prove their sender by DRKey. The head-end is the fast side: it asks for one key for each AS
 * and derives those of all meters in it, with one AES call each.
 */
export interface PacketProof {
  readonly keys: DrkeySource
  readonly local: ScionAddress
  /** DRKey protocol, the same on both ends. */
  readonly protocol: number
  /** Whether a packet that proves nothing is refused. */
  readonly isRequired: boolean
  readonly clock: Clock
}

/** A native SCION host: datagrams come over any path, answers go back over the same one. */
export class ScionTransport implements Transport {
  readonly kind = 'scion'
  readonly #options: ScionTransportOptions
  readonly #names: PathNames | undefined
  #socket: ScionSocket | undefined
  #address = ''
  #replies = 0
  #receiving: Promise<void> | undefined

  constructor(options: ScionTransportOptions) {
    this.#options = options
    this.#names = options.source && new PathNames(options.source)
  }

  get address(): string {
    return this.#address
  }

  async start(
    receive: (arrival: Arrival) => void,
    turnedAway: (reason: TurnedAway) => void = () => undefined,
  ): Promise<void> {
    let socket: ScionSocket
    try {
      const { open, proof } = this.#options
      socket = await (proof === undefined ? open() : open(authenticationOf(proof, turnedAway)))
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      const remedy = 'choose another port, or an address that this machine has'
      throw new HeadendError(
        'ERR_HEADEND_LISTEN',
        `cannot open a SCION socket: ${reason}; ${remedy}`,
        {
          cause,
        },
      )
    }
    this.#socket = socket
    this.#address = formatEndpoint(socket.local)
    this.#receiving = this.#receive(socket, receive, turnedAway)
  }

  async close(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    await socket?.close()
    await this.#receiving
    if (socket !== undefined) await this.#options.onClose?.()
  }

  async #receive(
    socket: ScionSocket,
    receive: (arrival: Arrival) => void,
    turnedAway: (reason: TurnedAway) => void,
  ): Promise<void> {
    const isRequired = this.#options.proof?.isRequired === true
    for await (const datagram of socket) {
      if (isRequired && !datagram.authentic) turnedAway('no-authenticator')
      else receive(this.#arrival(socket, datagram))
    }
  }

  #arrival(socket: ScionSocket, { from, payload, reply, authentic }: ScionDatagram): Arrival {
    const ids = idsOf(reply)
    const sender = formatEndpoint(from)
    return {
      bytes: payload,
      // Whoever forges a source address still is in the AS that the path began in.
      source: `${formatIsdAs(from.isdAs)} ${sender}`,
      isAuthentic: authentic,
      way: `${sender} ${ids}`,
      path: this.#names?.nameOf(from.isdAs, ids),
      reply: (bytes) => {
        if (this.#socket === undefined || this.#replies >= SCION_REPLIES_MAX) return
        this.#replies++
        socket
          .send(from, bytes, reply)
          .catch(() => {
            // A way back that does not work, for whatever cause, is the sender's to notice: it asks
            // again over another. What one packet leads to must never end the process.
          })
          .finally(() => {
            this.#replies--
          })
      },
    }
  }
}

/** A packet is refused before anything is looked at that it carries. */
function authenticationOf(
  { keys, local, protocol, isRequired, clock }: PacketProof,
  turnedAway: (reason: TurnedAway) => void,
): DrkeyAuthentication {
  return new DrkeyAuthentication({
    keys,
    local,
    side: 'fast',
    protocol,
    clock,
    demand: isRequired ? 'required' : 'preferred',
    onRefused: () => {
      turnedAway('wrong-authenticator')
    },
  })
}

function idsOf(route: Route): string {
  try {
    return interfaceIds(route)
  } catch (error) {
    if (error instanceof ScionError) return ''
    throw error
  }
}

/** The interface numbers that a route crosses, in order of travel. */
export function interfaceIds({ dataplane }: Route): string {
  if (dataplane.type !== PATH_TYPE.scion) return ''
  const ids: number[] = []
  const { segments } = decodeStandardPath(dataplane.bytes)
  for (const [index, { info, hops }] of segments.entries()) {
    for (const [place, { consIngress, consEgress }] of hops.entries()) {
      const [enter, leave] = info.consDir ? [consIngress, consEgress] : [consEgress, consIngress]
      // Where two segments meet, the AS has a hop in each; a peering link is crossed between them.
      const meets = (at: number): boolean => segments[at] !== undefined && !info.peering
      if (place > 0 || !meets(index - 1)) ids.push(enter)
      if (place < hops.length - 1 || !meets(index + 1)) ids.push(leave)
    }
  }
  return ids.filter((id) => id !== 0).join(' ')
}

/** The fingerprints that senders know their paths by, found out from a source of paths. */
class PathNames {
  readonly #source: PathSource
  readonly #names = new Map<string, Uint8Array>()
  readonly #asking = new Set<IsdAs>()
  readonly #misses = new Map<IsdAs, number>()

  constructor(source: PathSource) {
    this.#source = source
  }

  /** The fingerprint of the sender's path; undefined at first, while it is being found out. */
  nameOf(sender: IsdAs, ids: string): Uint8Array | undefined {
    const name = this.#names.get(`${formatIsdAs(sender)} ${ids}`)
    if (name === undefined && this.#isDue(sender)) void this.#ask(sender)
    return name
  }

  /** Asks at the first miss and then at every so many: a packet's path can be anything. */
  #isDue(sender: IsdAs): boolean {
    if (this.#asking.has(sender)) return false
    const misses = this.#misses.get(sender) ?? 0
    if (this.#misses.size >= PATH_NAMES_MAX) this.#misses.clear()
    this.#misses.set(sender, misses + 1)
    return misses % MISSES_PER_LOOKUP === 0
  }

  async #ask(sender: IsdAs): Promise<void> {
    if (this.#asking.size >= PATH_LOOKUPS_MAX) return
    this.#asking.add(sender)
    try {
      for (const path of await this.#source.paths(sender)) this.#learn(sender, path)
    } catch {
      // The name of a path is for people; nothing depends on it, and anybody's packet asks for it.
    } finally {
      this.#asking.delete(sender)
    }
  }

  #learn(sender: IsdAs, { interfaces }: Path): void {
    const ids = interfaces.map(({ id }) => id).join(' ')
    // The sender travels the other way, and names what it crosses first first.
    const fingerprint = pathFingerprint([...interfaces].reverse())
    if (this.#names.size >= PATH_NAMES_MAX) {
      const [oldest] = this.#names.keys()
      if (oldest !== undefined) this.#names.delete(oldest)
    }
    this.#names.set(`${formatIsdAs(sender)} ${ids}`, fromHex(fingerprint))
  }
}
