import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'

import { systemClock } from '@s3mp/hal'
import { VirtualClock } from '@s3mp/hal/mock'
import { after, describe, it } from 'mocha'

import { parseConfig } from '../src/config/load.ts'
import { statusLines } from '../src/status/lines.ts'
import { isWell, statusView } from '../src/status/view.ts'
import { askControl, openControl } from '../src/control.ts'
import { FirmwareError } from '../src/errors.ts'
import { createIdentity, loadIdentity, loadStorageKey, programHash } from '../src/identity.ts'
import { silentLog } from '../src/log.ts'
import { openSources } from '../src/sources/open.ts'
import type { SourceSpec } from '../src/sources/source.ts'
import { placeLabel, Vault } from '../src/spool/vault.ts'
import { UDP_PAYLOAD_BYTES_MAX, UdpTransport } from '../src/transport/udp.ts'
import { keepWatch, LOOP_STUCK_MS_MAX, systemdNotify, watchdogMs } from '../src/watchdog.ts'
import { freshFolder, removeFolders } from './support/folder.ts'
import { seededBytes, seededRandom, World } from './support/world.ts'

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof FirmwareError && error.code === code
}

describe('around the meter', () => {
  after(removeFolders)

  describe('the control socket', () => {
    it('answers its owner one question with one line of JSON', async () => {
      const path = join(freshFolder(), 'c.sock')
      const server = await openControl(path, (question) => ({
        question,
        big: 1n,
        raw: new Uint8Array([1]),
      }))
      assert.equal(statSync(path).mode & 0o777, 0o600)
      assert.deepEqual(await askControl(path, 'status'), {
        question: 'status',
        big: '1',
        raw: '01',
      })
      await server.close()
      await assert.rejects(askControl(path, 'status'), isCode('channel'))
    })

    it('hangs up on a question without end', async () => {
      const path = join(freshFolder(), 'c.sock')
      const server = await openControl(path, () => 1)
      const socket = connect(path)
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.on('error', () => undefined)
      socket.write('x'.repeat(1000))
      await closed
      await server.close()
    })

    it('shows a running meter in words', async () => {
      const world = await World.open()
      await world.startAndMeet()
      await world.pass(10_000)
      const path = join(freshFolder(), 'c.sock')
      const server = await openControl(path, () => world.meter.status())
      const status = statusView(await askControl(path, 'status'))
      assert.ok(isWell(status))
      const text = statusLines(status, world.clock.nowMs()).join('\n')
      assert.match(
        text,
        /clock +agrees with the head-end[^]*1SIM[^]*telegrams[^]*there[^]*answers in/u,
      )
      assert.ok(world.meter.raw().length > 1000)
      await server.close()
      await world.stop()
    })
  })

  describe('the watchdog', () => {
    it('reads what the service manager offers', () => {
      assert.equal(systemdNotify({}), undefined)
      assert.notEqual(systemdNotify({ NOTIFY_SOCKET: '/run/x' }), undefined)
      assert.equal(watchdogMs({ WATCHDOG_USEC: '60000000' }), 60_000)
      assert.equal(watchdogMs({ WATCHDOG_USEC: 'x' }), undefined)
      assert.equal(watchdogMs({}), undefined)
    })

    it('is fed while every loop turns, and no more when one is stuck', async () => {
      const clock = new VirtualClock()
      const told: string[] = []
      const ages = { delivery: 0, acquire: 100 }
      const stop = new AbortController()
      const notify = (state: string): Promise<void> => {
        told.push(state)
        return Promise.resolve()
      }
      const options = { notify, intervalMs: 60_000, clock, log: silentLog, loops: () => ages }
      const watching = keepWatch(options, stop.signal)
      await clock.advance(60_000)
      assert.deepEqual(told, ['READY=1', 'WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1'])
      ages.delivery = LOOP_STUCK_MS_MAX + 1
      await clock.advance(60_000)
      assert.equal(told.length, 5)
      stop.abort()
      await clock.runUntil(watching)
      assert.equal(told.at(-1), 'STOPPING=1')
    })
  })

  describe('the identity', () => {
    it('refuses a key that others may read, and one that is none', () => {
      const folder = freshFolder()
      createIdentity(folder, 'ESP256', seededBytes('identity'))
      assert.equal(loadIdentity(folder).signer.algorithm, 'ESP256')
      chmodSync(join(folder, 'device.key'), 0o640)
      assert.throws(() => loadIdentity(folder), /others may read the device key/u)
      chmodSync(join(folder, 'device.key'), 0o600)
      writeFileSync(join(folder, 'device.key'), 'no key')
      assert.throws(() => loadIdentity(folder), isCode('identity'))
    })

    it('makes the storage key once, and a new one in place of a broken one', () => {
      const folder = freshFolder()
      const key = loadStorageKey(folder, seededBytes('a'))
      assert.deepEqual(loadStorageKey(folder, seededBytes('b')), key)
      writeFileSync(join(folder, 'spool.key'), 'short')
      assert.notDeepEqual(loadStorageKey(folder, seededBytes('b')), key)
    })

    it('names a program by every byte and every name in it', () => {
      const folder = freshFolder()
      mkdirSync(join(folder, 'src/deep'), { recursive: true })
      writeFileSync(join(folder, 'src/a'), '1')
      writeFileSync(join(folder, 'src/deep/b'), '2')
      const hash = (): string => Buffer.from(programHash([join(folder, 'src')])).toString('hex')
      const before = hash()
      assert.equal(hash(), before)
      writeFileSync(join(folder, 'src/deep/b'), '3')
      assert.notEqual(hash(), before)
      writeFileSync(join(folder, 'src/deep/b'), '2')
      writeFileSync(join(folder, 'src/deep/c'), '')
      assert.notEqual(hash(), before)
    })
  })

  describe('the vault', () => {
    it('gives back what it locked, in its place and under its key only', () => {
      const vault = new Vault(new Uint8Array(32).fill(1), seededBytes('vault'))
      const object = seededBytes('object')(150)
      const place = placeLabel({ stream: 1, seq: 2, kind: 'reading' })
      const locked = vault.lock(object, place)
      assert.deepEqual(vault.unlock(locked, place), object)
      assert.equal(
        vault.unlock(locked, placeLabel({ stream: 1, seq: 3, kind: 'reading' })),
        undefined,
      )
      const other = new Vault(new Uint8Array(32).fill(2), seededBytes('vault'))
      assert.equal(other.unlock(locked, place), undefined)
      for (let at = 0; at < locked.length; at += 1) {
        const changed = Uint8Array.from(locked)
        changed[at] = (changed[at] ?? 0) ^ 1
        assert.equal(vault.unlock(changed, place), undefined)
        assert.equal(vault.unlock(locked.subarray(0, at), place), undefined)
      }
    })
  })

  describe('the source', () => {
    async function open(device: string): Promise<SourceSpec | undefined> {
      const toml = `[meter]\ndevice = ${JSON.stringify(device)}\n[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "h:1"`
      const configFile = '/etc/s3mp/meter.toml'
      const random = seededRandom('source')
      const randomBytes = seededBytes('source')
      const options = {
        clock: systemClock,
        random,
        randomBytes,
        configFile,
        credentials: undefined,
      }
      const [source] = await openSources(parseConfig(toml, configFile).meters, options)
      return source
    }

    it('plays a capture, raw or as hex text, and marks it', async () => {
      const world = await World.open()
      const telegram = world.household.telegram(world.clock.nowMs())
      const folder = freshFolder()
      writeFileSync(join(folder, 'raw'), telegram)
      writeFileSync(join(folder, 'hex'), Buffer.from(telegram).toString('hex'))
      for (const name of ['raw', 'hex']) {
        const source = await open(`replay:${join(folder, name)}`)
        assert.ok(source?.isSimulated)
      }
      writeFileSync(join(folder, 'none'), 'abc')
      for (const device of [
        `replay:${join(folder, 'none')}`,
        'replay:/no/file',
        'simulated:castle',
        'simulated:household:x',
      ]) {
        await assert.rejects(open(device), isCode('source'), device)
      }
    })

    it('takes any other name for a serial port', async () => {
      const source = await open('/dev/ttyUSB9')
      assert.equal(source?.isSimulated, false)
      assert.equal(source.device, '/dev/ttyUSB9')
    })
  })

  describe('the plain UDP transport', () => {
    it('hears its head-end and nobody else, and refuses what would be cut', async () => {
      const far = createSocket('udp4')
      await new Promise<void>((resolve) => far.bind(0, '127.0.0.1', resolve))
      far.on('message', (bytes, from) => {
        far.send(bytes, from.port, from.address)
        const stranger = createSocket('udp4')
        stranger.send('stranger', from.port, from.address, () => stranger.close())
      })
      const monotonicMs = (): number => systemClock.monotonicMs()
      const remote = { host: '127.0.0.1', port: far.address().port }
      const transport = new UdpTransport({ remote, monotonicMs })
      const heard: string[] = []
      transport.onReceive(({ bytes }) => heard.push(Buffer.from(bytes).toString()))
      const departure = await transport.send(new TextEncoder().encode('hello'))
      assert.equal(departure.path.length, 0)
      await assert.rejects(
        transport.send(new Uint8Array(UDP_PAYLOAD_BYTES_MAX + 1)),
        isCode('channel'),
      )
      for (let tries = 0; heard.length === 0 && tries < 400; tries += 1) await systemClock.sleep(5)
      await systemClock.sleep(30)
      assert.deepEqual(heard, ['hello'])
      await transport.close()
      await transport.close()
      await assert.rejects(transport.send(new Uint8Array(1)), isCode('channel'))
      far.close()
    })
  })
})
