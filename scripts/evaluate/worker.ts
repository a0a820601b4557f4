import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Namespace } from '../testnet/namespaces.ts'
import type { Tasks } from './agent.ts'

interface Answer {
  readonly id: number
  readonly answer?: unknown
  readonly error?: string
}

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

/** An agent in another process, perhaps in a namespace; one task at a time or several at once. */
export class Worker {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #asked = 0

  /** Starts the process. */
  constructor(namespace?: Namespace) {
    const words = [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      '--conditions=@s3mp/source',
      join(import.meta.dirname, 'agent.ts'),
    ] as const
    const [command, ...rest] = namespace?.command(words) ?? words
    this.#child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (message: Answer) => {
      const waiting = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (message.error === undefined) waiting?.resolve(message.answer)
      else waiting?.reject(new Error(message.error))
    })
    this.#child.once('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the agent has ended'))
      this.#waiting.clear()
    })
    this.#child.on('error', () => undefined)
  }

  /** Asks for a task; rejects with what the agent says, or when it ends. */
  async ask<Name extends keyof Tasks>(
    task: Name,
    ask: Tasks[Name]['ask'],
  ): Promise<Tasks[Name]['answer']> {
    const id = (this.#asked += 1)
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
    })
    this.#child.send({ id, task, ask })
    // The agent is our own and of the same version.
    return (await answer) as Tasks[Name]['answer']
  }

  /** Ends the process. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }
}
