import assert from 'node:assert/strict'

import { decodeStatus, eventName, verifyRecords, type DeviceRecord } from '@s3mp/envelope'
import { after, describe, it } from 'mocha'

import { STREAM } from '../src/streams.ts'
import { removeFolders } from './support/folder.ts'
import { World } from './support/world.ts'

/** Sequence numbers from 1 without a hole. */
function isWhole(seqs: readonly number[]): boolean {
  return seqs.every((seq, index) => seq === index + 1)
}

/** Names of the events that a head-end has. */
function events(world: World): readonly string[] {
  return world.headEnd
    .records(STREAM.events)
    .map((record) => (record.kind === 'event' ? eventName(record.code) : record.kind))
}

function flags(record: DeviceRecord | undefined): readonly string[] {
  return record === undefined ? [] : decodeStatus(record.status).flags
}

describe('the meter', () => {
  after(removeFolders)

  it('turns minutes of telegrams into streams that the head-end has whole', async () => {
    const world = await World.open()
    await world.startAndMeet()
    await world.pass(900_000)
    await world.untilDelivered()
    await world.stop()
    const readings = (stream: number): number =>
      world.headEnd.records(stream).filter(({ kind }) => kind === 'reading' || kind === 'fast')
        .length
    assert.equal(readings(STREAM.billing), 2)
    assert.equal(readings(STREAM.minute), 16)
    assert.ok(readings(STREAM.live) > 890)
    for (const stream of Object.values(STREAM)) {
      assert.ok(isWhole(world.headEnd.seqs(stream)), `stream ${String(stream)}`)
    }
    // Real time passes while keys are derived, virtual time flies: objects may overtake their epoch.
    assert.ok(world.headEnd.refusals.every((reason) => reason === 'unknown-kid'))
    assert.equal(world.headEnd.epochs, 1)
  }).timeout(30_000)

  it('makes records that prove themselves with nothing but the public key', async () => {
    const world = await World.open()
    await world.startAndMeet()
    await world.pass(120_000)
    await world.stop()
    const entries = world
      .traced('stored')
      .map(({ record, object }) => ({ kind: record.kind, object }))
    const byStream = world
      .traced('stored')
      .map(({ stream }, index) => ({ stream, entry: entries[index] }))
      .sort((a, b) => a.stream - b.stream)
      .flatMap(({ entry }) => entry ?? [])
    const report = await verifyRecords(byStream, {
      key: world.signer,
      recipientId: world.headEnd.signer.ueid,
    })
    assert.deepEqual(report.problems, [])
    assert.ok(report.ok)
    const seals = report.steps.find(({ code }) => code === 'seals')
    assert.equal(seals?.result, 'proven')
  })

  it('marks every record of a simulated meter, and the first after a start', async () => {
    const world = await World.open()
    await world.startAndMeet()
    await world.pass(10_000)
    await world.stop()
    const live = world.headEnd.records(STREAM.live)
    assert.deepEqual(flags(live[0]), ['restart', 'simulated'])
    for (const record of live.slice(1)) assert.deepEqual(flags(record), ['simulated'])
  })

  it('goes on with its chains after a clean stop and a new start', async () => {
    const world = await World.open()
    await world.startAndMeet()
    await world.pass(30_000)
    await world.stop()
    await world.startAndMeet()
    await world.pass(30_000)
    await world.stop()
    await world.startAndMeet()
    await world.pass(10_000)
    await world.untilDelivered()
    for (const stream of Object.values(STREAM)) {
      assert.ok(isWhole(world.headEnd.seqs(stream)), `stream ${String(stream)}`)
    }
    assert.equal(world.headEnd.epochs, 3)
    assert.equal(world.meter.status().boot, 3)
    assert.deepEqual(
      events(world).filter((name) => name === 'boot' || name === 'shutdown'),
      ['boot', 'shutdown', 'boot', 'shutdown', 'boot'],
    )
    const schemas = world.headEnd.records(STREAM.live).filter(({ kind }) => kind === 'schema')
    assert.equal(schemas.length, 1, 'announced once')
    await world.stop()
  })

  it('delivers everything in spite of loss and duplication, and nothing twice', async () => {
    const world = await World.open({ seed: 'lossy' })
    world.road.loss = 0.3
    world.road.duplication = 0.3
    await world.startAndMeet()
    await world.pass(600_000)
    world.road.loss = 0
    await world.untilDelivered()
    for (const stream of Object.values(STREAM)) {
      assert.ok(isWhole(world.headEnd.seqs(stream)), `stream ${String(stream)}`)
    }
    assert.ok(world.headEnd.duplicates > 20)
    await world.stop()
  }).timeout(20_000)

  it('keeps everything through an outage and delivers it when the road is back', async () => {
    const world = await World.open({
      silenceMs: 60_000,
      replay: { periodMs: 20_000 },
      streams: { isLive: false },
    })
    await world.startAndMeet()
    await world.pass(60_000)
    world.road.isCut = true
    await world.pass(2 * 3_600_000)
    const waiting = world.meter.status().spool.objects
    assert.ok(waiting > 2 * 60, `${String(waiting)} wait`)
    world.road.isCut = false
    await world.untilDelivered()
    await world.until(() => isWhole(world.headEnd.seqs(STREAM.minute)))
    await world.until(() => isWhole(world.headEnd.seqs(STREAM.billing)))
    await world.stop()
  }).timeout(30_000)

  it('knocks at a dead road ever more softly', async () => {
    const world = await World.open({
      silenceMs: 60_000,
      replay: { periodMs: 20_000 },
      streams: { isLive: false },
    })
    world.road.isCut = true
    world.start()
    await world.pass(3_600_000)
    const before = world.road.sent.length
    await world.pass(3_600_000)
    const perHour = world.road.sent.length - before
    assert.ok(perHour < 600, `${String(perHour)} datagrams in an hour without any answer`)
    await world.stop()
  }).timeout(30_000)

  it('deletes nothing on an acknowledgement that is forged, altered or replayed', async () => {
    const world = await World.open({ streams: { isLive: false } })
    await world.startAndMeet()
    await world.pass(30_000)
    const answers: Uint8Array[] = []
    const take = world.headEnd.take.bind(world.headEnd)
    world.headEnd.take = async (bytes) => {
      const answer = await take(bytes)
      if (answer !== undefined) answers.push(answer)
      return undefined
    }
    await world.pass(120_000)
    const waiting = world.meter.status().spool.objects
    assert.ok(waiting >= 2 && answers.length > 0)
    for (const answer of answers) {
      for (let at = 0; at < answer.length; at += 1) {
        const altered = Uint8Array.from(answer)
        altered[at] = (altered[at] ?? 0) ^ 1
        world.road.inject(altered)
      }
      world.road.inject(answer.subarray(0, -1))
    }
    world.road.inject(new Uint8Array(0))
    world.road.inject(new Uint8Array(9000))
    await world.pass(0)
    assert.ok(world.meter.status().spool.objects >= waiting)
    assert.ok(world.meter.status().delivery.refused >= answers.length)
    const last = answers.at(-1)
    if (last !== undefined) world.road.inject(last)
    await world.pass(0)
    assert.ok(world.meter.status().spool.objects < waiting, 'the true one counts')
    await world.stop()
  })

  it('takes a new prekey from the head-end and keeps it for the next start', async () => {
    const world = await World.open({ streams: { isLive: false } })
    await world.startAndMeet()
    await world.pass(60_000)
    await world.stop()
    await world.headEnd.newPrekey({ forget: true })
    const { prekey } = world.headEnd
    // The card that the meter has is of before.
    await world.startAndMeet()
    await world.pass(300_000)
    await world.until(() => world.meter.status().isEpochConfirmed)
    assert.equal(world.saved.length, 0, 'the world hands out the newest card itself')
    assert.deepEqual(world.headEnd.prekey, prekey)
    await world.stop()
  })

  it('seals again what waited longer than the head-end kept its key', async () => {
    const world = await World.open({
      silenceMs: 60_000,
      replay: { periodMs: 10_000 },
      streams: { isLive: false },
    })
    await world.startAndMeet()
    await world.pass(60_000)
    world.road.isCut = true
    await world.pass(1_800_000)
    await world.headEnd.newPrekey({ forget: true })
    world.headEnd.forgetEpochs()
    world.road.isCut = false
    await world.untilDelivered()
    assert.equal(world.saved.length, 1, 'the new prekey came in band')
    await world.until(() => isWhole(world.headEnd.seqs(STREAM.billing)))
    await world.until(() => isWhole(world.headEnd.seqs(STREAM.minute)))
    await world.stop()
  }).timeout(20_000)

  it('admits a wrong clock to a head-end that refuses its time', async () => {
    const world = await World.open({ streams: { isLive: false } })
    // The head-end keeps the right time; the meter's clock is far behind.
    const headEndNowMs = world.clock.nowMs()
    const monotonicMs = world.clock.monotonicMs()
    world.headEnd.nowMs = () => headEndNowMs + world.clock.monotonicMs() - monotonicMs
    world.clock.jump(-40 * 86_400_000)
    await world.startAndMeet()
    await world.pass(120_000)
    await world.untilDelivered()
    assert.ok(world.headEnd.refusals.includes('expired-prekey'))
    await world.until(() => world.meter.status().isEpochConfirmed)
    assert.equal(world.meter.status().clock, 'suspect')
    await world.until(() => isWhole(world.headEnd.seqs(STREAM.minute)))
    await world.stop()
  })

  it('is not lost when the head-end was in another year for a while', async () => {
    const world = await World.open({
      silenceMs: 3_600_000,
      replay: { periodMs: 900_000 },
      streams: { isLive: false },
    })
    await world.startAndMeet()
    await world.pass(60_000)
    const right = world.headEnd.nowMs
    world.headEnd.nowMs = () => right() + 400 * 86_400_000
    // Its old prekeys are over by its clock; the new one is not valid by ours.
    await world.headEnd.newPrekey({ forget: true })
    world.headEnd.forgetEpochs()
    await world.pass(600_000)
    await world.untilDelivered()
    world.headEnd.nowMs = right
    await world.headEnd.newPrekey()
    // The next epoch is opened when the clocks agree again.
    await world.pass(26 * 3_600_000)
    await world.untilDelivered()
    assert.equal(world.meter.status().clock, 'synced')
    assert.ok(world.meter.status().isEpochConfirmed)
    await world.until(() => isWhole(world.headEnd.seqs(STREAM.billing)))
    await world.stop()
  }).timeout(20_000)

  it('follows a clock that jumps, marks it, and misses nothing by it', async () => {
    const world = await World.open({ streams: { isLive: false } })
    await world.startAndMeet()
    await world.pass(120_000)
    world.clock.jump(-86_400_000)
    await world.pass(120_000)
    const last = world.headEnd.records(STREAM.minute).at(-1)
    assert.ok(last !== undefined)
    assert.equal(decodeStatus(last.status).clock, 'synced', 'the head-end agrees with the new time')
    assert.ok(events(world).includes('clock-stepped'))
    await world.until(() => isWhole(world.headEnd.seqs(STREAM.minute)))
    assert.ok(world.headEnd.seqs(STREAM.minute).length >= 5)
    await world.stop()
  })

  it('says so when the meter falls silent, marks the gap, and when it is back', async () => {
    const world = await World.open({ streams: { isLive: false } })
    await world.startAndMeet()
    await world.pass(90_000)
    world.household.faults.add('silence')
    await world.pass(300_000)
    world.household.faults.delete('silence')
    await world.pass(120_000)
    const names = events(world)
    assert.ok(names.includes('meter-silent') && names.includes('meter-back'))
    assert.ok(names.includes('gap-closed'))
    const gaps = world.headEnd
      .records(STREAM.minute)
      .filter((record) => flags(record).includes('gap'))
    assert.equal(gaps.length, 1)
    assert.ok(gaps[0]?.kind === 'reading' && gaps[0].samples[0]?.registers.length === 0)
    const records = world.traced('stored').filter(({ stream }) => stream === STREAM.minute)
    const report = await verifyRecords(
      records.map(({ record, object }) => ({ kind: record.kind, object })),
      { key: world.signer, recipientId: world.headEnd.signer.ueid },
    )
    assert.deepEqual(report.problems, [])
    await world.until(() => isWhole(world.headEnd.seqs(STREAM.minute)))
    await world.stop()
  })

  it('survives a head that is pulled out and put in again', async () => {
    const world = await World.open({
      replay: {
        plugs: [
          { atMs: 30_000, plugged: false },
          { atMs: 90_000, plugged: true },
        ],
      },
    })
    await world.startAndMeet()
    await world.pass(180_000)
    const { link } = world.meter.status()
    assert.equal(link.reopened, 1)
    assert.ok(link.telegrams > 100)
    assert.ok(events(world).includes('meter-silent') && events(world).includes('meter-back'))
    await world.stop()
  })

  it('counts what a badly placed head delivers, and goes on', async () => {
    const world = await World.open({ replay: { faults: { byteErrorRate: 0.001, noiseRate: 0.2 } } })
    await world.startAndMeet()
    await world.pass(300_000)
    const { link } = world.meter.status()
    assert.ok(link.discardedBytes > 1000)
    assert.ok(link.telegrams > 100)
    assert.ok((link.recent ?? 1) < 0.9)
    assert.ok(events(world).filter((name) => name === 'bytes-discarded').length <= 12, 'limited')
    assert.ok(world.log.length < 60, `${String(world.log.length)} lines`)
    await world.stop()
  })

  it('waits as long as the head-end asks it to, but not with an alarm', async () => {
    const world = await World.open({ streams: { isLive: false, minuteMs: 1000 } })
    await world.startAndMeet()
    await world.pass(20_000)
    world.headEnd.paceMs = 60_000
    await world.pass(5000)
    world.headEnd.paceMs = 0
    const before = world.road.sent.length
    await world.pass(20_000)
    assert.ok(world.road.sent.length - before <= 8, 'only retries')
    world.household.faults.add('silence')
    await world.pass(15_000)
    const alarm = world.road.sent.slice(before).filter(({ hints }) => hints.deadline === 'alarm')
    assert.ok(alarm.length >= 1)
    await world.stop()
  })

  it('fills a small spool with what matters, says that it is full, and catches up', async () => {
    const world = await World.open({
      replay: { periodMs: 5000 },
      spool: { objectsMax: 50 },
      streams: { billingMs: 60_000, minuteMs: 30_000 },
    })
    await world.startAndMeet()
    await world.pass(30_000)
    world.road.isCut = true
    await world.pass(3_600_000)
    const { spool } = world.meter.status()
    assert.ok(spool.objects <= 50)
    assert.ok((spool.byPriority[1] ?? 0) > 35, 'billing fills it')
    world.road.isCut = false
    await world.pass(120_000)
    await world.untilDelivered()
    const names = events(world)
    assert.ok(names.includes('spool-full') && names.includes('records-dropped'))
    const billing = world.headEnd.seqs(STREAM.billing)
    assert.ok(isWhole(billing), 'billing has no hole: what found no room has no number')
    assert.ok(world.headEnd.records(STREAM.billing).some((record) => flags(record).includes('gap')))
    await world.stop()
  }).timeout(30_000)
})
