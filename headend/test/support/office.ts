import { encodePublicKeyFile, toHex } from '@s3mp/envelope'
import type { Role, Scope } from '@s3mp/web/api'
import { hashPassword, withPeer } from '@s3mp/web/http'
import { addToken } from '../../src/access/admin.ts'
import { createHeadend, type Headend, type HeadendOptions } from '../../src/headend.ts'
import { MemorySecrets } from '../../src/keys/files.ts'
import { Keyring } from '../../src/keys/keyring.ts'
import { SqliteStore } from '../../src/store/store.ts'
import { Description } from '../../../test/support/description.ts'
import {
  mailbox,
  POLICY,
  seededRandom,
  START_MS,
  TestClock,
  TestMeter,
  type Sealed,
} from './world.ts'

/** The password that everybody in the tests has. */
export const PASSWORD = 'correct horse battery'
/** Where browsers in the tests believe they are. */
export const ORIGIN = 'http://headend.test'

/** How a test asks. */
export interface Asked {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly cookie?: string | undefined
  readonly token?: string
  /** From which address; none of a connection where it is left out. */
  readonly peer?: string
}

/** A head-end with people, programs, and one meter. */
export class Office {
  readonly clock = new TestClock()
  readonly store = new SqliteStore(':memory:')
  readonly meter = new TestMeter('office')
  readonly headend: Headend
  readonly keyring: Keyring
  readonly device: string
  readonly #random = seededRandom('office')

  private constructor(headend: Headend, keyring: Keyring, made: Partial<Office>) {
    this.headend = headend
    this.keyring = keyring
    this.clock = made.clock ?? this.clock
    this.store = made.store ?? this.store
    this.device = toHex(this.meter.signer.ueid)
  }

  /** Opens it, with one meter enrolled and its first epoch open. */
  static async open(options: Partial<HeadendOptions> = {}): Promise<Office> {
    const [clock, store] = [new TestClock(), new SqliteStore(':memory:')]
    const random = seededRandom('office head-end')
    const keyring = Keyring.create(new MemorySecrets(), POLICY, random)
    const parts = { store, keyring, transports: [], clock, random, ...options }
    const headend = await createHeadend(parts)
    const office = new Office(headend, keyring, { clock, store })
    headend.enroll(encodePublicKeyFile(office.meter.signer), { name: 'Main Street 12' })
    const prekey = keyring.current(START_MS)?.prekey
    if (prekey === undefined) throw new Error('no prekey')
    headend.receive(mailbox().arrival(await office.meter.openEpoch(prekey, START_MS)))
    while (headend.counts.epochs === 0) await turn()
    return office
  }

  /** Adds somebody with {@link PASSWORD}. */
  async hire(name: string, role: Role): Promise<void> {
    KEPT.hash ??= await hashPassword(PASSWORD, this.#random)
    this.store.people.addUser({ name, role, password: KEPT.hash, createdMs: START_MS })
  }

  /** A token of these scopes. */
  token(name: string, scopes: readonly Scope[], days = 1): string {
    const nowMs = this.clock.nowMs()
    const desk = { store: this.store, random: this.#random, nowMs, who: 'test' }
    return addToken(desk, { name, scopes, days }).secret
  }

  /** Logs in as a browser does; the cookie. */
  async login(name: string, password = PASSWORD): Promise<string> {
    const answer = await this.ask('/session', { method: 'POST', body: { name, password } })
    if (answer.status !== 200) throw new Error(`log-in: ${answer.status}`)
    return cookieIn(answer)
  }

  /** Asks at an address below the API's root, as a page of this origin does. */
  async ask(path: string, asked: Asked = {}): Promise<Response> {
    const { method = 'GET', body, headers = {}, cookie, token, peer } = asked
    const address = path.startsWith('/metrics') ? path : `/api/v1${path}`
    const request = new Request(`${ORIGIN}${address}`, {
      method,
      headers: {
        ...(method !== 'GET' && token === undefined && { origin: ORIGIN }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(cookie !== undefined && { cookie }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const answer = await this.headend.app.fetch(withPeer(request, peer))
    const known = DESCRIPTION.pathOf(new URL(request.url).pathname)
    if (known !== undefined && body !== undefined && answer.ok) {
      DESCRIPTION.checkBody(known, method.toLowerCase(), body)
    }
    return DESCRIPTION.hold(method, request.url, answer)
  }

  /** Hands sealed records over and waits until they are stored. */
  async deliver(...sealed: readonly Sealed[]): Promise<void> {
    const stored = this.headend.counts.stored + sealed.length
    for (const { datagram } of sealed) this.headend.receive(mailbox().arrival(datagram))
    while (this.headend.counts.stored < stored) await turn()
  }

  /** Ends it. */
  async close(): Promise<void> {
    await this.headend.close()
    this.store.close()
  }
}

/** Every answer that a test sees is held to the served document, and every body that was taken. */
const DESCRIPTION = Description.kept('headend')

/** One hash for all tests: it costs a tenth of a second to make. */
const KEPT: { hash?: string } = {}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1))
}

/** The cookie that an answer sets. */
export function cookieIn(answer: Response): string {
  return answer.headers.get('set-cookie')?.split(';')[0] ?? ''
}
