import type { DeadlineClass, PathStatus, TransportHealth } from '../channel/message.ts'
import type { NetworkReport } from '../channel/network.ts'

/** How to send one object. */
export interface SendHints {
  readonly deadline: DeadlineClass
  /** 0 for the first try; a repeated one had better go another way. */
  readonly attempt: number
}

/** An object that left. */
export interface Departure {
  /** Eight bytes of the path's fingerprint; empty where there is no choice of paths. */
  readonly path: Uint8Array
  /** Likewise of the paths that copies left on. */
  readonly copies?: readonly Uint8Array[]
  /** For {@link Transport.landed}; the transport's own. */
  readonly flight: unknown
}

/** Something that came in; nothing about it is known to be true. */
export interface Arrival {
  readonly bytes: Uint8Array
  /** The way it came, for {@link Transport.landed}; the transport's own. */
  readonly way: unknown
}

/**
 * The network as the uplink sees it: carries opaque bytes to the head-end and back.
 *
 * Contract:
 * - `send` resolves when the bytes were handed to the system; it rejects with an error that has a
 *   code, at once or after a bounded time, and nothing of a rejected send waits anywhere.
 * - `onReceive` is called for what the head-end's address sent; the bytes belong to the callee.
 * - `landed` tells that what left as `departure` was acknowledged by what came as `way`.
 * - `close` may be called twice; afterwards `send` rejects and nothing is received.
 */
export interface Transport {
  send(bytes: Uint8Array, hints: SendHints): Promise<Departure>
  onReceive(listener: (arrival: Arrival) => void): void
  landed(departure: Departure, way: unknown): void
  /** How the paths are doing; empty where there is no choice of paths. */
  paths(): readonly PathStatus[]
  /** What people should know beside that; left out where there is nothing of the kind. */
  health?(): TransportHealth
  /** What people are shown of the network; left out where there is none to choose ways through. */
  network?(): NetworkReport
  close(): Promise<void>
}
