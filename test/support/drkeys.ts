import {
  HostKeyDeriver,
  hostAsKey,
  level1Key,
  secretValue,
  type DrkeyQuery,
  type DrkeySource,
  type EpochKey,
  type HostAddress,
} from '@s3mp/scion'

const EPOCH_SECONDS = 86_400

/** The DRKeys of a whole network, made as control services make them; may be silent. */
export class NetworkKeys implements DrkeySource {
  isSilent = false
  asked = 0
  readonly #master: Uint8Array

  constructor(master = 7) {
    this.#master = new Uint8Array(16).fill(master)
  }

  hostAs(query: DrkeyQuery): Promise<EpochKey> {
    this.asked += 1
    if (this.isSilent) return Promise.reject(new Error('no answer'))
    const index = Math.floor(query.timeMs / 1000 / EPOCH_SECONDS)
    const epoch = {
      beginSeconds: index * EPOCH_SECONDS,
      endSeconds: (index + 1) * EPOCH_SECONDS,
    }
    const level1 = level1Key(secretValue(this.#master, 0, epoch), query.farAs)
    return Promise.resolve({ epoch, key: hostAsKey(level1, query.derivingHost, query.protocol) })
  }

  async hostHost(query: DrkeyQuery & { readonly farHost: HostAddress }): Promise<EpochKey> {
    const { epoch, key } = await this.hostAs(query)
    return { epoch, key: new HostKeyDeriver(key).keyFor(query.farHost) }
  }
}
