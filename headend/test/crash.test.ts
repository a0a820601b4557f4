import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { acknowledges, EnvelopeError, genesis, toHex } from '@s3mp/envelope'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { systemClock } from '../src/clock.ts'
import { systemRandom } from '../src/headend.ts'
import { SecretFolder } from '../src/keys/files.ts'
import { Keyring } from '../src/keys/keyring.ts'
import { SqliteStore } from '../src/store/store.ts'
import { POLICY, readingBody, TestMeter } from './support/world.ts'

const QUARTER = 1
const ROUNDS = 4
// Some hundred readings fit into the store, and some hundred do not.
const DISK_BLOCKS = 1200
const CHILD = join(import.meta.dirname, 'support/crash-child.ts')

describe('a head-end that is killed', () => {
  let folder: string
  let keyring: Keyring
  let meter: TestMeter
  let socket: Socket
  const children: ChildProcess[] = []

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 's3mp-crash-'))
    keyring = Keyring.create(new SecretFolder(join(folder, 'keys')), POLICY, systemRandom)
    await keyring.rotate(systemClock.nowMs())
    meter = new TestMeter('crash')
    const store = new SqliteStore(join(folder, 'store.sqlite'))
    const { ueid, algorithm, publicKey } = meter.signer
    const card = new Uint8Array(0)
    store.registry.enroll({ ueid, algorithm, publicKey, name: 'm', card }, 1)
    store.close()
    socket = createSocket('udp4')
  })

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    socket.close()
    rmSync(folder, { recursive: true })
  })

  /** `blocks`: the largest file it may write, in blocks of 512 bytes, as if the disk had no more. */
  async function start(blocks?: number): Promise<{ child: ChildProcess; port: number }> {
    const flags = ['--disable-warning=ExperimentalWarning', '--conditions=@s3mp/source']
    const node = [process.execPath, ...flags, CHILD, folder]
    const limit = blocks === undefined ? '' : `ulimit -f ${blocks}; trap "" XFSZ;`
    const child = spawn('sh', ['-c', `${limit} exec "$@"`, 'sh', ...node], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    assert.ok(child.stdout)
    const [line] = (await once(child.stdout, 'data')) as [Uint8Array]
    return { child, port: Number(new TextDecoder().decode(line)) }
  }

  it('has on disk whatever it acknowledged, once, and opens old epochs after its restart', async function () {
    this.timeout(60_000)
    const acked = new Set<number>()
    const sent = new Map<number, Uint8Array>()
    socket.on('message', (bytes) => {
      try {
        for (const ack of meter.openAck(bytes).ack.streams) {
          if (ack.stream !== QUARTER) continue
          for (const seq of sent.keys()) if (acknowledges(ack, seq)) acked.add(seq)
        }
      } catch (error) {
        // An answer that was on its way when its head-end was killed may come twice.
        assert.ok(error instanceof EnvelopeError, String(error))
      }
    })
    const prekey = keyring.current(systemClock.nowMs())?.prekey
    assert.ok(prekey)
    const epoch = await meter.openEpoch(prekey, systemClock.nowMs())
    for (let round = 0; round < ROUNDS; round++) {
      const { child, port } = await start()
      const killed = once(child, 'exit')
      const before = acked.size
      // The epoch is announced once only: from the second round on it is derived again.
      if (round === 0) socket.send(epoch, port, '127.0.0.1')
      let alive = true
      for (let i = 0; alive; i++) {
        const { record, datagram } = await meter.next(
          QUARTER,
          readingBody(systemClock.nowMs(), [BigInt(i), 1n]),
          keyring.ueid,
        )
        sent.set(record.seq, datagram)
        socket.send(datagram, port, '127.0.0.1')
        for (const [seq, again] of sent) {
          if (!acked.has(seq) && i % 20 === 0) socket.send(again, port, '127.0.0.1')
        }
        if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
        // Killed in the middle of commits: as soon as some dozens more were acknowledged.
        if (acked.size > before + 60 + round * 17) {
          child.kill('SIGKILL')
          alive = false
        }
      }
      await killed
      checkStore(acked, round)
    }
  })

  it('acknowledges nothing that its full disk did not take, and goes on when there is room', async function () {
    this.timeout(60_000)
    const acked = new Set<number>()
    const sent = new Map<number, Uint8Array>()
    socket.on('message', (bytes) => {
      try {
        for (const ack of meter.openAck(bytes).ack.streams) {
          if (ack.stream !== QUARTER) continue
          for (const seq of sent.keys()) if (acknowledges(ack, seq)) acked.add(seq)
        }
      } catch (error) {
        assert.ok(error instanceof EnvelopeError, String(error))
      }
    })
    const prekey = keyring.current(systemClock.nowMs())?.prekey
    assert.ok(prekey)
    const epoch = await meter.openEpoch(prekey, systemClock.nowMs())
    const full = await start(DISK_BLOCKS)
    const ended = once(full.child, 'exit')
    const known = once(socket, 'message')
    socket.send(epoch, full.port, '127.0.0.1')
    await known
    for (let i = 0; i < 1500; i++) {
      const body = readingBody(systemClock.nowMs(), [BigInt(i), 1n])
      const { record, datagram } = await meter.next(QUARTER, body, keyring.ueid)
      sent.set(record.seq, datagram)
      socket.send(datagram, full.port, '127.0.0.1')
      if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
    assert.equal(full.child.exitCode, null, 'a full disk is no reason to end')
    assert.ok(acked.size > 0 && acked.size < sent.size, `${acked.size} of ${sent.size}`)
    full.child.kill('SIGKILL')
    await ended
    checkStore(acked, 0)
    const { child, port } = await start()
    const again = once(child, 'exit')
    while (acked.size < sent.size) {
      for (const [seq, datagram] of sent) {
        if (!acked.has(seq)) socket.send(datagram, port, '127.0.0.1')
      }
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    child.kill('SIGKILL')
    await again
    checkStore(acked, 1)
  })

  function checkStore(acked: ReadonlySet<number>, round: number): void {
    const store = new SqliteStore(join(folder, 'store.sqlite'))
    try {
      const device = store.registry.device(meter.signer.ueid)
      const stream = device && store.queries.stream(device.row, QUARTER)
      assert.ok(stream, `round ${round}: nothing is stored`)
      for (const seq of acked) {
        const record = store.queries.recordAt(stream.row, seq)
        assert.ok(record, `round ${round}: ${seq} was acknowledged and is gone`)
      }
      const hashes = meter.hashes(QUARTER).map(toHex)
      const records = store.queries.recordsFrom(stream.row, 0, 100_000)
      assert.deepEqual(
        records.map(({ seq }) => seq),
        [...new Set(records.map(({ seq }) => seq))],
        'none is stored twice',
      )
      const first = toHex(genesis(meter.signer.ueid, QUARTER).head)
      assert.equal(toHex(stream.contiguousHash), hashes[stream.contiguous - 1] ?? first)
      assert.deepEqual(store.queries.events({ limit: 10 }), [], 'no chain is broken')
    } finally {
      store.close()
    }
  }
})
