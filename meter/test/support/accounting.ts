import assert from 'node:assert/strict'
import type { DecoderEvent } from '../../src/events.ts'

/** Asserts that events cover `length` bytes, each byte once and in order. */
export function assertAccounted(events: readonly DecoderEvent[], length: number): void {
  let next = 0
  for (const event of events) {
    assert.equal(event.offset, next)
    next += event.type === 'reading' ? event.length : event.bytes
  }
  assert.equal(next, length)
}
