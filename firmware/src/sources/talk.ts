import {
  HalError,
  parseSettings,
  readWithin,
  type Clock,
  type SerialPort,
  type SerialSettings,
} from '@s3mp/hal'
import type { Conversation, MeterAction, Reading, TelegramDecoder } from '@s3mp/meter'

/** Actions of one conversation; a meter that leads us in circles is left. */
export const TALK_ACTIONS_MAX = 4096

/** The longest that one conversation may take, in milliseconds: a long table at 300 baud. */
export const TALK_MS_MAX = 600_000

/** How a conversation ended. */
export type TalkEnd =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** It goes on in another way, on the port as it is now. */
  | Extract<MeterAction, { readonly kind: 'session' | 'hdlc' }>

/** What carrying a conversation out needs. */
export interface TalkOptions {
  readonly port: SerialPort
  readonly clock: Clock
  readonly signal: AbortSignal
  /** A port that cannot change its line (TCP) keeps it. */
  readonly canSwitch: boolean
  /** Reads what follows a sign-on. */
  readonly decoder?: () => TelegramDecoder
  readonly onBytes: (bytes: Uint8Array) => void
  readonly onReading: (reading: Reading) => void
  readonly onDiscarded: (bytes: number, reason: string) => void
  readonly onRefused: (request: string, reason: string) => void
  /** Called whenever something was done, for the watchdog. */
  readonly progress: () => void
}

/**
 * Carries a conversation out at a port: writes, waits, switches the line, listens, in this order, as
 * the state machine says. It ends with the conversation, with the first reading of a readout, or
 * with {@link TALK_MS_MAX}.
 *
 * @throws HalError where the port fails, and the reason of an aborted signal.
 */
export async function talk(conversation: Conversation, options: TalkOptions): Promise<TalkEnd> {
  const talker = new Talk(conversation, options)
  return talker.run()
}

class Talk {
  readonly #conversation: Conversation
  readonly #options: TalkOptions
  #decoder: TelegramDecoder | undefined
  #silenceMs = 0
  #readings = 0
  #endMs = Infinity

  constructor(conversation: Conversation, options: TalkOptions) {
    this.#conversation = conversation
    this.#options = options
  }

  async run(): Promise<TalkEnd> {
    const { clock, progress } = this.#options
    this.#endMs = clock.monotonicMs() + TALK_MS_MAX
    let todo = this.#conversation.start()
    for (let count = 0; count < TALK_ACTIONS_MAX && !this.#isLate(); count += 1) {
      for (const action of todo) {
        progress()
        const end = await this.#act(action)
        if (end !== undefined) return end
      }
      if (todo.length === 0 && this.#silenceMs === 0) return this.#over()
      todo = await this.#listen()
      if (this.#decoder !== undefined && this.#readings > 0) return { kind: 'done' }
    }
    return { kind: 'failed', reason: 'endless' }
  }

  /** The conversation has nothing more to say. */
  #over(): TalkEnd {
    this.#take(this.#decoder?.end() ?? [])
    return this.#readings > 0 ? { kind: 'done' } : { kind: 'failed', reason: 'garbled' }
  }

  async #act(action: MeterAction): Promise<TalkEnd | undefined> {
    const { port, clock, signal, canSwitch, decoder, onReading, onRefused } = this.#options
    switch (action.kind) {
      case 'speed':
        if (canSwitch) await port.reconfigure(lineOf(action.baudRate, action.framing))
        return undefined
      case 'write':
        await port.write(action.bytes)
        await port.drain()
        return undefined
      case 'wait':
        await clock.sleep(action.ms, signal)
        return undefined
      case 'listen':
        this.#silenceMs = action.silenceMs
        return undefined
      case 'readout':
        this.#decoder = decoder?.()
        this.#take(this.#decoder?.push(action.ahead) ?? [])
        return undefined
      case 'reading':
        this.#readings += 1
        onReading(action.reading)
        return undefined
      case 'refused':
        onRefused(action.request, action.reason)
        return undefined
      case 'session':
      case 'hdlc':
        return action
      case 'done':
        return { kind: 'done' }
      case 'failed':
        return { kind: 'failed', reason: action.reason }
    }
  }

  /** Hears until the conversation wants to do something, or its silence has passed. */
  async #listen(): Promise<readonly MeterAction[]> {
    const { progress, onBytes } = this.#options
    for (;;) {
      progress()
      const bytes = await this.#read()
      // A meter that talks on and on gives no silence to end with.
      if (this.#isLate()) return []
      if (bytes === undefined) {
        this.#silenceMs = 0
        return this.#conversation.silence()
      }
      onBytes(bytes)
      if (this.#decoder !== undefined) this.#take(this.#decoder.push(bytes))
      const todo = this.#conversation.receive(bytes)
      if (todo.length > 0) {
        this.#silenceMs = 0
        return todo
      }
      if (this.#decoder !== undefined && this.#readings > 0) return []
    }
  }

  #isLate(): boolean {
    return this.#options.clock.monotonicMs() >= this.#endMs
  }

  async #read(): Promise<Uint8Array | undefined> {
    const { port, clock, signal } = this.#options
    try {
      return await readWithin(port, this.#silenceMs, clock, signal)
    } catch (error) {
      if (error instanceof HalError && error.code === 'timeout') return undefined
      if (error instanceof HalError && error.code === 'overrun') return new Uint8Array(0)
      throw error
    }
  }

  #take(events: ReturnType<TelegramDecoder['push']>): void {
    const { onReading, onDiscarded } = this.#options
    for (const event of events) {
      if (event.type === 'reading') {
        this.#readings += 1
        onReading(event.reading)
      } else onDiscarded(event.bytes, event.reason)
    }
  }
}

/** The line that a conversation asks for. */
export function lineOf(baudRate: number, framing: string): SerialSettings {
  return parseSettings(`${String(baudRate)} ${framing}`)
}

/** Throws away what arrived before we asked. */
export async function hush(port: SerialPort, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let count = 0; count < HUSH_READS_MAX; count += 1) {
    try {
      await readWithin(port, HUSH_MS, clock, signal)
    } catch (error) {
      if (!(error instanceof HalError)) throw error
      // A line that was lost comes back when something is written to it.
      if (error.code !== 'overrun') return
    }
  }
}

/** Chunks thrown away at most before a line is asked nevertheless. */
export const HUSH_READS_MAX = 64

/** A line is quiet when nothing came for this long, in milliseconds. */
const HUSH_MS = 5
