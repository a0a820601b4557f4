import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { comebackDelayMs, SSE_EVENT_CHARS_MAX, SseParser } from '../src/page/logic/sse.ts'

describe('SseParser', () => {
  it('reads type, data and id, and joins data lines', () => {
    const parser = new SseParser()
    const events = parser.push('id: r1-7\nevent: reading\ndata: {"a":\ndata: 1}\n\n')
    assert.deepEqual(events, [{ type: 'reading', data: '{"a":\n1}', lastEventId: 'r1-7' }])
    assert.equal(parser.lastEventId, 'r1-7')
  })

  it('calls an event without a type a message, and skips comments and empty events', () => {
    const parser = new SseParser()
    const events = parser.push(': hello\n\nevent: x\n\ndata:y\n\n')
    assert.deepEqual(events, [{ type: 'message', data: 'y', lastEventId: '' }])
  })

  it('takes the server’s wish for a wait, and nothing that is no number', () => {
    const parser = new SseParser()
    parser.push('retry: 250\n\n')
    assert.equal(parser.retryMs, 250)
    parser.push('retry: soon\n\nretry: 99999999\n\n')
    assert.equal(parser.retryMs, 250)
  })

  it('keeps the id of the last complete event across connections', () => {
    const parser = new SseParser('r1-3')
    assert.equal(parser.lastEventId, 'r1-3')
    assert.equal(parser.push('data: x\n\n')[0]?.lastEventId, 'r1-3')
  })

  it('gives the same events in whatever pieces the text comes, with any line ending', () => {
    const lines = ['id: 1', 'event: a', 'data: one', '', 'data: two', 'data: three', '', '']
    fc.assert(
      fc.property(
        fc.constantFrom('\n', '\r', '\r\n'),
        fc.array(fc.nat(60), { maxLength: 8 }),
        (ending, cuts) => {
          const text = lines.join(ending)
          const whole = new SseParser().push(`${text}\n`)
          const parser = new SseParser()
          const events = []
          let at = 0
          for (const cut of [...cuts, text.length].sort((a, b) => a - b)) {
            events.push(...parser.push(text.slice(at, cut)))
            at = Math.max(at, Math.min(cut, text.length))
          }
          events.push(...parser.push('\n'))
          assert.deepEqual(events, whole)
          assert.equal(whole.length, 2)
        },
      ),
    )
  })

  it('throws nothing on any text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (pieces) => {
        const parser = new SseParser()
        for (const piece of pieces) parser.push(piece)
      }),
    )
  })

  it('gives up on an event without end', () => {
    const parser = new SseParser()
    const line = `data: ${'x'.repeat(500_000)}\n`
    assert.throws(() => {
      for (let index = 0; index <= SSE_EVENT_CHARS_MAX / 500_000; index += 1) parser.push(line)
    }, RangeError)
    assert.throws(() => new SseParser().push('x'.repeat(SSE_EVENT_CHARS_MAX + 1)), RangeError)
  })
})

describe('comebackDelayMs', () => {
  it('doubles up to a quarter of a minute, spread over half of it', () => {
    assert.equal(comebackDelayMs(0, 0), 500)
    assert.equal(comebackDelayMs(0, 1), 1000)
    assert.equal(comebackDelayMs(2, 1), 4000)
    assert.equal(comebackDelayMs(2, 1, 250), 1000)
    for (const failures of [5, 50, 5000]) assert.equal(comebackDelayMs(failures, 1), 15_000)
  })
})
