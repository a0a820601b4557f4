import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'

import { parseSettings, systemClock } from '@s3mp/hal'
import { PeerSerial, type AnsweringPeer } from '@s3mp/hal/mock'
import { decimal, MODBUS_MAPS } from '@s3mp/meter'
import { D0Meter, DlmsMeter, Household, ModbusSlave } from '@s3mp/meter/simulator'
import { describe, it } from 'mocha'

import { serialBus, tcpBus } from '../../src/sources/bus.ts'
import { dlms, type DlmsOptions } from '../../src/sources/dlms.ts'
import { modbus } from '../../src/sources/modbus.ts'
import { tcpPlace } from '../../src/sources/tcp-port.ts'
import { SourceBench } from '../support/source-bench.ts'
import { seededBytes, seededRandom, START_MS } from '../support/world.ts'

const LINE = parseSettings('9600 8N1')
const HOUR = 3_600_000
const TITLE = Uint8Array.from(Buffer.from('53494d0000bc614e', 'hex'))
const OWN = Uint8Array.from(Buffer.from('5333504d00000001', 'hex'))
const KEY = Uint8Array.from({ length: 16 }, (_, at) => at)
const PROOF = Uint8Array.from({ length: 16 }, (_, at) => 0xd0 + at)

type Clients = ConstructorParameters<typeof DlmsMeter>[0]['clients']

function meter(clients: Clients, link: 'hdlc' | 'wrapper' = 'hdlc'): DlmsMeter {
  return new DlmsMeter({
    household: new Household({ seed: 1, startMs: START_MS - 86_400_000 }),
    device: 'SIM0001',
    profileFromMs: START_MS - 12 * HOUR,
    systemTitle: TITLE,
    random: seededBytes('dlms meter'),
    link,
    clients,
  })
}

/** The meter on a serial line. */
function onLine(one: DlmsMeter, baudRate = 9600): AnsweringPeer {
  return {
    receive: (bytes, { timeMs, baudRate: at }) => {
      if (at !== baudRate) return []
      const answer = one.receive(bytes, timeMs)
      if (answer.length === 0) return []
      return [{ atMs: timeMs + 20, baudRate, framing: '8N1', bytes: answer }]
    },
    poll: () => [],
  }
}

const PUBLIC: Clients = [{ client: 16, authentication: { kind: 'none' } }]

function start(
  peer: AnsweringPeer,
  more: Partial<DlmsOptions>,
  bench = new SourceBench(),
): SourceBench {
  const { clock } = bench
  const serial = new PeerSerial({ clock, random: seededRandom('noise'), peers: [peer] })
  return bench.start(
    dlms({
      name: 'house',
      device: '/dev/peer',
      bus: serialBus(serial, '/dev/peer', LINE),
      askMs: 60_000,
      isSimulated: true,
      settings: LINE,
      link: { kind: 'hdlc', client: 16, logical: 1 },
      authentication: { kind: 'none' },
      keys: {},
      randomBytes: seededBytes('dlms client'),
      ...more,
    }),
  )
}

describe('a meter that answers a DLMS client', () => {
  it('is asked for what it lists of itself, or for what is wanted', async () => {
    const all = start(onLine(meter(PUBLIC)), {})
    await all.pass(120_000)
    assert.ok(all.readings.length >= 2, all.log.join('\n'))
    const registers = all.readings[0]?.reading.registers ?? []
    assert.ok(registers.length > 3)
    await all.stop()
    const one = start(onLine(meter(PUBLIC)), { registers: ['1-0:1.8.0'] })
    await one.pass(120_000)
    assert.deepEqual(
      one.readings[0]?.reading.registers.map(({ obis }) => obis),
      ['1-0:1.8.0*255'],
    )
    assert.deepEqual(one.silences, [])
    await one.stop()
  }).timeout(10_000)

  it('that was swapped for one with other scales is read by its own', async () => {
    const of = (title: string, tamper?: (apdu: Uint8Array) => Uint8Array): DlmsMeter =>
      new DlmsMeter({
        household: new Household({ seed: 1, startMs: START_MS - 86_400_000 }),
        device: title,
        profileFromMs: START_MS,
        systemTitle: Uint8Array.from(Buffer.from(title, 'hex')),
        random: seededBytes(title),
        link: 'hdlc',
        clients: PUBLIC,
        ...(tamper === undefined ? {} : { tamper }),
      })
    // Scaler and unit of the other meter: thousands of watt-hours.
    const thousands = (apdu: Uint8Array): Uint8Array => {
      const hex = Buffer.from(apdu).toString('hex').replace('02020f00161e', '02020f03161e')
      return Uint8Array.from(Buffer.from(hex, 'hex'))
    }
    const meters = [of('53494d0000000001'), of('53494d0000000002', thousands)]
    let at = 0
    const door: AnsweringPeer = {
      receive: (bytes, moment) => onLine(meters[at] ?? meter(PUBLIC)).receive(bytes, moment),
      poll: () => [],
    }
    const bench = start(door, {})
    await bench.pass(90_000)
    at = 1
    await bench.pass(180_000)
    const counters = bench.readings.map(({ reading }) => {
      const energy = reading.registers.find(({ obis }) => obis === '1-0:1.8.0*255')
      return [reading.device, energy?.scaler]
    })
    assert.deepEqual(counters[0], ['53494d0000000001', 0])
    assert.deepEqual(
      [...new Set(counters.map(String))],
      ['53494d0000000001,0', '53494d0000000002,3'],
    )
    await bench.stop()
  }).timeout(10_000)

  it('makes up for an outage from its load profile, once and in order', async () => {
    const bench = new SourceBench()
    bench.newestMs = START_MS - 3 * HOUR
    start(onLine(meter(PUBLIC)), { profile: '1-0:99.1.0', registers: ['1-0:1.8.0'] }, bench)
    await bench.pass(30_000)
    const past = bench.readings.filter(({ time }) => time?.isBackfill === true)
    assert.ok(past.length >= 11 && past.length <= 13, `${String(past.length)} quarters`)
    const times = past.map(({ time }) => time?.timeMs ?? 0)
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    )
    assert.ok(times.every((time) => time > START_MS - 3 * HOUR && time <= START_MS + 30_000))
    const energies = past.map(({ reading }) => Number(decimal(reading.registers[0] ?? { digits: 0n, scaler: 0 }))) // prettier-ignore
    assert.ok(energies.every((value, at) => at === 0 || value >= (energies[at - 1] ?? 0)))
    // Everything is registered now: nothing is fetched again.
    bench.newestMs = bench.clock.nowMs()
    const before = bench.readings.length
    await bench.pass(60_000)
    assert.ok(bench.readings.slice(before).every(({ time }) => time === undefined))
    await bench.stop()
  }).timeout(10_000)

  it('is asked under keys, and every counter is reserved before it is used', async () => {
    const security = { suite: 0, encryptionKey: KEY, authenticationKey: PROOF } as const
    const clients: Clients = [{ client: 1, authentication: { kind: 'gmac' }, security }]
    const link = { kind: 'hdlc', client: 1, logical: 1 } as const
    const secret = { link, authentication: { kind: 'gmac' }, title: OWN } as const
    const one = meter(clients)
    const keys = { key: KEY, authenticationKey: PROOF }
    const bench = start(onLine(one), { ...secret, keys, registers: ['1-0:1.8.0'] })
    await bench.pass(90_000)
    assert.ok(bench.readings.length >= 1, bench.log.join('\n'))
    assert.equal(bench.readings[0]?.reading.security?.authentic ?? true, true)
    const [name, used] = bench.invocations.entries().find(([each]) => each.startsWith('out ')) ?? []
    assert.ok(name !== undefined && Number(used) >= 64)
    await bench.stop()
    const wrong = start(onLine(meter(clients)), {
      ...secret,
      keys: { key: PROOF, authenticationKey: KEY },
      registers: ['1-0:1.8.0'],
    })
    await wrong.pass(600_000)
    assert.equal(wrong.readings.length, 0)
    assert.deepEqual(wrong.silences, [true])
    assert.ok(wrong.log.length < 80, `${String(wrong.log.length)} lines`)
    await wrong.stop()
  }).timeout(10_000)

  it('is reached behind the sign-on of an optical head', async () => {
    const inside = meter(PUBLIC)
    const door = new D0Meter({
      household: new Household({ seed: 1, startMs: START_MS - 86_400_000 }),
      mode: 'E',
      hdlc: (bytes, timeMs) => inside.receive(bytes, timeMs),
    })
    const bench = start(door, { signOn: true, registers: ['1-0:1.8.0'] })
    await bench.pass(90_000)
    assert.ok(bench.readings.length >= 1, bench.log.join('\n'))
    await bench.stop()
  }).timeout(10_000)
})

describe('a meter behind a connection', () => {
  /** Serves connections on loopback with what a meter answers. */
  async function serve(answer: (bytes: Uint8Array) => Uint8Array): Promise<{
    readonly place: string
    readonly connections: () => number
    readonly cut: () => void
    readonly close: () => void
  }> {
    const sockets = new Set<{ destroy(): unknown }>()
    let count = 0
    const server = createServer((socket) => {
      count += 1
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('data', (bytes: Uint8Array) => {
        const reply = answer(Uint8Array.from(bytes))
        if (reply.length > 0) socket.write(reply)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const cut = (): void => {
      for (const socket of sockets) socket.destroy()
      sockets.clear()
    }
    return {
      place: `127.0.0.1:${String(port)}`,
      connections: () => count,
      cut,
      close: () => {
        cut()
        server.close()
      },
    }
  }

  async function until(isSo: () => boolean): Promise<void> {
    for (let left = 200; !isSo() && left > 0; left -= 1) await systemClock.sleep(20)
    assert.ok(isSo(), 'in time')
  }

  it('is asked by Modbus over TCP, and again when the connection was cut', async () => {
    const map = MODBUS_MAPS.get('eastron-sdm630')
    assert.ok(map !== undefined)
    const household = new Household({ seed: 1, startMs: systemClock.nowMs() - 1000 })
    const slave = new ModbusSlave({ household, map, unit: 1, transport: 'tcp' })
    const server = await serve((bytes) => {
      const moment = { timeMs: systemClock.nowMs(), baudRate: 9600 }
      const parts = slave.receive(bytes, moment).map((reply) => [...reply.bytes])
      return Uint8Array.from(parts.flat())
    })
    const bench = new RealBench()
    bench.start(
      modbus({
        name: 'a',
        device: `tcp:${server.place}`,
        bus: tcpBus(tcpPlace(server.place)),
        askMs: 1000,
        isSimulated: true,
        map,
        unit: 1,
        transport: 'tcp',
        settings: LINE,
      }),
    )
    await until(() => bench.readings >= 1)
    server.cut()
    const before = bench.readings
    await until(() => bench.readings > before)
    assert.ok(server.connections() >= 2)
    await bench.stop()
    server.close()
  }).timeout(10_000)

  it('is asked by DLMS in the wrapper', async () => {
    const household = new Household({ seed: 1, startMs: systemClock.nowMs() - 2 * HOUR })
    const one = new DlmsMeter({
      household,
      device: 'SIM0002',
      profileFromMs: systemClock.nowMs() - HOUR,
      systemTitle: TITLE,
      random: seededBytes('dlms meter'),
      link: 'wrapper',
      clients: PUBLIC,
    })
    const server = await serve((bytes) => one.receive(bytes, systemClock.nowMs()))
    const bench = new RealBench()
    bench.start(
      dlms({
        name: 'a',
        device: `tcp:${server.place}`,
        bus: tcpBus(tcpPlace(server.place)),
        askMs: 1000,
        isSimulated: true,
        settings: LINE,
        link: { kind: 'wrapper', client: 16, server: 1 },
        authentication: { kind: 'none' },
        keys: {},
        randomBytes: seededBytes('dlms client'),
        registers: ['1-0:1.8.0'],
      }),
    )
    await until(() => bench.readings >= 1)
    await bench.stop()
    server.close()
  }).timeout(10_000)

  it('is said to be silent where nobody listens', async () => {
    const bench = new RealBench()
    const place = '127.0.0.1:1'
    const map = MODBUS_MAPS.get('eastron-sdm630')
    assert.ok(map !== undefined)
    const base = {
      name: 'a',
      device: place,
      askMs: 1000,
      isSimulated: true,
      settings: LINE,
    } as const
    bench.start(modbus({ ...base, bus: tcpBus(tcpPlace(place)), map, unit: 1, transport: 'tcp' }))
    await until(() => bench.silences.includes(true))
    await bench.stop()
  }).timeout(10_000)
})

/** One source alone in real time. */
class RealBench {
  readings = 0
  readonly silences: boolean[] = []
  readonly #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()
  log: readonly string[] = []

  start(spec: ReturnType<typeof modbus>): void {
    const bench = new SourceBench()
    this.log = bench.log
    const source = spec.create({
      ...bench.context(),
      clock: systemClock,
      onReading: () => {
        this.readings += 1
      },
      onSilence: (isSilent) => {
        this.silences.push(isSilent)
      },
    })
    this.#running = source.run(this.#stop.signal, () => undefined)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }
}
