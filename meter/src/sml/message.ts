import { crc16Kermit, crc16X25 } from '../crc16.ts'
import { MeterError } from '../errors.ts'
import { formatObis } from '../obis.ts'
import type { MeterTime } from '../reading.ts'
import { UNIT_NONE } from '../units.ts'
import type { SmlCrc } from './framer.ts'
import { TLF_TYPE, TlfReader } from './tlf.ts'

/** Entries of one value list. The longest captured list has 18; tariff histories a few hundred. */
export const SML_ENTRIES_MAX = 1_024

/** Messages of one telegram. Meters send three. */
export const SML_MESSAGES_MAX = 64

/** Message tags (SML 1.04 §5.1). */
export const SML_TAG = {
  openResponse: 0x0101,
  closeResponse: 0x0201,
  getListResponse: 0x0701,
} as const

/** What an entry holds. `width` is the number of bytes on the wire. */
export type SmlValue =
  | {
      readonly kind: 'integer'
      readonly digits: bigint
      readonly signed: boolean
      readonly width: number
    }
  | { readonly kind: 'octets'; readonly bytes: Uint8Array }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'time'; readonly time: MeterTime }
  /** Optional and absent, or a list that this version of SML does not define. */
  | { readonly kind: 'none' }

/** One row of a value list. */
export interface SmlEntry {
  readonly obis: string
  readonly status: bigint | undefined
  readonly time: MeterTime | undefined
  /** Code of the DLMS unit table, 255 when absent. */
  readonly unit: number
  readonly scaler: number
  readonly value: SmlValue
}

/** A GetList.Res: what the meter says of itself and its registers. */
export interface SmlList {
  readonly serverId: Uint8Array
  readonly sensorTime: MeterTime | undefined
  readonly entries: readonly SmlEntry[]
}

const ABSENT_VALUE: SmlValue = { kind: 'none' }
const U8 = 0xff
const U16 = 0xffff
const U32 = 0xffffffff
const I8 = 0x7f
const I16 = 0x7fff
const MESSAGE_ELEMENTS = 6
const ENTRY_ELEMENTS = 7
const GET_LIST_ELEMENTS = 7

/**
 * The value lists in a telegram's messages (SML 1.04 §5). Messages of other kinds are checked and
 * passed over.
 *
 * @throws {@link MeterError} `checksum` when a message's CRC, of the kind `crc`, does not hold;
 * another code when the messages break the grammar.
 */
export function decodeMessages(body: Uint8Array, crc: SmlCrc): readonly SmlList[] {
  const reader = new TlfReader(body)
  const lists: SmlList[] = []
  for (let count = 0; !reader.done; count++) {
    if (count === SML_MESSAGES_MAX) {
      throw new MeterError('too-many', `messages: expected at most ${SML_MESSAGES_MAX}, found more`)
    }
    const { tag, start, end } = openMessage(reader, crc)
    if (tag === SML_TAG.getListResponse) lists.push(decodeList(new TlfReader(body, start, end)))
    reader.skipZeros()
  }
  return lists
}

/** Where a message's content is and what it is, its checksum verified. */
interface Envelope {
  readonly tag: number
  readonly start: number
  readonly end: number
}

/**
 * ```
 *  76  transactionId  groupNo  abortOnError  72 tag content  crc16  00
 *  ╰───────────────── checksum ─────────────────────────╯
 * ```
 *
 * The content is passed over at first: nothing of a message counts before its checksum holds.
 */
function openMessage(reader: TlfReader, crc: SmlCrc): Envelope {
  const first = reader.position
  reader.listOf(MESSAGE_ELEMENTS, 'message')
  reader.octets('message.transactionId')
  reader.unsigned('message.groupNo', U8)
  reader.unsigned('message.abortOnError', U8)
  reader.listOf(2, 'message.body')
  const tag = reader.unsigned('message.tag', U32)
  const start = reader.position
  reader.skip('message.content')
  const end = reader.position
  const sent = reader.unsigned('message.crc16', U16)
  reader.endOfMessage('message.end')
  const found = messageCrc(reader.bytes, first, end, crc)
  if (sent !== found) {
    throw new MeterError(
      'checksum',
      `message.crc16: expected ${hex16(found)}, found ${hex16(sent)}`,
    )
  }
  return { tag, start, end }
}

/**
 * Checks one message that stands alone and answers its tag and the kind of checksum that held:
 * `crc` if given, else whichever does.
 *
 * @throws {@link MeterError} as {@link decodeMessages} does.
 */
export function checkMessage(
  bytes: Uint8Array,
  start: number,
  end: number,
  crc: SmlCrc | undefined,
): { readonly tag: number; readonly crc: SmlCrc } {
  try {
    const kind = crc ?? 'x25'
    return { tag: openMessage(new TlfReader(bytes, start, end), kind).tag, crc: kind }
  } catch (error) {
    if (crc !== undefined || !(error instanceof MeterError) || error.code !== 'checksum')
      throw error
    const { tag } = openMessage(new TlfReader(bytes, start, end), 'kermit')
    return { tag, crc: 'kermit' }
  }
}

/**
 * The CRC as the number that stands in the message. X.25 goes low byte first, which makes it a
 * number with swapped bytes; a number below 256 is then sent as Unsigned8.
 */
export function messageCrc(bytes: Uint8Array, start: number, end: number, crc: SmlCrc): number {
  if (crc === 'kermit') return crc16Kermit(bytes, start, end)
  const value = crc16X25(bytes, start, end)
  return ((value & U8) << 8) | (value >>> 8)
}

function decodeList(reader: TlfReader): SmlList {
  reader.listOf(GET_LIST_ELEMENTS, 'getList')
  reader.octets('getList.clientId')
  reader.octets('getList.serverId')
  const serverId = reader.copy()
  reader.octets('getList.listName')
  const sensorTime = decodeTime(reader, 'getList.actSensorTime')
  const count = reader.list('getList.valList')
  if (count > SML_ENTRIES_MAX) {
    throw new MeterError(
      'too-many',
      `getList.valList: expected at most ${SML_ENTRIES_MAX} entries, found ${count}`,
    )
  }
  const entries: SmlEntry[] = []
  for (let index = 0; index < count; index++) entries.push(decodeEntry(reader))
  reader.skip('getList.listSignature')
  decodeTime(reader, 'getList.actGatewayTime')
  return { serverId, sensorTime, entries }
}

function decodeEntry(reader: TlfReader): SmlEntry {
  reader.listOf(ENTRY_ELEMENTS, 'entry')
  reader.octets('entry.objName')
  const obis = formatObis(reader.bytes, reader.start, reader.length)
  const status = decodeStatus(reader)
  const time = decodeTime(reader, 'entry.valTime')
  const unit = reader.absent() ? UNIT_NONE : reader.unsigned('entry.unit', U8)
  const scaler = reader.absent() ? 0 : reader.signed('entry.scaler', I8)
  const value = decodeValue(reader)
  reader.skip('entry.valueSignature')
  return { obis, status, time, unit, scaler, value }
}

/** A status word; anything else in its place says nothing that a reading could use. */
function decodeStatus(reader: TlfReader): bigint | undefined {
  if (reader.absent()) return undefined
  const start = reader.position
  reader.head('entry.status')
  if (reader.type === TLF_TYPE.unsigned) return reader.integer('entry.status')
  reader.seek(start)
  reader.skip('entry.status')
  return undefined
}

function decodeValue(reader: TlfReader): SmlValue {
  if (reader.absent()) return ABSENT_VALUE
  if (reader.peek() === LIST_OF_TWO) return decodeListValue(reader)
  reader.head('entry.value')
  switch (reader.type) {
    case TLF_TYPE.signed:
    case TLF_TYPE.unsigned:
      return {
        kind: 'integer',
        digits: reader.integer('entry.value'),
        signed: reader.type === TLF_TYPE.signed,
        width: reader.length,
      }
    case TLF_TYPE.octets:
      return { kind: 'octets', bytes: reader.copy() }
    case TLF_TYPE.boolean:
      if (reader.length !== 1) {
        throw new MeterError('malformed', `entry.value: expected a boolean of 1 byte`)
      }
      return { kind: 'boolean', value: reader.bytes[reader.start] !== 0 }
    case TLF_TYPE.list:
      for (let left = reader.length; left > 0; left--) reader.skip('entry.value')
      return ABSENT_VALUE
    default:
      throw new MeterError('malformed', `entry.value: found unknown type ${reader.type}`)
  }
}

const LIST_OF_TWO = 0x72
/** SML_ListType of SML 1.04: the only choice so far is a time. */
const LIST_TYPE_TIME = 1

/** SML_Value's choice `smlList`: a list of choice and content. */
function decodeListValue(reader: TlfReader): SmlValue {
  reader.listOf(2, 'entry.value')
  const choice = reader.unsigned('entry.value.choice', U8)
  if (choice !== LIST_TYPE_TIME) {
    reader.skip('entry.value.content')
    return ABSENT_VALUE
  }
  const time = decodeTime(reader, 'entry.value.time')
  return time === undefined ? ABSENT_VALUE : { kind: 'time', time }
}

const TIME_SECOND_INDEX = 1

/** A time, or nothing where one stands that no rule knows: it must not cost the reading. */
function decodeTime(reader: TlfReader, field: string): MeterTime | undefined {
  if (reader.absent()) return undefined
  const start = reader.position
  try {
    return decodeKnownTime(reader, field)
  } catch (error) {
    if (!(error instanceof MeterError)) throw error
    reader.seek(start)
    reader.skip(field)
    return undefined
  }
}

/**
 * SML_Time in every form met: a list of choice and content, or the bare Unsigned32 of meters that
 * forget the choice (see `quirks.ts`), which counts seconds like choice 1.
 */
function decodeKnownTime(reader: TlfReader, field: string): MeterTime {
  if (reader.peek() !== LIST_OF_TWO) {
    if ((reader.peek() & 0x70) === TLF_TYPE.list << 4) return decodeTimestampLocal(reader, field)
    return { kind: 'second-index', seconds: reader.unsigned(field, U32) }
  }
  reader.listOf(2, field)
  const choice = reader.unsigned(field, U8)
  if ((reader.peek() & 0x70) === TLF_TYPE.list << 4) return decodeTimestampLocal(reader, field)
  const seconds = reader.unsigned(field, U32)
  return { kind: choice === TIME_SECOND_INDEX ? 'second-index' : 'utc', seconds }
}

/** `73 timestamp localOffset seasonTimeOffset`, offsets in minutes. */
function decodeTimestampLocal(reader: TlfReader, field: string): MeterTime {
  reader.listOf(3, field)
  return {
    kind: 'local',
    seconds: reader.unsigned(field, U32),
    offsetMinutes: reader.signed(field, I16),
    seasonMinutes: reader.signed(field, I16),
  }
}

function hex16(value: number): string {
  return value.toString(16).padStart(4, '0')
}
