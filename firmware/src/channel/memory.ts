import { CHANNEL_QUEUE_MAX, type ChannelEnd, type MeterEnd, type UplinkEnd } from './channel.ts'
import type { ToMeter, ToUplink } from './message.ts'

/** Both ends of a channel within one process. */
export interface MemoryChannel {
  readonly meter: MeterEnd
  readonly uplink: UplinkEnd
}

class MemoryEnd<Out, In> implements ChannelEnd<Out, In> {
  readonly refused = 0
  #other: MemoryEnd<In, Out> | undefined
  #listener: ((message: In) => void) | undefined
  #link: ((isLinked: boolean) => void) | undefined
  #inbox: In[] = []
  #isDelivering = false

  get isLinked(): boolean {
    return this.#other !== undefined
  }

  join(other: MemoryEnd<In, Out>): void {
    this.#other = other
  }

  post(message: Out): boolean {
    return this.#other?.take(message) ?? false
  }

  onMessage(listener: (message: In) => void): void {
    this.#listener = listener
    this.#deliver()
  }

  onLink(listener: (isLinked: boolean) => void): void {
    this.#link = listener
    const now = this.isLinked
    queueMicrotask(() => {
      if (this.#link === listener) listener(now)
    })
  }

  close(): Promise<void> {
    const other = this.#other
    this.#listener = undefined
    this.#link = undefined
    this.#inbox = []
    this.#other = undefined
    other?.leave()
    return Promise.resolve()
  }

  take(message: In): boolean {
    if (this.#inbox.length >= CHANNEL_QUEUE_MAX) return false
    this.#inbox.push(message)
    this.#deliver()
    return true
  }

  leave(): void {
    this.#other = undefined
    const link = this.#link
    if (link !== undefined) {
      queueMicrotask(() => {
        link(false)
      })
    }
  }

  #deliver(): void {
    if (this.#isDelivering || this.#listener === undefined) return
    this.#isDelivering = true
    queueMicrotask(() => {
      this.#isDelivering = false
      const messages = this.#inbox
      this.#inbox = []
      for (const message of messages) this.#listener?.(message)
    })
  }
}

/** A channel for `s3mp run`, for the demo and for tests: both roles in one process. */
export function memoryChannel(): MemoryChannel {
  const meter = new MemoryEnd<ToUplink, ToMeter>()
  const uplink = new MemoryEnd<ToMeter, ToUplink>()
  meter.join(uplink)
  uplink.join(meter)
  return { meter, uplink }
}
