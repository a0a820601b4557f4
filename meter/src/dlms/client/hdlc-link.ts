import { MeterError } from '../../errors.ts'
import { join } from '../encode.ts'
import { withoutLlc } from '../apdu.ts'
import { FrameScanner } from '../frame-scanner.ts'
import type { HdlcAddressBytes, HdlcControl, HdlcFrame } from './hdlc-frame.ts'
import {
  HDLC_WITH_HEADER,
  clientAddress,
  decodeFrame,
  encodeFrame,
  serverAddress,
} from './hdlc-frame.ts'
import type { HdlcParameters } from './hdlc-parameters.ts'
import { HDLC_DEFAULTS, agree, decodeParameters, encodeParameters } from './hdlc-parameters.ts'
import type { ApduLink } from './link.ts'
import {
  DLMS_CLIENT_APDU_BYTES_MAX,
  DLMS_NOISE_BYTES_MAX,
  DLMS_PAUSE_MS,
  DLMS_TRICKLE_MS_MAX,
} from './link.ts'
import type { TimedPort } from './port.ts'

/** Where a meter is on its line, and what an HDLC connection to it is made with. */
export interface HdlcOptions {
  /** Who asks: 16 is the public client, 1 the management client of most meters. */
  readonly client?: number
  /** The logical device asked; 1 is the management logical device. */
  readonly logical?: number
  /** The physical device, on lines with several. */
  readonly physical?: number
  /** Bytes of the meter's address; one without, two with a physical device unless said otherwise. */
  readonly addressBytes?: HdlcAddressBytes
  /** Bytes of information in one frame, as asked for; the meter may want fewer. */
  readonly informationBytes?: number
  /** Frames in a row before an answer, as asked for. */
  readonly window?: number
}

/** Times that a frame is sent again before the meter counts as silent. */
export const HDLC_RETRIES_MAX = 2

/** Times that a meter may put a client off with "not yet" for one answer. */
export const HDLC_POLLS_MAX = 60

/** Pause before a meter that said "not yet" is asked again, in milliseconds. */
export const HDLC_POLL_MS = 250

/** Frames of one answer; the longest APDU in the smallest frames has fewer. */
export const HDLC_FRAMES_MAX = 512

const LLC_REQUEST = Uint8Array.of(0xe6, 0xe6, 0x00)
const NOTHING = new Uint8Array(0)
const MODULO = 8

/** A connection in normal response mode: the client asks, the meter answers (IEC 62056-46). */
export class HdlcLink implements ApduLink {
  readonly endsAssociation = true
  readonly #port: TimedPort
  readonly #answerMs: number
  readonly #own: HdlcParameters
  readonly #client: Uint8Array
  readonly #server: Uint8Array
  readonly #scanner: FrameScanner
  readonly #answer = new Uint8Array(DLMS_CLIENT_APDU_BYTES_MAX)
  #arrived: HdlcFrame[] = []
  #noise = 0
  #agreed = HDLC_DEFAULTS
  /** Number of the next frame sent, and of the next one expected. */
  #send = 0
  #receive = 0
  #answerBytes = 0

  constructor(port: TimedPort, options: HdlcOptions, answerMs: number) {
    const { client = 16, logical = 1, physical, window = 1, informationBytes = 128 } = options
    this.#port = port
    this.#answerMs = answerMs
    this.#client = clientAddress(client)
    const width = options.addressBytes ?? (physical === undefined ? 1 : 2)
    this.#server = serverAddress(logical, physical, width)
    const bytes = { sendBytes: informationBytes, receiveBytes: informationBytes }
    this.#own = { ...bytes, sendWindow: window, receiveWindow: window }
    // Written and read again, sizes that HDLC does not have are refused.
    decodeParameters(encodeParameters(this.#own))
    this.#scanner = new FrameScanner(HDLC_WITH_HEADER, {
      frame: (payload, { length }) => {
        // The scanner's buffer moves on; what is kept is copied.
        this.#noise += length
        this.#take(payload.slice())
      },
      discarded: ({ bytes: lost }) => {
        this.#noise += lost
      },
    })
  }

  async open(signal: AbortSignal | undefined): Promise<void> {
    this.#send = 0
    this.#receive = 0
    this.#agreed = HDLC_DEFAULTS
    const information = encodeParameters(this.#own)
    const answer = await this.#ask([this.#frame({ kind: 'connect' }, information)], signal)
    if (answer.control.kind !== 'acknowledge') throw refused('connection', answer)
    this.#agreed = agree(this.#own, decodeParameters(answer.information))
  }

  async exchange(apdu: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const content = join(LLC_REQUEST, apdu)
    const { sendBytes, sendWindow } = this.#agreed
    this.#answerBytes = 0
    let sent = 0
    for (let polls = 0; polls <= HDLC_POLLS_MAX;) {
      const frames: Uint8Array[] = []
      let ahead = sent
      while (ahead < content.length && frames.length < sendWindow) {
        const part = content.subarray(ahead, ahead + sendBytes)
        ahead += part.length
        const last = ahead === content.length
        const send = (this.#send + frames.length) % MODULO
        const control = { kind: 'information', send, receive: this.#receive } as const
        frames.push(this.#frame(control, part, !last, last || frames.length + 1 === sendWindow))
      }
      const before = this.#send
      const answer = await this.#askAnew(frames, signal)
      const taken = acknowledged(answer.control, before, frames.length)
      this.#send = (before + taken) % MODULO
      sent = Math.min(content.length, sent + taken * sendBytes)
      if (answer.control.kind === 'information') {
        if (sent < content.length) throw unexpected('an acknowledgement', answer)
        return await this.#collect(answer, signal)
      }
      if (sent === content.length) return await this.#collect(answer, signal)
      if (taken > 0) continue
      polls++
      await this.#port.pause(HDLC_POLL_MS, signal)
    }
    throw new MeterError('timeout', 'link: expected frames to be taken, found "not yet"')
  }

  async next(signal: AbortSignal | undefined): Promise<Uint8Array> {
    this.#answerBytes = 0
    return await this.#collect(await this.#ask([this.#ready()], signal), signal)
  }

  async close(signal: AbortSignal | undefined): Promise<void> {
    await this.#ask([this.#frame({ kind: 'disconnect' })], signal)
  }

  /** Gathers the frames of an answer, asking for more until its last one is here. */
  async #collect(first: HdlcFrame, signal: AbortSignal | undefined): Promise<Uint8Array> {
    let frame = first
    let polls = 0
    for (let count = 0; count < HDLC_FRAMES_MAX; count++) {
      const { control } = frame
      if (control.kind === 'information') {
        if (control.send === this.#receive) {
          this.#receive = (this.#receive + 1) % MODULO
          this.#append(frame.information)
          if (!frame.segmented) return withoutLlc(this.#answer.subarray(0, this.#answerBytes))
        }
        frame = frame.final
          ? await this.#ask([this.#ready()], signal)
          : await this.#hear(signal, () => [this.#ready()])
        continue
      }
      if (control.kind !== 'ready' && control.kind !== 'not-ready') {
        throw refused('answer', frame)
      }
      polls++
      if (polls > HDLC_POLLS_MAX) {
        throw new MeterError('timeout', `link: expected an answer, found "not yet" ${polls} times`)
      }
      await this.#port.pause(HDLC_POLL_MS, signal)
      frame = await this.#ask([this.#ready()], signal)
    }
    throw new MeterError('too-many', `link: expected at most ${HDLC_FRAMES_MAX} frames, found more`)
  }

  #append(information: Uint8Array): void {
    const end = this.#answerBytes + information.length
    if (end > this.#answer.length) {
      throw new MeterError(
        'too-many',
        `link: expected an answer of at most ${this.#answer.length} bytes, found more`,
      )
    }
    this.#answer.set(information, this.#answerBytes)
    this.#answerBytes = end
  }

  #ready(): Uint8Array {
    return this.#frame({ kind: 'ready', receive: this.#receive })
  }

  #frame(
    control: HdlcControl,
    information: Uint8Array = NOTHING,
    segmented = false,
    final = true,
  ): Uint8Array {
    const addresses = { destination: this.#server, source: this.#client }
    return encodeFrame({ ...addresses, control, information, segmented, final })
  }

  /** Like {@link HdlcLink.#ask}, but passes over answers to what was asked before. */
  async #askAnew(
    frames: readonly Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<HdlcFrame> {
    let frame = await this.#ask(frames, signal)
    for (let stale = 0; stale < MODULO; stale++) {
      const { control } = frame
      const old = control.kind === 'information' && control.send !== this.#receive
      // An acknowledgement that comes twice is of the connection.
      if (!old && control.kind !== 'acknowledge') break
      frame = await this.#hear(signal, () => frames)
    }
    return frame
  }

  /** Sends frames and answers the next frame from the meter; sends again when none comes. */
  async #ask(frames: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<HdlcFrame> {
    this.#arrived = []
    await this.#port.write(join(...frames), signal)
    return await this.#hear(signal, () => frames)
  }

  /** The next frame from the meter; `again` is what is said when none comes. */
  async #hear(
    signal: AbortSignal | undefined,
    again: () => readonly Uint8Array[],
  ): Promise<HdlcFrame> {
    for (let retries = 0; ; retries++) {
      const frame = await this.#wait(signal)
      if (frame !== undefined) return frame
      if (retries === HDLC_RETRIES_MAX) break
      await this.#port.write(join(...again()), signal)
    }
    const times = HDLC_RETRIES_MAX + 1
    throw new MeterError('timeout', `link: asked ${times} times, no answer in ${this.#answerMs} ms`)
  }

  /** A frame for us from our meter, or undefined after a silence. */
  async #wait(signal: AbortSignal | undefined): Promise<HdlcFrame | undefined> {
    let untilMs = this.#port.nowMs() + this.#answerMs
    const lastMs = untilMs + DLMS_TRICKLE_MS_MAX
    this.#noise = 0
    for (;;) {
      const frame = this.#arrived.shift()
      if (frame !== undefined) return frame
      const bytes = await this.#port.read(untilMs, signal)
      if (bytes === undefined) {
        // What was cut short must not swallow the next frame.
        this.#scanner.end()
        return undefined
      }
      for (const byte of bytes) this.#scanner.push(byte)
      untilMs = Math.min(lastMs, Math.max(untilMs, this.#port.nowMs() + DLMS_PAUSE_MS))
      if (this.#arrived.length === 0 && this.#noise > DLMS_NOISE_BYTES_MAX) {
        throw new MeterError(
          'malformed',
          `link: expected a frame, found ${this.#noise} bytes of none`,
        )
      }
    }
  }

  #take(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes)
    if (frame === undefined) return
    // Others on the line, and our own frames from a head that echoes.
    if (!same(frame.destination, this.#client) || !same(frame.source, this.#server)) return
    // What a meter pushes outside of the conversation.
    if (frame.control.kind === 'unnumbered') return
    if (this.#arrived.length < HDLC_FRAMES_MAX) this.#arrived.push(frame)
  }
}

/** How many of our frames from `from` on the other side has taken, as far as its frame says. */
function acknowledged(control: HdlcControl, from: number, count: number): number {
  if (!('receive' in control)) {
    throw new MeterError('refused', `link: expected an answer, found ${control.kind}`, {
      detail: control.kind,
    })
  }
  const taken = (control.receive - from + MODULO) % MODULO
  if (taken <= count) return taken
  throw new MeterError('malformed', `link: expected at most ${count} frames taken, found ${taken}`)
}

function refused(what: string, { control }: HdlcFrame): MeterError {
  const message = `link: expected ${what === 'connection' ? 'a' : 'an'} ${what}, found ${control.kind}`
  return new MeterError('refused', message, { detail: control.kind })
}

function unexpected(what: string, { control }: HdlcFrame): MeterError {
  return new MeterError('malformed', `link: expected ${what}, found ${control.kind}`)
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}
