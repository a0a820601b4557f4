import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { modbus, silentLog, tcpBus, volatileMap } from '@s3mp/firmware'
import { parseSettings, systemClock } from '@s3mp/hal'
import { decimal, MODBUS_MAPS, type Reading } from '@s3mp/meter'
import { describe, it } from 'mocha'
import { ServerTCP } from 'modbus-serial'

/** Input registers of an SDM630 by address, as its manual has them: floats, high word first. */
const FLOATS: ReadonlyMap<number, number> = new Map([
  [0x00, 230.5],
  [0x02, 231.25],
  [0x04, 229],
  [0x34, 1842.5],
  [0x46, 50],
  [0x48, 12345.5],
  [0x4a, 0.25],
])

function word(address: number): number {
  const high = FLOATS.get(address)
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, high ?? FLOATS.get(address - 1) ?? 0)
  return view.getUint16(high === undefined && FLOATS.has(address - 1) ? 2 : 0)
}

/** A port of this machine that is free now. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

describe('a Modbus slave that others wrote (modbus-serial)', () => {
  it('is read over TCP, value by value', async () => {
    const port = await freePort()
    const server = new ServerTCP(
      {
        getInputRegister: (address: number, unit: number) => {
          assert.equal(unit, 3)
          return word(address)
        },
        setRegister: () => assert.fail('nothing may be written'),
      },
      { host: '127.0.0.1', port, unitID: 3 },
    )
    await once(server, 'initialized')
    const map = MODBUS_MAPS.get('eastron-sdm630')
    assert.ok(map !== undefined)
    const spec = modbus({
      name: 'sub',
      device: `tcp:127.0.0.1:${String(port)}`,
      bus: tcpBus({ host: '127.0.0.1', port }),
      askMs: 60_000,
      isSimulated: false,
      map,
      unit: 3,
      transport: 'tcp',
      settings: parseSettings('9600 8N1'),
      serial: 'SN-1',
    })
    const stop = new AbortController()
    const told = Promise.withResolvers<Reading>()
    const source = spec.create({
      clock: systemClock,
      random: Math.random,
      log: silentLog,
      invocations: volatileMap(),
      arrears: volatileMap(),
      isClockSet: () => true,
      stored: () => Promise.resolve(true),
      pulses: volatileMap(),
      onReading: told.resolve,
      onDiscarded: () => undefined,
      onSilence: () => {
        told.reject(new Error('silent'))
      },
      onTrouble: () => undefined,
      tap: {},
      newestMs: () => undefined,
    })
    const running = source.run(stop.signal, () => undefined)
    const reading = await told.promise
    stop.abort()
    await running
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve()
      })
    })
    const value = (obis: string): string => {
      const register = reading.registers.find((one) => one.obis === obis)
      return register === undefined
        ? 'none'
        : `${String(Number(decimal(register)))} ${register.unit}`
    }
    assert.equal(reading.device, 'SN-1')
    assert.equal(value('1-0:32.7.0*255'), '230.5 V')
    assert.equal(value('1-0:52.7.0*255'), '231.25 V')
    assert.equal(value('1-0:1.8.0*255'), '12345500 Wh')
    assert.equal(value('1-0:2.8.0*255'), '250 Wh')
  }).timeout(10_000)
})
