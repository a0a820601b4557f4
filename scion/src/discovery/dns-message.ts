import { ScionError } from '../errors.ts'

/** Largest DNS message that is read, in bytes: a multicast message fits an Ethernet frame or jumbo. */
export const DNS_MESSAGE_BYTES_MAX = 9000
/** Records that are read of one message. */
export const DNS_RECORDS_MAX = 128
/** Octets of a domain name (RFC 1035 §2.3.4). */
const NAME_BYTES_MAX = 255
const LABEL_BYTES_MAX = 63
const HEADER_BYTES = 12
const FLAG_RESPONSE = 0x8000
const CLASS_IN = 1
/** Top bit of the class: "answer me alone" in a question, "forget older ones" in a record (RFC 6762). */
const CLASS_TOP_BIT = 0x8000

/** Types of records that are asked for here. */
export const DNS_TYPE = { a: 1, ptr: 12, txt: 16, aaaa: 28, srv: 33 } as const

/** A record of an answer. */
export type DnsRecord =
  | { readonly type: 'a' | 'aaaa'; readonly name: string; readonly address: string }
  | { readonly type: 'ptr'; readonly name: string; readonly target: string }
  | {
      readonly type: 'srv'
      readonly name: string
      readonly priority: number
      readonly weight: number
      readonly port: number
      readonly target: string
    }

/** Writes a question for records of one name, to be answered to the asker alone (RFC 6762 §5.4). */
export function encodeDnsQuestion(id: number, name: string, type: number): Uint8Array {
  const labels = name.split('.').filter((label) => label !== '')
  const bytes = [id >> 8, id & 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
  for (const label of labels) {
    const text = new TextEncoder().encode(label)
    if (text.length > LABEL_BYTES_MAX) throw malformed('label', `at most ${LABEL_BYTES_MAX} bytes`)
    bytes.push(text.length, ...text)
  }
  bytes.push(0, type >> 8, type & 0xff, (CLASS_TOP_BIT | CLASS_IN) >> 8, CLASS_IN)
  if (bytes.length - HEADER_BYTES - 4 > NAME_BYTES_MAX) {
    throw malformed('name', `at most ${NAME_BYTES_MAX} bytes`)
  }
  return Uint8Array.from(bytes)
}

/**
 * Reads the records of a response, answers and additional ones alike; records of types that are not
 * asked for here are passed over. Names come in lower case, without a dot at the end. Throws
 * `ERR_SCION_MALFORMED` for what is no response.
 */
export function decodeDnsResponse(message: Uint8Array): readonly DnsRecord[] {
  if (message.length > DNS_MESSAGE_BYTES_MAX) {
    throw malformed('message', `at most ${DNS_MESSAGE_BYTES_MAX} bytes, found ${message.length}`)
  }
  const reader = new MessageReader(message)
  reader.u16()
  if ((reader.u16() & FLAG_RESPONSE) === 0) throw malformed('flags', 'a response')
  const questions = reader.u16()
  const count = reader.u16() + reader.u16() + reader.u16()
  if (questions > DNS_RECORDS_MAX || count > DNS_RECORDS_MAX) {
    throw malformed('count', `at most ${DNS_RECORDS_MAX} records`)
  }
  for (let question = 0; question < questions; question++) {
    reader.name()
    reader.skip(4)
  }
  const records: DnsRecord[] = []
  for (let index = 0; index < count; index++) {
    const record = reader.record()
    if (record !== undefined) records.push(record)
  }
  return records
}

class MessageReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  u16(): number {
    const [high, low] = [this.#bytes[this.#at], this.#bytes[this.#at + 1]]
    if (high === undefined || low === undefined) throw malformed('message', 'more bytes')
    this.#at += 2
    return (high << 8) | low
  }

  skip(count: number): void {
    if (this.#at + count > this.#bytes.length) throw malformed('message', 'more bytes')
    this.#at += count
  }

  record(): DnsRecord | undefined {
    const name = this.name()
    const type = this.u16()
    const isInternet = (this.u16() & ~CLASS_TOP_BIT) === CLASS_IN
    this.skip(4)
    const length = this.u16()
    const start = this.#at
    this.skip(length)
    const end = this.#at
    if (!isInternet) return undefined
    this.#at = start
    const record = this.#data(name, type, length)
    if (record !== undefined && this.#at !== end) throw malformed(name, 'data of the stated length')
    this.#at = end
    return record
  }

  #data(name: string, type: number, length: number): DnsRecord | undefined {
    if (type === DNS_TYPE.a && length === 4) {
      const address = [...this.#take(4)].join('.')
      return { type: 'a', name, address }
    }
    if (type === DNS_TYPE.aaaa && length === 16) {
      const groups = Array.from({ length: 8 }, () => this.u16().toString(16))
      return { type: 'aaaa', name, address: groups.join(':') }
    }
    if (type === DNS_TYPE.ptr) return { type: 'ptr', name, target: this.name() }
    if (type !== DNS_TYPE.srv) return undefined
    const [priority, weight, port] = [this.u16(), this.u16(), this.u16()]
    return { type: 'srv', name, priority, weight, port, target: this.name() }
  }

  /** A domain name; parts of it may stand earlier in the message (RFC 1035 §4.1.4), never later. */
  name(): string {
    const labels: string[] = []
    let total = 0
    let at = this.#at
    let limit = this.#bytes.length
    let end: number | undefined
    for (;;) {
      const length = at < limit ? this.#bytes[at] : undefined
      if (length === undefined) throw malformed('name', 'its end')
      if (length >= 0xc0) {
        const low = this.#bytes[at + 1] ?? 0
        end ??= at + 2
        const target = ((length & 0x3f) << 8) | low
        if (target >= at || target < HEADER_BYTES) throw malformed('name', 'an earlier part')
        // Only ever backwards: a circle cannot be.
        limit = at
        at = target
        continue
      }
      if (length > LABEL_BYTES_MAX) throw malformed('label', `at most ${LABEL_BYTES_MAX} bytes`)
      if (length === 0) break
      total += length + 1
      if (total >= NAME_BYTES_MAX) throw malformed('name', `at most ${NAME_BYTES_MAX} bytes`)
      if (at + 1 + length > this.#bytes.length) throw malformed('label', 'more bytes')
      labels.push(new TextDecoder().decode(this.#bytes.subarray(at + 1, at + 1 + length)))
      at += 1 + length
    }
    this.#at = end ?? at + 1
    return labels.join('.').toLowerCase()
  }

  #take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + count)
    this.skip(count)
    return taken
  }
}

function malformed(place: string, expected: string): ScionError {
  return new ScionError('ERR_SCION_MALFORMED', `dns ${place}: ${expected}`)
}
