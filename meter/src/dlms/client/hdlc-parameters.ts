import { Reader } from '../../bytes.ts'
import { MeterError } from '../../errors.ts'
import { join } from '../encode.ts'

/** What both sides of an HDLC connection agree on (IEC 62056-46 §6.4.4.4.3.2). */
export interface HdlcParameters {
  /** Bytes of information in one frame, sent and received. */
  readonly sendBytes: number
  readonly receiveBytes: number
  /** Frames before an answer must be waited for. */
  readonly sendWindow: number
  readonly receiveWindow: number
}

/** What counts where a side says nothing. */
export const HDLC_DEFAULTS: HdlcParameters = {
  sendBytes: 128,
  receiveBytes: 128,
  sendWindow: 1,
  receiveWindow: 1,
}

/** Largest information field: the length of a frame has 11 bits, header and checksums take some. */
export const HDLC_INFORMATION_BYTES_MAX = 2_030

/** Largest window: frames are numbered modulo 8. */
export const HDLC_WINDOW_MAX = 7

const FORMAT = 0x81
const GROUP = 0x80
const SEND_BYTES = 5
const RECEIVE_BYTES = 6
const SEND_WINDOW = 7
const RECEIVE_WINDOW = 8

/** The parameters as the information of a connect or acknowledge frame. */
export function encodeParameters(parameters: HdlcParameters): Uint8Array {
  const size = (id: number, value: number): readonly number[] =>
    value < 0x100 ? [id, 1, value] : [id, 2, value >> 8, value & 0xff]
  const content = join(
    size(SEND_BYTES, parameters.sendBytes),
    size(RECEIVE_BYTES, parameters.receiveBytes),
    [SEND_WINDOW, 4, 0, 0, 0, parameters.sendWindow],
    [RECEIVE_WINDOW, 4, 0, 0, 0, parameters.receiveWindow],
  )
  return join([FORMAT, GROUP, content.length], content)
}

/**
 * Reads parameters; what is not named keeps its default, unknown ones are passed over.
 *
 * @throws {@link MeterError} `short`, `malformed`, or `range` for sizes that HDLC does not have.
 */
export function decodeParameters(information: Uint8Array): HdlcParameters {
  const found: Record<number, number> = {}
  if (information.length > 0) {
    const reader = new Reader(information)
    reader.skip(1, 'parameters.format')
    if (reader.u8('parameters.group') !== GROUP) return HDLC_DEFAULTS
    const content = new Reader(reader.bytes(reader.u8('parameters.length'), 'parameters'))
    while (content.remaining > 0) {
      const id = content.u8('parameters.id')
      const width = content.u8('parameters.width')
      let value = 0
      for (const byte of content.bytes(width, 'parameters.value')) value = value * 256 + byte
      found[id] = value
    }
  }
  return {
    sendBytes: within('sendBytes', found[SEND_BYTES] ?? 128, HDLC_INFORMATION_BYTES_MAX),
    receiveBytes: within('receiveBytes', found[RECEIVE_BYTES] ?? 128, HDLC_INFORMATION_BYTES_MAX),
    sendWindow: within('sendWindow', found[SEND_WINDOW] ?? 1, HDLC_WINDOW_MAX),
    receiveWindow: within('receiveWindow', found[RECEIVE_WINDOW] ?? 1, HDLC_WINDOW_MAX),
  }
}

/**
 * What a client keeps to after a server's answer. Servers differ in whose sending they mean by
 * "transmit", so the smaller of both counts; windows alike.
 */
export function agree(own: HdlcParameters, server: HdlcParameters): HdlcParameters {
  return {
    sendBytes: Math.min(own.sendBytes, server.sendBytes, server.receiveBytes),
    receiveBytes: own.receiveBytes,
    sendWindow: Math.min(own.sendWindow, server.sendWindow, server.receiveWindow),
    receiveWindow: own.receiveWindow,
  }
}

function within(field: string, value: number, most: number): number {
  if (value >= 1 && value <= most) return value
  throw new MeterError('range', `parameters.${field}: expected 1 to ${most}, found ${value}`)
}
