import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { after, before, describe, it } from 'mocha'
import { findNetwork } from '../../src/discovery/find.ts'
import { hintsHere } from '../../src/discovery/here.ts'
import { LEASE_BYTES_MAX, leaseHints, readDhclientLeases, readDhcpPacket } from '../../src/discovery/leases.ts' // prettier-ignore
import { seededRandom } from '../../src/testing/random.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { FakeResolver } from '../support/fake-resolver.ts'

/** PEN 55324: address 192.0.2.7, port 9041. */
const VENDOR = [0, 0, 0xd8, 0x1c, 10, 1, 4, 192, 0, 2, 7, 2, 2, 0x23, 0x51]
const OTHER_VENDOR = [0, 0, 0, 9, 2, 1, 0]

function lease(...options: string[]): string {
  const lines = ['interface "eth0";', 'fixed-address 192.0.2.50;', ...options]
  return `lease {\n${lines.map((line) => `  ${line}`).join('\n')}\n}\n`
}

function colons(data: readonly number[]): string {
  return data.map((one) => one.toString(16)).join(':')
}

function packet(...options: readonly (readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(240 + options.flat().length + 1)
  bytes.set([0x63, 0x82, 0x53, 0x63], 236)
  bytes.set([...options.flat(), 255], 240)
  return bytes
}

const option = (code: number, data: readonly number[]): readonly number[] => [
  code,
  data.length,
  ...data,
]

describe('discovery servers in DHCP leases', () => {
  it('are named by the vendor option, with a port of their own, in dhclient’s newest lease', () => {
    const text = lease('option www-server 192.0.2.1;') + lease(`option vivso ${colons(VENDOR)};`, 'option www-server 192.0.2.2;') // prettier-ignore
    assert.deepEqual(readDhclientLeases(text), [{ host: '192.0.2.7', port: 9041 }])
    const unknown = lease(`option unknown-125 ${colons([...OTHER_VENDOR, ...VENDOR])};`)
    assert.deepEqual(readDhclientLeases(unknown), [{ host: '192.0.2.7', port: 9041 }])
  })

  it('are else those of option 72, on the usual port', () => {
    const text = lease('option www-server 192.0.2.1, 192.0.2.2, nonsense;')
    assert.deepEqual(readDhclientLeases(lease('option www-server 192.0.2.1,192.0.2.2;')), [
      { host: '192.0.2.1', port: 8041 },
      { host: '192.0.2.2', port: 8041 },
    ])
    assert.deepEqual(readDhclientLeases(text), [])
    assert.deepEqual(readDhclientLeases(lease(`option vivso ${colons(OTHER_VENDOR)};`)), [])
    assert.deepEqual(readDhclientLeases(lease('option vivso "text";')), [])
  })

  it('are read from a packet that dhcpcd keeps', () => {
    const lease = option(51, [0, 0, 14, 16])
    assert.deepEqual(readDhcpPacket(packet(lease, [0], option(125, VENDOR))), [
      { host: '192.0.2.7', port: 9041 },
    ])
    assert.deepEqual(readDhcpPacket(packet(option(72, [192, 0, 2, 1, 192, 0, 2, 2]))), [
      { host: '192.0.2.1', port: 8041 },
      { host: '192.0.2.2', port: 8041 },
    ])
    const halves = [option(125, VENDOR.slice(0, 6)), option(125, VENDOR.slice(6))]
    assert.equal(readDhcpPacket(packet(...halves)).length, 1)
    assert.deepEqual(readDhcpPacket(packet([125, 200, 1])), [])
    assert.deepEqual(readDhcpPacket(new Uint8Array(300)), [])
  })

  it('are nothing but addresses and ports, whatever a file holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.string(), (data, text) => {
        const found = [
          ...readDhcpPacket(packet([...data])),
          ...readDhclientLeases(lease(`option www-server ${text};`)),
        ]
        for (const { host, port } of found) {
          assert.match(host, /^\d+\.\d+\.\d+\.\d+$/)
          assert.ok(port >= 1 && port <= 65_535)
        }
      }),
    )
  })
})

describe('hints of this host', () => {
  let folder = ''
  const silent = { target: { host: '127.0.0.1', port: 9 }, waitMs: 20 }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'scion-leases-'))
    writeFileSync(join(folder, 'dhclient.eth0.leases'), lease('option www-server 127.0.0.1;'))
    writeFileSync(join(folder, 'notes.txt'), lease('option www-server 127.0.0.9;'))
    writeFileSync(join(folder, 'huge.lease'), ' '.repeat(LEASE_BYTES_MAX + 1))
    writeFileSync(
      join(folder, 'resolv.conf'),
      'domain old.example\nsearch plant.example home.example\n',
    )
  })
  after(() => {
    rmSync(folder, { recursive: true })
  })

  it('are the leases of its DHCP client, then the search domains of its resolver', async () => {
    const leases = [
      { folder: '/nonexistent', form: 'packet' },
      { folder, form: 'dhclient' },
    ] as const
    assert.deepEqual(await leaseHints(leases), [{ host: '127.0.0.1', port: 8041 }])
    const resolvConf = join(folder, 'resolv.conf')
    assert.deepEqual(await hintsHere({ leases, resolvConf, mdns: silent }), [
      { discovery: 'http://127.0.0.1:8041' },
      { domain: 'plant.example' },
      { domain: 'home.example' },
    ])
  })

  it('are followed one after the other, and the reason of each is told', async () => {
    const options = {
      clock: new VirtualClock(),
      random: seededRandom(1),
      resolver: new FakeResolver({}),
      hints: { leases: [{ folder, form: 'dhclient' as const }], resolvConf: join(folder, 'resolv.conf'), mdns: silent }, // prettier-ignore
    }
    await assert.rejects(findNetwork([{ here: true }], options), {
      code: 'ERR_SCION_CONTROL',
      message:
        /^hints: a discovery server, found .*127\.0\.0\.1:8041.*; DNS of plant\.example: .*; DNS of home\.example/,
    })
    const none = { ...options, hints: { leases: [], resolvConf: '/nonexistent', mdns: silent } }
    await assert.rejects(findNetwork([{ here: true }], none), /found no lease, search domain/)
  })
})
