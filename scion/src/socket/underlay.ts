import type { UnderlayAddress } from '../addr/underlay.ts'

/** Who hears what arrives; called in the background, whether or not anybody awaits a packet. */
export interface UnderlayListener {
  /** One datagram; the bytes belong to the listener. */
  datagram(bytes: Uint8Array, from: UnderlayAddress): void
  /** Something that is no fault of one send: the interface went away, memory ran out. */
  error(error: Error): void
}

/**
 * A bound UDP port, real or pretended: SCION packets travel as its datagrams, one each.
 *
 * Contract (each clause is a test in `test/socket/underlay.test.ts`, run against every kind):
 * - `local` names the concrete address and the port that was given, also when 0 was asked for.
 * - `send` takes the bytes as they are; the caller leaves them alone from then on. It resolves when
 *   they were handed on, which says nothing of their arrival, and rejects with `ERR_SCION_IO`.
 * - A datagram that was sent to a port that nobody has bound vanishes without an error.
 * - `close` may be called twice; afterwards `send` rejects with `ERR_SCION_CLOSED` and the listener
 *   hears nothing more.
 */
export interface Underlay {
  readonly local: UnderlayAddress
  send(bytes: Uint8Array, to: UnderlayAddress): Promise<void>
  close(): Promise<void>
}

/** Makes {@link Underlay}s: node's datagram sockets, or a pretended network. */
export interface UnderlayFactory {
  /**
   * Binds a concrete address (never `0.0.0.0`, so that the source of a packet is never in doubt);
   * port 0 takes a free one. Rejects with `ERR_SCION_IO` where the port is taken.
   */
  bind(local: UnderlayAddress, listener: UnderlayListener): Promise<Underlay>
}
