import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'

import { HalError } from '@s3mp/hal'
import { AdapterStream, type AdapterEvent, type AdapterOptions } from '@s3mp/meter'

import { retryDelayMs } from '../backoff.ts'
import { codeOf, FirmwareError, reasonOf } from '../errors.ts'
import { LinkQualityMeter } from '../link-quality.ts'
import { RawRing } from '../raw-ring.ts'
import { Invocations } from './invocations.ts'
import { pause } from './pause.ts'
import type { Source, SourceContext, SourceSpec } from './source.ts'

/** Programs that may write at once; more are hung up on. */
export const ADAPTER_CLIENTS_MAX = 4

/** How old a reading may be when an adapter hands it over, in milliseconds: a week. */
export const ADAPTER_AGE_MS_MAX = 7 * 86_400_000

/** Longest wait before the socket is made again, in milliseconds. */
export const ADAPTER_RETRY_MS_MAX = 60_000

/** A socket into which another program writes telegrams that it received. */
export interface AdapterSourceOptions {
  readonly name: string
  /** Path of the Unix socket. */
  readonly path: string
  /** Numbers of the meters that are ours; all that are heard when left out. */
  readonly devices?: readonly string[]
  /** Nothing for this long: the meters are silent, in milliseconds. */
  readonly silenceMs: number
  readonly keys?: AdapterOptions
  readonly isSimulated: boolean
}

/** The source of received telegrams: wireless M-Bus, and whatever has a program of its own. */
export function adapter(options: AdapterSourceOptions): SourceSpec {
  const { name, path, isSimulated } = options
  return {
    name,
    kind: 'adapter',
    device: `socket:${path}`,
    isSimulated,
    isShared: true,
    create: (context) => new AdapterSource(options, context),
  }
}

/**
 * Listens on a Unix socket for lines of JSON (`docs/meter.md`). Whoever may write to the socket is
 * believed as much as a head is: what it says is registered under this source's name.
 */
class AdapterSource implements Source {
  readonly quality = new LinkQualityMeter()
  readonly ring = new RawRing()
  readonly #options: AdapterSourceOptions
  readonly #context: SourceContext
  readonly #invocations: Invocations
  readonly #devices: ReadonlySet<string> | undefined
  readonly #clients = new Set<Socket>()
  #heardMs: number
  #isSilent = false

  constructor(options: AdapterSourceOptions, context: SourceContext) {
    this.#options = options
    this.#context = context
    this.#invocations = new Invocations(context.invocations)
    this.#devices = options.devices === undefined ? undefined : new Set(options.devices)
    this.#heardMs = context.clock.monotonicMs()
  }

  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    const { clock, random, log } = this.#context
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await this.#serve(signal, progress)
      } catch (error) {
        if (!(error instanceof HalError)) throw error
        const bounds = { minMs: 1000, maxMs: ADAPTER_RETRY_MS_MAX }
        const retryMs = retryDelayMs(failures, random(), bounds)
        log.warn('adapter.failed', { path: this.#options.path, reason: error.message, retryMs })
        await pause(retryMs, clock, signal, progress)
      }
    }
  }

  async #serve(signal: AbortSignal, progress: () => void): Promise<void> {
    const { path } = this.#options
    const server = createServer((socket) => {
      this.#greet(socket)
    })
    server.maxConnections = ADAPTER_CLIENTS_MAX
    await listen(server, path)
    const { clock } = this.#context
    try {
      while (!signal.aborted) {
        progress()
        this.#judgeSilence()
        await clock.sleep(LOOK_MS, signal).catch(() => undefined)
      }
    } finally {
      for (const client of this.#clients) client.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }

  #greet(socket: Socket): void {
    this.#clients.add(socket)
    const stream = new AdapterStream(this.#options.keys)
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Uint8Array) => {
      this.#context.tap.bytes?.(bytes)
      this.quality.heard(bytes.length)
      this.ring.push(bytes)
      for (const event of stream.push(bytes)) this.#take(event)
    })
    socket.on('close', () => {
      this.#clients.delete(socket)
      for (const event of stream.end()) this.#take(event)
    })
  }

  #take(event: AdapterEvent): void {
    const { clock, onReading, onTrouble, onDiscarded, log } = this.#context
    if (event.type === 'refused') {
      const { line, code, message } = event
      log.warn('adapter.refused', { source: this.#options.name, line, code, reason: message })
      // An unreadable telegram is the neighbour's; a malformed line is the adapter's own fault.
      if (code !== 'unreadable')
        onTrouble({ kind: 'meter-refused', request: code, reason: message })
      return
    }
    const { reading, note } = event
    if (this.#devices?.has(reading.device) === false) return
    try {
      if (reading.security !== undefined && !this.#invocations.admit(reading.security)) {
        onDiscarded(0, 'replay')
        return
      }
    } catch (error) {
      if (!(error instanceof FirmwareError)) throw error
      log.error('counter.unwritten', { reason: error.message })
      return
    }
    this.#heardMs = clock.monotonicMs()
    this.#silent(false)
    this.quality.decoded({ type: 'reading', offset: 0, length: 0, reading })
    const nowMs = clock.nowMs()
    const { receivedMs = nowMs } = note
    const isNear = receivedMs <= nowMs + AHEAD_MS_MAX && receivedMs >= nowMs - ADAPTER_AGE_MS_MAX
    onReading(reading, new Uint8Array(0), { timeMs: isNear ? Math.min(receivedMs, nowMs) : nowMs })
  }

  #judgeSilence(): void {
    const ageMs = this.#context.clock.monotonicMs() - this.#heardMs
    if (ageMs >= this.#options.silenceMs) this.#silent(true)
  }

  #silent(isSilent: boolean): void {
    if (this.#isSilent === isSilent) return
    this.#isSilent = isSilent
    this.#context.onSilence(isSilent)
  }
}

/** How often silence is looked for, in milliseconds. */
const LOOK_MS = 1000

/** An adapter's clock may be ahead by this, in milliseconds. */
const AHEAD_MS_MAX = 5000

/** Makes the socket for owner and group; one that a killed run left behind is taken away first. */
async function listen(server: Server, path: string): Promise<void> {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    chmodSync(path, 0o660)
  } catch (error) {
    server.close()
    throw new HalError('io', `${path}: ${codeOf(error)}: ${reasonOf(error)}`, { cause: error })
  }
}
