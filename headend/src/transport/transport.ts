/** Why a transport itself turns a datagram away. */
export type TurnedAway = 'wrong-authenticator' | 'no-authenticator'

/** One datagram as it arrived; nothing about it is known to be true. */
export interface Arrival {
  readonly bytes: Uint8Array
  /** Who seems to have sent it: what rates are limited by. */
  readonly source: string
  /** Whether the packet proves that `source` sent it. */
  readonly isAuthentic?: boolean
  /** Names the way it came and the answer goes: an answer is sent once each way. */
  readonly way: string
  /** Fingerprint of the SCION path it came over, where the transport knows. */
  readonly path: Uint8Array | undefined
  /**
   * Sends an answer back the way the datagram came; a lost answer is the sender's to ask for again.
   * Never throws, whatever address the sender has claimed.
   */
  reply(bytes: Uint8Array): void
}

/**
 * Where datagrams come from.
 *
 * Contract:
 * - `start` resolves when datagrams are being received, and rejects with `ERR_HEADEND_LISTEN` in a
 *   sentence that says what to do where the address cannot be had.
 * - `receive` is called for each datagram; its bytes belong to the callee. It never throws.
 * - `turnedAway` is called for each datagram that the transport refuses itself, with the reason.
 * - `close` may be called twice; afterwards nothing is received, and `reply` does nothing.
 */
export interface Transport {
  readonly kind: 'udp' | 'scion'
  /** Where it listens, for people and for the card; meaningful after `start`. */
  readonly address: string
  start(
    receive: (arrival: Arrival) => void,
    turnedAway?: (reason: TurnedAway) => void,
  ): Promise<void>
  close(): Promise<void>
}
