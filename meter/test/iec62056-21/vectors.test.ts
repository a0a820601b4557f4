import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'mocha'
import { createDecoder, decimal } from '../../src/index.ts'
import { asciiBytes } from '../../src/simulator/text.ts'
import { withEvenParity } from '../../src/index.ts'
import { decodeAll } from '../support/telegrams.ts'

interface Vector {
  readonly name: string
  readonly text: string
  readonly protocol: string
  readonly device: string
  readonly maker: string
  readonly flags: readonly string[]
  readonly registers: Readonly<Record<string, readonly [string, string]>>
}

const VECTORS = JSON.parse(
  readFileSync(new URL('../vectors/text.json', import.meta.url), 'utf8'),
) as readonly Vector[]

describe('a decoder of text telegrams, held to telegrams made by hand', () => {
  for (const vector of VECTORS) {
    for (const [port, bytes] of [
      ['right', asciiBytes(vector.text)],
      ['without parity', withEvenParity(asciiBytes(vector.text))],
    ] as const) {
      it(`reads a ${vector.name}, on a port set ${port}`, () => {
        const events = decodeAll(createDecoder('auto'), bytes, [7])
        assert.equal(events.length, 1)
        const [event] = events
        assert.equal(event?.type, 'reading')
        const { protocol, device, manufacturer, flags, registers } = event.reading
        assert.deepEqual(
          [event.length, protocol, device, manufacturer, flags],
          [bytes.length, vector.protocol, vector.device, vector.maker, vector.flags],
        )
        assert.deepEqual(
          Object.fromEntries(registers.map((one) => [one.obis, [decimal(one), one.unit]])),
          vector.registers,
        )
      })
    }
  }
})
