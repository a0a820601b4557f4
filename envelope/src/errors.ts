/**
 * Every reason this package has for refusing something. The list is closed: callers switch on it, and
 * a head-end counts refusals by it.
 */
export const ENVELOPE_REASONS = [
  // The bytes are not what the gate lets through.
  'truncated',
  'extended',
  'malformed',
  'not-canonical',
  'forbidden',
  'too-deep',
  'too-large',
  'bad-field',
  // What the object says it is.
  'unknown-kind',
  'unknown-suite',
  'unknown-schema',
  'downgrade',
  'wrong-direction',
  'wrong-recipient',
  'wrong-device',
  // Keys.
  'unknown-kid',
  'unknown-prekey',
  'expired-prekey',
  'unknown-device',
  'wrong-key',
  'bad-key',
  // Proof.
  'not-authentic',
  'bad-signature',
  // Freshness and order.
  'stale-epoch',
  'epoch-ended',
  'replay',
  'chain-gap',
  'chain-reordered',
  'chain-rewritten',
  // A bounded collection is full.
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
