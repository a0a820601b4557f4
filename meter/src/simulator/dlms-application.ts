import { Reader, toHex } from '../bytes.ts'
import { MeterError } from '../errors.ts'
import type { Data } from '../dlms/axdr.ts'
import { decodeData, readLength } from '../dlms/axdr.ts'
import { SECURITY, open, parseSealed, seal } from '../dlms/ciphering.ts'
import {
  CONFORMANCE,
  DLMS_UA,
  MECHANISM,
  fieldsOf,
  inner,
  lastByte,
  tlv,
} from '../dlms/client/association.ts'
import type { DlmsAuthentication, Exchange, ProofKeys } from '../dlms/client/proof.ts'
import { DLMS_CHALLENGE_BYTES, checkProof, ownProof } from '../dlms/client/proof.ts'
import { decodeDateTime } from '../dlms/clock.ts'
import { counted, encodeData, join, lengthOf, octetData, u16, u32 } from '../dlms/encode.ts'
import { formatObis } from '../obis.ts'
import type { DlmsObjectsOptions } from './dlms-objects.ts'
import { DlmsObjects } from './dlms-objects.ts'

/** Who may ask a simulated meter, and how it has them prove who they are. */
export interface SimulatedClient {
  /** 16 for the public client, 1 for management, …. */
  readonly client: number
  /** As the client is given it; for signatures the keys are the meter's own and the client's. */
  readonly authentication: DlmsAuthentication
  /** Keys under which all is ciphered, or the proof is made. */
  readonly security?: ProofKeys & { readonly ciphered?: boolean }
}

/** What answers requests in a simulated meter. */
export interface DlmsApplicationOptions extends Omit<DlmsObjectsOptions, 'counter'> {
  /** Eight bytes. */
  readonly systemTitle: Uint8Array
  readonly clients: readonly SimulatedClient[]
  readonly random: (bytes: number) => Uint8Array
  /** Bytes of its longest APDU; longer answers go in blocks. */
  readonly apduBytes?: number
  /** Changes an answer on its way out: what a hostile or broken meter would say. */
  readonly tamper?: (apdu: Uint8Array) => Uint8Array
}

interface Session {
  readonly known: SimulatedClient
  readonly clientTitle: Uint8Array
  readonly clientChallenge: Uint8Array
  readonly serverChallenge: Uint8Array
  dedicatedKey: Uint8Array | undefined
  proven: boolean
  /** What is left of an answer in blocks. */
  rest: Uint8Array
  block: number
}

const EXCEPTION = { notAllowed: [0xd8, 1, 1], deciphering: [0xd8, 1, 5], counter: [0xd8, 1, 6] }
const CONFORMANCE_BITS = [
  CONFORMANCE.blockTransferWithGet,
  CONFORMANCE.multipleReferences,
  CONFORMANCE.get,
  CONFORMANCE.selectiveAccess,
  CONFORMANCE.action,
]
const UNDEFINED_OBJECT = 4
const DENIED = 3
const BLOCK_HEAD_BYTES = 24

/** The application layer of a simulated meter: associations, GET in all its kinds, the proof. */
export class DlmsApplication {
  readonly #options: DlmsApplicationOptions
  readonly #objects: DlmsObjects
  #session: Session | undefined
  /** Of this meter, and the last one seen from any client. */
  #counter = 0
  #seen = -1

  constructor(options: DlmsApplicationOptions) {
    this.#options = options
    this.#objects = new DlmsObjects({ ...options, counter: () => Math.max(0, this.#seen) })
  }

  /** The answer to an APDU of a client at a moment. */
  answer(apdu: Uint8Array, client: number, timeMs: number): Uint8Array {
    const answer = this.#answer(apdu, client, timeMs)
    return this.#options.tamper?.(answer) ?? answer
  }

  /** The link is gone, and with it the association. */
  reset(): void {
    this.#session = undefined
  }

  #answer(apdu: Uint8Array, client: number, timeMs: number): Uint8Array {
    try {
      if (apdu[0] === 0x60) return this.#associate(apdu, client)
      if (apdu[0] === 0x62) {
        this.reset()
        return tlv(0x63, tlv(0x80, [0]))
      }
      return this.#serve(apdu, timeMs)
    } catch (error) {
      if (error instanceof MeterError) return Uint8Array.from(EXCEPTION.notAllowed)
      throw error
    }
  }

  #associate(apdu: Uint8Array, client: number): Uint8Array {
    this.reset()
    const reader = new Reader(apdu, 1)
    const fields = fieldsOf(reader.bytes(readLength(reader, 'aarq'), 'aarq'))
    const known = this.#options.clients.find((one) => one.client === client)
    const way = known?.authentication ?? { kind: 'none' }
    const given = inner(fields.get(0xac), 0x80) ?? new Uint8Array()
    if (known === undefined) return this.#reject(1)
    if ((lastByte(fields.get(0x8b)) ?? 0) !== MECHANISM[way.kind]) return this.#reject(11)
    if (way.kind === 'low' && toHex(way.password) !== toHex(given)) return this.#reject(13)
    const high = way.kind !== 'none' && way.kind !== 'low'
    const session: Session = {
      known,
      clientTitle: inner(fields.get(0xa6), 0x04)?.slice() ?? new Uint8Array(),
      clientChallenge: given.slice(),
      serverChallenge: this.#options.random(DLMS_CHALLENGE_BYTES).slice(),
      dedicatedKey: undefined,
      proven: !high,
      rest: new Uint8Array(),
      block: 0,
    }
    this.#session = session
    const initiate = inner(fields.get(0xbe), 0x04) ?? new Uint8Array()
    const plain = ciphers(known) ? this.#open(initiate, session) : initiate
    if (plain === undefined) return Uint8Array.from(EXCEPTION.deciphering)
    if (plain[1] === 1) session.dedicatedKey = plain.slice(3, 3 + (plain[2] ?? 0))
    return this.#accept(session, high)
  }

  #accept(session: Session, high: boolean): Uint8Array {
    const { known, serverChallenge } = session
    let bits = 0
    for (const bit of CONFORMANCE_BITS) bits |= 1 << (23 - bit)
    const response = join(
      [0x08, 0, 6, 0x5f, 0x1f, 4, 0, bits >> 16, (bits >> 8) & 0xff, bits & 0xff],
      u16(this.#apduBytes),
      [0, 7],
    )
    const user = ciphers(known) ? this.#seal(0x28, response, session, 'global') : response
    const fields = [
      tlv(0xa1, tlv(0x06, [...DLMS_UA, 1, ciphers(known) ? 3 : 1])),
      tlv(0xa2, [2, 1, 0]),
      tlv(0xa3, tlv(0xa1, [2, 1, high ? 14 : 0])),
      ...(known.security === undefined ? [] : [tlv(0xa4, tlv(0x04, this.#options.systemTitle))]),
      ...(high
        ? [
            tlv(0x88, [0x07, 0x80]),
            tlv(0x89, [...DLMS_UA, 2, MECHANISM[known.authentication.kind]]),
            tlv(0xaa, tlv(0x80, serverChallenge)),
          ]
        : []),
      tlv(0xbe, tlv(0x04, user)),
    ]
    return tlv(0x61, join(...fields))
  }

  #reject(diagnostic: number): Uint8Array {
    const context = tlv(0xa1, tlv(0x06, [...DLMS_UA, 1, 1]))
    const fields = [context, tlv(0xa2, [2, 1, 1]), tlv(0xa3, tlv(0xa1, [2, 1, diagnostic]))]
    return tlv(0x61, join(...fields))
  }

  #serve(apdu: Uint8Array, timeMs: number): Uint8Array {
    const session = this.#session
    if (session === undefined) return Uint8Array.from(EXCEPTION.notAllowed)
    if (!ciphers(session.known)) return this.#service(apdu, session, timeMs)
    const plain = this.#open(apdu, session)
    if (plain === undefined) return Uint8Array.from(EXCEPTION.deciphering)
    const key = (apdu[0] ?? 0) >= 0xd0 ? 'dedicated' : 'global'
    const answer = this.#service(plain, session, timeMs)
    if (answer[0] === 0xd8) return answer
    const tags =
      answer[0] === 0xc4 ? { global: 0xcc, dedicated: 0xd4 } : { global: 0xcf, dedicated: 0xd7 }
    return this.#seal(tags[key], answer, session, key)
  }

  #service(apdu: Uint8Array, session: Session, timeMs: number): Uint8Array {
    const reader = new Reader(apdu)
    const tag = reader.u8('service')
    const kind = reader.u8('kind')
    const invoke = reader.u8('invoke')
    if (tag === 0xc3 && kind === 1) return this.#prove(reader, invoke, session)
    if (tag !== 0xc0 || !session.proven) return Uint8Array.from(EXCEPTION.notAllowed)
    if (kind === 2) return this.#block(invoke, session, reader.u32('block'))
    if (kind === 1) {
      const result = this.#read(reader, timeMs)
      if (result.length <= this.#apduBytes - BLOCK_HEAD_BYTES)
        return join([0xc4, 1, invoke], result)
      return result[0] === 0 ? this.#begin(invoke, session, result.subarray(1)) : result
    }
    const count = readLength(reader, 'count')
    const results = Array.from({ length: count }, () => this.#read(reader, timeMs))
    const list = join(lengthOf(count), ...results)
    if (list.length <= this.#apduBytes - BLOCK_HEAD_BYTES) return join([0xc4, 3, invoke], list)
    return this.#begin(invoke, session, list)
  }

  #begin(invoke: number, session: Session, bytes: Uint8Array): Uint8Array {
    session.rest = bytes
    session.block = 0
    return this.#block(invoke, session, 0)
  }

  #block(invoke: number, session: Session, acknowledged: number): Uint8Array {
    if (acknowledged !== session.block)
      return join([0xc4, 2, invoke, 1], u32(acknowledged), [1, 19])
    const part = session.rest.subarray(0, this.#apduBytes - BLOCK_HEAD_BYTES)
    session.rest = session.rest.subarray(part.length)
    session.block++
    const last = session.rest.length === 0 ? 1 : 0
    return join([0xc4, 2, invoke, last], u32(session.block), [0], counted(part))
  }

  /** One attribute as result: choice and data, or choice and reason. */
  #read(reader: Reader, timeMs: number): Uint8Array {
    const classId = reader.u16('class')
    const obis = formatObis(reader.bytes(6, 'name'))
    const attribute = reader.u8('attribute')
    const selector = reader.u8('selection') === 0 ? 0 : reader.u8('selector')
    const selection = selector === 0 ? undefined : decodeData(reader)
    const whole = this.#objects.read(classId, obis, attribute, timeMs)
    if (whole === undefined) return Uint8Array.of(1, UNDEFINED_OBJECT)
    const data = selection === undefined ? whole : this.#select(selector, selection)
    return join([0], encodeData(data))
  }

  #select(selector: number, selection: Data): Data {
    const items = selection.type === 'list' ? selection.items : []
    if (selector === 2) {
      const [from = 1, to = 0] = items.map((item) =>
        item.type === 'number' ? Number(item.digits) : 0,
      )
      return this.#objects.rows(({ number }) => number >= from && (to === 0 || number <= to))
    }
    const [from = -Infinity, to = Infinity] = items
      .slice(1, 3)
      .map((item) => (item.type === 'octets' ? decodeDateTime(item.bytes)?.seconds : undefined))
    return this.#objects.rows(({ timeMs }) => timeMs >= from * 1_000 && timeMs <= to * 1_000)
  }

  /** The client's answer to our challenge, and ours to its own. */
  #prove(reader: Reader, invoke: number, session: Session): Uint8Array {
    reader.skip(2 + 6 + 1 + 1, 'method')
    const given = decodeData(reader)
    const { known, clientTitle, clientChallenge, serverChallenge } = session
    const { authentication } = known
    if (
      authentication.kind === 'none' ||
      authentication.kind === 'low' ||
      given.type !== 'octets'
    ) {
      return Uint8Array.of(0xc7, 1, invoke, DENIED, 0)
    }
    // Seen from the meter: it is the one that proves, the client the one that is asked.
    const exchange: Exchange = {
      authentication,
      clientTitle: this.#options.systemTitle,
      serverTitle: clientTitle,
      clientChallenge: serverChallenge,
      serverChallenge: clientChallenge,
      security: known.security,
    }
    try {
      checkProof(exchange, given.bytes)
    } catch (error) {
      if (error instanceof MeterError) return Uint8Array.of(0xc7, 1, invoke, DENIED, 0)
      throw error
    }
    session.proven = true
    const proof = encodeData(octetData(ownProof(exchange, ++this.#counter)))
    return join([0xc7, 1, invoke, 0, 1, 0], proof)
  }

  get #apduBytes(): number {
    return this.#options.apduBytes ?? 1_024
  }

  #seal(tag: number, apdu: Uint8Array, session: Session, key: 'global' | 'dedicated'): Uint8Array {
    const { encryptionKey, authenticationKey } = keysOf(session)
    const content = seal(apdu, {
      control: control(session),
      systemTitle: this.#options.systemTitle,
      counter: ++this.#counter,
      encryptionKey: key === 'dedicated' ? (session.dedicatedKey ?? encryptionKey) : encryptionKey,
      authenticationKey,
    })
    return join([tag], counted(content))
  }

  /** What a ciphered request says; undefined when it cannot be opened or its counter is old. */
  #open(apdu: Uint8Array, session: Session): Uint8Array | undefined {
    const reader = new Reader(apdu, 1)
    const content = reader.bytes(readLength(reader, 'length'), 'content')
    const message = { systemTitle: session.clientTitle, ...parseSealed(content) }
    const { encryptionKey, authenticationKey } = keysOf(session)
    const dedicated = (apdu[0] ?? 0) >= 0xd0
    const key = dedicated ? (session.dedicatedKey ?? encryptionKey) : encryptionKey
    if (message.control !== control(session) || message.counter <= this.#seen) return undefined
    const { plaintext, authentic } = open(message, { encryptionKey: key, authenticationKey })
    if (!authentic) return undefined
    this.#seen = message.counter
    return plaintext
  }
}

function ciphers({ security }: SimulatedClient): boolean {
  return security !== undefined && security.ciphered !== false
}

function control({ known }: Session): number {
  return (known.security?.suite ?? 0) | SECURITY.authenticated | SECURITY.encrypted
}

function keysOf({ known }: Session): ProofKeys {
  if (known.security !== undefined) return known.security
  throw new MeterError('state', 'session: expected keys, found none')
}
