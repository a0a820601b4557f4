/** One way to readings, as far as the answer tells. */
export interface HeadView {
  readonly name: string
  readonly device: string
  readonly protocol: string | undefined
  readonly telegrams: number
  /** Share of whole telegrams among the last things heard; undefined before the first. */
  readonly quality: number | undefined
  /** Wall-clock time of the last reading. */
  readonly lastReadingMs: number | undefined
  /** Numbers of the meters heard. */
  readonly meters: readonly string[]
  readonly findings: readonly string[]
}

/** One path to the head-end. */
export interface PathView {
  readonly name: string
  readonly isActive: boolean
  readonly isAlive: boolean
  readonly roundTripMs: number
}

/** What a running meter says of itself. */
export interface StatusView {
  readonly device: string
  readonly boot: number
  readonly uptimeMs: number
  readonly clock: string
  readonly isOpen: boolean | undefined
  readonly heads: readonly HeadView[]
  readonly isUplinkThere: boolean
  readonly isConfirmed: boolean
  readonly roundTripMs: number | undefined
  readonly acknowledged: number
  readonly resent: number
  readonly waiting: number
  readonly waitingBytes: number
  readonly waitingBytesMax: number
  readonly oldestMs: number | undefined
  readonly paths: readonly PathView[]
  /** Whether packets prove their sender; undefined where the transport has nothing of the kind. */
  readonly authentication: string | undefined
  /** Why no path is allowed; undefined where one is. */
  readonly forbidden: string | undefined
  /** Whether a NAT is in the way; undefined where the transport has nothing of the kind. */
  readonly nat: NatView | undefined
}

/** From where other ASes see the uplink. */
export interface NatView {
  readonly state: string
  /** Empty where it is not known. */
  readonly outside: string
  readonly changes: number
}

type Tree = Readonly<Record<string, unknown>>

/**
 * Reads a meter's answer, which may come from another version: what is missing or of another kind is
 * not known, and no reason to fail.
 */
export function statusView(answer: unknown): StatusView {
  const status = treeOf(answer)
  const delivery = treeOf(status.delivery)
  const spool = treeOf(status.spool)
  const transport = treeOf(status.transport)
  const forbidden = textOf(transport.forbidden) ?? ''
  return {
    device: textOf(status.ueid) ?? '?',
    boot: numberOf(status.boot) ?? 0,
    uptimeMs: numberOf(status.uptimeMs) ?? 0,
    clock: textOf(status.clock) ?? '?',
    isOpen: typeof status.isOpen === 'boolean' ? status.isOpen : undefined,
    heads: listOf(status.sources).map(headOf),
    isUplinkThere: status.isUplinkThere === true,
    isConfirmed: status.isEpochConfirmed === true,
    roundTripMs: numberOf(delivery.roundTripMs),
    acknowledged: numberOf(delivery.acknowledged) ?? 0,
    resent: numberOf(delivery.resent) ?? 0,
    waiting: numberOf(spool.objects) ?? 0,
    waitingBytes: numberOf(spool.bytes) ?? 0,
    waitingBytesMax: numberOf(spool.bytesMax) ?? 0,
    oldestMs: numberOf(spool.oldestMs),
    paths: listOf(status.paths).map(pathOf),
    authentication: textOf(transport.authentication),
    forbidden: forbidden === '' ? undefined : forbidden,
    nat: natOf(transport.nat),
  }
}

function natOf(value: unknown): NatView | undefined {
  const { state, outside, changes } = treeOf(value)
  const known = textOf(state)
  if (known === undefined) return undefined
  return { state: known, outside: textOf(outside) ?? '', changes: numberOf(changes) ?? 0 }
}

/** A meter is well that hears something at every head, has an uplink, and is answered. */
export function isWell({ heads, isUplinkThere, isConfirmed }: StatusView): boolean {
  return (
    heads.length > 0 &&
    heads.every(({ telegrams }) => telegrams > 0) &&
    isUplinkThere &&
    isConfirmed
  )
}

function headOf(value: unknown): HeadView {
  const head = treeOf(value)
  const link = treeOf(head.link)
  return {
    name: textOf(head.name) ?? '?',
    device: textOf(head.device) ?? '?',
    protocol: textOf(head.protocol),
    telegrams: numberOf(link.telegrams) ?? 0,
    quality: numberOf(link.recent),
    lastReadingMs: numberOf(head.lastReadingMs),
    meters: listOf(head.meters)
      .map((meter) => textOf(treeOf(meter).device))
      .filter((device) => device !== undefined && device !== '') as readonly string[],
    findings: Object.keys(treeOf(head.findings)),
  }
}

function pathOf(value: unknown): PathView {
  const path = treeOf(value)
  return {
    name: textOf(path.name) ?? '?',
    isActive: path.isActive === true,
    isAlive: path.isAlive === true,
    roundTripMs: numberOf(path.roundTripMs) ?? 0,
  }
}

function treeOf(value: unknown): Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** Names come from telegrams and from the network: none of them may steer a terminal. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.replace(/\p{Cc}/gu, '?') : undefined
}
