/*
 * CBOR as the verifier's gate lets it through (`envelope/src/cbor-scan.ts`): definite lengths, shortest
 * heads, integers, bytes, text, lists, maps, false, true and null. The gate is on the server and in the
 * browser the same; the library behind it on the server knows ten times as much and weighs ten times as
 * much, so the bundle has these two in its place. A test holds both to the same bytes and values.
 */

const TEXT_OUT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const TEXT_IN = new TextEncoder()

/** Reads one item that the gate has let through. */
export class Decoder {
  #bytes: Uint8Array = new Uint8Array()
  #at = 0

  /** The item; bytes in it are a part of the input. @throws RangeError for what ends too early. */
  decode(bytes: Uint8Array): unknown {
    this.#bytes = bytes
    this.#at = 0
    return this.#item()
  }

  #item(): unknown {
    const initial = this.#take(1)[0] ?? 0
    const major = initial >> 5
    const argument = this.#argument(initial & 31)
    if (major === 0) return argument
    if (major === 1) return typeof argument === 'bigint' ? -1n - argument : -1 - argument
    const count = Number(argument)
    switch (major) {
      case 2:
        return this.#take(count)
      case 3:
        return TEXT_OUT.decode(this.#take(count))
      case 4:
        return Array.from({ length: count }, () => this.#item())
      case 5:
        return new Map(Array.from({ length: count }, () => [this.#item(), this.#item()] as const))
      default:
        return [false, true, null][count - 20]
    }
  }

  /** Eight bytes make a bigint, whatever they say; fewer a number. */
  #argument(info: number): number | bigint {
    if (info < 24) return info
    const bytes = this.#take(2 ** (info - 24))
    if (bytes.length < 8) return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)
  }

  #take(count: number): Uint8Array {
    const end = this.#at + count
    if (!(end <= this.#bytes.length)) throw new RangeError('cbor: ends too early')
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }
}

/** Writes one item, with maps in the order that they are in. */
export class Encoder {
  /** The item's bytes. @throws TypeError for what is no item. */
  encode(value: unknown): Uint8Array {
    const parts: Uint8Array[] = []
    write(value, parts)
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }
}

function write(value: unknown, parts: Uint8Array[]): void {
  if (typeof value === 'number' || typeof value === 'bigint') {
    parts.push(value < 0 ? head(1, -1n - BigInt(value)) : head(0, BigInt(value)))
  } else if (typeof value === 'string') {
    const bytes = TEXT_IN.encode(value)
    parts.push(head(3, BigInt(bytes.length)), bytes)
  } else if (value instanceof Uint8Array) {
    parts.push(head(2, BigInt(value.length)), value)
  } else if (Array.isArray(value)) {
    parts.push(head(4, BigInt(value.length)))
    for (const item of value) write(item, parts)
  } else if (value instanceof Map) {
    parts.push(head(5, BigInt(value.size)))
    for (const [key, item] of value as Map<unknown, unknown>) {
      write(key, parts)
      write(item, parts)
    }
  } else {
    const simple = [false, true, null].findIndex((each) => each === value)
    if (simple < 0) throw new TypeError('cbor: expected an item')
    parts.push(head(7, BigInt(20 + simple)))
  }
}

/** The shortest head. */
function head(major: number, argument: bigint): Uint8Array {
  const first = major << 5
  if (argument < 24n) return Uint8Array.of(first | Number(argument))
  const power = [8n, 16n, 32n].findIndex((bits) => argument >> bits === 0n)
  const size = 2 ** (power < 0 ? 3 : power)
  const bytes = new Uint8Array(1 + size)
  bytes[0] = first | (24 + Math.log2(size))
  for (let at = size, rest = argument; at > 0; at -= 1, rest >>= 8n) bytes[at] = Number(rest & 255n)
  return bytes
}
