import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { ScionAddress } from '../../src/addr/endpoint.ts'
import { parseAddress } from '../../src/addr/endpoint.ts'
import { isdAs } from '../../src/addr/isd-as.ts'
import { hostAsKey, HostKeyDeriver, level1Key, secretValue } from '../../src/drkey/derive.ts'
import type { DrkeyEpoch } from '../../src/drkey/derive.ts'
import type { DrkeyQuery, DrkeySource, EpochKey } from '../../src/drkey/source.ts'
import { decodePacket } from '../../src/packet/packet.ts'
import { encodeUdpPacket } from '../../src/packet/udp.ts'
import { EMPTY_PATH } from '../../src/path/dataplane.ts'
import { fillAuthenticator } from '../../src/spao/authenticate.ts'
import {
  DRKEY_EPOCHS_MAX,
  DRKEY_PEERS_MAX,
  DRKEY_STRANGERS_MAX,
  DrkeyAuthentication,
} from '../../src/spao/authentication.ts'
import { authenticatorOption } from '../../src/spao/option.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { refuses } from '../support/refusal.ts'

const METER = parseAddress('1-ff00:0:111,127.0.2.9')
const SERVER = parseAddress('1-ff00:0:112,127.0.3.9')
const PROTOCOL = 10_000
const EPOCH_SECONDS = 86_400
const START_MS = Date.UTC(2026, 10, 23, 12)

/** The key infrastructure of the server's AS, as its control service would answer. */
class Keys implements DrkeySource {
  asked: DrkeyQuery[] = []
  silent = false
  readonly #master = new Uint8Array(16).fill(7)
  readonly #secrets = new Map<number, Uint8Array>()

  hostAs(query: DrkeyQuery): Promise<EpochKey> {
    this.asked.push(query)
    if (this.silent) return Promise.reject(new Error('no answer'))
    const index = Math.floor(query.timeMs / 1000 / EPOCH_SECONDS)
    const epoch: DrkeyEpoch = {
      beginSeconds: index * EPOCH_SECONDS,
      endSeconds: (index + 1) * EPOCH_SECONDS,
    }
    const secret = this.#secrets.get(index) ?? secretValue(this.#master, 0, epoch)
    this.#secrets.set(index, secret)
    const level1 = level1Key(secret, query.farAs)
    return Promise.resolve({ epoch, key: hostAsKey(level1, query.derivingHost, query.protocol) })
  }

  async hostHost(query: DrkeyQuery & { farHost: ScionAddress['host'] }): Promise<EpochKey> {
    const { epoch, key } = await this.hostAs(query)
    return { epoch, key: new HostKeyDeriver(key).keyFor(query.farHost) }
  }
}

interface World {
  readonly clock: VirtualClock
  readonly keys: Keys
  readonly meter: DrkeyAuthentication
  readonly server: DrkeyAuthentication
}

function world(startMs = START_MS): World {
  const clock = new VirtualClock(startMs)
  const keys = new Keys()
  const both = { keys, protocol: PROTOCOL, clock }
  return {
    clock,
    keys,
    meter: new DrkeyAuthentication({ ...both, local: METER, side: 'slow' }),
    server: new DrkeyAuthentication({ ...both, local: SERVER, side: 'fast' }),
  }
}

async function packetOf(
  from: ScionAddress,
  to: ScionAddress,
  authentication: DrkeyAuthentication,
): Promise<Uint8Array> {
  const { spi, timestampNs, mac } = await authentication.sendingKey(to)
  const packet = encodeUdpPacket(
    {
      trafficClass: 0,
      flowId: 1,
      source: from,
      destination: to,
      path: EMPTY_PATH,
      endToEnd: [authenticatorOption(spi, timestampNs)],
    },
    { sourcePort: 1, destinationPort: 2, payload: Uint8Array.of(1, 2, 3) },
  )
  fillAuthenticator(packet, mac)
  return packet
}

/** Lets promises that are already settled take effect. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}

describe('authentication by DRKey', () => {
  it('holds in both directions once the fast side has the key of the AS', async () => {
    const { meter, server, keys } = world()
    const first = await packetOf(METER, SERVER, meter)
    refuses(() => server.accept(decodePacket(first)), 'ERR_SCION_AUTHENTICITY')
    await settle()
    assert.equal(server.accept(decodePacket(first)), true)
    const answer = await packetOf(SERVER, METER, server)
    assert.equal(meter.accept(decodePacket(answer)), true)
    // One request of each side, however many packets.
    for (let index = 0; index < 20; index++) {
      assert.equal(server.accept(decodePacket(await packetOf(METER, SERVER, meter))), true)
    }
    assert.equal(keys.asked.length, 2)
  })

  it('holds under the address that a NAT gives, and under the next one that it gives', async () => {
    const { meter, server, keys } = world()
    for (const host of ['203.0.113.7', '203.0.113.8']) {
      const outside = parseAddress(`1-ff00:0:111,${host}`)
      meter.moveTo(outside)
      meter.moveTo(outside)
      assert.equal(meter.hasKey(SERVER), false)
      const packet = await packetOf(outside, SERVER, meter)
      if (host.endsWith('7')) refuses(() => server.accept(decodePacket(packet)))
      await settle()
      assert.equal(server.accept(decodePacket(packet)), true)
      const answer = await packetOf(SERVER, outside, server)
      assert.equal(meter.accept(decodePacket(answer)), true)
    }
    // One key of each address, and one of the AS for the server.
    assert.equal(keys.asked.length, 3)
  })

  it('derives the keys of all meters of an AS from one answer', async () => {
    const { clock, keys, server } = world()
    for (let index = 1; index <= 5; index++) {
      const local = parseAddress(`1-ff00:0:111,127.0.2.${index}`)
      const meter = new DrkeyAuthentication({
        keys,
        local,
        side: 'slow',
        protocol: PROTOCOL,
        clock,
      })
      const packet = decodePacket(await packetOf(local, SERVER, meter))
      if (index === 1) refuses(() => server.accept(packet))
      await settle()
      assert.equal(server.accept(packet), true)
    }
    assert.equal(keys.asked.filter(({ derivingHost }) => derivingHost === SERVER.host).length, 6)
  })

  it('refuses repetitions, stale packets and packets of another sender', async () => {
    const { meter, server, clock } = world()
    await server.sendingKey(METER)
    const packet = await packetOf(METER, SERVER, meter)
    assert.equal(server.accept(decodePacket(packet)), true)
    refuses(() => server.accept(decodePacket(packet)), 'ERR_SCION_AUTHENTICITY')
    const late = await packetOf(METER, SERVER, meter)
    await clock.advance(200_000)
    refuses(() => server.accept(decodePacket(late)), 'ERR_SCION_AUTHENTICITY')
    const neighbour = parseAddress('1-ff00:0:111,127.0.2.10')
    const forged = await packetOf(neighbour, SERVER, meter)
    refuses(() => server.accept(decodePacket(forged)), 'ERR_SCION_AUTHENTICITY')
  })

  it('refuses its own packets when they come back', async () => {
    const { meter } = world()
    const packet = decodePacket(await packetOf(METER, SERVER, meter))
    const reflected = { ...packet, source: SERVER, destination: METER }
    refuses(() => meter.accept(reflected), 'ERR_SCION_AUTHENTICITY')
  })

  it('says of a packet without authenticator that nothing proves it', () => {
    const { server } = world()
    const packet = encodeUdpPacket(
      { trafficClass: 0, flowId: 1, source: METER, destination: SERVER, path: EMPTY_PATH },
      { sourcePort: 1, destinationPort: 2, payload: new Uint8Array() },
    )
    assert.equal(server.accept(decodePacket(packet)), false)
  })

  it('crosses the end of an epoch without losing a packet', async () => {
    const endMs = (Math.floor(START_MS / 1000 / EPOCH_SECONDS) + 1) * EPOCH_SECONDS * 1000
    const { meter, server, clock, keys } = world(endMs - 3_600_000)
    await server.sendingKey(METER)
    for (let minute = 0; minute < 120; minute++) {
      const packet = decodePacket(await packetOf(METER, SERVER, meter))
      await packetOf(SERVER, METER, server)
      await settle()
      assert.equal(server.accept(packet), true, `minute ${minute}`)
      await clock.advance(60_000)
    }
    assert.ok(keys.asked.length <= 4 * DRKEY_EPOCHS_MAX, String(keys.asked.length))
  })

  it('does so too where it only listens', async () => {
    const endMs = (Math.floor(START_MS / 1000 / EPOCH_SECONDS) + 1) * EPOCH_SECONDS * 1000
    const { meter, server, clock } = world(endMs - 3_600_000)
    await assert.rejects(async () => server.accept(decodePacket(await packetOf(METER, SERVER, meter)))) // prettier-ignore
    await settle()
    for (let minute = 0; minute < 120; minute++) {
      const packet = decodePacket(await packetOf(METER, SERVER, meter))
      await settle()
      assert.equal(server.accept(packet), true, `minute ${minute}`)
      await clock.advance(60_000)
    }
  })

  it('asks for the keys of few strangers at a time, and keeps no place for those without', async () => {
    const { server, keys } = world()
    keys.silent = true
    const other = world()
    for (let index = 0; index < 100; index++) {
      const from = parseAddress(`1-ff00:0:${(0x200 + index).toString(16)},127.0.2.9`)
      const packet = decodePacket(await packetOf(from, SERVER, other.meter))
      refuses(() => server.accept(packet), 'ERR_SCION_AUTHENTICITY')
      await settle()
    }
    assert.equal(keys.asked.length, DRKEY_STRANGERS_MAX)
  })

  it('forgets nobody who has proven himself for the sake of made-up senders, for whom keys can be had', async () => {
    const { meter, server, keys, clock } = world()
    const proven = async (): Promise<boolean> =>
      server.accept(decodePacket(await packetOf(METER, SERVER, meter)))
    await assert.rejects(proven())
    await settle()
    assert.equal(await proven(), true)
    const asked = keys.asked.length
    const forged = decodePacket(await packetOf(METER, SERVER, meter))
    for (let number = 1; number <= DRKEY_PEERS_MAX + 8; number++) {
      const source = { isdAs: isdAs(7, number), host: METER.host }
      refuses(() => server.accept({ ...forged, source }), 'ERR_SCION_AUTHENTICITY')
      await settle()
      await clock.advance(1000 / DRKEY_STRANGERS_MAX)
    }
    assert.equal(keys.asked.length, asked + DRKEY_PEERS_MAX + 8)
    assert.equal(await proven(), true)
    assert.equal(server.hasKey({ isdAs: isdAs(7, 1), host: METER.host }), false)
    assert.equal(server.hasKey({ isdAs: isdAs(7, DRKEY_PEERS_MAX), host: METER.host }), true)
  }).timeout(20_000)

  it('passes on why there is no key', async () => {
    const { meter, keys } = world()
    keys.silent = true
    await assert.rejects(meter.sendingKey(SERVER), /no answer/)
    keys.silent = false
    await meter.sendingKey(SERVER)
  })

  it('where it is only preferred, sends and takes packets plain until there is a key', async () => {
    const { clock, keys, meter } = world()
    const refusals: string[] = []
    const server = new DrkeyAuthentication({
      keys,
      local: SERVER,
      side: 'fast',
      protocol: PROTOCOL,
      clock,
      demand: 'preferred',
      onRefused: (_, { message }) => refusals.push(message),
    })
    const proven = decodePacket(await packetOf(METER, SERVER, meter))
    assert.equal(server.isOptional, true)
    assert.equal(server.keyAtHand(METER), undefined)
    assert.equal(server.accept(proven), false, 'nothing to check it with yet')
    await settle()
    assert.notEqual(server.keyAtHand(METER), undefined)
    assert.equal(server.accept(proven), true)
    assert.deepEqual(refusals, [])
    const altered = await packetOf(METER, SERVER, meter)
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
    refuses(() => server.accept(decodePacket(altered)), 'ERR_SCION_AUTHENTICITY')
    assert.equal(refusals.length, 1)
  })

  it('where it is only preferred, asks again for a key that could not be had', async () => {
    const { clock, keys } = world()
    const demand = 'preferred'
    const meter = new DrkeyAuthentication({ keys, local: METER, side: 'slow', protocol: PROTOCOL, clock, demand }) // prettier-ignore
    keys.silent = true
    assert.equal(meter.keyAtHand(SERVER), undefined)
    await settle()
    keys.silent = false
    await clock.advance(10_000)
    assert.equal(meter.keyAtHand(SERVER), undefined)
    await settle()
    assert.notEqual(meter.keyAtHand(SERVER), undefined)
  })
})
