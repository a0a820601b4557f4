import assert from 'node:assert/strict'
import {
  DrkeyAuthentication,
  nodeUnderlay,
  openScionSocket,
  type Path,
  type ScionEndpoint,
  type ScionSocket,
} from '@s3mp/scion'
import {
  DEMO_HEADEND_AS,
  DEMO_METER_AS,
  demoTopology,
  openNetwork,
  seededRandom,
  type Network,
  type TestHost,
} from '@s3mp/scion/testing'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { systemClock } from '../src/clock.ts'
import { Admission, TRAFFIC_BURST_MAX } from '../src/receive/admission.ts'
import { ScionTransport } from '../src/transport/scion.ts'
import type { Arrival, TurnedAway } from '../src/transport/transport.ts'
import { NetworkKeys } from '../../test/support/drkeys.ts'
import { openWorld } from './support/receiving.ts'

const PROTOCOL = 5342
const TRIES_MAX = 50

describe('packets that prove their sender', () => {
  const keys = new NetworkKeys()
  let network: Network
  let headend: TestHost
  let meter: TestHost
  let path: Path
  let closing: (() => Promise<void>)[]

  beforeEach(async () => {
    const [clock, random] = [systemClock, seededRandom(1)]
    network = await openNetwork(demoTopology(), { clock, random, underlay: nodeUnderlay })
    headend = network.host(DEMO_HEADEND_AS)
    meter = network.host(DEMO_METER_AS)
    const [first] = await meter.source.paths(headend.isdAs)
    assert.ok(first)
    path = first
    keys.isSilent = false
    closing = []
  })

  afterEach(async () => {
    for (const close of closing) await close()
    await network.close()
  })

  function socketOf(host: TestHost, authentication?: DrkeyAuthentication): Promise<ScionSocket> {
    return openScionSocket({
      local: { ...host.address, port: 0 },
      localAs: host.source.local,
      underlay: nodeUnderlay,
      clock: systemClock,
      random: Math.random,
      ...(authentication === undefined ? {} : { authentication }),
    })
  }

  async function meterSocket(source?: NetworkKeys): Promise<ScionSocket> {
    const slow = { side: 'slow', protocol: PROTOCOL, clock: systemClock } as const
    const socket = await socketOf(
      meter,
      source && new DrkeyAuthentication({ ...slow, keys: source, local: meter.address }),
    )
    closing.push(() => socket.close())
    return socket
  }

  interface Heard {
    readonly to: ScionEndpoint
    readonly arrivals: Arrival[]
    readonly turnedAway: TurnedAway[]
  }

  async function listen(isRequired: boolean): Promise<Heard> {
    const { address: local } = headend
    let to: ScionEndpoint | undefined
    const transport = new ScionTransport({
      open: async (authentication) => {
        const socket = await socketOf(headend, authentication)
        to = socket.local
        return socket
      },
      proof: { keys, local, protocol: PROTOCOL, isRequired, clock: systemClock },
    })
    const [arrivals, turnedAway]: [Arrival[], TurnedAway[]] = [[], []]
    await transport.start(
      (arrival) => {
        arrivals.push(arrival)
        arrival.reply(Uint8Array.of(9))
      },
      (reason) => {
        turnedAway.push(reason)
      },
    )
    closing.push(() => transport.close())
    assert.ok(to)
    return { to, arrivals, turnedAway }
  }

  /** Sends until something is heard: the first packet of an AS makes the head-end ask for its key. */
  async function sendUntil(socket: ScionSocket, { to }: Heard, done: () => boolean): Promise<void> {
    for (let tries = 0; !done(); tries++) {
      assert.ok(tries < TRIES_MAX, 'nothing was heard')
      await socket.send(to, Uint8Array.of(1, 2, 3), path)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  it('are told from others, and answered with packets that prove theirs', async () => {
    const heard = await listen(true)
    const socket = await meterSocket(keys)
    await sendUntil(socket, heard, () => heard.arrivals.length > 0)
    assert.equal(heard.arrivals[0]?.isAuthentic, true)
    const answer = await socket.receive()
    assert.equal(answer.authentic, true)
  })

  it('are refused, and counted by reason, where they prove nothing or something wrong', async () => {
    const heard = await listen(true)
    await sendUntil(await meterSocket(keys), heard, () => heard.arrivals.length > 0)
    const wrong = await meterSocket(new NetworkKeys(8))
    heard.turnedAway.length = 0
    await sendUntil(wrong, heard, () => heard.turnedAway.length > 0)
    const plain = await meterSocket()
    await sendUntil(plain, heard, () => heard.turnedAway.includes('no-authenticator'))
    assert.equal(heard.turnedAway[0], 'wrong-authenticator')
    assert.ok(heard.arrivals.every(({ isAuthentic }) => isAuthentic))
    const known = heard.arrivals.length
    await sendUntil(plain, heard, () => heard.turnedAway.length > 5)
    assert.equal(heard.arrivals.length, known)
  })

  it('are only preferred where that is said: others are heard, wrong ones are not', async () => {
    const heard = await listen(false)
    const plain = await meterSocket()
    await sendUntil(plain, heard, () => heard.arrivals.length > 0)
    assert.equal(heard.arrivals[0]?.isAuthentic, false)
    const proven = await meterSocket(keys)
    await sendUntil(proven, heard, () => heard.arrivals.some((one) => one.isAuthentic))
    const wrong = await meterSocket(new NetworkKeys(8))
    await sendUntil(wrong, heard, () => heard.turnedAway.includes('wrong-authenticator'))
  })

  it('are heard as plain ones where they are only preferred and no key can be had', async () => {
    keys.isSilent = true
    const heard = await listen(false)
    const proven = await meterSocket(new NetworkKeys())
    await sendUntil(proven, heard, () => heard.arrivals.length > 0)
    assert.equal(heard.arrivals[0]?.isAuthentic, false)
    assert.deepEqual(heard.turnedAway, [])
  })
})

describe('the allowance of a source that proves itself', () => {
  const arrival = (isAuthentic: boolean): Arrival => ({
    bytes: new Uint8Array(64),
    source: 'meter',
    isAuthentic,
    way: '',
    path: undefined,
    reply: () => undefined,
  })

  it('cannot be used up by who forges its address and knows its kid', () => {
    const admission = new Admission()
    const kid = new Uint8Array(8)
    for (let index = 0; index < TRAFFIC_BURST_MAX; index++) {
      assert.equal(admission.allowsKid(kid, arrival(false), 0), true)
    }
    assert.equal(admission.allowsKid(kid, arrival(false), 0), false)
    assert.equal(admission.allowsKid(kid, arrival(true), 0), true)
  })

  it('is not held against it when forged packets fail', () => {
    const admission = new Admission()
    for (let index = 0; index < 1000; index++) admission.blame('bad-signature', arrival(false), 0)
    assert.equal(admission.judge(arrival(false), 0).type, 'refused')
    assert.equal(admission.judge(arrival(true), 0).type, 'other')
  })

  it('goes with counts of what was refused before it came so far', async () => {
    const world = await openWorld()
    world.receiver.turnedAway('wrong-authenticator')
    world.receiver.turnedAway('no-authenticator')
    const { received, refused } = world.receiver.counts
    assert.deepEqual(
      [received, refused['wrong-authenticator'], refused['no-authenticator']],
      [2, 1, 1],
    )
    await world.close()
  })
})
