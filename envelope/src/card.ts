import { fromHex, toHex } from './bytes.ts'
import { EnvelopeError } from './errors.ts'
import {
  decodePublicKeyFile,
  encodePublicKeyFile,
  parseJsonObject,
  type PublicKeyFile,
} from './keys.ts'
import { CARD_PREKEYS_MAX, TEXT_BYTES_MAX } from './limits.ts'
import type { PublicKey } from './signature.ts'

/** Where a head-end can be reached; a meter uses what its own network offers. */
export interface HeadendAddresses {
  /** `host:port`, for plain UDP and for SCION-IP gateways. */
  readonly udp?: string
  /** `isd-as,host:port`. */
  readonly scion?: string
}

/** What a meter is given of its head-end at installation; nothing in it is secret. */
export interface HeadendCard {
  /** For people. */
  readonly name: string
  /** The key that is pinned: prekeys are good only under its signature. */
  readonly key: PublicKeyFile
  /** Signed prekeys to begin with; to be checked with `verifyPrekey`. */
  readonly prekeys: readonly Uint8Array[]
  readonly addresses: HeadendAddresses
}

const CARD_FORMAT = 's3mp-headend-card/1'

/** The card as JSON for a file that travels to meters. */
export function encodeHeadendCard(
  card: Omit<HeadendCard, 'key'> & { readonly key: PublicKey },
): string {
  const key = JSON.parse(encodePublicKeyFile(card.key)) as Record<string, unknown>
  const content = {
    ...key,
    format: CARD_FORMAT,
    name: card.name,
    prekeys: card.prekeys.map((prekey) => toHex(prekey)),
    addresses: card.addresses,
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

/** Reads {@link encodeHeadendCard}'s JSON; throws `bad-key`, or `bad-field` for what is no hex. */
export function decodeHeadendCard(text: string): HeadendCard {
  const { format, name, prekeys, addresses, ...key } = parseJsonObject(text, 'headendCard')
  if (format !== CARD_FORMAT) throw badCard(`format: expected ${CARD_FORMAT}`)
  if (!Array.isArray(prekeys) || prekeys.length > CARD_PREKEYS_MAX) {
    throw badCard(`prekeys: expected at most ${CARD_PREKEYS_MAX}`)
  }
  return {
    name: textOf(name, 'name'),
    key: decodePublicKeyFile(JSON.stringify({ ...key, format: 's3mp-public-key/1' })),
    prekeys: prekeys.map((prekey) =>
      fromHex(textOf(prekey, 'prekeys', 16_384), 'headendCard.prekeys'),
    ),
    addresses: readAddresses(addresses),
  }
}

function readAddresses(value: unknown): HeadendAddresses {
  if (typeof value !== 'object' || value === null) throw badCard('addresses: expected an object')
  const { udp, scion } = value as Readonly<Record<string, unknown>>
  return {
    ...(udp !== undefined && { udp: textOf(udp, 'addresses.udp', 300) }),
    ...(scion !== undefined && { scion: textOf(scion, 'addresses.scion', 300) }),
  }
}

function textOf(value: unknown, field: string, charsMax = TEXT_BYTES_MAX): string {
  if (typeof value !== 'string' || value.length > charsMax || /\p{Cc}/u.test(value)) {
    throw badCard(`${field}: expected at most ${charsMax} printable characters`)
  }
  return value
}

function badCard(message: string): EnvelopeError {
  return new EnvelopeError('bad-key', `headendCard.${message}`)
}
