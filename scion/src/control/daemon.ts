import type { IsdAs } from '../addr/isd-as.ts'
import { isdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import { pathInside } from '../path/file.ts'
import { withoutDuplicates } from '../path/fingerprint.ts'
import type { Path, PathInterface } from '../path/path.ts'
import type { LocalAs, PathQuery, PathSource } from '../path/source.ts'
import {
  decodeLocalAs,
  decodePathsResponse,
  encodeAsRequest,
  encodeInterfaceDown,
  encodePathsRequest,
} from './daemon-messages.ts'
import type { RpcTransport } from './rpc.ts'

const SERVICE = 'proto.daemon.v1.DaemonService'

/** Where the reference's daemon listens unless told otherwise. */
export const DAEMON_ADDRESS = '127.0.0.1:30255'

/**
 * Paths from a SCION daemon on this machine. The daemon verifies segments and puts paths together;
 * what it says is believed.
 */
export class DaemonPathSource implements PathSource {
  readonly local: LocalAs
  readonly #transport: RpcTransport

  private constructor(transport: RpcTransport, local: LocalAs) {
    this.#transport = transport
    this.local = local
  }

  /** Asks the daemon for its AS, routers and ports, and takes over the transport. */
  static async open(transport: RpcTransport, signal?: AbortSignal): Promise<DaemonPathSource> {
    const none = new Uint8Array(0)
    const ask = (method: string, request: Uint8Array): Promise<Uint8Array> =>
      transport.call({ service: SERVICE, method, request, signal })
    const [as, interfaces, ports] = await Promise.all([
      ask('AS', encodeAsRequest(isdAs(0, 0))),
      ask('Interfaces', none),
      ask('PortRange', none),
    ])
    return new DaemonPathSource(transport, decodeLocalAs(as, interfaces, ports))
  }

  async paths(destination: IsdAs, query: PathQuery = {}): Promise<readonly Path[]> {
    if (destination === this.local.isdAs) {
      query.signal?.throwIfAborted()
      return [pathInside(this.local)]
    }
    const request = {
      source: this.local.isdAs,
      destination,
      refresh: query.refresh ?? false,
      hidden: false,
    }
    const answer = await this.#transport.call({
      service: SERVICE,
      method: 'Paths',
      request: encodePathsRequest(request),
      signal: query.signal,
    })
    return withoutDuplicates(decodePathsResponse(answer, request))
  }

  /**
   * Tells the daemon that a router reported one of its links down, so that it leaves paths over it
   * out for a while. A daemon that does not listen is no error of ours: resolves to whether it did.
   */
  async reportDown(link: PathInterface, signal?: AbortSignal): Promise<boolean> {
    const request = encodeInterfaceDown(link)
    try {
      await this.#transport.call({
        service: SERVICE,
        method: 'NotifyInterfaceDown',
        request,
        signal,
      })
      return true
    } catch (error) {
      if (!(error instanceof ScionError)) throw error
      return false
    }
  }

  async close(): Promise<void> {
    await this.#transport.close()
  }
}
