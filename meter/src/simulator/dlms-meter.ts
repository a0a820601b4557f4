import { unsignedAt } from '../bytes.ts'
import { FrameScanner } from '../dlms/frame-scanner.ts'
import { withoutLlc } from '../dlms/apdu.ts'
import type { HdlcControl, HdlcFrame } from '../dlms/client/hdlc-frame.ts'
import { HDLC_WITH_HEADER, decodeFrame, encodeFrame } from '../dlms/client/hdlc-frame.ts'
import type { HdlcParameters } from '../dlms/client/hdlc-parameters.ts'
import {
  HDLC_DEFAULTS,
  decodeParameters,
  encodeParameters,
} from '../dlms/client/hdlc-parameters.ts'
import { join, u16 } from '../dlms/encode.ts'
import type { DlmsApplicationOptions } from './dlms-application.ts'
import { DlmsApplication } from './dlms-application.ts'

/** A simulated meter that is asked: its application and the link to it. */
export interface DlmsMeterOptions extends DlmsApplicationOptions {
  readonly link: 'hdlc' | 'wrapper'
  /** The largest frames and windows that this meter takes part in. */
  readonly informationBytes?: number
  readonly window?: number
}

/** Bytes of a request that a simulated meter takes. */
export const SIMULATED_REQUEST_BYTES_MAX = 4_096

const LLC = Uint8Array.of(0xe6, 0xe7, 0x00)
const NOTHING = new Uint8Array()
const WRAPPER_HEAD_BYTES = 8
const MODULO = 8

/** A simulated meter that answers requests over HDLC or the wrapper, one client at a time. */
export class DlmsMeter {
  readonly #application: DlmsApplication
  readonly #link: (bytes: Uint8Array, timeMs: number) => Uint8Array

  constructor(options: DlmsMeterOptions) {
    this.#application = new DlmsApplication(options)
    if (options.link === 'hdlc') {
      const server = new HdlcServer(this.#application, options)
      this.#link = (bytes, timeMs) => server.receive(bytes, timeMs)
    } else {
      const server = new WrapperServer(this.#application)
      this.#link = (bytes, timeMs) => server.receive(bytes, timeMs)
    }
  }

  /** Takes bytes from the line and answers what the meter sends because of them. */
  receive(bytes: Uint8Array, timeMs: number): Uint8Array {
    return this.#link(bytes, timeMs)
  }
}

class WrapperServer {
  readonly #application: DlmsApplication
  #bytes: Uint8Array = NOTHING

  constructor(application: DlmsApplication) {
    this.#application = application
  }

  receive(bytes: Uint8Array, timeMs: number): Uint8Array {
    this.#bytes = join(this.#bytes, bytes)
    const answers: Uint8Array[] = []
    while (this.#bytes.length >= WRAPPER_HEAD_BYTES) {
      const word = (at: number): number => unsignedAt(this.#bytes, at, 2)
      const end = WRAPPER_HEAD_BYTES + word(6)
      if (word(0) !== 1 || end > SIMULATED_REQUEST_BYTES_MAX) {
        this.#bytes = NOTHING
        break
      }
      if (this.#bytes.length < end) break
      const [client, server] = [word(2), word(4)]
      const apdu = this.#bytes.slice(WRAPPER_HEAD_BYTES, end)
      this.#bytes = this.#bytes.slice(end)
      const answer = this.#application.answer(apdu, client, timeMs)
      answers.push(join(u16(1), u16(server), u16(client), u16(answer.length), answer))
    }
    return join(...answers)
  }
}

class HdlcServer {
  readonly #application: DlmsApplication
  readonly #own: HdlcParameters
  #agreed = HDLC_DEFAULTS
  #connected = false
  #send = 0
  #receive = 0
  #request: Uint8Array = NOTHING
  /** Frames of the answer, and how many of them the client has taken. */
  #answer: readonly { readonly part: Uint8Array; readonly more: boolean }[] = []
  #taken = 0
  #firstSend = 0

  constructor(application: DlmsApplication, options: DlmsMeterOptions) {
    this.#application = application
    const { informationBytes: bytes = 128, window = 1 } = options
    this.#own = { sendBytes: bytes, receiveBytes: bytes, sendWindow: window, receiveWindow: window }
  }

  receive(bytes: Uint8Array, timeMs: number): Uint8Array {
    const frames: HdlcFrame[] = []
    const scanner = new FrameScanner(HDLC_WITH_HEADER, {
      frame(payload) {
        const frame = decodeFrame(payload.slice())
        if (frame !== undefined) frames.push(frame)
      },
      discarded: () => undefined,
    })
    for (const byte of bytes) scanner.push(byte)
    scanner.end()
    return join(...frames.flatMap((frame) => this.#take(frame, timeMs)))
  }

  #take(frame: HdlcFrame, timeMs: number): readonly Uint8Array[] {
    const say = (control: HdlcControl, information: Uint8Array = NOTHING): Uint8Array =>
      encodeFrame({
        destination: frame.source,
        source: frame.destination,
        control,
        final: true,
        segmented: false,
        information,
      })
    const { control } = frame
    if (control.kind === 'connect') {
      this.#connect(frame.information)
      return [say({ kind: 'acknowledge' }, encodeParameters(this.#agreed))]
    }
    if (!this.#connected) return frame.final ? [say({ kind: 'disconnected' })] : []
    if (control.kind === 'disconnect') {
      this.#connected = false
      this.#application.reset()
      return [say({ kind: 'acknowledge' })]
    }
    if (!('receive' in control)) return []
    this.#taken = (control.receive - this.#firstSend + MODULO) % MODULO
    if (control.kind === 'information' && control.send === this.#receive) {
      this.#receive = (this.#receive + 1) % MODULO
      this.#request = join(this.#request, frame.information)
      if (!frame.segmented) this.#ask(frame, timeMs)
    }
    if (!frame.final) return []
    const ready = { kind: 'ready', receive: this.#receive } as const
    return this.#speak(frame) ?? [say(ready)]
  }

  #connect(information: Uint8Array): void {
    const client = decodeParameters(information)
    this.#connected = true
    this.#send = 0
    this.#receive = 0
    this.#firstSend = 0
    this.#answer = []
    this.#request = NOTHING
    const bytes = Math.min(client.receiveBytes, this.#own.sendBytes)
    const window = Math.min(client.receiveWindow, this.#own.sendWindow)
    this.#agreed = {
      sendBytes: bytes,
      receiveBytes: bytes,
      sendWindow: window,
      receiveWindow: window,
    }
  }

  /** A whole request is here: its answer is laid out in frames. */
  #ask(frame: HdlcFrame, timeMs: number): void {
    const apdu = withoutLlc(this.#request)
    this.#request = NOTHING
    const client = (frame.source[0] ?? 0) >> 1
    const answer = join(LLC, this.#application.answer(apdu, client, timeMs))
    const size = this.#agreed.sendBytes
    const count = Math.ceil(answer.length / size)
    this.#answer = Array.from({ length: count }, (_, at) => ({
      part: answer.subarray(at * size, (at + 1) * size),
      more: at + 1 < count,
    }))
    this.#firstSend = this.#send
    this.#taken = 0
  }

  /** The frames that follow those taken, as many as the window allows; undefined for none. */
  #speak(frame: HdlcFrame): readonly Uint8Array[] | undefined {
    this.#answer = this.#answer.slice(this.#taken)
    this.#firstSend = (this.#firstSend + this.#taken) % MODULO
    this.#taken = 0
    const frames = this.#answer.slice(0, this.#agreed.sendWindow)
    if (frames.length === 0) return undefined
    this.#send = (this.#firstSend + frames.length) % MODULO
    return frames.map(({ part, more }, at) =>
      encodeFrame({
        destination: frame.source,
        source: frame.destination,
        control: {
          kind: 'information',
          send: (this.#firstSend + at) % MODULO,
          receive: this.#receive,
        },
        final: at + 1 === frames.length,
        segmented: more,
        information: part,
      }),
    )
  }
}
