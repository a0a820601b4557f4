import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Device, Journey, ReadingView } from '../src/api.ts'
import { powerOf, subtractDecimals } from '../src/page/logic/reading.ts'
import { barEdges, beginnings, SPANS } from '../src/page/logic/spans.ts'
import { applyLive, EMPTY_STATE, PAGE_EVENTS_MAX } from '../src/page/logic/state.ts'
import { byteRuns, reachedAfterMs, STATIONS } from '../src/page/logic/stations.ts'

function reading(timeMs: number, watts: string, device = 'd1'): ReadingView {
  return {
    device,
    stream: 'live',
    seq: timeMs / 1000,
    timeMs,
    storedMs: timeMs,
    row: 1,
    registers: [{ obis: '1-0:16.7.0*255', value: watts, unit: 'W' }],
    flags: [],
    proof: 'pending',
  }
}

const device: Device = {
  id: 'd1',
  name: 'House',
  state: 'active',
  algorithm: 'Ed25519',
  publicKey: '00',
  enrolledMs: 0,
  streams: [],
  alarms: 0,
}

describe('applyLive', () => {
  const started = applyLive(EMPTY_STATE, { type: 'device', data: device })

  it('shows the first device, and its readings on the curve', () => {
    assert.equal(started.selected, 'd1')
    const next = applyLive(started, { type: 'reading', data: reading(1000, '12.5') })
    assert.deepEqual(next.power, { seconds: [1], values: [12.5] })
    assert.equal(next.latest?.seq, 1)
    assert.equal(next.devices[0]?.latest?.seq, 1)
  })

  it('keeps another device’s readings off the curve', () => {
    const next = applyLive(started, { type: 'reading', data: reading(1000, '12.5', 'd2') })
    assert.deepEqual(next.power.seconds, [])
    assert.equal(next.latest, undefined)
  })

  it('does not let a late reading take the newest one’s place', () => {
    const newer = applyLive(started, { type: 'reading', data: reading(2000, '2') })
    const late = applyLive(newer, { type: 'reading', data: reading(1000, '1') })
    assert.equal(late.latest?.timeMs, 2000)
    assert.deepEqual(late.power.seconds, [2])
  })

  it('holds events newest first, each once, and no more than it may', () => {
    let state = EMPTY_STATE
    for (let index = 0; index < PAGE_EVENTS_MAX + 50; index += 1) {
      const data = { id: String(index % 240), atMs: index, severity: 'info', code: 'x', values: {} } as const // prettier-ignore
      state = applyLive(state, { type: 'event', data })
    }
    assert.equal(state.events.length, PAGE_EVENTS_MAX)
    assert.equal(new Set(state.events.map((each) => each.id)).size, PAGE_EVENTS_MAX)
    assert.equal(state.events[0]?.atMs, PAGE_EVENTS_MAX + 49)
  })
})

describe('powerOf', () => {
  it('takes the sign for the direction', () => {
    assert.deepEqual(powerOf(reading(0, '-320.4')), { watts: -320.4, direction: 'fed' })
    assert.deepEqual(powerOf(reading(0, '0.1')), { watts: 0.1, direction: 'still' })
  })

  it('subtracts what is fed in where a meter has a register for each way', () => {
    const registers = [
      { obis: '1-0:1.7.0*255', value: '0.500', unit: 'kW' },
      { obis: '1-0:2.7.0', value: '1200', unit: 'W' },
    ]
    assert.deepEqual(powerOf({ registers }), { watts: -700, direction: 'fed' })
    assert.equal(powerOf({ registers: [] }), undefined)
    assert.equal(powerOf(reading(0, 'much')), undefined)
  })
})

describe('subtractDecimals', () => {
  it('is exact where floating point is not', () => {
    assert.equal(subtractDecimals('4821368.1', '4821357.9'), '10.2')
    assert.equal(subtractDecimals('0.3', '0.10'), '0.20')
    assert.equal(subtractDecimals('1', '2.5'), '-1.5')
    assert.equal(subtractDecimals('90071992547409931234567890', '1'), '90071992547409931234567889')
    assert.throws(() => subtractDecimals('1e3', '0'), RangeError)
  })
})

describe('barEdges', () => {
  it('gives rising edges that enclose now, whatever the span and the day', () => {
    for (const span of SPANS) {
      for (let day = 0; day < 800; day += 1) {
        const nowMs = Date.UTC(2025, 0, 1, 17, 23) + day * 86_400_000
        const edges = barEdges(span, nowMs)
        assert.ok(edges.every((edge, index) => index === 0 || edge > (edges[index - 1] ?? 0)))
        assert.ok((edges[0] ?? 0) <= nowMs && nowMs < (edges.at(-1) ?? 0), `${span} ${nowMs}`)
        assert.ok(beginnings(nowMs).day <= nowMs)
      }
    }
  })
})

const journey: Journey = {
  device: 'd1',
  stream: 'live',
  seq: 1,
  telegram: { protocol: 'sml', bytes: '00112233445566', fields: [], arrivedMs: 1000 },
  registers: [],
  flags: [],
  layers: [],
  attempts: [],
}

describe('reachedAfterMs', () => {
  it('counts from the light, and knows what is still ahead', () => {
    const done = { ...journey, sealedMs: 1001.5, attempts: [{ path: 'a', atMs: 1002 }, { path: 'b', atMs: 1300 }], storedMs: 1310, ackedMs: 1330 } // prettier-ignore
    const times = STATIONS.map((station) => reachedAfterMs(done, station))
    assert.deepEqual(times, [0, undefined, 1.5, 300, 310, 330])
    assert.equal(reachedAfterMs(journey, 'acked'), undefined)
  })
})

describe('byteRuns', () => {
  const at = (start: number, end: number): Journey['telegram']['fields'][number] => ({
    start,
    end,
    kind: 'value',
    label: 'x',
  })

  it('cuts the bytes by field and loses none', () => {
    const telegram = { ...journey.telegram, fields: [at(4, 6), at(1, 3)] }
    const runs = byteRuns(telegram)
    assert.deepEqual(
      runs.map((run) => [run.start, run.hex.join(''), run.field]),
      [
        [0, '00', undefined],
        [1, '1122', 1],
        [3, '33', undefined],
        [4, '4455', 0],
        [6, '66', undefined],
      ],
    )
  })

  it('draws every byte once, however broken the fields are', () => {
    const fields = [at(2, 5), at(3, 99), at(-4, 1), at(5, 2), at(Number.NaN, 3)]
    const runs = byteRuns({ ...journey.telegram, fields })
    assert.equal(runs.flatMap((run) => run.hex).join(''), '00112233445566')
  })
})
