import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog, volatileMap } from '@s3mp/firmware'
import { systemClock } from '@s3mp/hal'
import { MODBUS_MAPS, type Reading } from '@s3mp/meter'
import { D0Meter, Household, ModbusSlave, SmlHousehold } from '@s3mp/meter/simulator'
import type { LinePeer } from '@s3mp/meter/simulator'
import { after, before, describe, it } from 'mocha'
import { parseConfig } from '../../firmware/src/config/load.ts'
import { openSources } from '../../firmware/src/sources/open.ts'
import { need } from '../support/outside.ts'

const REST = '\n[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:7400"\n'

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const endMs = systemClock.monotonicMs() + 15_000; !isSo();) {
    assert.ok(systemClock.monotonicMs() < endMs, `in time: ${what}`)
    await systemClock.sleep(20)
  }
}

/** A meter at the far end of a pseudo-terminal that can be pulled out. */
class Far {
  readonly path: string
  readonly #socketPath: string
  readonly #server: Server
  #socat: ChildProcess | undefined
  #socket: Socket | undefined

  constructor(folder: string, name: string, hear: (bytes: Uint8Array, far: Far) => void) {
    this.path = join(folder, name)
    this.#socketPath = `${this.path}.far`
    this.#server = createServer((socket) => {
      this.#socket = socket
      socket.on('error', () => undefined)
      socket.on('data', (bytes: Uint8Array) => {
        hear(Uint8Array.from(bytes), this)
      })
    }).listen(this.#socketPath)
  }

  say(bytes: Uint8Array): void {
    this.#socket?.write(bytes)
  }

  async plug(): Promise<void> {
    this.#socket = undefined
    const pty = `PTY,link=${this.path},rawer,wait-slave=0`
    this.#socat = spawn('socat', [pty, `UNIX-CONNECT:${this.#socketPath}`], { stdio: 'ignore' })
    await until(() => this.#socket !== undefined && existsSync(this.path), 'socat')
  }

  async unplug(): Promise<void> {
    const socat = this.#socat
    if (socat?.exitCode !== null) return
    socat.kill('SIGTERM')
    await once(socat, 'exit')
  }

  async close(): Promise<void> {
    await this.unplug()
    this.#server.close()
  }
}

/** A simulated meter that answers, at the speed of sign-on until it has been acknowledged. */
function answering(peer: LinePeer, baudRate: number): (bytes: Uint8Array, far: Far) => void {
  return (bytes, far) => {
    const replies = peer.receive(bytes, { timeMs: systemClock.nowMs(), baudRate })
    for (const reply of replies) {
      void systemClock.sleep(reply.atMs - systemClock.nowMs()).then(() => {
        far.say(reply.bytes)
      })
    }
  }
}

describe('meters at pseudo-terminals', function () {
  this.timeout(60_000)
  const folder = mkdtempSync(join(tmpdir(), 's3mp-meters-'))
  const fars: Far[] = []

  before(function () {
    need(this, 'socat')
  })

  after(async () => {
    await Promise.all(fars.map((far) => far.close()))
    rmSync(folder, { recursive: true, force: true })
  })

  /** The sources of a configuration at work, until `use` has ended. */
  async function withMeters(
    toml: string,
    use: (
      heard: ReadonlyMap<string, readonly Reading[]>,
      silences: readonly string[],
    ) => Promise<void>,
  ): Promise<void> {
    const configFile = join(folder, 'meter.toml')
    const randomBytes = (length: number): Uint8Array => new Uint8Array(length)
    const surroundings = { configFile, credentials: undefined, randomBytes }
    const { meters } = parseConfig(toml + REST, configFile)
    const specs = await openSources(meters, {
      clock: systemClock,
      random: Math.random,
      ...surroundings,
    })
    const heard = new Map<string, Reading[]>()
    const silences: string[] = []
    const stop = new AbortController()
    const running = specs.map((spec) => {
      const readings: Reading[] = []
      heard.set(spec.name, readings)
      const source = spec.create({
        clock: systemClock,
        random: Math.random,
        log: silentLog,
        invocations: volatileMap(),
        arrears: volatileMap(),
        isClockSet: () => true,
        stored: () => Promise.resolve(true),
        pulses: volatileMap(),
        onReading: (reading) => readings.push(reading),
        onDiscarded: () => undefined,
        onSilence: (isSilent) => {
          if (isSilent) silences.push(spec.name)
        },
        onTrouble: () => undefined,
        tap: {},
        newestMs: () => undefined,
      })
      return source.run(stop.signal, () => undefined)
    })
    try {
      await use(heard, silences)
    } finally {
      stop.abort()
      await Promise.all(running)
    }
  }

  function household(seed: number): Household {
    return new Household({ seed, startMs: systemClock.nowMs() - 60_000 })
  }

  it('are heard, signed on to and asked in turn, in one process', async () => {
    const map = MODBUS_MAPS.get('eastron-sdm630')
    assert.ok(map !== undefined)
    const d0 = new D0Meter({ household: household(1), mode: 'C' })
    const slaves = [1, 2].map(
      (unit) => new ModbusSlave({ household: household(unit), map, unit, transport: 'rtu' }),
    )
    const bus: LinePeer = {
      receive: (bytes, moment) => slaves.flatMap((slave) => slave.receive(bytes, moment)),
      poll: () => [],
    }
    const [signed, shared] = [
      new Far(folder, 'd0', answering(d0, 300)),
      new Far(folder, 'bus', answering(bus, 9600)),
    ]
    fars.push(signed, shared)
    await Promise.all([signed.plug(), shared.plug()])
    const modbus = (name: string, unit: number): string =>
      `[[meter]]\nname = "${name}"\ndevice = "${shared.path}"\nprotocol = "modbus"\nask = "1s"\n` +
      `[meter.modbus]\nmap = "eastron-sdm630"\nunit = ${String(unit)}\nserial = "SN-${String(unit)}"\n`
    const toml =
      `[[meter]]\nname = "old"\ndevice = "${signed.path}"\nprotocol = "d0"\nask = "30s"\n` +
      modbus('one', 1) +
      modbus('two', 2)
    await withMeters(toml, async (heard) => {
      const count = (name: string): number => heard.get(name)?.length ?? 0
      await until(() => count('old') >= 1 && count('one') >= 2 && count('two') >= 2, 'readings')
      assert.equal(heard.get('old')?.[0]?.protocol, 'd0')
      assert.deepEqual(
        ['one', 'two'].map((name) => heard.get(name)?.[0]?.device),
        ['SN-1', 'SN-2'],
      )
      assert.deepEqual(d0.writes, [])
    })
  })

  it('are heard again after they were pulled out', async () => {
    const sml = new SmlHousehold({ household: household(1) })
    const far = new Far(folder, 'sml', () => undefined)
    fars.push(far)
    await far.plug()
    const beat = setInterval(() => {
      far.say(sml.telegram(systemClock.nowMs()))
    }, 200)
    try {
      await withMeters(`[meter]\ndevice = "${far.path}"\n`, async (heard, silences) => {
        const count = (): number => heard.get('meter')?.length ?? 0
        await until(() => count() >= 3, 'readings')
        await far.unplug()
        await until(() => silences.length === 1, 'the silence')
        await far.plug()
        const before = count()
        await until(() => count() >= before + 3, 'readings again')
      })
    } finally {
      clearInterval(beat)
    }
  })
})
