import type { Conversation, Framing, MeterAction, Reading } from '../../src/index.ts'
import { createDecoder, withEvenParity } from '../../src/index.ts'
import type { LinePeer, LineReply } from '../../src/simulator/index.ts'
import { join } from './telegrams.ts'

/** How the simulated line between a conversation and a meter behaves. */
export interface LineOptions {
  readonly startMs: number
  /** The head hears what is sent through it. */
  readonly echo?: boolean
  /** Sizes of the pieces in which received bytes come, again and again. */
  readonly sizes?: readonly number[]
  /** Spoils the answers of the meter: what it answers for bytes is heard. */
  readonly spoil?: (bytes: Uint8Array, count: number) => Uint8Array
  /** Goes on behind `session` and `hdlc`. */
  readonly next?: (action: MeterAction) => Conversation | undefined
}

/** What came of a conversation. */
export interface LineOutcome {
  readonly readings: readonly Reading[]
  readonly actions: readonly MeterAction[]
  /** Virtual milliseconds that it took. */
  readonly tookMs: number
}

const BITS = 10
/** Calls after which a conversation is taken for endless. */
const STEPS_MAX = 2_000

/** Carries a conversation out against a simulated meter in virtual time. */
export function converse(first: Conversation, peer: LinePeer, options: LineOptions): LineOutcome {
  const all: MeterAction[] = []
  const readings: Reading[] = []
  const replies: LineReply[] = []
  let [timeMs, baudRate] = [options.startMs, 300]
  let framing: Framing = '7E1'
  let decoder: ReturnType<typeof createDecoder> | undefined
  let conversation = first
  let answers = 0
  let heard: Uint8Array = new Uint8Array()

  /** What waits on the line, or undefined after so much silence. */
  const hear = (silenceMs: number): Uint8Array | undefined => {
    if (heard.length > 0) return heard
    const untilMs = timeMs + silenceMs
    for (; ; timeMs += 50) {
      replies.push(...peer.poll(timeMs))
      const at = replies.findIndex((reply) => reply.atMs <= timeMs)
      if (at >= 0) {
        const [reply] = replies.splice(at, 1)
        if (reply === undefined) return undefined
        timeMs += (reply.bytes.length * BITS * 1_000) / reply.baudRate
        const spoiled = options.spoil?.(reply.bytes, answers++) ?? reply.bytes
        const seen =
          reply.framing === '7E1' && framing === '8N1' ? withEvenParity(spoiled) : spoiled
        // At another speed bytes are noise, and fewer or more of them.
        return reply.baudRate === baudRate ? seen : seen.map((byte) => (byte * 7 + 3) & 0xff)
      }
      if (timeMs >= untilMs) return undefined
    }
  }

  let todo = [...conversation.start()]
  for (let step = 0; step < STEPS_MAX && todo.length > 0; step++) {
    const action = todo.shift()
    if (action === undefined) break
    all.push(action)
    if (action.kind === 'speed') {
      ;({ baudRate, framing } = action)
    } else if (action.kind === 'write') {
      timeMs += (action.bytes.length * BITS * 1_000) / baudRate
      const sent = action.bytes.slice()
      replies.push(...peer.receive(sent, { timeMs, baudRate }))
      if (options.echo === true) heard = join(heard, sent)
    } else if (action.kind === 'wait') timeMs += action.ms
    else if (action.kind === 'readout') {
      decoder = createDecoder('d0')
      decoder.push(action.ahead)
    } else if (action.kind === 'reading') readings.push(action.reading)
    else if (action.kind === 'session' || action.kind === 'hdlc') {
      const next = options.next?.(action)
      if (next !== undefined) {
        conversation = next
        todo = [...next.start()]
      }
    } else if (action.kind === 'listen') {
      let answer: readonly MeterAction[]
      const silenceMs = action.silenceMs
      for (;;) {
        const bytes = hear(silenceMs)
        if (bytes === undefined) {
          answer = conversation.silence()
          break
        }
        const size = options.sizes?.[step % options.sizes.length] ?? bytes.length
        const piece = bytes.subarray(0, Math.max(1, size))
        heard = bytes.slice(piece.length)
        for (const event of decoder?.push(piece) ?? []) {
          if (event.type === 'reading') readings.push(event.reading)
        }
        answer = conversation.receive(piece)
        if (answer.length > 0) break
      }
      todo = [...answer]
    }
  }
  return { readings, actions: all, tookMs: timeMs - options.startMs }
}
