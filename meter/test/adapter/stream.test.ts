import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { AdapterEvent } from '../../src/index.ts'
import { ADAPTER_LINE_BYTES_MAX, AdapterStream, decimal, toHex } from '../../src/index.ts'
import { ADAPTER_REGISTERS_MAX, ADAPTER_TELEGRAM_BYTES_MAX } from '../../src/adapter/line.ts'
import { DSMR_STYLES, encodeDsmr, encodeSml } from '../../src/simulator/index.ts'
import { hex, houseState, join } from '../support/telegrams.ts'

const READING = {
  v: 1,
  kind: 'reading',
  device: '12345678',
  maker: 'SIM',
  medium: 'water',
  time: '2026-11-23T07:00:00Z',
  registers: [{ obis: '8-0:1.0.0*255', value: '123.456', unit: 'm3' }],
  received: '2026-11-23T07:00:01.250Z',
  rssi: -71,
}
const encoder = new TextEncoder()

function hear(
  text: string | Uint8Array,
  sizes: readonly number[] = [1_000],
): readonly AdapterEvent[] {
  const bytes = typeof text === 'string' ? encoder.encode(text) : text
  const stream = new AdapterStream()
  const out: AdapterEvent[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    out.push(...stream.push(bytes.subarray(at, at + size)))
    at += size
  }
  return [...out, ...stream.end()]
}

function line(changes: object = {}): string {
  return `${JSON.stringify({ ...READING, ...changes })}\n`
}

function refusal(text: string): string {
  const [event] = hear(text)
  assert.ok(event?.type === 'refused')
  return `${event.code}: ${event.message}`
}

describe('the lines of an adapter', () => {
  it('are readings with medium, time and strength, exact to the last digit', () => {
    const [event, another] = hear(line())
    assert.equal(another, undefined)
    assert.ok(event?.type === 'reading')
    assert.equal(event.medium, 'water')
    assert.deepEqual(event.note, { receivedMs: Date.UTC(2026, 10, 23, 7, 0, 1, 250), rssiDbm: -71 })
    const { device, manufacturer, meterTime, registers, protocol } = event.reading
    assert.deepEqual([protocol, device, manufacturer], ['adapter', '12345678', 'SIM'])
    assert.deepEqual(meterTime, { kind: 'utc', seconds: Date.UTC(2026, 10, 23, 7) / 1000 })
    assert.deepEqual(
      registers.map((one) => `${decimal(one)} ${one.unit}`),
      ['123.456 m³'],
    )
  })

  it('take units with prefixes and signs as they are written', () => {
    const registers = [
      { obis: '6-0:1.0.0*255', value: '12.5', unit: 'MWh' },
      { obis: '6-0:10.0.0*255', value: '60.1', unit: '°C' },
      { obis: '8-0:2.0.0*255', value: '-0.250', unit: 'm³/h' },
      { obis: '4-0:1.0.0*255', value: '77', unit: '' },
    ]
    const [event] = hear(line({ registers }))
    assert.ok(event?.type === 'reading')
    assert.deepEqual(
      event.reading.registers.map((one) => `${decimal(one)} ${one.unit}`),
      ['12500000 Wh', '60.1 °C', '-0.250 m³/h', '77 '],
    )
  })

  it('may be telegrams of other protocols, whole', () => {
    const telegram = (protocol: string, bytes: Uint8Array): string =>
      `${JSON.stringify({ v: 1, kind: 'telegram', protocol, hex: toHex(bytes) })}\n`
    const events = hear(
      telegram('dsmr', encodeDsmr(houseState(), DSMR_STYLES.v5)) +
        telegram('sml', encodeSml(houseState())) +
        telegram('wmbus', hex('1844ae4c4455223368077a55000000 041389e20100 023b0000')) +
        telegram('wmbus', hex('0102')) +
        telegram('sml', hex('0102')),
    )
    assert.deepEqual(
      events.map((event) => (event.type === 'reading' ? event.reading.protocol : event.message)),
      ['dsmr', 'sml', 'wmbus', 'telegram: malformed', 'telegram: garbage'],
    )
  })

  it('open telegrams with the keys that are given', () => {
    const [vector] = JSON.parse(
      readFileSync(new URL('../vectors/wmbus.json', import.meta.url), 'utf8'),
    ) as readonly [{ readonly key: string; readonly hex: string }]
    const text = `{"v":1,"kind":"telegram","protocol":"wmbus","hex":"${vector.hex}"}\n`
    const keyed = new AdapterStream({ wmbusKeys: new Map([['12345678', hex(vector.key)]]) })
    const [event] = keyed.push(encoder.encode(text))
    assert.ok(event?.type === 'reading' && event.medium === 'gas')
    assert.match(refusal(text), /^unreadable: telegram: key-missing/)
  })

  it('are refused one at a time, with the key that is wrong and without stopping', () => {
    const wrong: readonly (readonly [object | string, RegExp])[] = [
      ['{', /line: expected a JSON object/],
      ['[1]', /line: expected an object/],
      [{ v: 2 }, /^malformed: v: expected 1, found 2/],
      [{ kind: 'x' }, /kind: expected reading or telegram/],
      [{ extra: 1 }, /line: expected no keys but .* found "extra"/],
      [{ device: '' }, /device: expected text/],
      [{ device: 'a\nb' }, /device: expected text/],
      [{ medium: 'oil' }, /medium: expected one of/],
      [{ registers: [] }, /registers: expected 1 to/],
      [
        { registers: [READING.registers[0], READING.registers[0]] },
        /registers: expected each code once/,
      ],
      [{ registers: [{ ...READING.registers[0], value: 1 }] }, /registers\[0\]\.value/],
      [{ registers: [{ ...READING.registers[0], value: '1e9' }] }, /registers\[0\]\.value/],
      [{ registers: [{ ...READING.registers[0], unit: 'furlong' }] }, /registers\[0\]\.unit/],
      [{ registers: [{ ...READING.registers[0], obis: '8-0:1.0.0' }] }, /registers\[0\]\.obis/],
      [
        { registers: [{ ...READING.registers[0], scale: 1 }] },
        /registers\[0\]: expected no keys but/,
      ],
      [{ time: '2026-13-40T00:00:00Z' }, /time: expected a time/],
      [{ time: 'today' }, /time: expected a time/],
      [{ rssi: -999 }, /rssi: expected dBm/],
      [{ maker: 'sim' }, /maker: expected text/],
      [
        {
          registers: Array.from({ length: ADAPTER_REGISTERS_MAX + 1 }, () => READING.registers[0]),
        },
        /registers: expected 1 to 64/,
      ],
    ]
    for (const [change, message] of wrong) {
      const text = typeof change === 'string' ? `${change}\n` : line(change)
      assert.match(refusal(text), message)
      assert.equal(hear(text + line()).at(-1)?.type, 'reading')
    }
    const long = 'ab'.repeat(ADAPTER_TELEGRAM_BYTES_MAX + 1)
    assert.match(
      refusal(`{"v":1,"kind":"telegram","protocol":"sml","hex":"${long}"}\n`),
      /hex: expected/,
    )
  })

  it('are bounded: a line that is too long is dropped whole, the next one is read', () => {
    const long = `${'x'.repeat(ADAPTER_LINE_BYTES_MAX + 1)}\n`
    const events = hear(long + line(), [777])
    assert.deepEqual(
      events.map((event) => (event.type === 'refused' ? `${event.line} ${event.code}` : 'reading')),
      ['1 too-long', 'reading'],
    )
  })

  it('refuse what is no UTF-8, and a last line without end, which may be cut', () => {
    assert.match(hear(join(Uint8Array.of(0xff, 0xfe, 0x0a)))[0]?.type ?? '', /refused/)
    assert.equal(hear(line().trimEnd())[0]?.type, 'refused')
    assert.deepEqual(hear('\n \r\n\n'), [])
  })

  it('come to the same however the bytes are cut, and never throw', () => {
    const piece = fc.oneof(
      fc.constant(line()),
      fc.constant('\n'),
      fc.json().map((text) => `${text}\n`),
      fc.string(),
      fc.constant('x'.repeat(ADAPTER_LINE_BYTES_MAX)),
    )
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 4 }),
        (pieces, sizes) => {
          const text = pieces.join('')
          assert.deepEqual(hear(text, sizes), hear(text, [1_000_000]))
        },
      ),
    )
  })
})
