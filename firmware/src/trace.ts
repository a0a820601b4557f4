import type { DeviceRecord } from '@s3mp/envelope'
import type { Reading } from '@s3mp/meter'

import type { PathStatus } from './channel/message.ts'
import type { NetworkReport } from './channel/network.ts'

/**
 * What happens to a reading on its way, for pages and demos in the same process. Bytes belong to
 * whoever made them and must not be written to.
 */
export type TraceEvent =
  /** A telegram was heard and understood. */
  | {
      readonly type: 'telegram'
      readonly atMs: number
      /** Name of the source that heard it. */
      readonly source: string
      readonly bytes: Uint8Array
      readonly reading: Reading
    }
  /** Bytes were heard that are no telegram. */
  | {
      readonly type: 'discarded'
      readonly atMs: number
      readonly source: string
      readonly bytes: number
      readonly reason: string
    }
  /** A record is on the disk, sealed; from now on it will arrive. */
  | {
      readonly type: 'stored'
      readonly atMs: number
      readonly id: number
      readonly stream: number
      readonly seq: number
      readonly record: DeviceRecord
      /** The bytes that are hashed and signed. */
      readonly payload: Uint8Array
      /** The signed object, or the payload where no signature belongs. */
      readonly object: Uint8Array
      /** What travels. */
      readonly datagram: Uint8Array
    }
  /** An object left on a path; `path` is empty where the transport has none. */
  | {
      readonly type: 'sent'
      readonly atMs: number
      readonly id: number
      readonly attempt: number
      readonly path: Uint8Array
    }
  /** The head-end has it on its disk, and said so under the epoch's key. */
  | {
      readonly type: 'acknowledged'
      readonly atMs: number
      readonly id: number
      readonly stream: number
      readonly seq: number
      /** From the first sending to here. */
      readonly afterMs: number
    }
  | { readonly type: 'paths'; readonly atMs: number; readonly paths: readonly PathStatus[] }
  /** The uplink told what people are shown of the network. */
  | { readonly type: 'network'; readonly atMs: number; readonly report: NetworkReport }

/** Takes trace events; called synchronously, must not throw. */
export type OnTrace = (event: TraceEvent) => void
