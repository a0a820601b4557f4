import { EnvelopeError } from './errors.ts'

/** Binds every key derivation, signature and ciphertext to this protocol and its version. */
export const PROTOCOL_ID = 's3mp/1'

/** Who an object travels to: `up` to the recipient (head-end), `down` to the device. */
export type Direction = 'up' | 'down'

/** The direction as it stands in `external_aad`. */
export const DIRECTION_CODE = { up: 0, down: 1 } as const satisfies Record<Direction, number>

/** What the rules of one kind are. */
export interface KindRule {
  /** The number on the wire. */
  readonly code: number
  /** Whether the object is a `COSE_Sign1`; otherwise it is the bare payload. */
  readonly signed: boolean
  /** Where it may travel inside an epoch; `outside` kinds never do. */
  readonly travels: Direction | 'outside'
}

/**
 * The kinds this version understands. The codes 10 to 14 are kept for `command`, `result`, `receipt`,
 * `group-key` and `manifest`; until they are written they are refused like any other unknown kind.
 */
export const KINDS = {
  /** One reading or a batch, signed: billing. */
  reading: { code: 1, signed: true, travels: 'up' },
  /** Readings proven by the AEAD alone until a `seal` covers them: live streams. */
  fast: { code: 2, signed: false, travels: 'up' },
  /** The signature over a run of `fast` records. */
  seal: { code: 3, signed: true, travels: 'up' },
  /** Something that happened, with a code and a severity. */
  event: { code: 4, signed: true, travels: 'up' },
  /** The state of the device itself. */
  heartbeat: { code: 5, signed: true, travels: 'up' },
  /** The registers, units and scalers that later readings refer to. */
  schema: { code: 6, signed: true, travels: 'up' },
  /** The claims that open an epoch; travels inside HPKE, never inside an epoch. */
  epoch: { code: 7, signed: true, travels: 'outside' },
  /** A recipient's public key with a validity; public, travels bare. */
  prekey: { code: 8, signed: true, travels: 'outside' },
  /** What the recipient has stored. */
  ack: { code: 9, signed: false, travels: 'down' },
} as const satisfies Record<string, KindRule>

/** The name of a kind. */
export type Kind = keyof typeof KINDS

/** The kinds that form the hash chain of a stream. */
export type RecordKind = 'reading' | 'fast' | 'seal' | 'event' | 'heartbeat' | 'schema'

/** The largest kind code; a kind is always one byte on the wire. */
export const KIND_CODE_MAX = 23

const NAMES = new Map<number, Kind>(
  Object.entries(KINDS).map(([name, rule]) => [rule.code, name as Kind]),
)

/** The rules of a kind. */
export function kindRule(kind: Kind): KindRule {
  return KINDS[kind]
}

/** The kind with this code; throws `unknown-kind`. */
export function kindOfCode(code: number): Kind {
  const kind = NAMES.get(code)
  if (kind === undefined) throw new EnvelopeError('unknown-kind', `kind: ${code} is not known`)
  return kind
}

/** Whether objects of this kind are links of a stream's chain. */
export function isRecordKind(kind: Kind): kind is RecordKind {
  return KINDS[kind].travels === 'up'
}
