import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { openDaemon, openPathSource } from '../../src/control/open.ts'
import {
  TOPOLOGY_BYTES_MAX,
  parseTopology,
  readTopology,
  readTrcs,
} from '../../src/control/topology.ts'
import { ScionError } from '../../src/errors.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { formatTrcId } from '../../src/trust/trc.ts'
import { valueOrRefusal } from '../support/refusal.ts'
import { trustFile } from '../support/trust-files.ts'

const good = {
  isd_as: '1-ff00:0:111',
  attributes: ['core'],
  mtu: 1400,
  dispatched_ports: '31000-32767',
  control_service: { cs1: { addr: '127.0.2.2:31000' }, cs2: { addr: '[fd00::2]:31000' } },
  discovery_service: { ds1: { addr: '127.0.2.2:31000' } },
  border_routers: {
    br1: {
      internal_addr: '127.0.2.1:30042',
      interfaces: { 41: { isd_as: '1-ff00:0:110', link_to: 'parent', mtu: 1400 } },
    },
    br2: { internal_addr: '[fd00::1]:30042', interfaces: { 42: {}, 43: {} } },
  },
}

const changed = (change: object): string => JSON.stringify({ ...good, ...change })

describe('topology file', () => {
  it('gives a host what it needs', () => {
    const { local, controlServices } = parseTopology(JSON.stringify(good), 'topology.json')
    assert.deepEqual(local, {
      isdAs: parseIsdAs('1-ff00:0:111'),
      core: true,
      mtu: 1400,
      dispatchedPorts: { min: 31000, max: 32767 },
      borderRouters: new Map([
        [41, { host: '127.0.2.1', port: 30042 }],
        [42, { host: 'fd00::1', port: 30042 }],
        [43, { host: 'fd00::1', port: 30042 }],
      ]),
    })
    assert.deepEqual(controlServices, [
      { host: '127.0.2.2', port: 31000 },
      { host: 'fd00::2', port: 31000 },
    ])
  })

  it('may lack attributes, ports, services and routers', () => {
    const text = JSON.stringify({ isd_as: '1-1', mtu: 1400 })
    const { local, controlServices } = parseTopology(text, 'x')
    assert.equal(local.core, false)
    assert.equal(local.dispatchedPorts, undefined)
    assert.equal(local.borderRouters.size, 0)
    assert.equal(controlServices.length, 0)
    assert.equal(
      parseTopology(changed({ dispatched_ports: '-' }), 'x').local.dispatchedPorts,
      undefined,
    )
  })

  const mistakes: [string, object, RegExp][] = [
    ['an AS that is none', { isd_as: '1' }, /x\.isd_as: isdAs: ISD-AS/],
    ['an MTU that is none', { mtu: '1400' }, /x\.mtu: integer/],
    ['ports that are none', { dispatched_ports: '1-2-3' }, /x\.dispatched_ports/],
    ['a service without port', { control_service: { a: { addr: '1.2.3.4' } } }, /cs?.*addr/],
    [
      'an interface zero',
      { border_routers: { a: { internal_addr: '1.2.3.4:5', interfaces: { 0: {} } } } },
      /interfaces\.0: an interface number/,
    ],
    [
      'an interface twice',
      {
        border_routers: {
          a: { internal_addr: '1.2.3.4:5', interfaces: { 7: {} } },
          b: { internal_addr: '1.2.3.4:6', interfaces: { 7: {} } },
        },
      },
      /every interface once/,
    ],
    ['routers that are a list', { border_routers: [] }, /border_routers: object/],
  ]
  for (const [name, change, message] of mistakes) {
    it(`is refused for ${name}, with the place`, () => {
      assert.throws(
        () => parseTopology(changed(change), 'x'),
        (error) => {
          assert.ok(error instanceof ScionError && error.code === 'ERR_SCION_CONFIG')
          assert.match(error.message, message)
          return true
        },
      )
    })
  }

  it('throws nothing but ScionError on arbitrary JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(...Object.keys(good)), (text, member) => {
        valueOrRefusal(() => parseTopology(text, 'x'))
        valueOrRefusal(() => parseTopology(changed({ [member]: JSON.parse(text) as unknown }), 'x'))
      }),
    )
  })
})

describe('configuration folder', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scion-config-'))
    await mkdir(join(folder, 'certs'))
    await writeFile(join(folder, 'topology.json'), JSON.stringify(good))
  })

  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  const put = (name: string, file = name): Promise<void> =>
    writeFile(join(folder, 'certs', file.split('/').at(-1) ?? ''), trustFile(name))

  it('gives topology and TRCs', async () => {
    await put('trc/ISD1-B1-S2.trc')
    await put('trc/ISD1-B1-S1.trc')
    await writeFile(join(folder, 'certs', 'notes.txt'), 'no TRC')
    assert.equal((await readTopology(join(folder, 'topology.json'))).local.mtu, 1400)
    const names = (await readTrcs(join(folder, 'certs'))).map(({ trc }) => formatTrcId(trc.id))
    assert.deepEqual(names, ['ISD1-B1-S1', 'ISD1-B1-S2'])
    assert.deepEqual(await readTrcs(join(folder, 'nowhere')), [])
  })

  it('names the file that is no TRC, too large, or not there', async () => {
    await writeFile(join(folder, 'certs', 'bad.trc'), 'no TRC')
    await assert.rejects(readTrcs(join(folder, 'certs')), /bad\.trc: cms/)
    await writeFile(join(folder, 'topology.json'), ' '.repeat(TOPOLOGY_BYTES_MAX + 1))
    await assert.rejects(readTopology(join(folder, 'topology.json')), { code: 'ERR_SCION_CONFIG' })
    await assert.rejects(readTopology(join(folder, 'none')), { code: 'ERR_SCION_IO' })
  })

  it('opens as a source of paths, verified unless told otherwise', async () => {
    const clock = new VirtualClock()
    const strict = openPathSource({ configDir: folder, clock })
    await assert.rejects(strict, /a TRC of ISD 1 \(\*\.trc\), found none/)
    for (const trust of ['insecure', 'first-use'] as const) {
      const source = await openPathSource({ configDir: folder, clock, trust })
      assert.equal(source.local.isdAs, parseIsdAs('1-ff00:0:111'))
      await source.close()
    }
    await put('trc/ISD1-B1-S1.trc')
    const anchored = await openPathSource({ configDir: folder, clock, localAddress: '127.0.0.1' })
    await anchored.close()
  })

  it('says that no daemon listens', async () => {
    await assert.rejects(openDaemon({ daemon: '127.0.0.1:9' }), { code: 'ERR_SCION_IO' })
    await assert.rejects(openPathSource({ daemon: 'localhost' }), { code: 'ERR_SCION_ADDRESS' })
  })
})
