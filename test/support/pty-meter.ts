import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@s3mp/hal'

/** A pair of pseudo-terminals: a meter that plays at one end, its head at the other. */
export class PtyMeter {
  readonly head: string
  readonly #far: string
  readonly #baud: string
  readonly #socat: ChildProcess
  readonly #stop = new AbortController()
  #done: Promise<void> = Promise.resolve()

  /** Its head is `head-NAME` in the folder; it speaks at so many baud. */
  constructor(folder: string, name: string, baud: string) {
    this.head = join(folder, `head-${name}`)
    this.#far = join(folder, `far-${name}`)
    this.#baud = baud
    const end = (path: string): string => `pty,link=${path},raw,echo=0`
    this.#socat = spawn('socat', [end(this.head), end(this.#far)], { stdio: 'ignore' })
  }

  /** Sends a telegram again and again: the same one, or what a function gives for each time. */
  async play(telegram: Uint8Array | (() => Uint8Array), periodMs: number): Promise<void> {
    while (!existsSync(this.head) || !existsSync(this.#far)) await systemClock.sleep(10)
    this.#done = this.#play(telegram, periodMs).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error
    })
  }

  /** Ends it, and both its ends go away. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#done
    this.#socat.kill()
  }

  async #play(telegram: Uint8Array | (() => Uint8Array), periodMs: number): Promise<void> {
    // Where nobody listens the light is lost; it must not wait.
    const far = openSync(this.#far, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    try {
      while (!this.#stop.signal.aborted) {
        const bytes = typeof telegram === 'function' ? telegram() : telegram
        send(far, this.#isHeardRight() ? bytes : garbled(bytes))
        await systemClock.sleep(periodMs, this.#stop.signal)
      }
    } finally {
      closeSync(far)
    }
  }

  /** A pty carries bytes at any speed, and knows no parity: what a wrong speed makes of them is made here. */
  #isHeardRight(): boolean {
    const words = execFileSync('stty', ['-F', this.head], { encoding: 'utf8', timeout: 2000 })
    return /speed (\d+) baud/u.exec(words)?.[1] === this.#baud
  }
}

function send(far: number, bytes: Uint8Array): void {
  try {
    writeSync(far, bytes)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
  }
}

/** Light at another speed: as many bytes, none of them right. */
function garbled(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, at) => ((byte << 3) | (byte >> 5)) ^ (0x5b + at * 7))
}
