import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { LineEvent } from '@s3mp/hal/linux'
import { LINE_BYTES_MAX, LineSplitter } from '@s3mp/hal/linux'

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))

describe('LineSplitter', () => {
  it('keeps the newline and every byte value, and says where a line began', async () => {
    const splitter = await LineSplitter.create()
    assert.deepEqual(splitter.push(latin1('/ESY5Q3\r\n\r\n1-0:1.8.0(00\xb5')), [
      { type: 'line', offset: 0, text: '/ESY5Q3\r\n' },
      { type: 'line', offset: 9, text: '\r\n' },
    ])
    assert.deepEqual(splitter.push(latin1('kWh)\r\n')), [
      { type: 'line', offset: 11, text: '1-0:1.8.0(00\xb5kWh)\r\n' },
    ])
  })

  it('shows what follows the last newline: ETX and the block check', async () => {
    const splitter = await LineSplitter.create()
    splitter.push(latin1('!\r\n\x03'))
    splitter.push(latin1('\x5a'))
    assert.deepEqual(splitter.pending, latin1('\x03\x5a'))
  })

  it('drops a stretch that is too long to be a line, counts it, and goes on', async () => {
    const splitter = await LineSplitter.create()
    const flood = new Uint8Array(LINE_BYTES_MAX).fill(0x41)
    for (let i = 0; i < 100; i++) assert.deepEqual(splitter.push(flood), [])
    assert.equal(splitter.pending.length, 0)
    const bytes = 100 * LINE_BYTES_MAX + 1
    assert.deepEqual(splitter.push(latin1('\nnext\n')), [
      { type: 'overlong', offset: 0, bytes },
      { type: 'line', offset: bytes, text: 'next\n' },
    ])
  })

  it('takes a line of exactly the limit', async () => {
    const splitter = await LineSplitter.create()
    const line = `${'x'.repeat(LINE_BYTES_MAX - 1)}\n`
    assert.deepEqual(splitter.push(latin1(line)), [{ type: 'line', offset: 0, text: line }])
  })

  it('accounts for every byte, however it is cut', async () => {
    const byte = fc.oneof(fc.constant(10), fc.constant(13), fc.nat(255))
    const chunk = fc.array(byte, { maxLength: 50 }).map((values) => Uint8Array.from(values))
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 20 }), async (chunks) => {
        const splitter = await LineSplitter.create()
        const events: LineEvent[] = chunks.flatMap((one) => [...splitter.push(one)])
        const text = events.map((event) => (event.type === 'line' ? event.text : '')).join('')
        const rest = Buffer.from(splitter.pending).toString('latin1')
        assert.equal(text + rest, Buffer.concat(chunks).toString('latin1'))
        for (const event of events) {
          assert.ok(event.type === 'line' && event.text.indexOf('\n') === event.text.length - 1)
        }
      }),
    )
  })
})
