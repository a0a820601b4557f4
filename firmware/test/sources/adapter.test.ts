import assert from 'node:assert/strict'
import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'

import { systemClock } from '@s3mp/hal'
import { decimal } from '@s3mp/meter'
import { after, describe, it } from 'mocha'

import { readKeyTable, SecretReference } from '../../src/config/secret.ts'
import {
  adapter,
  ADAPTER_CLIENTS_MAX,
  type AdapterSourceOptions,
} from '../../src/sources/adapter.ts'
import type { SourceContext } from '../../src/sources/source.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'
import { SourceBench } from '../support/source-bench.ts'

function line(device: string, value: string, more: object = {}): string {
  const registers = [{ obis: '8-0:1.0.0*255', value, unit: 'm3' }]
  return `${JSON.stringify({ v: 1, kind: 'reading', device, medium: 'water', registers, ...more })}\n`
}

describe('a socket for received telegrams', () => {
  after(removeFolders)

  /** The source at work in real time, until `use` has ended. */
  async function withSocket(
    more: Partial<AdapterSourceOptions>,
    use: (path: string, bench: SourceBench) => Promise<void>,
    before: (path: string) => void = () => undefined,
  ): Promise<void> {
    const path = join(freshFolder(), 'radio.sock')
    before(path)
    const bench = new SourceBench()
    const context: SourceContext = { ...bench.context(), clock: systemClock }
    const stop = new AbortController()
    const spec = adapter({ name: 'radio', path, silenceMs: 60_000, isSimulated: true, ...more })
    const running = spec.create(context).run(stop.signal, () => undefined)
    try {
      await until(() => statSync(path, { throwIfNoEntry: false })?.isSocket() === true)
      await use(path, bench)
    } finally {
      stop.abort()
      await running
    }
  }

  async function until(isSo: () => boolean): Promise<void> {
    for (let left = 150; !isSo() && left > 0; left -= 1) await systemClock.sleep(20)
    assert.ok(isSo(), 'in time')
  }

  async function write(path: string, ...parts: readonly (string | Uint8Array)[]): Promise<void> {
    const socket = connect(path)
    await once(socket, 'connect')
    for (const part of parts) socket.write(part)
    socket.end()
    socket.resume()
    await once(socket, 'close')
  }

  it('takes readings in any pieces, of ours alone, for owner and group alone', async () => {
    await withSocket({ devices: ['111', '222'] }, async (path, bench) => {
      await until(() => (statSync(path).mode & 0o777) === 0o660)
      const one = line('111', '12.345')
      await write(path, one.slice(0, 20), one.slice(20), line('333', '1'), line('222', '7'))
      await until(() => bench.readings.length === 2)
      assert.deepEqual(
        bench.readings.map(({ reading }) => reading.device),
        ['111', '222'],
      )
      const [register] = bench.readings[0]?.reading.registers ?? []
      assert.ok(register !== undefined)
      assert.equal(decimal(register), '12.345')
      assert.deepEqual(bench.silences, [])
    })
  })

  it('keeps the time of receiving where that can be', async () => {
    await withSocket({}, async (path, bench) => {
      const nowMs = systemClock.nowMs()
      const at = (ms: number): object => ({ received: new Date(ms).toISOString() })
      await write(
        path,
        line('1', '1', at(nowMs - 60_000)),
        line('2', '1', at(0)),
        line('3', '1', at(nowMs + 3_600_000)),
      )
      await until(() => bench.readings.length === 3)
      const times = bench.readings.map(({ time }) => time?.timeMs ?? 0)
      assert.ok(Math.abs((times[0] ?? 0) - (nowMs - 60_000)) < 1000)
      for (const time of times.slice(1)) assert.ok(Math.abs(time - nowMs) < 5000)
    })
  })

  it('refuses a line that is wrong, too long or cut, and reads the next', async () => {
    await withSocket({}, async (path, bench) => {
      await write(path, 'no json\n', `${'x'.repeat(20_000)}\n`, Uint8Array.of(0xff, 0x0a), line('1', '1'), 'cut') // prettier-ignore
      await until(() => bench.readings.length === 1 && bench.troubles.length === 4)
      assert.ok(bench.troubles.every(({ kind }) => kind === 'meter-refused'))
      assert.ok(bench.log.length <= 6)
    })
  })

  it('hangs up on more programs than it serves', async () => {
    await withSocket({}, async (path) => {
      const sockets = Array.from({ length: ADAPTER_CLIENTS_MAX + 3 }, () => connect(path))
      let closed = 0
      for (const socket of sockets) {
        socket.on('error', () => undefined)
        socket.on('close', () => (closed += 1))
        socket.resume()
      }
      await until(() => closed >= 3)
      assert.equal(closed, 3)
      for (const socket of sockets) socket.destroy()
    })
  })

  it('takes the place of a socket that a killed run left, and of nothing else', async () => {
    await withSocket({}, async (path, bench) => {
      await withSocketAgain(path, bench)
    })
    const bench = new SourceBench()
    const path = join(freshFolder(), 'file')
    writeFileSync(path, 'precious')
    bench.start(adapter({ name: 'radio', path, silenceMs: 60_000, isSimulated: true }))
    await systemClock.sleep(100)
    assert.ok(bench.log.some((each) => each.startsWith('adapter.failed')))
    assert.equal(statSync(path).size, 8)
    await bench.stop()
  })

  async function withSocketAgain(path: string, bench: SourceBench): Promise<void> {
    // A second run on the same path, as after SIGKILL.
    const stop = new AbortController()
    const context: SourceContext = { ...bench.context(), clock: systemClock }
    const spec = adapter({ name: 'radio', path, silenceMs: 60_000, isSimulated: true })
    const running = spec.create(context).run(stop.signal, () => undefined)
    await systemClock.sleep(100)
    await write(path, line('1', '1'))
    await until(() => bench.readings.length === 1)
    stop.abort()
    await running
  }

  it('says that its meters are silent', async () => {
    await withSocket({ silenceMs: 100 }, async (path, bench) => {
      await until(() => bench.silences.length === 1)
      await write(path, line('1', '1'))
      await until(() => bench.silences.length >= 2)
      assert.deepEqual(bench.silences.slice(0, 2), [true, false])
    })
  })
})

describe('a table of keys', () => {
  after(removeFolders)

  it('has a line for each meter, and shows none of its keys in an error', () => {
    const folder = freshFolder()
    const around = { configFile: '', credentials: folder }
    const file = join(folder, 'keys')
    const digits = '000102030405060708090A0B0C0D0E0F'
    writeFileSync(file, `# radio\n\n12345678 ${digits}\n 87654321\t${digits} \n`, { mode: 0o600 })
    const read = (): ReadonlyMap<string, Uint8Array> =>
      readKeyTable('keys', new SecretReference('credential', 'keys'), around)
    assert.deepEqual([...read().keys()], ['12345678', '87654321'])
    assert.equal(read().get('12345678')?.length, 16)
    writeFileSync(file, `12345678 ${digits}FF\n`, { mode: 0o600 })
    assert.throws(read, (error: unknown) => {
      return (
        error instanceof Error && error.message.includes(':1:') && !error.message.includes(digits)
      )
    })
  })
})
