import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { before, describe, it } from 'mocha'
import type { MeterAction, Reading, RegisterMap } from '@s3mp/meter'
import { MODBUS_MAPS, ModbusPoll, decimal } from '@s3mp/meter'
import { Household, ModbusSlave } from '@s3mp/meter/simulator'
import { need, skip } from '../support/outside.ts'

const PEER = join(import.meta.dirname, 'modbus_peer.py')
const PYTHON = '/usr/bin/python3'
const UNIT = 7
const PATIENCE_MS = 8_000

/** Asks a meter at a port of this machine once. */
async function ask(map: RegisterMap, port: number): Promise<Reading> {
  const socket = connect(port, '127.0.0.1')
  const poll = new ModbusPoll({ map, unit: UNIT, transport: 'tcp' })
  try {
    return await new Promise<Reading>((resolve, reject) => {
      const act = (actions: readonly MeterAction[]): void => {
        for (const action of actions) {
          if (action.kind === 'write') socket.write(action.bytes)
          if (action.kind === 'reading') resolve(action.reading)
          if (action.kind === 'failed') reject(new Error(action.reason))
        }
      }
      socket.on('error', reject)
      socket.on('connect', () => {
        act(poll.start())
      })
      socket.on('data', (bytes) => {
        act(poll.receive(bytes))
      })
    })
  } finally {
    socket.destroy()
  }
}

async function freePort(): Promise<number> {
  const server = await listening(() => undefined)
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function listening(handle: (socket: Socket) => void): Promise<Server> {
  const server = createServer(handle)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return server
}

describe('Modbus beside pymodbus', function () {
  this.timeout(30_000)
  const map = MODBUS_MAPS.get('eastron-sdm630')

  before(function () {
    need(this, PYTHON, 'python3')
    try {
      execFileSync(PYTHON, ['-c', 'import pymodbus.client'], { stdio: 'ignore' })
    } catch {
      skip(
        this,
        'pymodbus is not installed (Debian packages python3-pymodbus, python3-serial-asyncio)',
      )
    }
  })

  it('reads a server of pymodbus, every value in its place', async () => {
    assert.ok(map !== undefined)
    const port = await freePort()
    const server = spawn(PYTHON, [PEER, 'serve', String(port)], { stdio: 'ignore' })
    try {
      const reading = await eventually(() => ask(map, port))
      assert.equal(reading.registers.length, map.entries.length)
      for (const { address, obis, exponent } of map.entries) {
        const register = reading.registers.find((one) => one.obis === obis)
        assert.ok(register !== undefined)
        assert.equal(Number(decimal(register)), (address + 0.25) * 10 ** exponent, obis)
      }
    } finally {
      server.kill()
    }
  })

  it('is read by a client of pymodbus, which finds the house of the simulated meter', async () => {
    assert.ok(map !== undefined)
    const startMs = Date.UTC(2026, 5, 1, 12)
    const household = new Household({ seed: 4, startMs, importMilliWh: 5_000_000_000n })
    const meter = new ModbusSlave({ household, map, unit: UNIT, transport: 'tcp' })
    const server = await listening((socket) => {
      socket.on('data', (bytes) => {
        for (const reply of meter.receive(bytes, { timeMs: startMs, baudRate: 9_600 })) {
          socket.write(reply.bytes)
        }
      })
    })
    try {
      const { port } = server.address() as AddressInfo
      const values = await read(port)
      const state = household.at(startMs)
      assert.ok(Math.abs((values[0] ?? 0) - state.voltageMv[0] / 1_000) < 0.01)
      assert.ok(Math.abs((values[0x34 / 2] ?? 0) - state.powerMw / 1_000) < 0.01)
      assert.ok(Math.abs((values[0x48 / 2] ?? 0) - 5_000) < 0.01)
    } finally {
      server.close()
    }
  })
})

/** What the client of pymodbus reads from a port. */
async function read(port: number): Promise<readonly (number | null)[]> {
  const client = spawn(PYTHON, [PEER, 'read', String(port)])
  let text = ''
  client.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString()
  })
  await new Promise((resolve) => client.on('close', resolve))
  return JSON.parse(text) as readonly (number | null)[]
}

/** Tries again while the other side is starting. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > endMs) throw error
      await sleep(200)
    }
  }
}
