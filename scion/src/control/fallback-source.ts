import { formatIsdAs } from '../addr/isd-as.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { Path } from '../path/path.ts'
import type { LocalAs, PathQuery, PathSource } from '../path/source.ts'

/** Sources of paths that are tried one after the other. */
export const FALLBACK_SOURCES_MAX = 8

/** A source that may not be there. */
export interface SourceCandidate {
  /** For people, such as `daemon 127.0.0.1:30255`. */
  readonly name: string
  /** Opens it; called again before a lookup where it failed the last time. */
  readonly open: () => Promise<PathSource>
}

/** A source that could not be opened, or had no answer. */
export interface SourceFailure {
  readonly name: string
  readonly reason: string
}

interface Member extends SourceCandidate {
  source: PathSource | undefined
  opening: Promise<PathSource> | undefined
}

/**
 * Several sources in an order of preference: each lookup goes to the first, and to the next where
 * that fails or knows no path. A source that is not there is opened again with the next lookup that
 * gets so far, so that it may start later than its users.
 */
export class FallbackPathSource implements PathSource {
  readonly #isdAs: IsdAs
  readonly #members: readonly Member[]
  readonly #onFailure: (failure: SourceFailure) => void
  #closed = false

  private constructor(
    isdAs: IsdAs,
    members: readonly Member[],
    onFailure: (failure: SourceFailure) => void,
  ) {
    this.#isdAs = isdAs
    this.#members = members
    this.#onFailure = onFailure
  }

  /**
   * Opens the first candidate that can be; rejects with `ERR_SCION_CONFIG` and the reason of each
   * where none can. `onFailure` hears of every failure, now and at lookups.
   */
  static async open(
    candidates: readonly SourceCandidate[],
    onFailure: (failure: SourceFailure) => void = () => undefined,
  ): Promise<FallbackPathSource> {
    if (candidates.length === 0 || candidates.length > FALLBACK_SOURCES_MAX) {
      const expected = `1 … ${FALLBACK_SOURCES_MAX}`
      throw new ScionError('ERR_SCION_CONFIG', `sources: ${expected}, found ${candidates.length}`)
    }
    const members = candidates.map((one): Member => ({
      ...one,
      source: undefined,
      opening: undefined,
    }))
    const failures: SourceFailure[] = []
    for (const member of members) {
      try {
        member.source = await member.open()
        return new FallbackPathSource(member.source.local.isdAs, members, onFailure)
      } catch (error) {
        const failure = failureOf(member, error)
        failures.push(failure)
        onFailure(failure)
      }
    }
    throw new ScionError('ERR_SCION_CONFIG', `no source of paths: ${inWords(failures)}`)
  }

  /** The AS as the first source that is open knows it now: routers may come and go. */
  get local(): LocalAs {
    const open = this.#members.find(({ source }) => source !== undefined)?.source
    if (open === undefined) throw new Error('fallback: a source that is open, found none')
    return open.local
  }

  async paths(destination: IsdAs, query: PathQuery = {}): Promise<readonly Path[]> {
    const failures: SourceFailure[] = []
    let isAnswered = false
    for (const member of this.#members) {
      query.signal?.throwIfAborted()
      try {
        const paths = await (await this.#opened(member)).paths(destination, query)
        if (paths.length > 0) return paths
        isAnswered = true
      } catch (error) {
        if (query.signal?.aborted === true) throw error
        const failure = failureOf(member, error)
        failures.push(failure)
        this.#onFailure(failure)
      }
    }
    if (isAnswered) return []
    const message = `no path to ${formatIsdAs(destination)}: ${inWords(failures)}`
    throw new ScionError('ERR_SCION_CONTROL', message)
  }

  async close(): Promise<void> {
    this.#closed = true
    const open = this.#members.flatMap(({ source }) => (source === undefined ? [] : [source]))
    await Promise.all(open.map((source) => source.close()))
  }

  #opened(member: Member): Promise<PathSource> {
    if (this.#closed) throw new ScionError('ERR_SCION_CLOSED', 'path source: closed')
    if (member.source !== undefined) return Promise.resolve(member.source)
    member.opening ??= this.#open(member).finally(() => {
      member.opening = undefined
    })
    return member.opening
  }

  async #open(member: Member): Promise<PathSource> {
    const source = await member.open()
    const { isdAs } = source.local
    if (isdAs !== this.#isdAs || this.#isClosed()) {
      await source.close()
      const expected = `one of ${formatIsdAs(this.#isdAs)}`
      throw new ScionError('ERR_SCION_CONFIG', `source: ${expected}, found ${formatIsdAs(isdAs)}`)
    }
    member.source = source
    return source
  }

  /** A question of its own: it may have changed while something was waited for. */
  #isClosed(): boolean {
    return this.#closed
  }
}

function failureOf({ name }: Member, error: unknown): SourceFailure {
  return { name, reason: error instanceof Error ? error.message : String(error) }
}

function inWords(failures: readonly SourceFailure[]): string {
  return failures.map(({ name, reason }) => `${name}: ${reason}`).join('; ')
}
