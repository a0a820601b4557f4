import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  decimalText,
  decodeRecord,
  decodeStatus,
  encodeCbor,
  encodeRecord,
  encodeStatus,
  EnvelopeError,
  eventName,
  recordSpan,
  schemaIdOf,
  STATUS_FLAGS,
  toHex,
  unitText,
  type CborValue,
  type DeviceRecord,
  type RecordKind,
  type StatusFlag,
} from '@s3mp/envelope'
import {
  EVENT_DETAILS_MAX,
  HEARTBEAT_PATHS_MAX,
  SAMPLES_MAX,
  SCHEMA_REGISTERS_MAX,
} from '../src/limits.ts'
import { refuses } from './support/refuses.ts'
import { NOW_MS, REGISTERS, SCHEMA, SCHEMA_ID } from './support/world.ts'

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
/** Objects as everyone else makes them: fast-check's may lack a prototype. */
function plain<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true })
}

const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n })
const register = fc.option(
  fc.oneof(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.constant(0n)),
)
const text = fc
  .string({ unit: 'grapheme-composite', maxLength: 12 })
  .filter((value) => !/\p{Cc}/u.test(value) && new TextEncoder().encode(value).length <= 64)
const uint = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max })
const counter = uint(2 ** 48 - 1)

const header = plain({
  stream: uint(65_535),
  seq: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
  timeMs: uint(2 ** 48 - 1),
  status: uint(0xffff),
  prevHash16: bytes(16),
})

const reading = header.chain((head) =>
  fc
    .integer({ min: 0, max: 12 })
    .chain((width) =>
      plain({
        kind: fc.constantFrom<('reading' | 'fast')[]>('reading', 'fast'),
        schemaId: bytes(8),
        samples: fc
          .array(
            plain({
              timeMs: uint(2 ** 48 - 1),
              status: uint(0xffff),
              registers: fc.array(register, { minLength: width, maxLength: width }),
            }),
            { minLength: 1, maxLength: 20 },
          )
          .map(([first, ...rest]) => [
            { registers: first?.registers ?? [], timeMs: head.timeMs, status: head.status },
            ...rest,
          ]),
      }),
    )
    .map((body): DeviceRecord => ({ ...head, ...body })),
)

const seal = header
  .chain((head) =>
    plain({ kind: fc.constant('seal' as const), digest: bytes(32) }).map((body): DeviceRecord => ({
      ...head,
      seq: head.seq + 1,
      ...body,
      firstSeq: head.seq,
      records: 1,
    })),
  )
  .filter(({ seq }) => seq <= 2 ** 48 - 1)

const event = fc
  .tuple(
    header,
    plain({
      kind: fc.constant('event' as const),
      code: fc.integer({ min: 1, max: 65_535 }),
      severity: fc.constantFrom(
        'info' as const,
        'notice' as const,
        'warning' as const,
        'alarm' as const,
      ),
      details: fc.array(fc.oneof(int64, text), { maxLength: EVENT_DETAILS_MAX }),
    }),
  )
  .map(([head, body]): DeviceRecord => ({ ...head, ...body }))

const heartbeat = fc
  .tuple(
    header,
    plain({
      kind: fc.constant('heartbeat' as const),
      firmwareHash: bytes(32),
      bootCounter: counter,
      uptimeS: counter,
      clockUncertaintyMs: counter,
      spool: plain({ records: counter, bytes: counter, bytesMax: counter }),
      paths: fc.array(
        plain({
          fingerprint8: bytes(8),
          sent: counter,
          acknowledged: counter,
          roundTripMs: counter,
        }),
        { maxLength: HEARTBEAT_PATHS_MAX },
      ),
      streams: fc.array(
        plain({
          stream: uint(65_535),
          floorSeq: fc.integer({ min: 1, max: 99 }),
          nextSeq: fc.integer({ min: 99, max: 2 ** 48 - 1 }),
        }),
        { maxLength: 16 },
      ),
    }),
  )
  .map(([head, body]): DeviceRecord => ({ ...head, ...body }))

const obis = fc.tuple(uint(255), uint(255), uint(255), uint(255), uint(255), uint(255))
const schema = fc
  .tuple(
    header,
    plain({
      meterId: text,
      protocol: text,
      intervalMs: uint(366 * 86_400_000),
      registers: fc.uniqueArray(
        plain({
          obis: obis.map(([a, b, c, d, e, f]) => `${a}-${b}:${c}.${d}.${e}*${f}`),
          unitCode: uint(255),
          scaler: fc.integer({ min: -128, max: 127 }),
        }),
        { minLength: 1, maxLength: SCHEMA_REGISTERS_MAX, selector: (item) => item.obis },
      ),
    }),
  )
  .map(([head, body]): DeviceRecord => ({ kind: 'schema', ...head, schema: body }))

const anyRecord = fc.oneof(reading, seal, event, heartbeat, schema)

const HEAD = { stream: 1, seq: 5, timeMs: NOW_MS, status: 1, prevHash16: new Uint8Array(16) }
const HEAD_ITEMS: CborValue[] = [1, 5, NOW_MS, 1, new Uint8Array(16)]

describe('records', () => {
  it('come back as they were, in the same bytes', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const payload = encodeRecord(record)
        const decoded = decodeRecord(record.kind, payload)
        assert.deepEqual(decoded, record)
        assert.deepEqual(encodeRecord(decoded), payload)
      }),
      { numRuns: 800 },
    )
  })

  it('throw nothing but EnvelopeError when they are read as another kind, or broken', () => {
    const kinds: RecordKind[] = ['reading', 'fast', 'seal', 'event', 'heartbeat', 'schema']
    fc.assert(
      fc.property(
        anyRecord,
        fc.constantFrom(...kinds),
        fc.nat(),
        uint(255),
        (record, kind, position, byte) => {
          const payload = encodeRecord(record)
          payload[position % payload.length] = byte
          try {
            decodeRecord(kind, payload)
          } catch (error) {
            assert.ok(error instanceof EnvelopeError)
          }
        },
      ),
      { numRuns: 1500 },
    )
  })

  it('name the field that is wrong', () => {
    const cases: readonly (readonly [RecordKind, CborValue, RegExp])[] = [
      ['reading', 5, /^reading: expected an array, found 5$/],
      ['reading', [1, 2], /^reading: expected an array of 7 or 8, found an array of 2$/],
      [
        'reading',
        [-1, ...HEAD_ITEMS.slice(1), new Uint8Array(8), []],
        /^reading\.stream: expected an integer from 0 to 65535, found -1$/,
      ],
      [
        'reading',
        [1, 0, ...HEAD_ITEMS.slice(2), new Uint8Array(8), []],
        /^record\.seq: expected an integer from 1/,
      ],
      [
        'reading',
        [...HEAD_ITEMS, new Uint8Array(7), []],
        /^reading\.schemaId: expected 8 bytes, found 7 bytes$/,
      ],
      [
        'reading',
        [...HEAD_ITEMS, new Uint8Array(8), ['1']],
        /^reading\.register: expected a 64-bit integer, found text of 1$/,
      ],
      [
        'reading',
        [...HEAD_ITEMS, new Uint8Array(8), [1n << 63n]],
        /^reading\.register: expected a 64-bit integer/,
      ],
      [
        'reading',
        [...HEAD_ITEMS, new Uint8Array(8), [1], []],
        /^reading\.batch: expected 1 to 511 items/,
      ],
      [
        'reading',
        [...HEAD_ITEMS, new Uint8Array(8), [1], [[0, 0, [1, 2]]]],
        /^reading\.sample\.registers: expected 1 values/,
      ],
      [
        'reading',
        [...HEAD_ITEMS, new Uint8Array(8), [1], [[-NOW_MS - 1, 0, [1]]]],
        /^reading\.sample\.timeMs/,
      ],
      [
        'seal',
        [...HEAD_ITEMS, 5, 1, new Uint8Array(32)],
        /^seal\.firstSeq: expected an integer from 1 to 4/,
      ],
      [
        'seal',
        [...HEAD_ITEMS, 3, 3, new Uint8Array(32)],
        /^seal\.records: expected an integer from 1 to 2/,
      ],
      ['event', [...HEAD_ITEMS, 0, 0, []], /^event\.code/],
      ['event', [...HEAD_ITEMS, 1, 4, []], /^event\.severity/],
      [
        'event',
        [...HEAD_ITEMS, 1, 0, ['\u0007']],
        /^event\.detail: expected at most 64 bytes of printable text/,
      ],
      ['event', [...HEAD_ITEMS, 1, 0, ['ä'.repeat(33)]], /^event\.detail/],
      [
        'event',
        [...HEAD_ITEMS, 1, 0, [true]],
        /^event\.detail: expected a 64-bit integer, found true$/,
      ],
      ['schema', [...HEAD_ITEMS, 'm', 'sml', 0, []], /^schema\.registers: expected 1 to 64 items/],
      [
        'schema',
        [...HEAD_ITEMS, 'm', 'sml', 0, [[new Uint8Array(6), 300, 0]]],
        /^schema\.register\.unitCode/,
      ],
      [
        'schema',
        [
          ...HEAD_ITEMS,
          'm',
          'sml',
          0,
          [
            [new Uint8Array(6), 30, 0],
            [new Uint8Array(6), 30, 0],
          ],
        ],
        /^schema\.registers: expected every OBIS code once/,
      ],
      [
        'heartbeat',
        [...HEAD_ITEMS, new Uint8Array(32), 0, 0, 0, [1, 2], [], []],
        /^heartbeat\.spool: expected an array of 3/,
      ],
      [
        'heartbeat',
        [...HEAD_ITEMS, new Uint8Array(32), 0, 0, 0, [1, 2, 3], [], [[1, 9, 8]]],
        /^heartbeat\.stream\.nextSeq/,
      ],
    ]
    for (const [kind, value, message] of cases) {
      assert.throws(
        () => decodeRecord(kind, encodeCbor(value)),
        (error) => {
          assert.ok(error instanceof EnvelopeError)
          assert.match(error.message, message)
          assert.equal(error.code, 'bad-field')
          return true
        },
        String(message),
      )
    }
  })

  it('are not written with a field out of range', () => {
    const sample = { timeMs: NOW_MS, status: 1, registers: [1n] }
    const good: DeviceRecord = { kind: 'reading', ...HEAD, schemaId: SCHEMA_ID, samples: [sample] }
    encodeRecord(good)
    const bad: DeviceRecord[] = [
      { ...good, stream: 65_536 },
      { ...good, seq: 0 },
      { ...good, timeMs: -1, samples: [{ ...sample, timeMs: -1 }] },
      { ...good, prevHash16: new Uint8Array(15) },
      { ...good, schemaId: new Uint8Array(9) },
      { ...good, samples: [] },
      { ...good, samples: [{ ...sample, timeMs: 1 }] },
      { ...good, samples: Array.from({ length: SAMPLES_MAX + 1 }, () => sample) },
      { ...good, samples: [{ ...sample, registers: [1n << 63n] }] },
      { ...good, samples: [sample, { ...sample, registers: [] }] },
      {
        ...good,
        samples: [
          { ...sample, registers: [-(1n << 62n) * 2n] },
          { ...sample, registers: [1n] },
        ],
      },
      { kind: 'schema', ...HEAD, schema: { ...SCHEMA, registers: [] } },
      { kind: 'schema', ...HEAD, schema: { ...SCHEMA, meterId: 'x'.repeat(65) } },
      {
        kind: 'schema',
        ...HEAD,
        schema: { ...SCHEMA, registers: [{ obis: '1-0:1.8.0', unitCode: 30, scaler: 0 }] },
      },
      {
        kind: 'schema',
        ...HEAD,
        schema: { ...SCHEMA, registers: [{ obis: '1-0:1.8.0*256', unitCode: 30, scaler: 0 }] },
      },
      {
        kind: 'schema',
        ...HEAD,
        schema: { ...SCHEMA, registers: [{ obis: '1-0:01.8.0*255', unitCode: 30, scaler: 0 }] },
      },
      { kind: 'seal', ...HEAD, firstSeq: 1, records: 0, digest: new Uint8Array(32) },
      { kind: 'seal', ...HEAD, firstSeq: 1, records: 1, digest: new Uint8Array(31) },
    ]
    for (const record of bad) refuses(() => encodeRecord(record), 'bad-field')
  })

  it('take one sequence number for each sample', () => {
    const sample = { timeMs: NOW_MS, status: 1, registers: [1n] }
    const batch: DeviceRecord = {
      kind: 'reading',
      ...HEAD,
      schemaId: SCHEMA_ID,
      samples: [sample, sample, sample],
    }
    assert.equal(recordSpan(batch), 3)
    assert.equal(recordSpan({ kind: 'event', ...HEAD, code: 1, severity: 'info', details: [] }), 1)
  })
})

describe('a day of quarter hours', () => {
  it('takes less than 18 bytes for each reading of eight registers', () => {
    const samples = Array.from({ length: 96 }, (_, index) => ({
      timeMs: NOW_MS + 900_000 * index + ((index * 37) % 11),
      status: 1,
      registers: REGISTERS.map((value, column) =>
        value === null ? null : value + BigInt((index * (column + 1) * 13) % 97),
      ),
    }))
    const payload = encodeRecord({ kind: 'reading', ...HEAD, schemaId: SCHEMA_ID, samples })
    assert.ok(payload.length / 96 < 18, `${payload.length / 96} bytes each`)
    const decoded = decodeRecord('reading', payload)
    assert.ok(decoded.kind === 'reading')
    assert.deepEqual(decoded.samples, samples)
  })
})

describe('a schema id', () => {
  it('changes with everything that the schema says', () => {
    const [first, ...rest] = SCHEMA.registers
    assert.ok(first)
    const others = [
      { ...SCHEMA, meterId: '1EMH0012345679' },
      { ...SCHEMA, protocol: 'dlms' },
      { ...SCHEMA, intervalMs: 60_000 },
      { ...SCHEMA, registers: [{ ...first, scaler: 0 }, ...rest] },
      { ...SCHEMA, registers: [{ ...first, unitCode: 27 }, ...rest] },
      { ...SCHEMA, registers: rest },
    ]
    const ids = new Set([SCHEMA, ...others].map((item) => toHex(schemaIdOf(item))))
    assert.equal(ids.size, others.length + 1)
  })
})

describe('status', () => {
  it('comes back as it was', () => {
    const names = Object.keys(STATUS_FLAGS) as StatusFlag[]
    fc.assert(
      fc.property(
        fc.constantFrom(
          'unset' as const,
          'synced' as const,
          'holdover' as const,
          'suspect' as const,
        ),
        fc.subarray(names),
        (clock, flags) => {
          assert.deepEqual(decodeStatus(encodeStatus({ clock, flags })), { clock, flags })
        },
      ),
    )
  })
})

describe('words and numbers for people', () => {
  it('writes registers exactly', () => {
    assert.equal(decimalText(123_456n, -1), '12345.6')
    assert.equal(decimalText(-5n, -3), '-0.005')
    assert.equal(decimalText(0n, -1), '0.0')
    assert.equal(decimalText(12n, 3), '12000')
    assert.equal(decimalText(-12n, 0), '-12')
    assert.equal(decimalText(0n, 3), '0')
  })

  it('knows units and events, and shows unknown ones by number', () => {
    assert.equal(unitText(30), 'Wh')
    assert.equal(unitText(255), '')
    assert.equal(unitText(99), 'unit 99')
    assert.equal(eventName(10), 'cover-opened')
    assert.equal(eventName(999), 'event-999')
  })
})
