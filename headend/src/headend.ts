import { randomFillSync } from 'node:crypto'
import { decodePublicKeyFile, EnvelopeError, encodeHeadendCard, toHex } from '@s3mp/envelope'
import { LiveFeed, type Page } from '@s3mp/web'
import type { Device, ServerInfo, View } from '@s3mp/web/api'
import type { HealthAnswer } from '@s3mp/web/openapi'
import type { Hono } from 'hono'
import { Access, type AccessMode } from './access/access.ts'
import { Confirmations } from './access/confirm.ts'
import { createApi } from './api/app.ts'
import type { Route } from './api/routes.ts'
import { Views } from './api/views.ts'
import { systemClock, type Clock, type RandomBytes } from './clock.ts'
import { HeadendError } from './errors.ts'
import type { Keyring } from './keys/keyring.ts'
import { silentLog, type Log } from './log.ts'
import { Metrics } from './metrics.ts'
import { PathWatch } from './receive/path-watch.ts'
import { Receiver } from './receive/receiver.ts'
import type { Counts, Refusal } from './receive/refusals.ts'
import type { Committed, Entry } from './store/records.ts'
import type { Deed } from './store/registry.ts'
import type { SqliteStore } from './store/store.ts'
import type { DeviceRow, DeviceState, EventRow } from './store/types.ts'
import type { Arrival, Transport } from './transport/transport.ts'

/** How often gaps, prekeys and other processes' changes are looked after. */
export const UPKEEP_MS_MAX = 30_000
/** How long a record may be missing before the operator hears of it. */
export const GAP_TOLERATED_MS_MAX = 600_000
/** Readings told to the page's readers out of one commit; a flood would drown every curve. */
export const LIVE_READINGS_MAX = 200
/** Characters of a device's name. */
export const NAME_CHARS_MAX = 100

/** What a head-end is made of. Whatever is left out is the real thing. */
export interface HeadendOptions {
  readonly store: SqliteStore
  readonly keyring: Keyring
  readonly transports: readonly Transport[]
  readonly clock?: Clock
  readonly random?: RandomBytes
  readonly log?: Log
  /** Shown to people, and in the card. */
  readonly name?: string
  readonly version?: string
  readonly page?: Page
  /** What the page offers; the demo adds its own views. */
  readonly role?: ServerInfo['role']
  readonly views?: readonly View[]
  /** Hears of every datagram that led to nothing. */
  readonly onRefusal?: (reason: Refusal, arrival: Arrival) => void
  /**
   * Whether people must log in (the default). `open` is for demonstrations and tests: whoever asks from
   * this machine may do everything, and nobody else is answered.
   */
  readonly access?: AccessMode
  /** `https://…` under which a proxy in front shows the page. */
  readonly origin?: string | undefined
  /** Hears of every commit. */
  readonly onCommit?: (entries: readonly Entry[], committed: Committed, nowMs: number) => void
}

/** Randomness of the system. */
export const systemRandom: RandomBytes = (length) => randomFillSync(new Uint8Array(length))

/** Starts a head-end: keys are looked after, datagrams received, the API ready to be served. */
export async function createHeadend(options: HeadendOptions): Promise<Headend> {
  const headend = new Headend(options)
  await headend.start()
  return headend
}

/** A head-end in this process; use {@link createHeadend}. */
export class Headend {
  /** The API (and the page, where one was given); serve it with `serveHttp`, or mount it. */
  readonly app: Hono
  /** The stream behind the page's curves; others may publish into it. */
  readonly live: LiveFeed
  readonly store: SqliteStore
  /** The API's addresses, and what it takes to ask each. */
  readonly routes: readonly Route[]
  readonly #options: HeadendOptions
  readonly #clock: Clock
  readonly #log: Log
  readonly #views: Views
  readonly #receiver: Receiver
  readonly #stop = new AbortController()
  readonly #run: string
  readonly #startedMs: number
  readonly #access: Access
  readonly #paths = new PathWatch()
  #upkeep: Promise<void> | undefined
  #lastCommitMs: number | undefined
  #failing = false

  constructor(options: HeadendOptions) {
    const { store, keyring, clock = systemClock, random = systemRandom, log = silentLog } = options
    this.#options = options
    this.#clock = clock
    this.#log = log
    this.store = store
    this.#run = toHex(random(4))
    this.#startedMs = clock.nowMs()
    this.live = new LiveFeed({ run: this.#run })
    this.#views = new Views(store)
    this.#receiver = new Receiver({
      store,
      keyring,
      clock,
      random,
      log,
      onCommit: (entries, committed, nowMs) => {
        this.#publish(entries, committed, nowMs)
        this.#followPaths(entries, committed, nowMs)
        options.onCommit?.(entries, committed, nowMs)
      },
      onEvent: (event) => {
        this.#publishEvents([event])
      },
      onRefusal: (reason, arrival) => {
        if (reason === 'store-failed') this.#failing = true
        options.onRefusal?.(reason, arrival)
      },
    })
    const { access: mode = 'password', origin } = options
    this.#access = new Access({ mode, store, clock, random, log, origin })
    const { live } = this
    const metrics = new Metrics({
      receiver: this.#receiver,
      store,
      access: this.#access,
      live,
      clock,
    })
    const { app, routes } = createApi({
      store,
      access: this.#access,
      confirmations: new Confirmations(random),
      views: this.#views,
      live,
      clock,
      log,
      page: options.page,
      recipientId: keyring.ueid,
      describe: () => this.describe(),
      health: () => this.#health(),
      metrics: () => metrics.render(),
      enroll: (card, about) => this.enroll(card, about),
      setState: (ueid, state, deed) => this.setState(ueid, state, deed),
    })
    this.app = app
    this.routes = routes.list
  }

  /** Begins to receive. @throws HeadendError `ERR_HEADEND_LISTEN`. */
  async start(): Promise<void> {
    await this.#rotatePrekeys()
    for (const transport of this.#options.transports) {
      await transport.start(this.#receiver.receive, this.#receiver.turnedAway)
      this.#log.info('transport.listening', { kind: transport.kind, address: transport.address })
    }
    this.#upkeep = this.#lookAfter()
  }

  /** Ends cleanly: what is being committed is finished and answered. Leaves the store open. */
  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#options.transports.map((transport) => transport.close()))
    await this.#receiver.close()
    await this.#upkeep
    this.live.close()
  }

  /** Whether the store takes what is received; false is worth a restart by the supervisor. */
  get working(): boolean {
    return !this.#failing
  }

  /** What the receiver counted since the start. */
  get counts(): Counts {
    return this.#receiver.counts
  }

  /** Hands over a datagram as if it had arrived; what a file or a demo brings. */
  receive(arrival: Arrival): void {
    this.#receiver.receive(arrival)
  }

  /** Who answers, for the page. */
  describe(): ServerInfo {
    const { role = 'headend', version = '0.1.0', views = ['household', 'fleet'] } = this.#options
    const [nowMs, startedMs] = [this.#clock.nowMs(), this.#startedMs]
    return { role, version, run: this.#run, nowMs, startedMs, views }
  }

  /** What meters are given: the pinned key, the current prekey, the addresses. */
  card(): string {
    const { keyring, transports, name = 'S3MP head-end' } = this.#options
    const current = keyring.current(this.#clock.nowMs())
    const { algorithm, publicKey } = keyring.signer
    return encodeHeadendCard({
      name,
      key: { algorithm, publicKey },
      prekeys: current === undefined ? [] : [current.prekey.object],
      addresses: Object.fromEntries(transports.map(({ kind, address }) => [kind, address])),
    })
  }

  /** Takes a device on by the text of its public key file. @throws HeadendError */
  enroll(card: string, about: EnrolmentWords = {}): Device {
    const row = enrollDevice(this.store, card, about, this.#clock.nowMs())
    const device = this.#views.device(row, this.#clock.nowMs())
    this.live.publish({ type: 'device', data: device })
    return device
  }

  /** Quarantines, releases or revokes a device. @throws HeadendError */
  setState(ueid: Uint8Array, state: DeviceState, deed: Deed): Device {
    const row = this.store.registry.setState(ueid, state, deed, this.#clock.nowMs())
    this.#receiver.reloadStates()
    const device = this.#views.device(row, this.#clock.nowMs())
    this.live.publish({ type: 'device', data: device })
    return device
  }

  #health(): HealthAnswer {
    const { fill } = this.#receiver
    return {
      status: this.#failing ? 'failing' : fill > 0.5 ? 'busy' : 'ok',
      fill,
      ...(this.#lastCommitMs !== undefined && { lastCommitMs: this.#lastCommitMs }),
    }
  }

  #publish(entries: readonly Entry[], committed: Committed, nowMs: number): void {
    this.#lastCommitMs = nowMs
    this.#failing = false
    if (this.live.readers === 0) return
    this.#publishEvents(committed.events)
    const changed = new Set(committed.events.map(({ device }) => device))
    let told = 0
    for (const [index, { device, ueid, record }] of entries.entries()) {
      const isNew = committed.outcomes[index]?.type === 'stored'
      if (record.kind === 'heartbeat' || record.kind === 'seal') changed.add(device)
      if (!isNew || !('samples' in record) || told >= LIVE_READINGS_MAX) continue
      told++
      this.#publishReading(device, toHex(ueid), record.stream, record.samples.at(-1)?.timeMs ?? 0)
    }
    for (const device of changed) {
      const row = device === undefined ? undefined : this.store.registry.deviceOfRow(device)
      if (row === undefined) continue
      this.live.publish({ type: 'device', data: this.#views.device(row, nowMs) })
    }
  }

  #followPaths(entries: readonly Entry[], committed: Committed, nowMs: number): void {
    const events = this.#paths.follow(entries, committed, nowMs)
    try {
      const told = events.map((event) => this.store.addEvent(event))
      this.#publishEvents(told.filter((event) => event !== undefined))
    } catch (error) {
      // The readings themselves are on disk: that a path changed is not worth refusing them for.
      this.#log.warn('failover.untold', { reason: String(error) })
    }
  }

  #publishReading(device: number, id: string, number: number, atMs: number): void {
    const stream = this.store.queries.stream(device, number)
    const sample = stream && this.store.queries.sampleBefore(stream.row, atMs)
    const reading = stream && sample && this.#views.reading(id, stream, sample)
    if (reading !== undefined) this.live.publish({ type: 'reading', data: reading })
  }

  #publishEvents(events: readonly EventRow[]): void {
    for (const event of events) {
      this.live.publish({ type: 'event', data: this.#views.event(event) })
    }
  }

  async #lookAfter(): Promise<void> {
    const { signal } = this.#stop
    const slept = (): Promise<boolean> =>
      this.#clock.sleep(UPKEEP_MS_MAX, signal).then(
        () => true,
        () => false,
      )
    while (await slept()) {
      try {
        const nowMs = this.#clock.nowMs()
        this.#access.recheckStreams()
        this.#publishEvents(this.store.reportGaps(nowMs - GAP_TOLERATED_MS_MAX, nowMs))
        await this.#rotatePrekeys()
      } catch (error) {
        this.#log.error('upkeep.failed', { reason: String(error) })
      }
    }
  }

  async #rotatePrekeys(): Promise<void> {
    const nowMs = this.#clock.nowMs()
    const { created, deleted } = await this.#options.keyring.rotate(nowMs)
    for (const { prekey } of created) {
      this.store.audit(nowMs, 'prekey.created', toHex(prekey.id), { until: prekey.notAfterMs })
      this.#log.info('prekey.created', { id: prekey.id })
    }
    for (const id of deleted) {
      this.#receiver.epochs.forgetPrekey(id)
      this.store.audit(nowMs, 'prekey.deleted', toHex(id))
      this.#log.info('prekey.deleted', { id })
    }
  }
}

/** What is said of a device when it is taken on. */
export interface EnrolmentWords {
  readonly name?: string | undefined
  readonly serial?: string | undefined
  readonly deed?: Deed | undefined
}

/** Takes a device on by the text of its public key file. @throws HeadendError */
export function enrollDevice(
  store: SqliteStore,
  card: string,
  about: EnrolmentWords,
  nowMs: number,
): DeviceRow {
  for (const [field, value] of Object.entries({ name: about.name, serial: about.serial })) {
    if (value !== undefined && (value.length > NAME_CHARS_MAX || /\p{Cc}/u.test(value))) {
      const expected = `at most ${NAME_CHARS_MAX} printable characters`
      throw new HeadendError('ERR_HEADEND_ENROL', `${field}: expected ${expected}`)
    }
  }
  try {
    const { algorithm, publicKey, ueid } = decodePublicKeyFile(card)
    const { name = `Meter ${toHex(ueid).slice(2, 10)}`, serial } = about
    const bytes = new TextEncoder().encode(card)
    const device = { ueid, algorithm, publicKey, name, serial, card: bytes }
    return store.registry.enroll(device, nowMs, about.deed)
  } catch (cause) {
    if (!(cause instanceof EnvelopeError)) throw cause
    throw new HeadendError('ERR_HEADEND_ENROL', `not a device's card: ${cause.message}`, { cause })
  }
}
