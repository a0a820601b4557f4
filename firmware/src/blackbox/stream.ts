import { linesOf } from '../lines.ts'
import { CAPTURE_MARK, parseCapture } from './capture.ts'

/**
 * The bytes of whatever holds them: a capture of this program gives up its pieces, anything else comes
 * through as it is. Holds one line at most.
 *
 * @throws FirmwareError `source` for a line of a capture that is none.
 */
export async function* rawOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const parts = source[Symbol.asyncIterator]()
  let head = new Uint8Array(0)
  while (head.length < CAPTURE_MARK.length) {
    const next = await parts.next()
    if (next.done === true) break
    head = Uint8Array.from([...head, ...next.value])
  }
  const all = startWith(head, parts)
  const begin = Buffer.from(head.subarray(0, CAPTURE_MARK.length)).toString('latin1')
  if (begin !== CAPTURE_MARK) {
    yield* all
    return
  }
  let number = 0
  for await (const line of linesOf(all)) {
    number += 1
    if (line === '' || line.startsWith('#')) continue
    const { chunks } = parseCapture(line, `line ${String(number)}`)
    for (const { bytes } of chunks) yield bytes
  }
}

async function* startWith(
  head: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head
  for (;;) {
    const next = await rest.next()
    if (next.done === true) return
    yield next.value
  }
}
