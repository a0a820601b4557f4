/**
 * What the pages and the programs that serve them agree on: every HTTP answer and every live event.
 *
 * Conventions, valid for the whole file:
 * - Everything lives under `/api/v1/` and is JSON; times are milliseconds since 1970 UTC (`…Ms`).
 * - A register's value is an exact decimal string ("507.00"); only curves are floating point, since
 *   they are for drawing. What is worth a bill is read from records, never from a curve.
 * - Bytes are lower-case hex, so that a person can compare them with what other tools print.
 * - What a person reads is worded by the page in her language: answers carry closed codes and
 *   numbers, never sentences. A code that the page does not know is shown as it is.
 * - A field that is absent is not known. Nothing is ever guessed or zero-filled.
 */

import type { FleetCounts } from './fleet.ts'

export type * from './access.ts'
export { LOGIN_CHARS_MAX, ROLES, ROLE_SCOPES, SCOPES } from './access.ts'
export * from './costs.ts'
export type * from './fleet.ts'
export { DEVICE_SORTS, DEVICE_TROUBLES, REASON_CHARS_MAX } from './fleet.ts'
export type * from './policy.ts'
export { POLICY_CHARS_MAX } from './policy.ts'

/** The first path component of every address below; a later, incompatible API gets another. */
export const API_ROOT = '/api/v1'

/** Which program answers, which decides which views the page offers. */
export type ServerRole = 'headend' | 'meter' | 'demo'

/** `GET /api/v1/server`: who answers, so that the page can lay itself out. */
export interface ServerInfo {
  readonly role: ServerRole
  readonly version: string
  /** Changes with every start of the server; the live stream's event ids begin with it. */
  readonly run: string
  readonly nowMs: number
  readonly startedMs: number
  /** Views that this server can fill. */
  readonly views: readonly View[]
}

/** A view of the page; a server offers those it has answers for. */
export type View = 'journey' | 'network' | 'household' | 'fleet'

/** Every refusal: HTTP status >= 400 carries this. */
export interface ApiError {
  readonly error: {
    /** Closed per server, documented in its OpenAPI: 'not_found', 'bad_request', … */
    readonly code: string
    /** For a developer, in English: `field: expected, found`. */
    readonly message: string
  }
}

/* ---- devices ------------------------------------------------------------------------------- */

/** Whether the head-end takes records of a device. */
export type DeviceState = 'active' | 'quarantined' | 'revoked'

/**
 * How far a device trusts its own clock, as its records say: never set; synchronised; running on by
 * itself; contradicted by something.
 */
export type ClockState = 'unset' | 'synced' | 'holdover' | 'suspect'

/** One enrolled meter. */
export interface Device {
  /** The UEID, lower-case hex: the hash of the public key. Safe in a URL. */
  readonly id: string
  /** What the operator called it; hostile text, to be shown as text. */
  readonly name: string
  readonly state: DeviceState
  /** COSE algorithm of the device key: Ed25519 (alg -19) or ECDSA P-256 with SHA-256 (alg -9). */
  readonly algorithm: 'Ed25519' | 'ESP256'
  /** Raw public key as `@s3mp/envelope` keeps it (Ed25519: 32 bytes), hex. */
  readonly publicKey: string
  readonly enrolledMs: number
  readonly lastSeenMs?: number
  /** The meter's own identification, as its telegrams give it ("1EMH0012345678"). */
  readonly meterId?: string
  readonly latest?: ReadingView
  readonly streams: readonly StreamState[]
  readonly health?: DeviceHealth
  /** How much of the running UTC day arrived: slots received of slots due until now. */
  readonly completeness?: { readonly received: number; readonly due: number }
  /** Alarms of the last 24 hours. */
  readonly alarms: number
}

/** What a device's last heartbeat said. */
export interface DeviceHealth {
  readonly atMs: number
  /** Hash of the running firmware, hex. */
  readonly firmware?: string
  readonly clock: ClockState
  readonly uptimeMs?: number
  /** Records that wait in the spool to be acknowledged, and the bytes they take. */
  readonly spoolRecords?: number
  readonly spoolBytes?: number
  readonly spoolBytesMax?: number
}

/** How far one stream of a device got. */
export interface StreamState {
  readonly stream: string
  /** Newest sequence number below which nothing is missing. */
  readonly contiguousSeq: number
  readonly newestSeq: number
  readonly newestMs?: number
  readonly intervalMs?: number
  /** Which of the device's meters it is of, from 0 on; absent for the device's own streams. */
  readonly head?: number
  /** That meter's own identification; hostile text. */
  readonly meterId?: string
  /** How it was read: 'sml', 'dlms', … */
  readonly protocol?: string
  readonly medium?: Medium
  /** OBIS codes of its registers, in the order of the schema in use. */
  readonly registers?: readonly string[]
}

/** What a meter counts, by the first group of its OBIS codes (IEC 62056-61 §5.1). */
export type Medium =
  'electricity' | 'heat-cost' | 'cooling' | 'heat' | 'gas' | 'cold-water' | 'hot-water' | 'other'

/**
 * `GET /api/v1/devices` with a {@link DevicesQuestion}: a window of devices. With `after=ID` instead of
 * `offset` page by page, ordered by name, then id.
 */
export interface DevicesAnswer {
  readonly devices: readonly Device[]
  /** How many fit the question. */
  readonly total: number
  readonly counts?: FleetCounts
  /** Give this as `after` for the next page; absent on the last. */
  readonly next?: string
}

/* `GET /api/v1/devices/{device}` answers one Device. */

/* ---- readings ------------------------------------------------------------------------------ */

/** One register as the meter sent it: OBIS code in full, exact value, unit ('' where none). */
export interface RegisterView {
  readonly obis: string
  readonly value: string
  readonly unit: string
}

/**
 * How a stored reading is proven. `signed`: it carries the device's signature itself; `sealed`: a
 * later signed seal closes the hash chain over it; `pending`: authentic by its epoch's key, the
 * seal is yet to come.
 */
export type ProofState = 'signed' | 'sealed' | 'pending'

/** One stored reading. */
export interface ReadingView {
  readonly device: string
  /** 'live', 'minute' or 'quarter' (every telegram, 1 min, 15 min), or a stream of later make. */
  readonly stream: string
  readonly seq: number
  /** When the meter took it. */
  readonly timeMs: number
  /** When the head-end had it on disk. */
  readonly storedMs: number
  /** The store's own number of the row. */
  readonly row: number
  readonly registers: readonly RegisterView[]
  readonly flags: readonly string[]
  readonly proof: ProofState
  /** Fingerprint of the SCION path it came over, where the receiver knows. */
  readonly path?: string
  /** It came in while the device was in quarantine: kept and proven, but not to be relied on. */
  readonly quarantined?: true
}

/* `head=N` (0 where it is not given) asks for the device's N-th meter, here and below. */
/* `GET /api/v1/devices/{device}/latest?stream=live` answers one ReadingView (404 before the first). */

/**
 * `GET /api/v1/devices/{device}/series?register=OBIS&fromMs=&toMs=&points=N[&stream=]`: a curve.
 *
 * Columns of equal length. The server thins to at most `points` buckets and says the bucket's
 * width; a bucket without any reading is `null`, never interpolated. `low`/`high` are there when a
 * bucket held more than one reading. Without `stream` the server takes the finest that has data.
 */
export interface SeriesAnswer {
  readonly device: string
  readonly register: string
  readonly unit: string
  readonly stream: string
  /** Width of a bucket; readings further apart than twice the stream's interval are a gap. */
  readonly bucketMs: number
  readonly timesMs: readonly number[]
  readonly values: readonly (number | null)[]
  readonly low?: readonly (number | null)[]
  readonly high?: readonly (number | null)[]
}

/**
 * `GET /api/v1/devices/{device}/counters?register=OBIS&edges=MS,MS,…`: an energy counter's exact
 * value at each edge (the newest reading not after it and not more than one interval old), from
 * which the page makes the energy of hours, days and months in the reader's own time zone. At most
 * {@link COUNTER_EDGES_MAX} edges.
 */
export interface CountersAnswer {
  readonly device: string
  readonly register: string
  readonly unit: string
  readonly edgesMs: readonly number[]
  /** Exact decimal strings; null where nothing was read around that edge. */
  readonly values: readonly (string | null)[]
}

/** Edges in one counters question: a year of days and a leap day, both ends included. */
export const COUNTER_EDGES_MAX = 367

/** Points in one series question: more than the pixels of a wall screen help nobody. */
export const SERIES_POINTS_MAX = 4000

/* ---- evidence ------------------------------------------------------------------------------ */

/** One record exactly as it was received and stored: what a verifier works on. */
export interface EvidenceRecord {
  readonly row: number
  readonly stream: string
  readonly seq: number
  readonly kind: string
  /** The record's bytes, hex: a COSE_Sign1, or the bare payload of a fast reading. */
  readonly bytes: string
}

/**
 * `GET /api/v1/devices/{device}/evidence/{stream}/{seq}`: all that proves one record with nothing
 * but the device's public key, oldest first: the schema its registers are named by, the record, and
 * where it bears no signature itself, the chain up to the seal that does.
 */
export interface EvidenceAnswer {
  readonly device: string
  readonly algorithm: Device['algorithm']
  readonly publicKey: string
  /** Whom the records were signed for, hex: the signatures cover it. */
  readonly recipientId: string
  readonly stream: string
  readonly seq: number
  /** What the server claims these bytes say; the page compares it to what they do say. */
  readonly claimed: ReadingView
  readonly records: readonly EvidenceRecord[]
}

/* ---- events -------------------------------------------------------------------------------- */

/** How much an event matters: alarms first. */
export type Severity = 'info' | 'notice' | 'warning' | 'alarm'

/** Something that happened, in a code and its numbers. */
export interface EventView {
  readonly id: string
  readonly atMs: number
  readonly severity: Severity
  /** 'case.opened', 'head.silent', 'reading.refused', 'path.failover', … */
  readonly code: string
  /** Values that the sentence needs; hostile text, to be shown as text. */
  readonly values: Readonly<Record<string, string | number>>
  readonly device?: string
  /** The head-end's reason code, where something was refused. */
  readonly reason?: string
}

/** `GET /api/v1/events?device=&before=ID&limit=N`: newest first. */
export interface EventsAnswer {
  readonly events: readonly EventView[]
  readonly next?: string
}

/* ---- network ------------------------------------------------------------------------------- */

/** An autonomous system on the map. */
export interface NetworkAs {
  /** '1-ff00:0:110'. */
  readonly ia: string
  readonly isd: number
  /** Absent where only paths tell of the AS: they do not say what it is. */
  readonly core?: boolean
  readonly name?: string
  /** What sits in it, of the two ends of this traffic. */
  readonly hosts: readonly ('meter' | 'headend')[]
}

/** One end of a link. */
export interface LinkEnd {
  readonly ia: string
  readonly interface: number
}

/** A link between two ASes; `parent` means that `a` is the parent of `b`. */
export interface NetworkLink {
  readonly id: string
  readonly a: LinkEnd
  readonly b: LinkEnd
  /** Absent where only paths tell of the link. */
  readonly kind?: 'core' | 'parent' | 'peer'
  /** False where it is cut, or where paths say so: they fell, and all but this link of theirs works. */
  readonly up: boolean
  /** True where this server can cut and mend it (the demo). */
  readonly switchable: boolean
  /** What the link was built to do where the server built it, or what the ASes at its ends state. */
  readonly latencyMs?: number
  readonly jitterMs?: number
  readonly lossPercent?: number
}

/** How the path selector sees one path now. */
export const PATH_STATES = ['active', 'alive', 'probing', 'down', 'expired', 'refused'] as const
/** One of {@link PATH_STATES}. */
export type PathState = (typeof PATH_STATES)[number]

/**
 * Why a path is, or is not, the one in use: the selector's own reasoning. `best`: lowest score;
 * `kept`: a better one is not yet proven better by enough; `slower`, `lossy`: worse score, for that
 * reason; `silent`, `revoked`, `unreachable`, `faulty`, `expired`, `refused` (by the owner's policy):
 * not usable, for that reason; `unproven`: not measured yet; `only`: nothing else is alive;
 * `outranked`: works, but the owner's policy puts another path before it.
 */
export const PATH_REASONS = [
  'best',
  'kept',
  'only',
  'outranked',
  'slower',
  'lossy',
  'unproven',
  'silent',
  'revoked',
  'unreachable',
  'faulty',
  'expired',
  'refused',
] as const
/** One of {@link PATH_REASONS}. */
export type PathReason = (typeof PATH_REASONS)[number]

/** One end-to-end path. */
export interface NetworkPath {
  /** Its fingerprint: the same for the same sequence of interfaces, hex. */
  readonly id: string
  /** Interfaces in order of travel, meter to head-end: out of the first AS, into the next, … */
  readonly interfaces: readonly LinkEnd[]
  /** Ids of the links it runs over, in order of travel. */
  readonly links: readonly string[]
  readonly state: PathState
  readonly reason: PathReason
  readonly roundTripMs?: number
  readonly jitterMs?: number
  readonly lossPercent?: number
  readonly mtu: number
  readonly expiresMs: number
}

/** One change of path. */
export interface Failover {
  readonly atMs: number
  readonly from?: string
  readonly to?: string
  readonly cause: PathReason
  /** How much longer than usual nothing was acknowledged, until the first time over the new path. */
  readonly gapMs?: number
}

/** `GET /api/v1/network`: the map and the paths between the meter and the head-end. */
export interface NetworkAnswer {
  /** When this was known: long ago where the part of the meter that sees the network is away. */
  readonly atMs: number
  readonly source: string
  readonly destination: string
  readonly ases: readonly NetworkAs[]
  readonly links: readonly NetworkLink[]
  readonly paths: readonly NetworkPath[]
  /** Id of the path in use, where one is. */
  readonly active?: string | undefined
  /** Newest first, at most {@link FAILOVERS_MAX}. */
  readonly failovers: readonly Failover[]
}

/** Failovers that a network answer tells of. */
export const FAILOVERS_MAX = 20

/** `POST /api/v1/network/links/{id}` (demo): cuts (`false`) or mends (`true`); answers NetworkLink. */
export interface LinkChange {
  readonly up: boolean
}

/* ---- journey ------------------------------------------------------------------------------- */

/** A run of bytes of a telegram that means one thing. */
export interface TelegramField {
  readonly start: number
  readonly end: number
  /** Which colour it takes. */
  readonly kind: 'frame' | 'header' | 'identity' | 'name' | 'value' | 'unit' | 'time' | 'checksum'
  /** What it is, in the standard's own words: 'escape', 'SML_GetList.Res', 'objName', … */
  readonly label: string
  /** What it says, where that can be said in few words. */
  readonly value?: string
  /** Index into the reading's registers, where it belongs to one. */
  readonly register?: number
}

/** One layer of the datagram that went out, from the inside: what it adds and what for. */
export interface JourneyLayer {
  readonly layer: 'payload' | 'signature' | 'encryption' | 'udp' | 'scion' | 'underlay'
  /** Bytes this layer adds (for `payload`: its own). */
  readonly bytes: number
}

/** One sending of the same sealed bytes. */
export interface JourneyAttempt {
  readonly path: string
  readonly atMs: number
}

/** The way of one reading from light to row. Times are of one machine and in order where present. */
export interface Journey {
  readonly device: string
  readonly stream: string
  readonly seq: number
  readonly telegram: {
    readonly protocol: string
    /** Hex. */
    readonly bytes: string
    readonly fields: readonly TelegramField[]
    readonly arrivedMs: number
  }
  readonly registers: readonly RegisterView[]
  readonly flags: readonly string[]
  readonly sealedMs?: number
  /** Bytes of the sealed object, which is the payload of the datagram. */
  readonly sealedBytes?: number
  readonly layers: readonly JourneyLayer[]
  readonly attempts: readonly JourneyAttempt[]
  /** Fingerprint of the path over which the acknowledged copy went. */
  readonly path?: string
  readonly storedMs?: number
  readonly row?: number
  readonly ackedMs?: number
}

/* `GET /api/v1/journey` answers the latest Journey that was acknowledged (404 before the first). */

/** Everything that can be switched in the demo beside the links. */
export type DemoSwitch = 'headend' | 'noise' | 'head' | 'case' | 'clouds'

/** Deeds of the demo that happen once. */
export type DemoDeed = 'forge' | 'replay'

/** `GET /api/v1/demo`: the state of the switches; `POST /api/v1/demo/switches/{name}` changes one. */
export interface DemoAnswer {
  readonly switches: readonly { readonly name: DemoSwitch; readonly on: boolean }[]
  readonly deeds: readonly DemoDeed[]
  /** 'simulated', 'replay' or 'serial': where the telegrams come from. */
  readonly input: 'simulated' | 'replay' | 'serial'
  readonly inputName?: string
}

/** Body of `POST /api/v1/demo/switches/{name}`. */
export interface SwitchChange {
  readonly on: boolean
}

/** Answer to `POST /api/v1/demo/deeds/{name}`: what became of the forged or replayed object. */
export interface DeedAnswer {
  readonly deed: DemoDeed
  readonly accepted: boolean
  /** The head-end's reason code. */
  readonly reason?: string
}

/* ---- live ---------------------------------------------------------------------------------- */

/**
 * `GET /api/v1/live`: server-sent events, one of these per event, `event:` its `type`, `data:` its
 * `data`. Event ids are `{run}-{number}`; a reader that comes back with `Last-Event-ID` gets what it
 * missed, or one `reset` when that is no longer held (fetch everything anew).
 */
export type LiveEvent =
  | { readonly type: 'reset'; readonly data: ServerInfo }
  | { readonly type: 'reading'; readonly data: ReadingView }
  | { readonly type: 'device'; readonly data: Device }
  | { readonly type: 'event'; readonly data: EventView }
  | { readonly type: 'network'; readonly data: NetworkAnswer }
  | { readonly type: 'journey'; readonly data: Journey }
  | { readonly type: 'demo'; readonly data: DemoAnswer }

/** The names of live events, for whoever must register for each. */
export const LIVE_EVENT_TYPES = [
  'reset',
  'reading',
  'device',
  'event',
  'network',
  'journey',
  'demo',
] as const satisfies readonly LiveEvent['type'][]
