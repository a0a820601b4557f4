import type { KeyObject } from 'node:crypto'
import { MeterError } from './errors.ts'
import { Competition } from './competition.ts'
import type { DecoderEvent, TelegramDecoder } from './events.ts'
import type { Protocol } from './reading.ts'
import type { Recognizer } from './recognizer.ts'
import type { OwnList } from './dlms/own-list.ts'
import { dlmsRecognizers } from './dlms/recognizers.ts'
import { ReplayGuard } from './dlms/replay-guard.ts'
import { TextStream } from './iec62056-21/stream.ts'
import { SmlBodyStream } from './sml/body-stream.ts'
import { SmlStream } from './sml/stream.ts'

/** Names for {@link createDecoder}. */
export type DecoderProtocol = 'auto' | Protocol

/** What a decoder may take for a telegram. */
export interface DecoderOptions {
  /**
   * Also accept SML messages without their transport frame, at the start of the input. For stored
   * files; on a live line a telegram heard from its middle could pass for one.
   */
  readonly bodies?: boolean
  /** Key of ciphered telegrams: 16 bytes, or 32 for security suite 2. */
  readonly key?: Uint8Array
  /** Key for the tags of ciphered telegrams; without it they are read and flagged. */
  readonly authenticationKey?: Uint8Array
  /** Key under which a meter may send others along, wrapped. */
  readonly masterKey?: Uint8Array
  /** The meter's public key for signatures; without it they are not checked, and flagged. */
  readonly signatureKey?: KeyObject
  /** Our private key to agree on keys with, and the meter's public one for the static scheme. */
  readonly agreementKey?: KeyObject
  readonly meterAgreementKey?: KeyObject
  /** DLMS lists without codes, as the owner of the meter has named their places. */
  readonly lists?: readonly OwnList[]
  /**
   * Power of ten in watt-hours of energies that a DLMS meter sends without their scale: 0 where one
   * step is 1 Wh, 1 where it is 10 Wh. The maker's if left out.
   */
  readonly energyScaler?: number | undefined
  /** Last invocation counters by {@link counterName} of {@link Reading.security}: state to keep. */
  readonly counters?: ReadonlyMap<string, number>
}

/** For the life of one decoder: each call gives recognizers that share what outlives them. */
type RecognizerFactory = (options: DecoderOptions) => () => readonly Recognizer[]

/** What listens for each protocol, in the order in which detection prefers them. */
const RECOGNIZERS: ReadonlyMap<Protocol, RecognizerFactory> = new Map<Protocol, RecognizerFactory>([
  [
    'sml',
    ({ bodies }: DecoderOptions) =>
      () =>
        bodies === true ? [new SmlStream(), new SmlBodyStream()] : [new SmlStream()],
  ],
  ['dlms', dlmsRecognizers],
  // Before d0, which reads the same telegrams under its own name.
  ['dsmr', () => () => [new TextStream('dsmr')]],
  ['d0', () => () => [new TextStream('d0')]],
])

/** Every protocol by name. */
export const PROTOCOLS: readonly Protocol[] = [...RECOGNIZERS.keys()]

/**
 * A decoder for one meter's line. `auto` finds the protocol by itself.
 *
 * @throws {@link MeterError} `unsupported` for a protocol that it does not know, `malformed` or `range`
 *   for lists that are none.
 */
export function createDecoder(
  protocol: DecoderProtocol,
  options: DecoderOptions = {},
): TelegramDecoder {
  const factories = (protocol === 'auto' ? PROTOCOLS : [protocol]).map((name) => {
    const factory = RECOGNIZERS.get(name)
    if (factory !== undefined) return factory(options)
    throw new MeterError(
      'unsupported',
      `protocol: expected auto or one of ${PROTOCOLS.join(', ')}, found ${name}`,
    )
  })
  const entrants = (): readonly Recognizer[] => factories.flatMap((factory) => factory())
  const [only, another] = entrants()
  const decoder =
    only !== undefined && another === undefined
      ? new StreamDecoder(only)
      : new Competition(entrants)
  const ciphered = protocol === 'auto' || protocol === 'dlms'
  return ciphered ? new ReplayGuard(decoder, options.counters) : decoder
}

const NOTHING: readonly DecoderEvent[] = []

/** One recognizer alone, as a decoder. */
class StreamDecoder implements TelegramDecoder {
  readonly #recognizer: Recognizer
  #out: DecoderEvent[] = []

  constructor(recognizer: Recognizer) {
    this.#recognizer = recognizer
  }

  push(chunk: Uint8Array): readonly DecoderEvent[] {
    for (let at = 0; at < chunk.length;) at = this.#recognizer.scan(chunk, at, this.#out)
    return this.#take()
  }

  end(): readonly DecoderEvent[] {
    this.#recognizer.end(this.#out)
    return this.#take()
  }

  #take(): readonly DecoderEvent[] {
    if (this.#out.length === 0) return NOTHING
    const out = this.#out
    this.#out = []
    return out
  }
}
