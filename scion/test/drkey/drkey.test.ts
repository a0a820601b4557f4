import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseHost } from '../../src/addr/host.ts'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import type { DrkeyEpoch } from '../../src/drkey/derive.ts'
import {
  HostKeyDeriver,
  asHostKey,
  hostAsKey,
  level1Key,
  secretValue,
} from '../../src/drkey/derive.ts'
import { epochOfTimestamp, relativeTimestamp } from '../../src/drkey/epoch.ts'
import { refuses } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface Golden {
  readonly name?: string
  readonly kind: 'secret-value' | 'level1' | 'as-host' | 'host-as' | 'host-host'
  readonly derivation?: 'specific' | 'generic'
  readonly masterSecret?: string
  readonly level1Protocol?: number
  readonly protocol?: number
  readonly epoch?: { begin: number; end: number }
  readonly dstIA?: string
  readonly secretValue?: string
  readonly level1?: string
  readonly hostAsKey?: string
  readonly host?: string
  readonly srcHost?: string
  readonly dstHost?: string
  readonly want: string
}

interface Vectors {
  readonly goldens: readonly Golden[]
  readonly derived: { readonly cases: readonly Golden[] }
  readonly epochSelection: {
    readonly epochSeconds: number
    readonly acceptanceWindowSeconds: number
    readonly cases: readonly {
      name: string
      now: number
      relativeTimestampNs: string
      want: string
    }[]
  }
}

const golden = vectors<Vectors>('drkey.json')

function epochOf({ begin, end }: { begin: number; end: number }): DrkeyEpoch {
  return { beginSeconds: begin, endSeconds: end }
}

/** Derives what a golden wants from the key that it names as the step before. */
function derive(one: Golden): Uint8Array {
  const niche = one.derivation === 'generic' ? one.protocol : undefined
  switch (one.kind) {
    case 'secret-value':
      return secretValue(
        bytes(one.masterSecret ?? ''),
        one.protocol ?? 0,
        epochOf(one.epoch ?? none),
      )
    case 'level1':
      return level1Key(bytes(one.secretValue ?? ''), parseIsdAs(one.dstIA ?? ''))
    case 'as-host':
      return asHostKey(bytes(one.level1 ?? ''), parseHost(one.dstHost ?? one.host ?? ''), niche)
    case 'host-as':
      return hostAsKey(bytes(one.level1 ?? ''), parseHost(one.srcHost ?? one.host ?? ''), niche)
    case 'host-host':
      return new HostKeyDeriver(bytes(one.hostAsKey ?? '')).keyFor(parseHost(one.dstHost ?? ''))
  }
}

const none = { begin: 0, end: 0 }

describe('DRKey', () => {
  for (const one of [...golden.goldens, ...golden.derived.cases]) {
    it(`derives ${one.name ?? `${one.kind}, ${one.host ?? one.dstHost ?? ''}`}`, () => {
      assert.equal(hex(derive(one)), one.want)
    })
  }

  for (const one of golden.goldens.filter(({ level1 }) => level1 !== undefined)) {
    it(`leads from the master secret to the key before: ${one.name ?? ''}`, () => {
      const master = bytes(one.masterSecret ?? '')
      const secret = secretValue(master, one.level1Protocol ?? 0, epochOf(one.epoch ?? none))
      assert.equal(hex(secret), one.secretValue)
      assert.equal(hex(level1Key(secret, parseIsdAs(one.dstIA ?? ''))), one.level1)
    })
  }

  it('knows no protocol 0 below level 1', () => {
    refuses(() => asHostKey(new Uint8Array(16), parseHost('10.0.0.1'), 0), 'ERR_SCION_UNSUPPORTED')
    refuses(() => hostAsKey(new Uint8Array(16), parseHost('10.0.0.1'), 65_536))
    refuses(() => new HostKeyDeriver(new Uint8Array(15)))
  })
})

describe('DRKey epochs', () => {
  const { epochSeconds, acceptanceWindowSeconds, cases } = golden.epochSelection

  for (const { name, now, relativeTimestampNs, want } of cases) {
    it(`are told from a timestamp: ${name}`, () => {
      const current = Math.floor(now / epochSeconds)
      const epoch = (index: number): DrkeyEpoch => ({
        beginSeconds: index * epochSeconds,
        endSeconds: (index + 1) * epochSeconds,
      })
      const named = {
        current: epoch(current),
        previous: epoch(current - 1),
        next: epoch(current + 1),
      }
      const found = epochOfTimestamp(
        BigInt(relativeTimestampNs),
        Object.values(named),
        now * 1000,
        acceptanceWindowSeconds * 1000,
      )
      assert.deepEqual(found, want.startsWith('error') ? undefined : named[want as 'current'])
    })
  }

  const stamps = vectors<{
    timestamps: { cases: { epochBegin: number; timeNs: string; want: string }[] }
  }>('spao.json').timestamps.cases
  for (const { epochBegin, timeNs, want } of stamps) {
    it(`give ${timeNs} ns the timestamp ${want}`, () => {
      const epoch = { beginSeconds: epochBegin, endSeconds: epochBegin + 86_400 }
      const stamp = (): bigint => relativeTimestamp(epoch, BigInt(timeNs))
      if (want.startsWith('error')) refuses(stamp, 'ERR_SCION_TOO_LARGE')
      else assert.equal(stamp(), BigInt(want))
    })
  }
})
