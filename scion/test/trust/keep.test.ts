import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { TRC_FILES_MAX, readTrcs } from '../../src/control/topology.ts'
import { findNetwork } from '../../src/discovery/find.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { keepTrcs, trcFileName, withKeptTrcs } from '../../src/trust/keep.ts'
import type { SignedTrc } from '../../src/trust/trc.ts'
import { startDiscoveryServer } from '../support/discovery-server.ts'
import { signedWorld } from '../support/trust-world.ts'

const signed = signedWorld.trc()
const { isd, base, serial } = signed.trc.id

describe('kept TRCs', () => {
  let folder = ''

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'scion-keep-')), 'trcs')
  })
  afterEach(() => {
    rmSync(join(folder, '..'), { recursive: true })
  })

  it('are files by the names that the reference gives them, and read again', async () => {
    keepTrcs(folder)(signed)
    const name = `ISD${isd}-B${base}-S${serial}.trc`
    assert.equal(trcFileName(signed), name)
    assert.deepEqual(readdirSync(folder), [name])
    assert.deepEqual(Uint8Array.from(readFileSync(join(folder, name))), signed.raw)
    const [found] = await readTrcs(folder)
    assert.deepEqual(found?.trc.id, signed.trc.id)
  })

  it('are told of where they cannot be written, and leave no draft behind', () => {
    writeFileSync(folder, 'a file where a folder should be')
    const troubles: string[] = []
    keepTrcs(folder, (error) => troubles.push(error.message))(signed)
    assert.equal(troubles.length, 1)
    assert.deepEqual(readdirSync(join(folder, '..')), ['trcs'])
  })

  it('join the anchors at the next start', async () => {
    const heard: SignedTrc[] = []
    const first = await withKeptTrcs([], { keepDir: folder, onTrc: (trc) => heard.push(trc) })
    assert.deepEqual(first.anchors, [])
    first.onTrc?.(signed)
    assert.deepEqual(heard, [signed])
    assert.equal((await withKeptTrcs([], { keepDir: folder })).anchors.length, 1)
    assert.deepEqual(await withKeptTrcs([signed], {}), { anchors: [signed] })
  })

  it('that are broken keep nobody from starting, unlike those that the operator gave', async () => {
    keepTrcs(folder)(signed)
    writeFileSync(join(folder, 'ISD9-B1-S1.trc'), new Uint8Array(100))
    writeFileSync(join(folder, 'ISD0-B1-S1.trc'), '')
    const troubles: string[] = []
    const onTrouble = (error: Error): unknown => troubles.push(error.message)
    const { anchors } = await withKeptTrcs([], { keepDir: folder, onTrouble })
    assert.deepEqual(anchors.map(trcFileName), [trcFileName(signed)])
    assert.equal(troubles.length, 2)
    assert.match(troubles.join(), /ISD0-B1-S1\.trc: .*ISD9-B1-S1\.trc: /)
    assert.equal((await withKeptTrcs([], { keepDir: folder })).anchors.length, 1)
    await assert.rejects(readTrcs(folder), { code: 'ERR_SCION_CONFIG' })
  })

  it('of which there are too many keep nobody from starting either', async () => {
    keepTrcs(folder)(signed)
    for (let number = 0; number < TRC_FILES_MAX; number++) writeFileSync(join(folder, `x${number}.trc`), '') // prettier-ignore
    const troubles: string[] = []
    const onTrouble = (error: Error): unknown => troubles.push(error.message)
    assert.equal((await withKeptTrcs([], { keepDir: folder, onTrouble })).anchors.length, 1)
    assert.match(troubles[0] ?? '', /at most 1024 TRCs/)
    await assert.rejects(readTrcs(folder), /at most 1024 TRCs/)
  })

  it('are learned on first use and hold against what a server offers later', async () => {
    const topology = {
      isd_as: `${isd}-ff00:0:110`,
      mtu: 1400,
      control_service: { cs1: { addr: '127.0.0.1:1' } },
      border_routers: { br1: { internal_addr: '127.0.0.1:30042', interfaces: { 1: {} } } },
    }
    const id = { isd, base_number: base, serial_number: serial }
    const blob = `/trcs/isd${isd}-b${base}-s${serial}/blob`
    const pages = { '/topology': JSON.stringify(topology), '/trcs': JSON.stringify([{ id }]) }
    const find = async (trust: 'first-use' | 'strict', raw: Uint8Array): Promise<void> => {
      const server = await startDiscoveryServer({ ...pages, [blob]: raw })
      try {
        const clock = new VirtualClock(signedWorld.nowMs)
        const options = { clock, random: seededRandom(1), trust, keepDir: folder }
        const { source } = await findNetwork([{ discovery: server.url }], options)
        await source.close()
      } finally {
        await server.close()
      }
    }
    await assert.rejects(find('strict', signed.raw), { code: 'ERR_SCION_CONFIG' })
    await find('first-use', signed.raw)
    assert.deepEqual(readdirSync(folder), [trcFileName(signed)])
    await find('strict', signed.raw)
    // Whatever is offered for a known ISD is not even looked at: updates need votes.
    await find('first-use', signed.raw.slice(0, 40))
    assert.deepEqual(Uint8Array.from(readFileSync(join(folder, trcFileName(signed)))), signed.raw)
  })
})
