import type { AesMac } from '../crypto/cmac.ts'
import { hostLength } from '../addr/host.ts'
import type { ExtensionOption } from '../packet/extensions.ts'
import { OPTION } from '../packet/extensions.ts'
import { decodeHeader, pathOffset } from '../packet/header.ts'
import { optionsAt, skipExtensions } from '../packet/extensions.ts'
import { hopOffset, infoOffset, pathMeta } from '../path/standard.ts'
import { byteAt } from '../reader.ts'
import { putU16, putU32 } from '../writer.ts'

/** Security parameter index of a router's SCMP: AS-to-host key, derived by the sender, SCMP. */
const SPI_SCMP = 1
const ALGORITHM_AES_CMAC = 0
const OPTION_BYTES = 28
const EPOCH_MS = 86_400_000

/** What the authenticator of a router's SCMP messages is made with. */
export interface ScmpAuthenticationOptions {
  /** The AS-to-host key of DRKey for the receiver; the same for all hosts in a test network. */
  readonly key: AesMac
  readonly nowMs: () => number
}

/**
 * The packet authenticator option (SPAO) that the reference router puts on its SCMP errors. Hosts
 * without DRKey skip it, but they must be able to skip it.
 */
export class ScmpAuthentication {
  readonly #options: ScmpAuthenticationOptions

  constructor(options: ScmpAuthenticationOptions) {
    this.#options = options
  }

  /** The option with time and MAC still zero, aligned as the specification asks. */
  blankOption(): ExtensionOption {
    const data = new Uint8Array(OPTION_BYTES)
    putU32(data, 0, SPI_SCMP)
    data[4] = ALGORITHM_AES_CMAC
    return { type: OPTION.authenticator, data, align: [4, 2] }
  }

  /** Fills time and MAC into the blank option of a packet that is complete otherwise. */
  fill(packet: Uint8Array): void {
    const header = decodeHeader(packet)
    const upper = skipExtensions(packet, header.headerBytes, packet.length, header.nextHeader)
    const options = optionsAt(packet, upper.endToEndAt)
    const option = options.find((one) => one.type === OPTION.authenticator)?.data
    if (option === undefined) return
    const sinceEpochNs = BigInt(Math.floor(this.#options.nowMs() % EPOCH_MS)) * 1_000_000n
    putU16(option, 6, Number(sinceEpochNs >> 32n))
    putU32(option, 8, Number(sinceEpochNs & 0xffff_ffffn))
    option.set(this.#options.key.cmac(this.#input(packet, option, upper.protocol, upper.at)), 12)
  }

  /** What the MAC covers: lengths and time, fixed header fields, the sender's host, path, payload. */
  #input(packet: Uint8Array, option: Uint8Array, protocol: number, upperAt: number): Uint8Array {
    const { path } = decodeHeader(packet)
    const sourceBytes = hostLength(byteAt(packet, 9) & 0xf)
    const pathAt = pathOffset(packet)
    const upper = packet.subarray(upperAt)
    const input = new Uint8Array(20 + sourceBytes + path.bytes.length + upper.length)
    input[0] = byteAt(packet, 5)
    input[1] = protocol
    putU16(input, 2, upper.length)
    input.set(option.subarray(4, 12), 4)
    input.set(packet.subarray(0, 4), 12)
    // The reference code keeps the lower six bits of the traffic class.
    input[12] = byteAt(packet, 0) & 0x03
    input.set(packet.subarray(8, 10), 16)
    input.set(packet.subarray(pathAt - sourceBytes, pathAt), 20)
    input.set(withoutMutable(path.bytes), 20 + sourceBytes)
    input.set(upper, 20 + sourceBytes + path.bytes.length)
    return input
  }
}

/** A copy of a SCION path in which everything that routers change is zero. */
function withoutMutable(path: Uint8Array): Uint8Array {
  const copy = path.slice()
  const meta = pathMeta(path)
  copy[0] = 0
  for (let index = 0; index < meta.infoCount; index++) putU16(copy, infoOffset(index) + 2, 0)
  for (let index = 0; index < meta.hopCount; index++) copy[hopOffset(meta, index)] = 0
  return copy
}
