import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { MeterError } from '../../src/index.ts'
import type { SmlList } from '../../src/sml/message.ts'
import { SML_ENTRIES_MAX, SML_MESSAGES_MAX, decodeMessages } from '../../src/sml/message.ts'
import { SmlWriter } from '../../src/simulator/index.ts'
import { hex, join } from '../support/telegrams.ts'

/** The one list in a GetList.Res whose entries `write` writes. */
function listOf(count: number, write: (writer: SmlWriter) => void): SmlList {
  const [list, ...more] = decodeMessages(message(count, write), 'x25')
  assert.ok(list !== undefined && more.length === 0)
  return list
}

function message(count: number, write: (writer: SmlWriter) => void): Uint8Array {
  const writer = new SmlWriter()
  writer.begin(1, 0, 0x0701)
  writer.list(7)
  writer.absent()
  writer.text('id')
  writer.absent()
  writer.absent()
  writer.list(count)
  write(writer)
  writer.absent()
  writer.absent()
  writer.finish('x25', true)
  return writer.body()
}

/** An entry up to its value. */
function entry(writer: SmlWriter): SmlWriter {
  writer.list(7)
  writer.octets([1, 0, 1, 8, 0, 255])
  for (let count = 0; count < 4; count++) writer.absent()
  return writer
}

/** The value of a single entry, given as hex. */
function valueOf(
  write: (writer: SmlWriter) => void,
): SmlList['entries'][number]['value'] | undefined {
  return listOf(1, (writer) => {
    write(entry(writer))
    writer.absent()
  }).entries[0]?.value
}

function timeOf(write: (writer: SmlWriter) => void): SmlList['entries'][number]['time'] {
  return listOf(1, (writer) => {
    writer.list(7)
    writer.octets([1, 0, 1, 8, 0, 255])
    writer.absent()
    write(writer)
    writer.absent()
    writer.absent()
    writer.unsigned(5)
    writer.absent()
  }).entries[0]?.time
}

describe('decodeMessages', () => {
  it('keeps integers of any width exact, with sign and width', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
        fc.integer({ min: 1, max: 8 }),
        (n, width) => {
          const digits = BigInt.asIntN(8 * width, n)
          const value = valueOf((writer) => {
            writer.signedOf(digits, width)
          })
          assert.deepEqual(value, { kind: 'integer', digits, signed: true, width })
        },
      ),
    )
    const most = valueOf((writer) => {
      writer.unsigned(2n ** 64n - 1n)
    })
    assert.deepEqual(most, { kind: 'integer', digits: 2n ** 64n - 1n, signed: false, width: 8 })
  })

  it('takes strings, booleans and absent values', () => {
    assert.deepEqual(
      valueOf((writer) => {
        writer.text('EMH')
      }),
      {
        kind: 'octets',
        bytes: hex('454d48'),
      },
    )
    assert.deepEqual(
      valueOf((writer) => {
        writer.boolean(true)
      }),
      { kind: 'boolean', value: true },
    )
    assert.deepEqual(
      valueOf((writer) => {
        writer.absent()
      }),
      { kind: 'none' },
    )
  })

  it('takes a value that is a list: a time in SML 1.04, else nothing', () => {
    const time = valueOf((writer) => {
      writer.list(2)
      writer.unsigned(1)
      writer.list(2)
      writer.unsigned(1)
      writer.unsigned(77, 4)
    })
    assert.deepEqual(time, { kind: 'time', time: { kind: 'second-index', seconds: 77 } })
    const unknown = valueOf((writer) => {
      writer.list(2)
      writer.unsigned(9)
      writer.text('x')
    })
    assert.deepEqual(unknown, { kind: 'none' })
    const other = valueOf((writer) => {
      writer.list(3)
      writer.unsigned(9)
      writer.list(1)
      writer.absent()
      writer.text('x')
    })
    assert.deepEqual(other, { kind: 'none' })
  })

  it('takes a time in every form that meters send', () => {
    assert.equal(
      timeOf((writer) => {
        writer.absent()
      }),
      undefined,
    )
    assert.deepEqual(
      timeOf((writer) => {
        writer.unsigned(9, 4)
      }),
      { kind: 'second-index', seconds: 9 },
    )
    for (const [choice, kind] of [
      [1, 'second-index'],
      [2, 'utc'],
    ] as const) {
      const found = timeOf((writer) => {
        writer.list(2)
        writer.unsigned(choice)
        writer.unsigned(1_700_000_000, 4)
      })
      assert.deepEqual(found, { kind, seconds: 1_700_000_000 })
    }
    const local = { kind: 'local', seconds: 1_700_000_000, offsetMinutes: 60, seasonMinutes: -60 }
    const timestamp = (writer: SmlWriter): void => {
      writer.list(3)
      writer.unsigned(1_700_000_000, 4)
      writer.signed(60, 2)
      writer.signed(-60, 2)
    }
    assert.deepEqual(timeOf(timestamp), local)
    const chosen = timeOf((writer) => {
      writer.list(2)
      writer.unsigned(3)
      timestamp(writer)
    })
    assert.deepEqual(chosen, local)
  })

  it('does without a time or a status that no rule knows', () => {
    const odd = timeOf((writer) => {
      writer.list(2)
      writer.text('yesterday')
      writer.list(1)
      writer.absent()
    })
    assert.equal(odd, undefined)
    const list = listOf(1, (writer) => {
      writer.list(7)
      writer.octets([1, 0, 1, 8, 0, 255])
      writer.text('fine')
      writer.text('noon')
      writer.absent()
      writer.absent()
      writer.unsigned(5)
      writer.list(1)
      writer.text('signature')
    })
    const [entry] = list.entries
    assert.equal(entry?.status, undefined)
    assert.equal(entry?.time, undefined)
    assert.deepEqual(entry?.value, { kind: 'integer', digits: 5n, signed: false, width: 1 })
  })

  it('keeps status words of up to 64 bits', () => {
    const list = listOf(1, (writer) => {
      writer.list(7)
      writer.octets([1, 0, 1, 8, 0, 255])
      writer.unsigned(0x1c0104_00000000n)
      writer.absent()
      writer.unsigned(30)
      writer.signed(-1)
      writer.unsigned(5)
      writer.absent()
    })
    const [first] = list.entries
    assert.equal(first?.status, 0x1c0104_00000000n)
    assert.equal(first.unit, 30)
    assert.equal(first.scaler, -1)
  })

  it('refuses a message whose checksum does not hold, before it looks inside', () => {
    const bytes = message(1, (writer) => {
      writer.text('no entry at all')
    })
    const at = bytes.length - 2
    bytes[at] = (bytes[at] ?? 0) ^ 1
    assert.throws(() => decodeMessages(bytes, 'x25'), { code: 'checksum' })
  })

  it('refuses the other checksum', () => {
    const bytes = message(0, () => undefined)
    assert.throws(() => decodeMessages(bytes, 'kermit'), { code: 'checksum' })
  })

  it('takes a checksum whose high byte is zero as Unsigned8 and as Unsigned16', () => {
    let found = 0
    for (let id = 0; id < 3000 && found < 3; id++) {
      for (const short of [true, false]) {
        const writer = new SmlWriter()
        writer.begin(id, 0, 0x0201)
        writer.list(1)
        writer.absent()
        writer.finish('x25', short)
        const body = writer.body()
        if (short && body.at(-3) !== 0x62) break
        if (short) found++
        assert.deepEqual(decodeMessages(body, 'x25'), [])
      }
    }
    assert.equal(found, 3)
  })

  it('passes over messages of kinds that it does not know', () => {
    const writer = new SmlWriter()
    writer.begin(1, 0, 0xff01)
    writer.list(3)
    writer.text('attention')
    writer.list(2)
    writer.unsigned(1)
    writer.absent()
    writer.boolean(false)
    writer.finish('x25', true)
    assert.deepEqual(decodeMessages(writer.body(), 'x25'), [])
  })

  it('refuses more entries or messages than its limits, and allocates nothing for a claim', () => {
    const many = (writer: SmlWriter): void => {
      for (let count = 0; count < SML_ENTRIES_MAX + 1; count++) writer.absent()
    }
    assert.throws(() => listOf(SML_ENTRIES_MAX + 1, many), { code: 'too-many' })
    const one = message(0, () => undefined)
    const all = join(...Array.from({ length: SML_MESSAGES_MAX + 1 }, () => one))
    assert.throws(() => decodeMessages(all, 'x25'), { code: 'too-many' })
    const claim = hex('76 f1 81 81 0f')
    assert.throws(() => decodeMessages(claim, 'x25'), MeterError)
  })

  it('throws nothing but MeterError on messages that are almost right', () => {
    const good = message(1, (writer) => {
      writer.unsigned(5)
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(good.length),
        (changes, end) => {
          const bytes = good.slice(0, end)
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
          try {
            decodeMessages(bytes, 'x25')
          } catch (error) {
            assert.ok(error instanceof MeterError)
          }
        },
      ),
      { numRuns: 3000 },
    )
  })
})
