import type { IsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { TrustMaterial } from '../trust/store.ts'
import type { TrcId } from '../trust/trc.ts'
import type { RpcTransport } from './rpc.ts'
import type { SegmentsAnswer } from './segment-messages.ts'
import { decodeSegmentsResponse, encodeSegmentsRequest } from './segment-messages.ts'
import type { ChainQuery, RawChain } from './trust-messages.ts'
import {
  decodeChainsResponse,
  decodeTrcResponse,
  encodeChainsRequest,
  encodeTrcRequest,
} from './trust-messages.ts'

const SEGMENTS = 'proto.control_plane.v1.SegmentLookupService'
const TRUST = 'proto.control_plane.v1.TrustMaterialService'

/** Most control services that are tried one after the other. */
export const CONTROL_SERVICES_MAX = 16

/**
 * The control services of the own AS. A question goes to the one that answered last; when that
 * fails, to the others in their order. When all fail, the error holds the reason of each.
 */
export class ControlServices implements TrustMaterial {
  readonly #transports: readonly RpcTransport[]
  #preferred = 0

  /** Throws `ERR_SCION_CONFIG` for none or too many. */
  constructor(transports: readonly RpcTransport[]) {
    if (transports.length === 0 || transports.length > CONTROL_SERVICES_MAX) {
      throw new ScionError(
        'ERR_SCION_CONFIG',
        `control services: 1 … ${CONTROL_SERVICES_MAX}, found ${transports.length}`,
      )
    }
    this.#transports = transports
  }

  /** Segments from one AS to another; a wildcard AS stands for the core ASes of its ISD. */
  async segments(source: IsdAs, destination: IsdAs, signal?: AbortSignal): Promise<SegmentsAnswer> {
    const request = encodeSegmentsRequest(source, destination)
    return await this.ask(SEGMENTS, 'Segments', request, decodeSegmentsResponse, signal)
  }

  async chains(query: ChainQuery, signal?: AbortSignal): Promise<readonly RawChain[]> {
    const request = encodeChainsRequest(query)
    return await this.ask(TRUST, 'Chains', request, decodeChainsResponse, signal)
  }

  async trc(id: TrcId, signal?: AbortSignal): Promise<Uint8Array> {
    return await this.ask(TRUST, 'TRC', encodeTrcRequest(id), decodeTrcResponse, signal)
  }

  /** Puts any question; an answer that cannot be read counts as a failure of its server. */
  async ask<T>(
    service: string,
    method: string,
    request: Uint8Array,
    read: (answer: Uint8Array) => T,
    signal?: AbortSignal,
  ): Promise<T> {
    const failures: ScionError[] = []
    const start = this.#preferred
    for (let turn = 0; turn < this.#transports.length; turn++) {
      const index = (start + turn) % this.#transports.length
      const transport = this.#transports[index]
      if (transport === undefined) break
      try {
        const answer = read(await transport.call({ service, method, request, signal }))
        this.#preferred = index
        return answer
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof ScionError) || error.code === 'ERR_SCION_CLOSED') throw error
        failures.push(error)
      }
    }
    const [first, ...others] = failures
    if (first !== undefined && others.length === 0) throw first
    const reasons = failures.map(({ message }) => message).join('; ')
    throw new ScionError('ERR_SCION_CONTROL', `no control service answers: ${reasons}`)
  }

  /** Closes the way to every server. */
  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()))
  }
}
