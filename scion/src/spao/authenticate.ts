import { timingSafeEqual } from 'node:crypto'
import type { AesMac } from '../crypto/cmac.ts'
import { ScionError } from '../errors.ts'
import { OPTION } from '../packet/extensions.ts'
import type { Packet } from '../packet/packet.ts'
import { decodePacket } from '../packet/packet.ts'
import { authenticatorInput, partsOfPacket } from './mac-input.ts'
import type { PacketAuthenticator } from './option.ts'
import { SPAO_ALGORITHM, decodeAuthenticator } from './option.ts'

/**
 * The authenticator that a packet carries, or undefined where it carries none. Throws
 * `ERR_SCION_MALFORMED` for more than one: which of them counts would be anybody's guess.
 */
export function authenticatorOf(packet: Packet): PacketAuthenticator | undefined {
  const found = (packet.endToEnd ?? []).filter(({ type }) => type === OPTION.authenticator)
  const [option] = found
  if (found.length > 1) {
    throw new ScionError('ERR_SCION_MALFORMED', `spao: at most one, found ${found.length}`)
  }
  return option && decodeAuthenticator(option)
}

/**
 * Computes the authenticator of a finished packet that has an empty one (see
 * {@link authenticatorOption}) and writes it into `bytes`.
 */
export function fillAuthenticator(bytes: Uint8Array, key: AesMac): void {
  const packet = decodePacket(bytes)
  const option = authenticatorOf(packet)
  if (option === undefined) {
    throw new ScionError('ERR_SCION_MALFORMED', 'spao: an option to fill, found none')
  }
  option.authenticator.set(compute(packet, option, key))
}

/**
 * Checks that a packet was sent by a holder of `key` and not changed since, but for what routers
 * change. Throws `ERR_SCION_AUTHENTICITY` where it was. Freshness and repetition are the business
 * of {@link SeenAuthenticators}.
 */
export function verifyAuthenticator(
  packet: Packet,
  option: PacketAuthenticator,
  key: AesMac,
): void {
  const expected = compute(packet, option, key)
  const given = option.authenticator
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new ScionError('ERR_SCION_AUTHENTICITY', 'spao.authenticator: does not fit the packet')
  }
}

function compute(packet: Packet, option: PacketAuthenticator, key: AesMac): Uint8Array {
  if (option.algorithm !== SPAO_ALGORITHM.aesCmac) {
    throw new ScionError(
      'ERR_SCION_UNSUPPORTED',
      `spao.algorithm: AES-CMAC (0), found ${option.algorithm}`,
    )
  }
  const { bytes, protocol, payload, pathOffset } = packet
  return key.cmac(authenticatorInput(partsOfPacket(bytes, protocol, payload, pathOffset), option))
}
