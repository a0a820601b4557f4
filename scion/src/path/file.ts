import { open, rename, stat, writeFile } from 'node:fs/promises'
import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import { EMPTY_PATH } from './dataplane.ts'
import type { PathFileContent } from './file-format.ts'
import { formatPathFile, parsePathFile } from './file-format.ts'
import type { Path } from './path.ts'
import type { LocalAs, PathQuery, PathSource } from './source.ts'

/** Largest path file that is read, in bytes. */
export const PATH_FILE_BYTES_MAX = 4 * 1024 * 1024

/** Tells one state of a file from the next: a renamed-over file has another inode. */
interface FileState {
  readonly inode: bigint
  readonly modifiedNs: bigint
  readonly bytes: bigint
}

/**
 * Paths from a file that another program keeps up to date, such as a network simulated elsewhere or
 * an operator's script. The file is looked at on every question and read again when it changed; a
 * file that became wrong makes the question fail, and stays without effect on paths handed out.
 */
export class FilePathSource implements PathSource {
  readonly #file: string
  #state: FileState
  #content: PathFileContent
  #closed = false

  private constructor(file: string, state: FileState, content: PathFileContent) {
    this.#file = file
    this.#state = state
    this.#content = content
  }

  /** Reads the file once; throws `ERR_SCION_CONFIG` with the place of what is wrong in it. */
  static async open(file: string): Promise<FilePathSource> {
    const { state, content } = await readPathFile(file)
    return new FilePathSource(file, state, content)
  }

  get local(): LocalAs {
    return this.#content.local
  }

  async paths(destination: IsdAs, query: PathQuery = {}): Promise<readonly Path[]> {
    query.signal?.throwIfAborted()
    await this.#refresh()
    query.signal?.throwIfAborted()
    if (this.#closed) throw new ScionError('ERR_SCION_CLOSED', `${this.#file}: source is closed`)
    if (destination === this.local.isdAs) return [pathInside(this.local)]
    return this.#content.paths.filter((path) => path.destination === destination)
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  async #refresh(): Promise<void> {
    if (this.#closed || sameState(await stateOf(this.#file), this.#state)) return
    const { state, content } = await readPathFile(this.#file)
    const [old, found] = [this.local.isdAs, content.local.isdAs].map(formatIsdAs)
    if (old !== found) {
      throw new ScionError('ERR_SCION_CONFIG', `${this.#file}.local.isdAs: ${old}, found ${found}`)
    }
    this.#state = state
    this.#content = content
  }
}

/** The path between two hosts of one AS. */
export function pathInside(local: LocalAs): Path {
  return {
    source: local.isdAs,
    destination: local.isdAs,
    dataplane: EMPTY_PATH,
    interfaces: [],
    mtu: local.mtu,
    expiryMs: Infinity,
    fingerprint: '',
  }
}

/**
 * Writes a path file so that a reader sees either the old or the new one, never a half: beside it
 * first, then renamed over it. One writer per file.
 */
export async function writePathFile(file: string, content: PathFileContent): Promise<void> {
  const beside = `${file}.new`
  await attempt(file, async () => {
    await writeFile(beside, formatPathFile(content))
    await rename(beside, file)
  })
}

async function readPathFile(file: string): Promise<{ state: FileState; content: PathFileContent }> {
  return attempt(file, async () => {
    await using handle = await open(file, 'r')
    const { ino, mtimeNs, size } = await handle.stat({ bigint: true })
    if (size > PATH_FILE_BYTES_MAX) {
      throw new ScionError(
        'ERR_SCION_CONFIG',
        `${file}: at most ${PATH_FILE_BYTES_MAX} bytes, found ${size.toString()}`,
      )
    }
    const text = await handle.readFile('utf8')
    return {
      state: { inode: ino, modifiedNs: mtimeNs, bytes: size },
      content: parsePathFile(text, file),
    }
  })
}

async function stateOf(file: string): Promise<FileState> {
  const { ino, mtimeNs, size } = await attempt(file, () => stat(file, { bigint: true }))
  return { inode: ino, modifiedNs: mtimeNs, bytes: size }
}

function sameState(a: FileState, b: FileState): boolean {
  return a.inode === b.inode && a.modifiedNs === b.modifiedNs && a.bytes === b.bytes
}

async function attempt<T>(file: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (cause instanceof ScionError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ScionError('ERR_SCION_IO', `${file}: ${reason}`, { cause })
  }
}
