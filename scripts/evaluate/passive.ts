import type { IsdAs, Path, ScmpError } from '@s3mp/scion'

/** How long the policy avoids a link that a router reported, in milliseconds. */
export const DOWN_MEMORY_MS = 10_000

/**
 * Failover as the PAN library's default selector does it: nothing but a router's word moves it. It
 * stays on the path it has; when SCMP says that a link of it is down, it takes the first path, in
 * the order of the look-up, without a link reported in the last 10 s; where none is left it stays.
 */
export class PassivePaths {
  readonly #paths: readonly Path[]
  readonly #nowMs: () => number
  /** Reported links and when; as many as the interfaces of all paths at most. */
  readonly #down = new Map<string, number>()
  #current: Path

  /** Throws where `paths` is empty. */
  constructor(paths: readonly Path[], nowMs: () => number) {
    const [first] = paths
    if (first === undefined) throw new Error('paths: one at least, found none')
    this.#paths = paths
    this.#nowMs = nowMs
    this.#current = first
  }

  /** The path for the next packet. */
  current(): Path {
    return this.#current
  }

  /** A router reported an error about a packet of ours. */
  reported(error: ScmpError): void {
    for (const key of interfacesDown(error)) {
      if (this.#paths.some((path) => uses(path, key))) this.#down.set(key, this.#nowMs())
    }
    if (this.#isDown(this.#current)) {
      this.#current = this.#paths.find((path) => !this.#isDown(path)) ?? this.#current
    }
  }

  #isDown(path: Path): boolean {
    const oldestMs = this.#nowMs() - DOWN_MEMORY_MS
    return [...this.#down].some(([key, atMs]) => atMs > oldestMs && uses(path, key))
  }
}

function interfacesDown(error: ScmpError): readonly string[] {
  if (error.type === 'external-interface-down') return [keyOf(error.isdAs, error.interfaceId)]
  if (error.type !== 'internal-connectivity-down') return []
  return [keyOf(error.isdAs, error.ingressId), keyOf(error.isdAs, error.egressId)]
}

function keyOf(isdAs: IsdAs, id: number): string {
  return `${isdAs}#${id}`
}

function uses(path: Path, key: string): boolean {
  return path.interfaces.some(({ isdAs, id }) => keyOf(isdAs, id) === key)
}
