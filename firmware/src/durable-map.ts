import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

import { FirmwareError, reasonOf } from './errors.ts'
import { syncFolder } from './spool/counters.ts'

/** Names that one durable map holds; a new one beyond them is refused. */
export const DURABLE_ENTRIES_MAX = 256

/** Characters of one name and its value together. */
export const DURABLE_ENTRY_CHARS_MAX = 512

/** Bytes to which the file grows before it is written anew. */
export const DURABLE_BYTES_MAX = 262_144

/** Few values by name that must survive what kills the process, and the machine's power. */
export interface DurableMap {
  get(name: string): string | undefined
  entries(): readonly (readonly [string, string])[]
  /**
   * Sets a value. It survives the end of the process at once, and a power cut when `isDurable` or
   * after the next {@link sync}.
   *
   * @throws FirmwareError `spool` where it cannot be written; the old value stands.
   */
  set(name: string, value: string, isDurable: boolean): void
  /** Makes everything that was set survive a power cut. @throws FirmwareError `spool` */
  sync(): void
  close(): void
}

/** A map that forgets at the end of the process, for demonstrations and tests. */
export function volatileMap(): DurableMap {
  const values = new Map<string, string>()
  return {
    get: (name) => values.get(name),
    entries: () => [...values],
    set: (name, value) => {
      checkEntry(values, name, value)
      values.set(name, value)
    },
    sync: () => undefined,
    close: () => undefined,
  }
}

/**
 * Opens the map that a file holds: a line for every change, each with a check sum, the last one of a
 * name counts. A line that a power cut tore is passed over. When the file has grown to
 * {@link DURABLE_BYTES_MAX} it is replaced by a short one, all or nothing.
 *
 * @throws FirmwareError `spool` where the file cannot be used.
 */
export function openDurableMap(file: string): DurableMap {
  return new DurableFile(file)
}

class DurableFile implements DurableMap {
  readonly #file: string
  readonly #values = new Map<string, string>()
  #handle: number
  #bytes = 0
  #isDirty = false

  constructor(file: string) {
    this.#file = file
    const isWhole = this.#load()
    this.#handle = this.#attempt(() => openSync(file, 'a', 0o600))
    this.#bytes = statSync(file).size
    if (!isWhole) this.#rewrite()
  }

  get(name: string): string | undefined {
    return this.#values.get(name)
  }

  entries(): readonly (readonly [string, string])[] {
    return [...this.#values]
  }

  set(name: string, value: string, isDurable: boolean): void {
    checkEntry(this.#values, name, value)
    if (this.#values.get(name) !== value) this.#append(name, value)
    if (isDurable) this.sync()
  }

  sync(): void {
    if (!this.#isDirty) return
    this.#attempt(() => {
      fdatasyncSync(this.#handle)
    })
    this.#isDirty = false
  }

  close(): void {
    if (this.#handle < 0) return
    try {
      this.sync()
    } finally {
      closeSync(this.#handle)
      this.#handle = -1
    }
  }

  #append(name: string, value: string): void {
    const line = lineOf(name, value)
    if (this.#bytes + line.length > DURABLE_BYTES_MAX) this.#rewrite()
    this.#attempt(() => {
      writeFileSync(this.#handle, line)
    })
    this.#bytes += line.length
    this.#isDirty = true
    this.#values.set(name, value)
  }

  /** Reads the file; false where something in it is not to be believed. */
  #load(): boolean {
    if (!existsSync(this.#file)) return true
    const text = this.#attempt(() => readFileSync(this.#file, 'latin1'))
    const lines = text.slice(0, 2 * DURABLE_BYTES_MAX).split('\n')
    let isWhole = lines.pop() === ''
    for (const line of lines) {
      const [sum, name, value] = line.split('\t', 3)
      const isTrue = name !== undefined && value !== undefined && sum === sumOf(`${name}\t${value}`)
      if (isTrue) this.#values.set(unescape(name), unescape(value))
      else isWhole = false
    }
    return isWhole
  }

  /** Replaces the file by one with a line a name: after a power cut it is the old or the new one. */
  #rewrite(): void {
    this.#attempt(() => {
      const fresh = `${this.#file}.new`
      const text = [...this.#values].map(([name, value]) => lineOf(name, value)).join('')
      const handle = openSync(fresh, 'w', 0o600)
      try {
        writeFileSync(handle, text)
        fsyncSync(handle)
      } finally {
        closeSync(handle)
      }
      renameSync(fresh, this.#file)
      syncFolder(dirname(this.#file))
      closeSync(this.#handle)
      this.#handle = openSync(this.#file, 'a', 0o600)
      this.#bytes = text.length
      this.#isDirty = false
    })
  }

  #attempt<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      throw new FirmwareError('spool', `${this.#file}: ${reasonOf(error)}`, { cause: error })
    }
  }
}

function checkEntry(values: ReadonlyMap<string, string>, name: string, value: string): void {
  const isLong = name.length + value.length > DURABLE_ENTRY_CHARS_MAX
  if (!isLong && (values.has(name) || values.size < DURABLE_ENTRIES_MAX)) return
  throw new FirmwareError(
    'spool',
    `entries: expected at most ${String(DURABLE_ENTRIES_MAX)} of ${String(DURABLE_ENTRY_CHARS_MAX)} characters, found another`,
  )
}

function lineOf(name: string, value: string): string {
  const body = `${escape(name)}\t${escape(value)}`
  return `${sumOf(body)}\t${body}\n`
}

function sumOf(body: string): string {
  return createHash('sha256').update(body, 'latin1').digest('hex').slice(0, 16)
}

/** Letters that have a meaning in the file, and all beyond ASCII, as `%XX` of their UTF-8 bytes. */
function escape(text: string): string {
  return encodeURIComponent(text)
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
