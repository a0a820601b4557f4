import type { IsdAs } from '../addr/isd-as.ts'
import type { Packet } from '../packet/packet.ts'
import { encodeScmpPacket } from '../packet/scmp-codec.ts'
import type { ScmpMessage } from '../packet/scmp.ts'
import { TokenBucket } from '../token-bucket.ts'
import type { Departures } from './departures.ts'
import type { Route } from './route.ts'

/** Questions of others that a socket answers in one second, where it answers at all. */
export const ECHO_ANSWERS_PER_SECOND_MAX = 100

/** Answers echo and traceroute requests with packets of their own size, and not too many of them. */
export class Answering {
  readonly #isdAs: IsdAs
  readonly #departures: Departures
  readonly #budget: TokenBucket

  constructor(isdAs: IsdAs, departures: Departures, nowMs: number) {
    this.#isdAs = isdAs
    this.#departures = departures
    this.#budget = new TokenBucket(ECHO_ANSWERS_PER_SECOND_MAX, 1000, nowMs)
  }

  /** Whether one more answer may be given. */
  mayAnswer(nowMs: number): boolean {
    return this.#budget.take(nowMs)
  }

  /** The packet that answers a question; undefined where it is none. */
  answerTo(packet: Packet, question: ScmpMessage, route: Route): Uint8Array | undefined {
    const reply: ScmpMessage | undefined =
      question.type === 'echo-request'
        ? { ...question, type: 'echo-reply' }
        : question.type === 'traceroute-request'
          ? { ...question, type: 'traceroute-reply', isdAs: this.#isdAs, interfaceId: 0 }
          : undefined
    if (reply === undefined) return undefined
    const fields = this.#departures.fields(packet.source, route)
    return encodeScmpPacket({ ...fields, flowId: packet.flowId }, reply)
  }
}
