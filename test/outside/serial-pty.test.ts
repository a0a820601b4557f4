import { after, before, describe, it } from 'mocha'
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readlink, rm } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SerialPort } from 'serialport'
import { systemClock } from '@s3mp/hal'
import type { NativeSerialConstructor } from '@s3mp/hal/linux'
import { linuxSerial, systemNatives } from '@s3mp/hal/linux'
import type { SerialBench } from '../../hal/test/contract/serial.ts'
import { SML_LINE, describeSerial, rejectsWith } from '../../hal/test/contract/serial.ts'
import { need, needRoot, which } from '../support/outside.ts'

/** Counts what the driver has handed over, so that a test knows when a byte has arrived. */
class Counted extends SerialPort {
  static received = 0

  constructor(options: ConstructorParameters<typeof SerialPort>[0]) {
    super(options)
    this.on('data', (chunk: Uint8Array) => (Counted.received += chunk.length))
  }
}

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (await condition()) return
    await systemClock.sleep(1)
  }
  assert.fail(`waited in vain for ${what}`)
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** A pseudo-terminal as the head, with socat carrying its far end to a socket of this process. */
class PtyHead {
  readonly folder: string
  readonly path: string
  readonly #server: Server
  #socat: ChildProcess | undefined
  #far: Socket | undefined
  #heard: number[] = []

  private constructor(folder: string) {
    this.folder = folder
    this.path = join(folder, 'head')
    this.#server = createServer((socket) => {
      this.#far = socket
      socket.on('data', (chunk) => this.#heard.push(...chunk))
      socket.on('error', () => undefined)
    })
  }

  static async create(): Promise<PtyHead> {
    const head = new PtyHead(await mkdtemp(join(tmpdir(), 's3mp-pty-')))
    head.#server.listen(join(head.folder, 'far'))
    await once(head.#server, 'listening')
    await head.plug()
    return head
  }

  get heard(): Uint8Array {
    return Uint8Array.from(this.#heard)
  }

  async plug(): Promise<void> {
    this.#far = undefined
    const pty = `PTY,link=${this.path},rawer,wait-slave=0`
    this.#socat = spawn('socat', [pty, `UNIX-CONNECT:${join(this.folder, 'far')}`])
    await until(async () => this.#far !== undefined && (await exists(this.path)), 'socat')
  }

  async unplug(): Promise<void> {
    const socat = this.#socat
    if (socat?.exitCode !== null || socat.signalCode !== null) return
    socat.kill('SIGTERM')
    await once(socat, 'exit')
    await until(async () => !(await exists(this.path)), 'the end of socat')
  }

  async say(bytes: Uint8Array): Promise<void> {
    const wanted = Counted.received + bytes.length
    this.#far?.write(bytes)
    await until(() => Counted.received >= wanted, `${bytes.length} bytes`)
  }

  async release(): Promise<void> {
    await this.unplug()
    this.#server.close()
    await rm(this.folder, { recursive: true })
  }
}

const natives = {
  ...systemNatives(),
  serialPort: () => Promise.resolve(Counted as NativeSerialConstructor),
}

async function bench(): Promise<SerialBench> {
  const head = await PtyHead.create()
  return {
    backend: linuxSerial({ natives }),
    path: head.path,
    lacksBreak: true,
    say: (bytes) => head.say(bytes),
    heard: async () => {
      await systemClock.sleep(50)
      return head.heard
    },
    unplug: () => head.unplug(),
    plug: () => head.plug(),
    finish: (work) => work,
    release: () => head.release(),
  }
}

// Without socat the suite below says so.
if (which('socat') !== undefined) {
  describeSerial('linux over a pseudo-terminal', bench)
}

describe('a real terminal', () => {
  let head: PtyHead | undefined

  before(async function () {
    need(this, 'socat')
    head = await PtyHead.create()
  })

  after(async () => {
    await head?.release()
  })

  it('is noticed to be dead after a hang-up that leaves its name in place', async function () {
    assert.ok(head)
    needRoot(this)
    need(this, 'python3')
    const port = await linuxSerial().open(head.path, SML_LINE)
    const pending = rejectsWith(port.read(), 'io')
    // TIOCVHANGUP: what the kernel does to a tty whose USB device is pulled out.
    const hangUp = 'import fcntl,os,sys; fcntl.ioctl(os.open(sys.argv[1], 2|256), 0x5437)'
    await promisify(execFile)('python3', ['-c', hangUp, await readlink(head.path)])
    await pending
    await port.close()
  })
})
