import { abortReason } from '../abort.ts'
import type { ScionAddress } from '../addr/endpoint.ts'
import type { Clock, Random } from '../clock.ts'
import { sameBytes } from '../bytes.ts'
import { ScionError } from '../errors.ts'
import type { DataplanePath } from '../path/dataplane.ts'
import { decodeQuote } from '../packet/quote.ts'
import type { ScmpEcho, ScmpError, ScmpTraceroute } from '../packet/scmp.ts'
import { scmpName, scmpTypeNumber } from '../packet/scmp.ts'
import { closedError } from './receive-queue.ts'
import { isWayBack } from './way-back.ts'

/** Echo and traceroute requests under way at a time. */
export const QUESTIONS_MAX = 256

/** Random bytes that an echo request carries at least, and its reply must return. */
export const ECHO_PAYLOAD_BYTES_MIN = 16

/** A reply to an echo or traceroute request. */
export type Reply = ScmpEcho | ScmpTraceroute

/** A reply and who it says it is from. */
interface Answered {
  readonly reply: Reply
  readonly from: ScionAddress
}

interface Question {
  readonly kind: 'echo-reply' | 'traceroute-reply'
  /** The path that it went over. */
  readonly path: DataplanePath
  readonly nonce: Uint8Array
  readonly settle: (outcome: Answered | Error) => void
}

/** How long to wait for an answer. */
export interface AskOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Payload of an echo request; never less than {@link ECHO_PAYLOAD_BYTES_MIN}. */
  readonly payloadBytes?: number
}

/** An answer with the time that it took. */
export interface Answer extends Answered {
  readonly roundTripMs: number
}

/**
 * Echo and traceroute requests that wait for their replies.
 *
 * Each has a random sequence number, and an echo sixteen random bytes more, so that only who saw the
 * question can answer it. A traceroute reply has no room for these, but a router sends it back over
 * the very hop fields of the question, whose MACs (six bytes each) nobody off the path knows.
 */
export class Questions {
  readonly #clock: Clock
  readonly #random: Random
  readonly #open = new Map<number, Question>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /**
   * Asks: `send` is given sequence number and nonce. Rejects with `ERR_SCION_TIMEOUT` when no reply
   * comes in time, with what `send` rejects with, or with the signal's reason.
   */
  async ask(
    kind: Question['kind'],
    path: DataplanePath,
    options: AskOptions,
    send: (sequence: number, nonce: Uint8Array) => Promise<void>,
  ): Promise<Answer> {
    options.signal?.throwIfAborted()
    const sequence = this.#freeSequence()
    const nonce = this.#nonce(options.payloadBytes)
    const startMs = this.#clock.monotonicMs()
    const timer = new AbortController()
    const answered = new Promise<Answered>((resolve, reject) => {
      const settle = (outcome: Answered | Error): void => {
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
      }
      this.#open.set(sequence, { kind, path, nonce, settle })
    })
    const abort = (): void => {
      if (options.signal !== undefined) this.#settle(sequence, abortReason(options.signal))
    }
    options.signal?.addEventListener('abort', abort, { once: true })
    this.#expire(sequence, options.timeoutMs, timer.signal)
    send(sequence, nonce).catch((error: unknown) => {
      this.#settle(sequence, error instanceof Error ? error : new Error(String(error)))
    })
    try {
      const { reply, from } = await answered
      return { reply, from, roundTripMs: this.#clock.monotonicMs() - startMs }
    } finally {
      timer.abort()
      options.signal?.removeEventListener('abort', abort)
      this.#open.delete(sequence)
    }
  }

  /** Random bytes, padded with zeros. */
  #nonce(payloadBytes = ECHO_PAYLOAD_BYTES_MIN): Uint8Array {
    const nonce = new Uint8Array(Math.max(ECHO_PAYLOAD_BYTES_MIN, payloadBytes))
    for (let at = 0; at < ECHO_PAYLOAD_BYTES_MIN; at++) nonce[at] = Math.floor(this.#random() * 256)
    return nonce
  }

  /** Takes a reply that came over `path` from the network; false where nobody asked for it. */
  answer(reply: Reply, from: ScionAddress, path: DataplanePath): boolean {
    const question = this.#open.get(reply.sequence)
    if (question?.kind !== reply.type) return false
    if (reply.type === 'echo-reply' && !sameBytes(question.nonce, reply.data)) return false
    if (reply.type === 'traceroute-reply' && !isWayBack(path, question.path)) return false
    this.#settle(reply.sequence, { reply, from })
    return true
  }

  /** Takes an error that is known to quote a packet of ours: if that was a question, it is over. */
  refuse(error: ScmpError): void {
    const { upper } = decodeQuote(error.quote)
    const sequence = upper?.type === 'scmp' ? upper.request?.sequence : undefined
    if (sequence === undefined) return
    const name = scmpName(scmpTypeNumber(error), error.code)
    this.#settle(sequence, new ScionError('ERR_SCION_PATH', `reply: found ${name}`))
  }

  /** Ends all with `ERR_SCION_CLOSED`. */
  close(): void {
    for (const sequence of [...this.#open.keys()]) this.#settle(sequence, closedError())
  }

  #expire(sequence: number, timeoutMs: number, cancelled: AbortSignal): void {
    this.#pass(timeoutMs, cancelled).then(
      () => {
        const error = new ScionError('ERR_SCION_TIMEOUT', `reply: within ${timeoutMs} ms`)
        this.#settle(sequence, error)
      },
      () => undefined, // Answered in time.
    )
  }

  /** Lets time pass, and as much again as this process slept through: the reply may lie unread. */
  async #pass(ms: number, cancelled: AbortSignal): Promise<void> {
    const dueMs = this.#clock.monotonicMs() + ms
    await this.#clock.sleep(ms, cancelled)
    const lateMs = this.#clock.monotonicMs() - dueMs
    if (lateMs >= 1) await this.#clock.sleep(Math.min(ms, lateMs), cancelled)
  }

  #settle(sequence: number, outcome: Answered | Error): void {
    const question = this.#open.get(sequence)
    this.#open.delete(sequence)
    question?.settle(outcome)
  }

  #freeSequence(): number {
    if (this.#open.size >= QUESTIONS_MAX) {
      throw new ScionError('ERR_SCION_TOO_LARGE', `questions: at most ${QUESTIONS_MAX} at a time`)
    }
    for (;;) {
      const sequence = Math.floor(this.#random() * 0x1_0000)
      if (!this.#open.has(sequence)) return sequence
    }
  }
}
