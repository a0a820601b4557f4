import { Reader, unsignedAt } from '../bytes.ts'
import type { Data } from './axdr.ts'
import { AXDR, decodeData } from './axdr.ts'
import { MeterError } from '../errors.ts'

/** Bytes of an attribute descriptor without tags: class, instance, attribute. */
export const DESCRIPTOR_BYTES = 9

/**
 * Reads the body of meters that name each value by an attribute descriptor in bare bytes, which is
 * no A-XDR value (`quirks.ts`):
 *
 * ```
 *  02 02 │ 16 kind │ 01 count │ 02 02 │ class, 2 │ OBIS, 6 │ attribute, 1 │ value │ 02 02 …
 * ```
 *
 * Answers it as a push list and its values, the form in which the standard says the same; undefined
 * when the bytes are anything else.
 */
export function decodeDescribed(
  body: Uint8Array,
): { readonly type: 'described'; readonly data: Data } | undefined {
  if (body[0] !== AXDR.structure || body[1] !== 2 || body[2] !== AXDR.enumeration) return undefined
  if (body[4] !== AXDR.array || body[6] !== AXDR.structure || body[7] !== 2 || body[8] !== 0) {
    return undefined
  }
  try {
    const reader = new Reader(body, 6)
    const count = body[5] ?? 0
    const names: Data[] = []
    const values: Data[] = []
    for (let index = 0; index < count; index++) {
      if (reader.u16('entry') !== 0x0202) return undefined
      const descriptor = reader.bytes(DESCRIPTOR_BYTES, 'entry.descriptor')
      names.push(pushObject(descriptor))
      values.push(decodeData(reader))
    }
    if (reader.remaining > 0) return undefined
    return {
      type: 'described',
      data: {
        type: 'list',
        tag: AXDR.structure,
        items: [{ type: 'list', tag: AXDR.array, items: names }, ...values],
      },
    }
  } catch (error) {
    if (error instanceof MeterError) return undefined
    throw error
  }
}

/** An attribute descriptor in bare bytes as an element of a push-object list. */
export function pushObject(descriptor: Uint8Array): Data {
  const number = (tag: number, value: number): Data => ({
    type: 'number',
    tag,
    digits: BigInt(value),
    scaler: 0,
  })
  return {
    type: 'list',
    tag: AXDR.structure,
    items: [
      number(AXDR.uint16, unsignedAt(descriptor, 0, 2)),
      { type: 'octets', tag: AXDR.octets, bytes: descriptor.subarray(2, 8) },
      number(AXDR.int8, descriptor[8] ?? 0),
      number(AXDR.uint16, 0),
    ],
  }
}
