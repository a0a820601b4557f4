import assert from 'node:assert/strict'

import fc from 'fast-check'
import { describe, it } from 'mocha'

import { statusLines } from '../../src/status/lines.ts'
import { isWell, statusView } from '../../src/status/view.ts'

const NOW_MS = Date.UTC(2026, 10, 23)

const WELL = {
  ueid: '01ab',
  boot: 3,
  uptimeMs: 7_200_000,
  clock: 'synced',
  isOpen: false,
  sources: [
    {
      name: 'house',
      device: '/dev/ttyUSB0',
      protocol: 'sml',
      lastReadingMs: NOW_MS - 2000,
      link: { telegrams: 100, recent: 0.98 },
      meters: [{ place: 0, part: '', device: '1EMH0012345678' }],
      findings: { 'sign-doubt': 2 },
    },
  ],
  isUplinkThere: true,
  isEpochConfirmed: true,
  delivery: { roundTripMs: 31.4, acknowledged: 90, resent: 1 },
  spool: { objects: 4, bytes: 2048, bytesMax: 204_800, oldestMs: NOW_MS - 3000 },
  paths: [{ name: '1-ff00:0:111 > 2-ff00:0:211', isActive: true, isAlive: true, roundTripMs: 20 }],
  transport: { authentication: 'proven', forbidden: '' },
}

describe('the status', () => {
  it('is told in words: head, last reading, spool, paths, clock, head-end', () => {
    const view = statusView(WELL)
    assert.ok(isWell(view))
    const text = statusLines(view, NOW_MS).join('\n')
    for (const part of [
      /clock +agrees with the head-end \(synced\)/u,
      /meter +house: 1EMH0012345678 \(sml\) on \/dev\/ttyUSB0/u,
      /last reading 2 s ago, 100 telegrams, recently 98 % whole/u,
      /doubts: sign-doubt/u,
      /packets +prove their sender/u,
      /head-end +answers in 31 ms/u,
      /waiting +4 objects, 2 KiB \(1\.0 % of the room\), the oldest for 3 s/u,
      /path +1-ff00:0:111 > 2-ff00:0:211: in use, 20 ms/u,
    ]) {
      assert.match(text, part)
    }
  })

  it('says what is wrong', () => {
    const transport = { forbidden: 'no path through CH' }
    const view = statusView({ ...WELL, sources: [{}], isEpochConfirmed: false, transport })
    assert.ok(!isWell(view))
    const text = statusLines(view, NOW_MS).join('\n')
    assert.match(text, /last reading never/u)
    assert.match(text, /none is allowed: no path through CH/u)
    assert.match(text, /has not answered/u)
  })

  it('lets no name steer a terminal', () => {
    const view = statusView({ ...WELL, paths: [{ name: 'a\x1b]0;x\x07\n' }] })
    assert.ok(!/[\x07\n]|\x1b\]/u.test(statusLines(view, NOW_MS).at(-1) ?? '')) // eslint-disable-line no-control-regex -- that is the question
  })

  it('takes whatever another version answers', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.dictionary(fc.constantFrom(...Object.keys(WELL)), fc.jsonValue()),
        (any, part) => {
          // prettier-ignore
          for (const answer of [any, { ...WELL, ...part }]) {
          assert.ok(statusLines(statusView(answer), NOW_MS).length > 5)
        }
        },
      ),
    )
  })
})
