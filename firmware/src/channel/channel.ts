import type { ToMeter, ToUplink } from './message.ts'

/** Messages that wait for the other role; beyond them `post` refuses. */
export const CHANNEL_QUEUE_MAX = 256

/**
 * One end of the channel between the meter role and the uplink role.
 *
 * It is as reliable as a datagram and no more, because either side may restart at any time:
 * whoever needs a message to arrive repeats it until something proves that it did.
 *
 * Contract (each clause is a test in `test/contract/channel.ts`, run against every channel):
 * 1. A message posted while both ends are connected arrives once, in order, as it was posted.
 * 2. `post` returns false, and keeps nothing, when the other end is away or the queue is full.
 * 3. Messages arrive through the one listener, never within the call of `post`.
 * 4. `onLink` tells each coming and going of the other end; a listener set late hears the state
 *    that is.
 * 5. When the other end was away and is back, messages pass again without any call from here.
 * 6. What is no message ends the connection, is counted in `refused`, and harms nothing else.
 * 7. `close` may be called twice; afterwards `post` returns false and nobody hears anything.
 */
export interface ChannelEnd<Out, In> {
  readonly isLinked: boolean
  /** Messages and connections that were refused. */
  readonly refused: number
  post(message: Out): boolean
  onMessage(listener: (message: In) => void): void
  onLink(listener: (isLinked: boolean) => void): void
  close(): Promise<void>
}

/** The end that the meter role holds. */
export type MeterEnd = ChannelEnd<ToUplink, ToMeter>

/** The end that the uplink role holds. */
export type UplinkEnd = ChannelEnd<ToMeter, ToUplink>
