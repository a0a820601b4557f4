import assert from 'node:assert/strict'

import fc from 'fast-check'
import { describe, it } from 'mocha'

import { volatileMap } from '../../src/durable-map.ts'
import { Places, PLACE_QUIET_MS, type Heard, type Sighting } from '../../src/sources/places.ts'
import { isReadingStream, PLACES_MAX, STREAM, streamOf } from '../../src/streams.ts'

function heard(head: string, device: string, more: Partial<Heard> = {}): Heard {
  return { head, device, part: '', isShared: false, monotonicMs: 0, ...more }
}

function numberOf(sighting: Sighting): number | undefined {
  return 'place' in sighting ? sighting.place.number : undefined
}

describe('the places of meters', () => {
  it('begin in the order of the configuration, whoever is heard first', () => {
    const places = new Places(volatileMap(), ['a', 'b'])
    assert.equal(numberOf(places.find(heard('b', 'B'))), 1)
    assert.equal(numberOf(places.find(heard('a', 'A'))), 0)
    assert.equal(places.find(heard('a', 'A')).kind, 'known')
  })

  it('stay with a meter whose head was renamed', () => {
    const map = volatileMap()
    new Places(map, ['ir', 'p1']).find(heard('p1', 'P'))
    const renamed = new Places(map, ['ir', 'flat'])
    const sighting = renamed.find(heard('flat', 'P'))
    assert.equal(numberOf(sighting), 1)
    assert.equal(renamed.all().length, 1)
  })

  it('are given back to a meter that comes back', () => {
    const places = new Places(volatileMap(), ['a'])
    places.find(heard('a', 'old'))
    assert.equal(places.find(heard('a', 'new')).kind, 'unsure')
    const swap = places.find(heard('a', 'new'))
    assert.deepEqual([swap.kind, numberOf(swap)], ['changed', 1])
    const back = places.find(heard('a', 'old', { monotonicMs: PLACE_QUIET_MS + 1 }))
    assert.deepEqual([back.kind, numberOf(back)], ['changed', 0])
    // Two meters that alternate on one line are no swap each time.
    assert.equal(places.find(heard('a', 'new', { monotonicMs: PLACE_QUIET_MS + 2 })).kind, 'known')
  })

  it('take telegrams without a number to the meter that is there', () => {
    const places = new Places(volatileMap(), ['a'])
    assert.equal(numberOf(places.find(heard('a', ''))), 0)
    assert.deepEqual(places.find(heard('a', 'A')).kind, 'found')
    assert.deepEqual(places.find(heard('a', '')).kind, 'known')
    assert.equal(places.all().length, 1)
  })

  it('are full one day, and say so', () => {
    const places = new Places(volatileMap(), ['radio'])
    const kinds = Array.from(
      { length: PLACES_MAX + 2 },
      (_, at) => places.find(heard('radio', String(at), { isShared: true })).kind,
    )
    assert.deepEqual(kinds.slice(-2), ['full', 'full'])
    assert.equal(places.all().length, PLACES_MAX)
    assert.equal(places.find(heard('radio', '3', { isShared: true })).kind, 'known')
  })

  it('pass over what is not theirs in the file', () => {
    const map = volatileMap()
    map.set('0', '["a","","A"]', true)
    map.set('1', 'no json', true)
    map.set('99', '["a","","Z"]', true)
    map.set('2', '["a",5,"A"]', true)
    assert.equal(new Places(map, ['a']).all().length, 1)
  })

  it('never speak of two meters, whatever is heard and however often it starts', () => {
    const step = fc.record({
      head: fc.constantFrom('a', 'b'),
      part: fc.constantFrom('', '1'),
      device: fc.constantFrom('', 'X', 'Y', 'Z'),
      restart: fc.boolean(),
      laterMs: fc.integer({ min: 0, max: 2 * PLACE_QUIET_MS }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const map = volatileMap()
        let places = new Places(map, ['a', 'b'])
        let monotonicMs = 0
        const owner = new Map<number, string>()
        for (const { head, part, device, restart, laterMs } of steps) {
          if (restart) places = new Places(map, ['a', 'b'])
          monotonicMs += laterMs
          const sighting = places.find({ head, part, device, isShared: false, monotonicMs })
          if (!('place' in sighting) || device === '') continue
          const { number } = sighting.place
          const name = `${head}/${part}/${device}`
          assert.equal(owner.get(number) ?? name, name)
          owner.set(number, name)
        }
        const numbers = places.all().map(({ number }) => number)
        assert.equal(new Set(numbers).size, numbers.length)
      }),
    )
  })

  it('have streams that no other place and no record of the device itself has', () => {
    const streams = Array.from({ length: PLACES_MAX }, (_, place) =>
      (['billing', 'minute', 'live'] as const).map((name) => streamOf(place, name)),
    ).flat()
    assert.equal(new Set([...streams, STREAM.events, STREAM.health]).size, 3 * PLACES_MAX + 2)
    assert.ok(streams.every(isReadingStream))
    assert.ok(!isReadingStream(STREAM.events) && !isReadingStream(STREAM.health))
  })
})
