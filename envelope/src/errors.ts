/**
 * Every reason this package has for refusing something. The list is closed: callers switch on it, and
 * a head-end counts refusals by it.
 */
export const ENVELOPE_REASONS = [
  // The bytes are not what the gate lets through.
  /** The bytes end before what they announce. */
  'truncated',
  /** Something follows where the object ends. */
  'extended',
  /** Not CBOR, or not the structure that belongs here. */
  'malformed',
  /** CBOR that could have been written otherwise: the shortest form is the only one. */
  'not-canonical',
  /** A type, tag, key or header that has no place in these objects. */
  'forbidden',
  /** Nested deeper than the limit. */
  'too-deep',
  /** Longer than the limit. */
  'too-large',
  /** A field with a value it cannot have; the message names it. */
  'bad-field',
  // What the object says it is.
  /** An object of a kind that this version does not know. */
  'unknown-kind',
  /** A cipher suite or signature algorithm that is not spoken here. */
  'unknown-suite',
  /** A reading whose schema has not been seen. */
  'unknown-schema',
  /** A weaker or older suite, prekey or key than what was agreed on. */
  'downgrade',
  /** An object that travels only the other way. */
  'wrong-direction',
  /** Sealed for somebody else. */
  'wrong-recipient',
  /** About another device than the one it claims, or than the file is about. */
  'wrong-device',
  // Keys.
  /** No key is known under the identifier that the datagram bears. */
  'unknown-kid',
  /** Sealed to a prekey that this recipient never had, or has deleted. */
  'unknown-prekey',
  /** Sealed to a prekey after its last day. */
  'expired-prekey',
  /** Nobody has enrolled the device that signed it. */
  'unknown-device',
  /** The key at hand is for another algorithm or another owner. */
  'wrong-key',
  /** A file or field that should be a key is none. */
  'bad-key',
  // Proof.
  /** The cipher’s tag does not hold: altered on the way, or another key. */
  'not-authentic',
  /** The signature does not hold. */
  'bad-signature',
  // Freshness and order.
  /** An epoch whose number was used before or does not follow. */
  'stale-epoch',
  /** The epoch has reached its time or its count; a new one has to be opened. */
  'epoch-ended',
  /** The very same datagram has been opened before. */
  'replay',
  /** Records are missing between two that are there. */
  'chain-gap',
  /** Records are not in the order in which they were made. */
  'chain-reordered',
  /** A record does not carry the hash of the one before it: one of them is not the original. */
  'chain-rewritten',
  // A bounded collection is full.
  /** A bounded collection is full. */
  'too-many',
] as const

/** One of {@link ENVELOPE_REASONS}. */
export type EnvelopeReason = (typeof ENVELOPE_REASONS)[number]

/** The only error class this package lets escape; messages read `field: expected, found`. */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError'
  readonly code: EnvelopeReason

  constructor(code: EnvelopeReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
