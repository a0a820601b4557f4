import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { parseIsdAs, type Path, type ScionSocket } from '@s3mp/scion'
import { DEMO_HEADEND_AS, DEMO_METER_AS, VirtualClock } from '@s3mp/scion/testing'
import { after, afterEach, beforeEach, describe, it } from 'mocha'

import type { Log } from '../src/log.ts'
import { openPolicyFile, POLICY_LOOK_MS } from '../src/service/policy-file.ts'
import { readAcl } from '../src/transport/policy.ts'
import type { ScionTransport } from '../src/transport/scion.ts'
import { openTransportWorld, type TransportWorld } from './support/scion-transport.ts'

const NORTH = '1-ff00:0:110'
const HINTS = { deadline: 'billing', attempt: 0 } as const

function crosses(path: Path | undefined, isdAs: string): boolean {
  return path?.interfaces.some((one) => one.isdAs === parseIsdAs(isdAs)) === true
}

describe('a policy that is changed while readings are under way', () => {
  let clock: VirtualClock
  let headend: ScionSocket
  let transport: ScionTransport

  let world: TransportWorld

  beforeEach(async () => {
    world = await openTransportWorld(3, 30_000)
    ;({ clock, headend, transport } = world)
  })

  afterEach(() => world.close())

  it('moves the next packet, and not one before it is lost', async () => {
    const received: number[] = []
    const listening = (async () => {
      for await (const { payload, from, reply } of headend) {
        received.push(payload[0] ?? -1)
        await headend.send(from, payload, reply)
      }
    })().catch(() => undefined)
    const departures = new Map<number, Awaited<ReturnType<ScionTransport['send']>>>()
    transport.onReceive(({ bytes, way }) => {
      const departure = departures.get(bytes[0] ?? -1)
      if (departure !== undefined) transport.landed(departure, way)
    })
    const crossedNorth: boolean[] = []
    for (let number = 0; number < 90; number++) {
      if (number === 30) {
        const through = crosses(transport.pilot.current(), NORTH) ? `- ${NORTH}, +` : '+ 0, -'
        transport.setPolicy(readAcl(through))
      }
      if (number === 60) transport.setPolicy(undefined)
      crossedNorth.push(crosses(transport.pilot.current(), NORTH))
      departures.set(number, await transport.send(Uint8Array.of(number), HINTS))
      await clock.advance(20)
    }
    await clock.advance(5000)
    assert.deepEqual(
      [...received].sort((a, b) => a - b),
      Array.from({ length: 90 }, (_, number) => number),
    )
    assert.ok(crossedNorth.slice(0, 30).every((one) => one))
    assert.ok(crossedNorth.slice(30, 60).every((one) => !one))
    await transport.close()
    await headend.close()
    await listening
  })

  it('says of every path whether it is in or out, by which rule, and how much it is wanted', () => {
    const document = { ...readAcl(`- ${NORTH}, +`), ordering: ['hops_asc'] as const }
    transport.setPolicy(document)
    const reports = new Map(transport.pilot.report().map((one) => [one.fingerprint, one]))
    const rulings = transport.rulings()
    assert.deepEqual([...rulings.keys()].sort(), [...reports.keys()].sort())
    for (const [fingerprint, { allowed, by, rule, preference }] of rulings) {
      const isNorth = crosses(reports.get(fingerprint)?.path, NORTH)
      assert.deepEqual([allowed, by], isNorth ? [false, 'acl'] : [true, 'none'])
      assert.equal(rule === undefined, allowed)
      assert.equal(preference === undefined, !allowed)
    }
    assert.ok([...rulings.values()].some(({ preference }) => preference === 1))
  })

  it('sends nothing while it allows no path, and says why', async () => {
    transport.setPolicy(readAcl('-'))
    await assert.rejects(transport.send(Uint8Array.of(1), HINTS), { code: 'ERR_SCION_NO_PATH' })
    assert.match(transport.health().forbidden, /^forbidden: policy acl: /)
    transport.setPolicy(undefined)
    assert.equal(transport.health().forbidden, '')
    await transport.send(Uint8Array.of(1), HINTS)
  })
})

describe('the policy file', () => {
  const folder = mkdtempSync(join(tmpdir(), 's3mp-policy-'))
  const file = join(folder, 'policy.json')
  const ends = {
    source: { isdAs: parseIsdAs(DEMO_METER_AS) },
    destination: { isdAs: parseIsdAs(DEMO_HEADEND_AS) },
  }
  const policy = (acl: string): string =>
    JSON.stringify({ destinations: { 0: 'any' }, filters: { any: { acl: [acl, '+'] } } })
  const told: string[] = []
  const log: Log = {
    error: (event, fields) => told.push(`${event} ${String(fields?.reason)}`),
    warn: () => undefined,
    info: (event) => told.push(event),
    debug: () => undefined,
  }

  afterEach(() => {
    told.length = 0
  })
  after(() => {
    rmSync(folder, { recursive: true })
  })

  /** Lets the looks that are under way come to their end. */
  async function settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  it('is read again when it changes, and what is no policy changes nothing', async () => {
    const clock = new VirtualClock()
    writeFileSync(file, policy('- 1-0'))
    const opened = await openPolicyFile({ file, ends, clock, hangUp: true })
    const applied: unknown[] = []
    opened.follow((found) => applied.push(found), log)
    await clock.advance(POLICY_LOOK_MS)
    await settle()
    assert.deepEqual([applied.length, told], [0, []])
    writeFileSync(file, policy('- 2-0'))
    await clock.advance(POLICY_LOOK_MS)
    await settle()
    assert.deepEqual([applied.length, told], [1, ['policy.changed']])
    for (const bad of ['{', '{}', policy('? 2-0')]) {
      writeFileSync(file, bad)
      await opened.look()
      await opened.look()
    }
    rmSync(file)
    await opened.look()
    assert.equal(applied.length, 1)
    assert.equal(told.filter((line) => line.startsWith('policy.refused')).length, 4)
    assert.match(told[1] ?? '', /policy_file: .*policy\.json: policy document: expected JSON/)
    writeFileSync(file, policy('- 3-0'))
    await opened.look()
    assert.equal(applied.length, 2)
    await opened.close()
  })

  it('is read again on SIGHUP', async () => {
    const clock = new VirtualClock()
    writeFileSync(file, policy('- 1-0'))
    const opened = await openPolicyFile({ file, ends, clock, hangUp: true })
    const applied = new Promise<string>((resolve) => {
      opened.follow(({ name }) => {
        resolve(name)
      }, log)
    })
    writeFileSync(file, policy('- 2-0'))
    process.emit('SIGHUP')
    assert.equal(await applied, 'any')
    await opened.close()
    assert.equal(process.listenerCount('SIGHUP'), 0)
  })

  it('that is no policy at the start is refused', async () => {
    writeFileSync(file, '[]')
    const opening = openPolicyFile({ file, ends, clock: new VirtualClock(), hangUp: false })
    await assert.rejects(opening, { code: 'ERR_SCION_CONFIG' })
  })
})
