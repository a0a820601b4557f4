import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** How long the demonstration may take to say where its page is. */
const START_MS = 40_000

/** `npm start` as a process of its own, with a temporary folder of its own to look into afterwards. */
export class DemoProcess {
  readonly temporary = mkdtempSync(join(tmpdir(), 's3mp-test-'))
  readonly #child: ChildProcess
  #output = ''
  #ended: Promise<number | null>

  constructor(...args: readonly string[]) {
    this.#child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        '--conditions=@s3mp/source',
        'scripts/demo.ts',
        '--no-open',
        ...args,
      ],
      {
        cwd: ROOT,
        env: { ...process.env, TMPDIR: this.temporary },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8')
      stream?.on('data', (text: string) => {
        this.#output += text
      })
    }
    this.#ended = new Promise((resolve) => this.#child.once('exit', resolve))
  }

  /** Everything it has said. */
  get output(): string {
    return this.#output
  }

  /** Its process id. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Where the page is, once it says so. */
  async url(): Promise<string> {
    const url = /page\s+(http:\/\/\S+)/
    await until(() => url.test(this.#output) || this.#child.exitCode !== null, START_MS, 'the page’s address') // prettier-ignore
    const found = url.exec(this.#output)?.[1]
    if (found === undefined) throw new Error(`the demonstration ended: ${this.#output}`)
    return found
  }

  /** The exit code of a run that ends by itself. */
  end(): Promise<number | null> {
    return this.#ended
  }

  /** Presses Ctrl-C and waits; the exit code. */
  interrupt(): Promise<number | null> {
    this.#child.kill('SIGINT')
    return this.#ended
  }

  /** Files that it left behind. */
  leftovers(): readonly string[] {
    return readdirSync(this.temporary)
  }

  /** Makes sure that nothing of it is left, whatever the test found. */
  async dispose(): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL')
    await this.#ended
    rmSync(this.temporary, { recursive: true, force: true })
  }
}

/** Waits until `done` holds; fails with what was waited for. */
export async function until(
  done: () => boolean | Promise<boolean>,
  withinMs: number,
  what: string,
): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`waited ${withinMs} ms in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
