import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { classOf, ObjectQueue, type Waiting } from '../src/receive/queue.ts'

interface Item extends Waiting {
  readonly name: string
}

function item(kind: Waiting['kind'], name = '', bytes = 1): Item {
  return { kind, name, object: new Uint8Array(bytes) }
}

const kinds = ['event', 'reading', 'fast', 'seal', 'heartbeat', 'schema'] as const

describe('ObjectQueue', () => {
  it('gives events before billing before live values, each in order of arrival', () => {
    const queue = new ObjectQueue<Item>()
    const arrivals = [
      item('fast', 'f1'),
      item('reading', 'r1'),
      item('event', 'e1'),
      item('reading', 'r2'),
    ]
    for (const one of arrivals) queue.push(one)
    assert.deepEqual(
      queue.take(3).map(({ name }) => name),
      ['e1', 'r1', 'r2'],
    )
    assert.deepEqual(
      queue.take(3).map(({ name }) => name),
      ['f1'],
    )
  })

  it('sheds live values for billing, billing for events, and never the other way', () => {
    const queue = new ObjectQueue<Item>(2)
    queue.push(item('fast', 'f1'))
    queue.push(item('reading', 'r1'))
    assert.deepEqual(queue.push(item('event', 'e1')), [item('fast', 'f1')])
    assert.deepEqual(queue.push(item('event', 'e2')), [item('reading', 'r1')])
    assert.deepEqual(queue.push(item('reading', 'r2')), [item('reading', 'r2')])
    assert.deepEqual(queue.push(item('event', 'e3')), [item('event', 'e3')])
  })

  it('makes room by bytes as well', () => {
    const queue = new ObjectQueue<Item>(100, 10)
    queue.push(item('fast', 'f1', 4))
    queue.push(item('fast', 'f2', 4))
    assert.equal(queue.push(item('reading', 'r1', 8)).length, 2)
    assert.equal(queue.fill, 0.8)
  })

  it('never exceeds its bounds and loses nothing silently', () => {
    const arrival = fc.record({
      kind: fc.constantFrom(...kinds),
      bytes: fc.integer({ min: 1, max: 40 }),
    })
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 200 }), (arrivals) => {
        const queue = new ObjectQueue<Item>(20, 300)
        let shed = 0
        for (const { kind, bytes } of arrivals) {
          const gone = queue.push(item(kind, '', bytes))
          const lowest = gone.filter((one) => classOf(one.kind) === 'event')
          assert.ok(lowest.length === 0 || kind === 'event')
          shed += gone.length
          assert.ok(queue.size <= 20 && queue.fill <= 1)
        }
        assert.equal(queue.take(1000).length + shed, arrivals.length)
        assert.equal(queue.fill, 0)
      }),
    )
  })
})
