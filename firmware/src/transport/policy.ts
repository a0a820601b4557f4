import {
  applyRules,
  leavesJurisdiction,
  parseJpanPolicies,
  parseScitraPolicies,
  POLICY_DEPTH_MAX,
  ScionError,
  type FlowPolicy,
  type IsdAs,
  type Jurisdiction,
  type LocalAs,
  type Path,
  type PathPolicy,
  type PathQuery,
  type PathSource,
  type PolicyDestination,
} from '@s3mp/scion'

/** Whom a policy document is asked about. */
export interface PolicyEnds {
  readonly source: PolicyDestination
  readonly destination: PolicyDestination
}

/**
 * Reads a policy document in either of two formats, told apart by what is in it: JPAN's has
 * `destinations`, Scitra's has `matchers` or `policies`.
 *
 * @throws ScionError `ERR_SCION_CONFIG` that names the field.
 */
export function readPolicy(text: string, { source, destination }: PolicyEnds): FlowPolicy {
  const keys = keysOf(text)
  const isJpan = keys.includes('destinations')
  if (!isJpan && !keys.includes('matchers') && !keys.includes('policies')) {
    const expected = 'destinations and filters (JPAN), or matchers and policies (Scitra)'
    throw new ScionError('ERR_SCION_CONFIG', `policy document: expected ${expected}, found neither`)
  }
  if (isJpan) return parseJpanPolicies(text).policyFor(destination)
  return parseScitraPolicies(text).policyFor({ source, destination, protocol: 'udp' })
}

/** The keys of the document; none where it is not one, which its parser then says better. */
function keysOf(text: string): readonly string[] {
  try {
    const document: unknown = JSON.parse(text)
    return typeof document === 'object' && document !== null ? Object.keys(document) : []
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ScionError('ERR_SCION_CONFIG', `policy document: expected JSON, ${reason}`, { cause })
  }
}

/** What decides over paths, as far as it is configured. */
export interface PolicyOptions {
  readonly document: FlowPolicy | undefined
  readonly jurisdiction: Jurisdiction | undefined
  readonly nowMs: () => number
}

/**
 * Says of each path whether it may be used. The jurisdiction holds whatever the document says.
 *
 * Whether a document's failover is in force depends on all paths together: {@link WithPolicy.source}
 * looks at each lookup's paths before they are judged one by one.
 */
export interface WithPolicy {
  readonly source: PathSource
  readonly policy: PathPolicy
}

/** Puts the configured policies in front of a source of paths; undefined where there are none. */
export function withPolicy(source: PathSource, options: PolicyOptions): WithPolicy | undefined {
  const { document, jurisdiction, nowMs } = options
  if (document === undefined && jurisdiction === undefined) return undefined
  const leaves: PathPolicy = (path) => jurisdiction && leavesJurisdiction(jurisdiction, path)
  const chain = document === undefined ? undefined : new PolicyChain(document, nowMs)
  const look = (paths: readonly Path[]): void => {
    chain?.look(paths.filter((path) => leaves(path) === undefined))
  }
  return {
    source: new WatchedSource(source, look),
    policy: (path) => leaves(path) ?? chain?.refuses(path),
  }
}

/** A policy with what takes its place while it leaves no path. */
class PolicyChain {
  readonly #first: FlowPolicy
  readonly #nowMs: () => number
  #inForce: FlowPolicy

  constructor(first: FlowPolicy, nowMs: () => number) {
    this.#first = first
    this.#inForce = first
    this.#nowMs = nowMs
  }

  look(paths: readonly Path[]): void {
    let policy = this.#first
    for (let depth = 0; depth <= POLICY_DEPTH_MAX; depth++) {
      const keeps = applyRules(policy.rules, paths, this.#nowMs()).kept.length > 0
      if (keeps || policy.failover === undefined) break
      policy = policy.failover
    }
    this.#inForce = policy
  }

  refuses(path: Path): string | undefined {
    const { name, rules } = this.#inForce
    const [refused] = applyRules(rules, [path], this.#nowMs()).refused
    return refused === undefined ? undefined : `policy ${name}: ${refused.reason}`
  }
}

/** A source whose answers are looked at before they are passed on. */
class WatchedSource implements PathSource {
  readonly #source: PathSource
  readonly #look: (paths: readonly Path[]) => void

  constructor(source: PathSource, look: (paths: readonly Path[]) => void) {
    this.#source = source
    this.#look = look
  }

  get local(): LocalAs {
    return this.#source.local
  }

  async paths(destination: IsdAs, query?: PathQuery): Promise<readonly Path[]> {
    const paths = await this.#source.paths(destination, query)
    this.#look(paths)
    return paths
  }

  close(): Promise<void> {
    return this.#source.close()
  }
}
