import { createHash, randomFillSync } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  encodePublicKeyFile,
  encodeRecord,
  encodeStatus,
  EVENT_CODES,
  genesis,
  nextLink,
  signRecord,
  SoftwareSigner,
  toHex,
} from '@s3mp/envelope'
import type { DeviceRecord, Signer } from '@s3mp/envelope'
import {
  createHeadend,
  enrollDevice,
  Keyring,
  MemorySecrets,
  SqliteStore,
  systemClock,
} from '@s3mp/headend'
import type { Headend } from '@s3mp/headend'
import { loadPage } from '@s3mp/web'
import { serveHttp } from '@s3mp/web/http'
import type { HttpServer } from '@s3mp/web/http'
import { addUser } from '../../headend/src/access/admin.ts'
import { plantHistory } from '../../scripts/demo/history.ts'
import { pastOf } from '../../scripts/demo/pasts.ts'

const DAY_MS = 86_400_000

/** Days that the one household of the fleet looks back on. */
const HISTORY_DAYS = 40

/** One device in so many has an alarm. */
const ALARM_EVERY = 1250

/** So many of the first devices have said something today, if nobody asks for more. */
const TALKATIVE = 30

/** The users of the fixture, by role; every password is {@link PASSWORD}. */
export const USERS = { viewer: 'vera', operator: 'otto', administrator: 'ada' } as const

/** What each of them types. */
export const PASSWORD = 'a quiet lamp over the door'

/** Where there is a file system in memory, ten thousand durable enrolments take seconds, not a minute. */
function memoryFolder(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
}

const randomBytes = (length: number): Uint8Array => randomFillSync(new Uint8Array(length))

/**
 * A real head-end with people who must log in, a household with a past, and a fleet of meters most of
 * which never said anything: for tests of the page, without network and optical heads.
 */
export class FleetFixture {
  readonly #folder = mkdtempSync(join(memoryFolder(), 's3mp-fleet-'))
  readonly store = new SqliteStore(join(this.#folder, 'headend.sqlite'))
  readonly household = SoftwareSigner.generate('Ed25519', randomBytes)
  #keyring: Keyring | undefined
  #headend: Headend | undefined
  #server: HttpServer | undefined
  /** Added to the wall clock, so that sessions end without waiting for it. */
  aheadMs = 0

  /**
   * Enrols `devices` meters, of which the first `talkative` have said something today, lets the users
   * in and serves; resolves with the address.
   */
  async open(devices: number, port = 0, talkative = TALKATIVE): Promise<string> {
    const { store, household } = this
    const policy = { validMs: 30 * DAY_MS, rotateBeforeMs: 10 * DAY_MS, graceMs: 30 * DAY_MS }
    const keyring = Keyring.create(new MemorySecrets(), policy, randomBytes)
    const nowMs = Date.now()
    enrollDevice(store, encodePublicKeyFile(household), { name: 'Lindenweg 12' }, nowMs - DAY_MS)
    await plantHistory({
      store,
      signer: household,
      recipientId: keyring.ueid,
      past: pastOf('sml'),
      endMs: nowMs,
      days: HISTORY_DAYS,
    })
    for (let index = 1; index < devices; index += 1) {
      await this.#enrol(index, index <= talkative, keyring.ueid, nowMs)
    }
    const random = randomBytes
    for (const [role, name] of Object.entries(USERS) as [keyof typeof USERS, string][])
      await addUser({ store, random, nowMs, who: 'fixture' }, { name, role, password: PASSWORD })
    this.#keyring = keyring
    return this.start(port)
  }

  /** Serves; again after {@link stop}, where it stood before. */
  async start(port: number): Promise<string> {
    if (this.#keyring === undefined) throw new Error('fixture: expected `open` before `start`')
    const headend = await createHeadend({
      store: this.store,
      keyring: this.#keyring,
      transports: [],
      clock: {
        nowMs: () => systemClock.nowMs() + this.aheadMs,
        monotonicMs: () => systemClock.monotonicMs(),
        sleep: (ms, signal) => systemClock.sleep(ms, signal),
      },
      page: await loadPage(),
      views: ['household', 'fleet'],
    })
    this.#headend = headend
    this.#server = await serveHttp(headend.app, { host: '127.0.0.1', port, nextPort: false })
    return this.#server.url
  }

  /** The port that the page is served at. */
  get port(): number {
    return this.#server?.port ?? 0
  }

  /** Ends the server; the store stays. */
  async stop(): Promise<void> {
    this.#headend?.live.close()
    await this.#server?.close()
    await this.#headend?.close()
  }

  /** Ends everything and removes every file. */
  async close(): Promise<void> {
    await this.stop()
    this.store.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #enrol(
    index: number,
    isTalkative: boolean,
    recipientId: Uint8Array,
    nowMs: number,
  ): Promise<void> {
    const signer = SoftwareSigner.generate('Ed25519', randomBytes)
    const name = `Meter ${String(index).padStart(5, '0')}`
    const { row } = enrollDevice(this.store, encodePublicKeyFile(signer), { name }, nowMs - DAY_MS)
    const hasAlarm = index % ALARM_EVERY === 1
    if (!hasAlarm && !isTalkative) return
    await this.#speak(signer, recipientId, index, nowMs)
    if (!hasAlarm) return
    const record: DeviceRecord = {
      kind: 'event',
      ...nextLink(genesis(signer.ueid, EVENTS_STREAM)),
      timeMs: nowMs - 60_000 * (index % 97),
      status: encodeStatus({ clock: 'synced', flags: [] }),
      code: EVENT_CODES['cover-opened'],
      severity: 'alarm',
      details: [],
    }
    await this.#keep(row, signer, record, recipientId, nowMs)
  }

  /** A day of readings and a heartbeat, so that a row has something to say. */
  async #speak(
    signer: Signer,
    recipientId: Uint8Array,
    index: number,
    nowMs: number,
  ): Promise<void> {
    const { store } = this
    const row = store.registry.device(signer.ueid)?.row
    if (row === undefined) throw new Error('fixture: expected an enrolled device')
    const importMilliWh = 1_000_000_000n + BigInt(index) * 7_345_100n
    const meterId = `1SIM00${String(10_000_000 + index * 7919)}`
    const usual = pastOf('sml')
    const streams = usual.streams.map((stream) => ({ ...stream, meterId }))
    const past = { ...usual, importMilliWh, exportMilliWh: importMilliWh / 3n, streams }
    await plantHistory({
      store,
      signer,
      recipientId,
      endMs: nowMs - (index % TALKATIVE) * 20_000,
      past,
      days: 1,
      size: 0.3 + (index % 17) / 9,
    })
    const record: DeviceRecord = {
      kind: 'heartbeat',
      ...nextLink(genesis(signer.ueid, HEALTH_STREAM)),
      timeMs: nowMs - (index % 300) * 1000,
      status: encodeStatus({ clock: index % 7 === 3 ? 'holdover' : 'synced', flags: [] }),
      firmwareHash: new Uint8Array(
        createHash('sha256')
          .update(`release ${index % 3}`)
          .digest(),
      ),
      bootCounter: 1 + (index % 4),
      uptimeS: 86_400 + index * 613,
      clockUncertaintyMs: 40,
      spool: { records: index % 11 === 5 ? 214 : index % 3, bytes: 4096, bytesMax: 268_435_456 },
      paths: [],
      streams: [],
    }
    await this.#keep(row, signer, record, recipientId, record.timeMs)
  }

  async #keep(
    row: number,
    signer: Signer,
    record: DeviceRecord,
    recipientId: Uint8Array,
    nowMs: number,
  ): Promise<void> {
    const bytes = await signRecord(signer, record, recipientId)
    const payload = encodeRecord(record)
    const hash = new Uint8Array(createHash('sha256').update(payload).digest())
    const entry = { device: row, ueid: signer.ueid, record, hash, bytes, path: undefined }
    await this.store.commit([entry], nowMs)
  }

  /** The household's id in addresses. */
  get householdId(): string {
    return toHex(this.household.ueid)
  }
}

/** The device's own streams: events, heartbeats. */
const [EVENTS_STREAM, HEALTH_STREAM] = [8, 9]
