import { readFile, stat } from 'node:fs/promises'

import { POLICY_DOCUMENT_CHARS_MAX, ScionError, type Clock, type FlowPolicy } from '@s3mp/scion'

import { reasonOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { readPolicy, type PolicyEnds } from '../transport/policy.ts'

/** Time between two looks at the policy file, in milliseconds; SIGHUP makes one at once. */
export const POLICY_LOOK_MS = 2000

/** Where the policy is written, and whom it is asked about. */
export interface PolicyFileOptions {
  readonly file: string
  readonly ends: PolicyEnds
  readonly clock: Clock
  /** Whether SIGHUP means "look again"; in a terminal it means that the terminal is gone. */
  readonly hangUp: boolean
}

/** Reads the policy file for the first time. @throws ScionError `ERR_SCION_CONFIG` */
export async function openPolicyFile(options: PolicyFileOptions): Promise<PolicyFile> {
  const text = await readText(options.file)
  return new PolicyFile(options, text, read(options, text))
}

/**
 * A policy file that may change while the uplink runs. What cannot be read or is no policy changes
 * nothing: the policy before stays in force, and the reason is logged once.
 */
export class PolicyFile {
  readonly #options: PolicyFileOptions
  readonly #closing = new AbortController()
  #text: string
  #policy: FlowPolicy
  /** The newest reason why the file was not taken; empty when it was. */
  #trouble = ''
  #apply: (policy: FlowPolicy) => void = () => undefined
  #log: Log | undefined

  /** Use {@link openPolicyFile}. */
  constructor(options: PolicyFileOptions, text: string, policy: FlowPolicy) {
    this.#options = options
    this.#text = text
    this.#policy = policy
  }

  /** The policy that was read last. */
  get policy(): FlowPolicy {
    return this.#policy
  }

  /** From now on `apply` hears of each change of the file, until it is closed. */
  follow(apply: (policy: FlowPolicy) => void, log: Log): void {
    this.#apply = apply
    this.#log = log
    const onHangUp = (): void => {
      void this.look()
    }
    if (this.#options.hangUp) {
      process.on('SIGHUP', onHangUp)
      this.#closing.signal.addEventListener('abort', () => process.off('SIGHUP', onHangUp))
    }
    void this.#watch()
  }

  /** Looks at the file now. */
  async look(): Promise<void> {
    const { file } = this.#options
    try {
      const text = await readText(file)
      if (this.#closing.signal.aborted || (text === this.#text && this.#trouble === '')) return
      this.#policy = read(this.#options, text)
      const isNew = text !== this.#text
      this.#text = text
      this.#trouble = ''
      if (!isNew) return
      this.#log?.info('policy.changed', { file, policy: this.#policy.name })
      this.#apply(this.#policy)
    } catch (error) {
      const reason = reasonOf(error)
      if (reason === this.#trouble) return
      this.#trouble = reason
      this.#log?.error('policy.refused', { reason, kept: this.#policy.name })
    }
  }

  close(): Promise<void> {
    this.#closing.abort()
    return Promise.resolve()
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing
    for (;;) {
      await this.#options.clock.sleep(POLICY_LOOK_MS, signal).catch(() => undefined)
      if (signal.aborted) return
      await this.look()
    }
  }
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size > 4 * POLICY_DOCUMENT_CHARS_MAX) {
      throw new ScionError('ERR_SCION_CONFIG', `expected a policy, found ${String(size)} bytes`)
    }
    return await readFile(file, 'utf8')
  } catch (error) {
    throw wrong(file, error)
  }
}

function read({ file, ends }: PolicyFileOptions, text: string): FlowPolicy {
  try {
    return readPolicy(text, ends)
  } catch (error) {
    throw wrong(file, error)
  }
}

function wrong(file: string, error: unknown): ScionError {
  const message = `policy_file: ${file}: ${reasonOf(error)}`
  return new ScionError('ERR_SCION_CONFIG', message, { cause: error })
}
