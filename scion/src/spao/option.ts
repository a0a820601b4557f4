import { ScionError } from '../errors.ts'
import type { ExtensionOption } from '../packet/extensions.ts'
import { OPTION } from '../packet/extensions.ts'
import { byteAt, u32At } from '../reader.ts'
import { allocate, checkUint, putU32 } from '../writer.ts'

/** How a packet authenticator is computed; AES-CMAC is the one spoken here. */
export const SPAO_ALGORITHM = { aesCmac: 0, sha1AesCbc: 1 } as const

/** Which key of DRKey authenticates a packet. */
export interface DrkeySpi {
  /** Whether the key is between an AS and a host, or between two hosts. */
  readonly kind: 'as-host' | 'host-host'
  /** Which end can derive the key from an epoch's secret. */
  readonly derivedBy: 'sender' | 'receiver'
  /** DRKey protocol, 1 … 65535. */
  readonly protocol: number
}

/**
 * The packet authenticator option (SCION packet authenticator option specification):
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------------------------------------------------------+
 *   0 |                Security parameter index (SPI)                 |
 *     +---------------+---------------+-------------------------------+
 *   4 |   Algorithm   |      RSV      |                               |
 *     +---------------+---------------+          Timestamp            |
 *   8 |                                                               |
 *     +---------------------------------------------------------------+
 *  12 |                      Authenticator …                          |
 */
export interface PacketAuthenticator {
  readonly spi: number
  /** One of {@link SPAO_ALGORITHM}, or a number of the future. */
  readonly algorithm: number
  /** Nanoseconds since the begin of the DRKey epoch, 48 bits. */
  readonly timestampNs: bigint
  /** Aliases the option. */
  readonly authenticator: Uint8Array
}

const FIXED_BYTES = 12
const CMAC_BYTES = 16
/** What an AES-CMAC authenticator adds to a packet: end-to-end header, option header, option. */
export const AUTHENTICATOR_BYTES = 2 + 2 + FIXED_BYTES + CMAC_BYTES
const HOST_HOST_BIT = 1 << 17
const RECEIVER_BIT = 1 << 16
const DRKEY_SPI_END = 1 << 21

/** The SPI that names a DRKey. */
export function encodeSpi({ kind, derivedBy, protocol }: DrkeySpi): number {
  checkUint(protocol, 0xffff, 'spao.protocol')
  const bits = (kind === 'host-host' ? HOST_HOST_BIT : 0) | protocol
  return bits | (derivedBy === 'receiver' ? RECEIVER_BIT : 0)
}

/** What an SPI names, or undefined where it is agreed between the two ends outside of DRKey. */
export function decodeSpi(spi: number): DrkeySpi | undefined {
  if (spi < 1 || spi >= DRKEY_SPI_END) return undefined
  return {
    kind: (spi & HOST_HOST_BIT) === 0 ? 'as-host' : 'host-host',
    derivedBy: (spi & RECEIVER_BIT) === 0 ? 'sender' : 'receiver',
    protocol: spi & 0xffff,
  }
}

/** An option whose authenticator is still zero; see {@link fillAuthenticator}. */
export function authenticatorOption(spi: number, timestampNs: bigint): ExtensionOption {
  return encodeAuthenticator({
    spi,
    algorithm: SPAO_ALGORITHM.aesCmac,
    timestampNs,
    authenticator: new Uint8Array(CMAC_BYTES),
  })
}

/** Writes the option, to be aligned as the specification asks. */
export function encodeAuthenticator(value: PacketAuthenticator): ExtensionOption {
  checkUint(value.algorithm, 0xff, 'spao.algorithm')
  if (value.timestampNs < 0n || value.timestampNs >= 1n << 48n) {
    throw new ScionError(
      'ERR_SCION_TOO_LARGE',
      `spao.timestamp: 48 bits, found ${value.timestampNs.toString()}`,
    )
  }
  const data = allocate(FIXED_BYTES + value.authenticator.length)
  putU32(data, 0, value.spi)
  data[4] = value.algorithm
  data[6] = Number(value.timestampNs >> 40n)
  data[7] = Number((value.timestampNs >> 32n) & 0xffn)
  putU32(data, 8, Number(value.timestampNs & 0xffff_ffffn))
  data.set(value.authenticator, FIXED_BYTES)
  return { type: OPTION.authenticator, data, align: [4, 2] }
}

/** Reads the option; throws `ERR_SCION_MALFORMED` where it is too short. */
export function decodeAuthenticator(option: ExtensionOption): PacketAuthenticator {
  const { type, data } = option
  if (type !== OPTION.authenticator || data.length < FIXED_BYTES) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `spao: option 2 of at least ${FIXED_BYTES} bytes, found option ${type} of ${data.length}`,
    )
  }
  const high = BigInt((byteAt(data, 6) << 8) | byteAt(data, 7))
  return {
    spi: u32At(data, 0),
    algorithm: byteAt(data, 4),
    timestampNs: (high << 32n) | BigInt(u32At(data, 8)),
    authenticator: data.subarray(FIXED_BYTES),
  }
}
