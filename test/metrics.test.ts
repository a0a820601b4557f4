import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LiveFeed } from '@s3mp/web'
import { describe, it } from 'mocha'
import type { MeterStatus } from '../firmware/src/app.ts'
import { LinkQualityMeter } from '../firmware/src/link-quality.ts'
import { METER_METRICS, meterMetrics } from '../firmware/src/metrics.ts'
import { Metrics } from '../headend/src/metrics.ts'
import { ROOT } from './support/source.ts'

const NOW_MS = Date.UTC(2026, 10, 23)

/** A meter of which everything is known, with a path whose name is hostile. */
function status(): MeterStatus {
  const link = new LinkQualityMeter()
  link.decoded({ type: 'discarded', offset: 0, bytes: 3, reason: 'crc' })
  const source = {
    name: 'house "1"\n',
    kind: 'push' as const,
    device: '/dev/ttyUSB0',
    protocol: 'sml',
    lastReadingMs: NOW_MS - 2000,
    link: link.snapshot(),
    meters: [],
    findings: { 'sign-doubt': 1 },
  }
  const path = {
    fingerprint: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    name: '1-ff00:0:111 2-ff00:0:211',
    isActive: true,
    isAlive: true,
    roundTripMs: 20,
    sent: 5,
    acknowledged: 4,
  }
  return {
    ueid: new Uint8Array(33),
    boot: 3,
    epoch: 1,
    isEpochConfirmed: true,
    clock: 'synced',
    uptimeMs: 5000,
    link: source.link,
    sources: [source],
    isOpen: false,
    isUplinkThere: true,
    delivery: {
      ...{ sent: 9, resent: 1, acknowledged: 8, refused: 0, inFlight: 1, window: 8 },
      roundTripMs: 30,
      heardMs: 1,
    },
    paths: [path],
    transport: {
      ...{ authentication: 'proven', forbidden: '' },
      nat: { state: 'behind', outside: '203.0.113.7:31100', changes: 1 },
    },
    spool: {
      ...{ objects: 2, bytes: 400, objectsMax: 10, bytesMax: 1000 },
      byPriority: [0, 1, 1, 0],
      oldestMs: NOW_MS - 1000,
    },
    loops: { tick: 500 },
  }
}

interface Known {
  readonly type: string
  readonly labels: readonly string[]
}

/** Names, types and labels in a text of metrics. */
function knownIn(text: string): ReadonlyMap<string, Known> {
  const known = new Map<string, { type: string; labels: readonly string[] }>()
  for (const line of text.split('\n')) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (typed !== undefined && type !== undefined) known.set(typed, { type, labels: [] })
    const [, name = '', labels = ''] = /^([a-z0-9_]+)(?:\{(.*)\})? /.exec(line) ?? []
    const entry = known.get(name)
    if (entry !== undefined)
      entry.labels = [...labels.matchAll(/(\w+)="/g)].map((found) => found[1] ?? '')
  }
  return known
}

async function all(): Promise<ReadonlyMap<string, Known>> {
  const zeros = (known: object): object =>
    new Proxy(known, { get: (target, key): unknown => Reflect.get(target, key) ?? 0 })
  const counts = zeros({ refused: { replay: 0 } })
  const fleet = {
    counts: () => ({ all: 1, active: 1, quarantined: 0, revoked: 0, alarms: 0, silent: 0 }),
  }
  // Only what the metrics read of a head-end.
  const headend = new Metrics({
    receiver: { counts, fill: 0, epochs: { size: 0 } },
    store: { fleet },
    access: { counts: zeros({}) },
    live: new LiveFeed({ run: 'x' }),
    clock: { nowMs: () => NOW_MS },
  } as unknown as ConstructorParameters<typeof Metrics>[0])
  return new Map([
    ...knownIn(meterMetrics(status(), NOW_MS)),
    ...knownIn((await headend.render()).text),
  ])
}

describe('metrics', () => {
  it('are all there when everything is known, and hostile names stay in their quotes', () => {
    const text = meterMetrics(status(), NOW_MS)
    assert.deepEqual(
      [...knownIn(text).keys()],
      METER_METRICS.map(({ name }) => name),
    )
    assert.match(text, /source="house \\"1\\"\\n"/)
    assert.match(text, /^s3mp_head_reading_age_seconds\{.*\} 2$/m)
  })

  it('leave out what is not known instead of guessing', () => {
    const { delivery, spool } = status()
    const text = meterMetrics(
      {
        ...status(),
        isOpen: undefined,
        transport: undefined,
        paths: [],
        sources: [],
        delivery: { ...delivery, roundTripMs: undefined },
        spool: { ...spool, oldestMs: undefined },
      },
      NOW_MS,
    )
    for (const name of [
      'case_open',
      'path_up',
      'authentication',
      'round_trip',
      'oldest',
      'head_',
    ]) {
      assert.ok(!text.includes(name), name)
    }
  })

  it('are described in docs/metrics.md, each by its name, type and labels', async () => {
    const rows = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
      .filter((cells) => cells[1]?.startsWith('s3mp_'))
      .map(([, name = '', type = '', labels = '']) => `${name} ${type} ${labels}`)
    const real = [...(await all())].map(
      ([name, { type, labels }]) => `${name} ${type} ${labels.join(', ')}`,
    )
    assert.deepEqual(rows.toSorted(), real.toSorted())
  })
})

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly datasource?: { readonly uid: string }
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[]
}

describe('the Grafana dashboard', () => {
  const dashboard = JSON.parse(readFileSync(join(ROOT, 'docs/grafana/s3mp.json'), 'utf8')) as {
    readonly uid: string
    readonly title: string
    readonly schemaVersion: number
    readonly panels: readonly Panel[]
    readonly templating: {
      readonly list: readonly { readonly name: string; readonly type: string }[]
    }
  }
  const { panels } = dashboard

  it('asks only for metrics and labels that there are', async () => {
    const known = await all()
    for (const { title, targets = [] } of panels) {
      for (const { expr } of targets) {
        const names = [...expr.matchAll(/s3mp_[a-z_]+/g)].map((found) => found[0])
        assert.ok(names.length > 0, title)
        for (const name of names) assert.ok(known.has(name), `${title}: ${name}`)
        const labels = new Set([
          'instance',
          'job',
          ...names.flatMap((name) => known.get(name)?.labels ?? []),
        ])
        for (const [, list = ''] of expr.matchAll(/by \(([^)]*)\)/g)) {
          for (const label of list.split(','))
            assert.ok(labels.has(label.trim()), `${title}: ${label}`)
        }
        for (const [, label = ''] of expr.matchAll(/[{,]\s*(\w+)\s*=~?/g)) {
          assert.ok(labels.has(label), `${title}: ${label}`)
        }
        const chosen = expr.match(/\{job=~"\$job", instance=~"\$instance"\}/g) ?? []
        assert.equal(chosen.length, names.length, `${title}: of which job and instance`)
        // A counter means something only as a rate.
        for (const name of names) {
          if (known.get(name)?.type !== 'counter') continue
          assert.match(expr, new RegExp(`(rate|increase)\\(${name}`), `${title}: ${name}`)
        }
      }
    }
  })

  it('has panels of their own ids, side by side on 24 columns, on a source that is chosen', () => {
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
    assert.ok(dashboard.schemaVersion >= 39)
    assert.ok(
      dashboard.templating.list.some(
        ({ name, type }) => name === 'datasource' && type === 'datasource',
      ),
    )
    const taken = new Set<string>()
    for (const { title, type, gridPos, datasource, targets = [] } of panels) {
      const { x, y, w, h } = gridPos
      assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= 24, title)
      for (let column = x; column < x + w; column++) {
        for (let row = y; row < y + h; row++) {
          assert.ok(
            !taken.has(`${String(column)} ${String(row)}`),
            `${title} lies on another panel`,
          )
          taken.add(`${String(column)} ${String(row)}`)
        }
      }
      if (type === 'row') continue
      assert.equal(datasource?.uid, '${datasource}', title)
      assert.ok(targets.length > 0, title)
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
    }
  })
})
