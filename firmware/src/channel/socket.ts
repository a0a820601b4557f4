import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'

import type { Clock } from '@s3mp/hal'

import { retryDelayMs } from '../backoff.ts'
import { codeOf, FirmwareError } from '../errors.ts'
import type { ChannelEnd, MeterEnd, UplinkEnd } from './channel.ts'
import { frame, FrameReader } from './frame.ts'
import {
  decodeMessage,
  encodeMessage,
  type ChannelMessage,
  type ToMeter,
  type ToUplink,
} from './message.ts'

/** Bytes that may wait for the other role to read; beyond them `post` refuses. */
export const CHANNEL_PENDING_BYTES_MAX = 1_048_576

/** How soon the meter looks for an uplink that went away, at most, in milliseconds. */
export const CHANNEL_RECONNECT_MS_MAX = 5000

/** What makes one direction's messages recognisable to the type checker after they were decoded. */
type Taker<In> = (message: ChannelMessage) => In | undefined

const toUplink: Taker<ToUplink> = (message) =>
  message.type === 'send' || message.type === 'settled' ? message : undefined

const toMeter: Taker<ToMeter> = (message) =>
  message.type === 'send' || message.type === 'settled' ? undefined : message

class SocketEnd<Out extends ChannelMessage, In> implements ChannelEnd<Out, In> {
  refused = 0
  readonly #take: Taker<In>
  readonly #onClosed: () => void
  readonly #closing: () => Promise<void>
  #socket: Socket | undefined
  #listener: ((message: In) => void) | undefined
  #link: ((isLinked: boolean) => void) | undefined
  #early: In[] = []

  constructor(take: Taker<In>, onClosed: () => void, closing: () => Promise<void>) {
    this.#take = take
    this.#onClosed = onClosed
    this.#closing = closing
  }

  get isLinked(): boolean {
    return this.#socket !== undefined
  }

  /** Goes on with a connected socket; an older one gives way. */
  use(socket: Socket): void {
    const before = this.#socket
    this.#socket = undefined
    before?.destroy()
    const reader = new FrameReader()
    socket.on('error', () => undefined) // A `close` follows and says all that matters.
    socket.on('data', (chunk: Uint8Array) => {
      try {
        for (const body of reader.push(chunk)) this.#hear(decodeMessage(body))
      } catch (error) {
        if (!(error instanceof FirmwareError)) throw error
        this.refused += 1
        socket.destroy()
      }
    })
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#link?.(false)
      this.#onClosed()
    })
    this.#socket = socket
    this.#link?.(true)
  }

  post(message: Out): boolean {
    const socket = this.#socket
    if (socket === undefined || socket.writableLength > CHANNEL_PENDING_BYTES_MAX) return false
    socket.write(frame(encodeMessage(message)))
    return true
  }

  onMessage(listener: (message: In) => void): void {
    this.#listener = listener
    const early = this.#early
    this.#early = []
    queueMicrotask(() => {
      for (const message of early) listener(message)
    })
  }

  onLink(listener: (isLinked: boolean) => void): void {
    this.#link = listener
    queueMicrotask(() => {
      if (this.#link === listener) listener(this.isLinked)
    })
  }

  async close(): Promise<void> {
    this.#listener = undefined
    this.#link = undefined
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
    await this.#closing()
  }

  #hear(message: ChannelMessage): void {
    const mine = this.#take(message)
    if (mine === undefined) {
      throw new FirmwareError(
        'malformed',
        `message.type: expected one for here, found ${message.type}`,
      )
    }
    if (this.#listener !== undefined) this.#listener(mine)
    else if (this.#early.length < CHANNEL_EARLY_MAX) this.#early.push(mine)
  }
}

/** Messages kept for a listener that is set a moment after the connection. */
export const CHANNEL_EARLY_MAX = 16

/**
 * The uplink's end: listens on a Unix socket that only owner and group may use. One meter at a time
 * is served; a newer connection takes over, because the older is then a meter that was killed.
 *
 * @throws FirmwareError `channel` when the socket cannot be made or another uplink listens on it.
 */
export async function listenForMeter(path: string): Promise<UplinkEnd> {
  const server = createServer()
  const closing = (): Promise<void> =>
    new Promise((resolve) => {
      if (!server.listening) resolve()
      else
        server.close(() => {
          resolve()
        })
    })
  const end = new SocketEnd<ToMeter, ToUplink>(toUplink, () => undefined, closing)
  server.on('connection', (socket) => {
    end.use(socket)
  })
  await listen(server, path)
  return end
}

async function listen(server: Server, path: string): Promise<void> {
  const once = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, () => {
        server.off('error', reject)
        resolve()
      })
    })
  try {
    try {
      await once()
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || (await isAnswered(path))) throw error
      // Left behind by an uplink that was killed.
      rmSync(path, { force: true })
      await once()
    }
    chmodSync(path, 0o660)
  } catch (error) {
    const cure =
      codeOf(error) === 'EADDRINUSE'
        ? 'another uplink listens there; stop it, or write another uplink.socket'
        : `${codeOf(error)}; check that the folder exists and may be written`
    throw new FirmwareError('channel', `${path}: ${cure}`, { cause: error })
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => {
      resolve(false)
    })
  })
}

/** How the meter's end waits between tries. */
export interface MeterSocketOptions {
  readonly path: string
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

/** The meter's end: connects to the uplink's socket, and again whenever the uplink was away. */
export function connectToUplink({ path, clock, random }: MeterSocketOptions): MeterEnd {
  const stop = new AbortController()
  let failures = 0
  const closing = (): Promise<void> => {
    stop.abort()
    return Promise.resolve()
  }
  const attempt = (): void => {
    if (stop.signal.aborted) return
    const socket = connect(path)
    const failed = (): void => {
      socket.destroy()
      void again()
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      failures = 0
      if (stop.signal.aborted) socket.destroy()
      else end.use(socket)
    })
  }
  const again = async (): Promise<void> => {
    const bounds = { minMs: 50, maxMs: CHANNEL_RECONNECT_MS_MAX }
    const delayMs = retryDelayMs(failures, random(), bounds)
    failures += 1
    try {
      await clock.sleep(delayMs, stop.signal)
      attempt()
    } catch {
      // Closed while waiting.
    }
  }
  const end = new SocketEnd<ToUplink, ToMeter>(toMeter, () => void again(), closing)
  attempt()
  return end
}
