import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Reading } from '../../../src/index.ts'
import { decimal, readProfile } from '../../../src/index.ts'
import { toHex } from '../../../src/bytes.ts'
import { asking } from '../../support/asking.ts'
import { hex } from '../../support/telegrams.ts'

const OBIS = '1-0:99.1.0*255'
const NOON = '07ea0314ff0c000000000000'
const COLUMNS = '0103 0204120008 0906 0000010000ff 0f02 120000'

/** Reads a profile whose meter answers with this buffer in place of its own. */
async function read(buffer: string): Promise<readonly Reading[]> {
  const columns = toHex(hex(COLUMNS))
  let armed = false
  const tamper = (apdu: Uint8Array): Uint8Array => {
    const text = toHex(apdu)
    if (text.startsWith('c401') && text.slice(8).startsWith(columns)) armed = true
    // What begins as an array, and is not the list of columns, is the buffer.
    const isBuffer = armed && text.startsWith('c401') && text.slice(6, 10) === '0001'
    if (!isBuffer || text.slice(8).startsWith(columns)) return apdu
    return hex(text.slice(0, 8) + buffer)
  }
  const { client } = asking({
    link: { kind: 'wrapper' },
    meter: { tamper, profileFromMs: Date.UTC(2026, 2, 20, 11, 30) },
  })
  await client.connect()
  return await readProfile(client, { obis: OBIS })
}

function told(readings: readonly Reading[]): readonly string[] {
  return readings.map(({ meterTime, registers }) => {
    const time = new Date((meterTime?.seconds ?? 0) * 1_000).toISOString().slice(11, 16)
    return [time, ...registers.map((one) => `${decimal(one)} ${one.unit}`)].join(' ')
  })
}

describe('the rows of a load profile', () => {
  it('keep what a meter leaves out because it stays the same, and count its time on', async () => {
    const rows = [
      `0203 090c${NOON} 0600000064 0600000007`,
      '0203 00 0600000065 00',
      '0203 00 0600000066 0600000008',
    ]
    assert.deepEqual(told(await read(`0103 ${rows.join(' ')}`)), [
      '12:00 100 Wh 7 Wh',
      '12:15 101 Wh 7 Wh',
      '12:30 102 Wh 8 Wh',
    ])
  })

  it('come oldest first', async () => {
    const later = NOON.replace('0c0000', '0d0000')
    const rows = [
      `0203 090c${later} 0600000009 0600000001`,
      `0203 090c${NOON} 0600000008 0600000001`,
    ]
    assert.deepEqual(told(await read(`0102 ${rows.join(' ')}`)), [
      '12:00 8 Wh 1 Wh',
      '13:00 9 Wh 1 Wh',
    ])
  })

  it('are refused where they are not as wide as the columns, or no rows at all', async () => {
    await assert.rejects(read('0101 0202 00 00'), { code: 'malformed' })
    await assert.rejects(read('0101 0600000001'), { code: 'malformed' })
  })
})
