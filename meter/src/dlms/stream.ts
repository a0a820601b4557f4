import type { DecoderEvent, DiscardedEvent, DiscardReason } from '../events.ts'
import type { Reading, ReadingFlag } from '../reading.ts'
import type { Recognizer } from '../recognizer.ts'
import type { ApduSink } from './assembler.ts'
import { Assembler } from './assembler.ts'
import { BARE } from './bare.ts'
import type { Framing } from './frame-scanner.ts'
import { FrameScanner } from './frame-scanner.ts'
import { HDLC } from './hdlc.ts'
import { MBUS } from './mbus.ts'
import type { DlmsReadings } from './readings.ts'
import { WRAPPER } from './wrapper.ts'

/** The data links that carry DLMS. */
export type DlmsLink = 'hdlc' | 'mbus' | 'wrapper' | 'bare'

const FRAMINGS: Readonly<Record<DlmsLink, Framing>> = {
  hdlc: HDLC,
  mbus: MBUS,
  wrapper: WRAPPER,
  bare: BARE,
}

/** DLMS push over one kind of link. */
export class DlmsStream implements Recognizer, ApduSink {
  readonly name: string
  readonly protocol = 'dlms'
  readonly weak: boolean
  readonly #readings: DlmsReadings
  readonly #assembler = new Assembler(this)
  readonly #scanner: FrameScanner
  readonly #flags: readonly ReadingFlag[]
  /** Without a link only text is sent; what else looks so belongs to a link around it. */
  readonly #textOnly: boolean
  #out: DecoderEvent[] = []

  constructor(link: DlmsLink, readings: DlmsReadings) {
    this.name = `dlms-${link}`
    // No checksum vouches for what these two bring.
    this.weak = link === 'wrapper' || link === 'bare'
    this.#textOnly = link === 'bare'
    this.#flags = link === 'wrapper' ? ['unframed'] : []
    this.#readings = readings
    this.#scanner = new FrameScanner(FRAMINGS[link], this.#assembler)
  }

  scan(chunk: Uint8Array, from: number, out: DecoderEvent[]): number {
    this.#out = out
    const before = out.length
    for (let at = from; at < chunk.length; at++) {
      this.#scanner.push(chunk[at] ?? 0)
      if (out.length > before) return at + 1
    }
    return chunk.length
  }

  end(out: DecoderEvent[]): void {
    this.#out = out
    this.#scanner.end()
    this.#assembler.end()
  }

  apdu(apdu: Uint8Array, offset: number, length: number): void {
    const found = this.#judge(apdu)
    this.#out.push(
      typeof found === 'string'
        ? { type: 'discarded', offset, bytes: length, reason: found }
        : { type: 'reading', offset, length, reading: found },
    )
  }

  #judge(apdu: Uint8Array): Reading | DiscardReason {
    const found = this.#readings.read(apdu, this.#flags)
    const foreign = this.#textOnly && typeof found !== 'string' && found.protocol === 'dlms'
    return foreign ? 'garbage' : found
  }

  discarded(event: DiscardedEvent): void {
    this.#out.push(event)
  }
}
