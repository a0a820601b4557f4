import { HalError, type SerialSettings } from '@s3mp/hal'
import {
  DlmsClient,
  Handshake,
  MeterError,
  planOf,
  readMeter,
  readObjectList,
  readProfile,
  ScaleMemory,
  type DlmsAuthentication,
  type DlmsClientOptions,
  type MeterPlan,
  type MeterPort,
  type Reading,
} from '@s3mp/meter'

import { Arrears, BACKFILL_PARTS_MAX, type Span } from './arrears.ts'
import { AskingSource, type Round } from './asking.ts'
import type { Bus } from './bus.ts'
import { zoneOf, type WallZone } from './capture-time.ts'
import { Invocations } from './invocations.ts'
import type { MeterKeys } from './keys.ts'
import type { SourceContext, SourceSpec } from './source.ts'
import { hush, talk } from './talk.ts'

const HOUR_MS = 3_600_000

/** A meter that is asked as a DLMS client. */
export interface DlmsOptions {
  readonly name: string
  /** The port or address, for people. */
  readonly device: string
  readonly bus: Bus
  readonly askMs: number
  readonly isSimulated: boolean
  readonly settings: SerialSettings
  readonly link: DlmsClientOptions['link']
  readonly authentication: DlmsAuthentication
  /** The line is opened by a sign-on of IEC 62056-21 mode E. */
  readonly signOn?: boolean
  readonly keys: MeterKeys
  /** The security suite; by the length of the keys where left out. */
  readonly suite?: 0 | 1 | 2
  /** Our own system title; with the keys it makes a ciphered association. */
  readonly title?: Uint8Array
  readonly randomBytes: (bytes: number) => Uint8Array
  /** OBIS codes; what the meter lists where they are left out. */
  readonly registers?: readonly string[]
  /** Load profile that outages are made up for from. */
  readonly profile?: string
}

/** The source of a meter that answers a DLMS client, over a serial line or TCP. */
export function dlms(options: DlmsOptions): SourceSpec {
  const { name, device, bus, askMs, isSimulated } = options
  const base = { name, kind: 'dlms', isSimulated, askMs } as const
  return {
    ...base,
    device,
    create: (context) => {
      const asker = new Asker(options, context)
      return new AskingSource({ ...base, bus, ask: (round) => asker.ask(round) }, context)
    },
  }
}

class Asker {
  readonly #options: DlmsOptions
  readonly #context: SourceContext
  #scales = new ScaleMemory()
  /** The meter that was read last. */
  #device: string | undefined
  readonly #invocations: Invocations
  #plan: MeterPlan | undefined
  /** What is to be made up for from the load profile, where there is one. */
  readonly #arrears: Arrears | undefined

  constructor(options: DlmsOptions, context: SourceContext) {
    this.#options = options
    this.#context = context
    this.#invocations = new Invocations(context.invocations)
    const { profile, name, askMs } = options
    this.#arrears = profile === undefined ? undefined : new Arrears(name, askMs, context)
    this.#plan = planGiven(options)
  }

  async ask(round: Round): Promise<string | undefined> {
    const { port, signal, canSwitch } = round
    if (canSwitch) await port.reconfigure(this.#options.settings)
    await hush(port, this.#context.clock, signal)
    const closed = await this.#openDoor(round)
    if (closed !== undefined) return closed
    const client = this.#client(round)
    try {
      await client.connect(signal)
      const reading = await this.#read(client, round)
      if (reading.registers.length === 0) return 'the meter gives none of the registers'
      const zone = zoneOf(reading.meterTime, this.#context.clock.nowMs())
      // What is wrong with a meter's memory must not cost what it shows now.
      this.#arrears?.heard()
      round.onReading(reading)
      await this.#backfill(client, round, zone)
      return undefined
    } catch (error) {
      this.#judge(error)
      throw error
    } finally {
      await client.release(signal)
    }
  }

  /** What the meter shows; what was learned of another one before it is forgotten first. */
  async #read(client: DlmsClient, { signal, progress }: Round): Promise<Reading> {
    const once = async (): Promise<Reading> => {
      const plan = (this.#plan ??= planOf(await readObjectList(client, signal)))
      progress()
      return readMeter(client, plan, signal, this.#scales)
    }
    const reading = await once()
    const before = this.#device
    this.#device = reading.device
    if (before === undefined || before === reading.device) return reading
    this.#scales = new ScaleMemory()
    this.#plan = planGiven(this.#options)
    return once()
  }

  /** Signs on where the meter wants it; answers why it did not let us in. */
  async #openDoor(round: Round): Promise<string | undefined> {
    if (this.#options.signOn !== true) return undefined
    const handshake = new Handshake({ purpose: 'hdlc' })
    const end = await talk(handshake, { ...round, clock: this.#context.clock })
    if (end.kind === 'hdlc') return undefined
    return end.kind === 'failed' ? `sign-on: ${end.reason}` : 'sign-on: no HDLC'
  }

  #client(round: Round): DlmsClient {
    const { link, authentication, keys, title, randomBytes } = this.#options
    const { key, authenticationKey } = keys
    const hasKeys = key !== undefined && authenticationKey !== undefined && title !== undefined
    return new DlmsClient({
      port: tapped(round),
      clock: this.#context.clock,
      random: randomBytes,
      link,
      authentication,
      ...(hasKeys
        ? {
            security: {
              suite: this.#options.suite ?? (key.length === 32 ? 2 : 0),
              clientTitle: title,
              encryptionKey: key,
              authenticationKey,
              counters: this.#invocations,
            },
          }
        : {}),
    })
  }

  /** What the meter remembers of the time when nobody asked, oldest first, some of it a round. */
  async #backfill(client: DlmsClient, round: Round, zone: WallZone | undefined): Promise<void> {
    const arrears = this.#arrears
    const what = `profile ${this.#options.profile ?? ''}`
    for (let part = 0; part < BACKFILL_PARTS_MAX; part += 1) {
      const span = arrears?.next()
      if (arrears === undefined || span === undefined) return
      round.progress()
      try {
        const rows = await this.#rows(client, span, zone, round.signal)
        if (!(await arrears.tell(rows, span, zone, round.onReading))) return
      } catch (error) {
        if (!(error instanceof MeterError) && !(error instanceof HalError)) throw error
        const isRefused = error.code === 'refused'
        const { name } = this.#options
        const { code, message } = error
        this.#context.log.warn('backfill.failed', { meter: name, code, reason: message })
        if (isRefused || arrears.fail()) round.onRefused(what, error.message)
        if (!isRefused) throw error
      }
      arrears.settle(span.toMs)
    }
  }

  #rows(
    client: DlmsClient,
    { fromMs, toMs }: Span,
    zone: WallZone | undefined,
    signal: AbortSignal,
  ): Promise<readonly Reading[]> {
    const obis = completed(this.#options.profile ?? '')
    // A meter that names no zone looks at what its clock shows, which a change of season moves.
    const [aheadMs, seasonMs] = zone === undefined ? [0, 0] : [zone.aheadMs, HOUR_MS]
    const request = {
      obis,
      fromMs: fromMs + 1000 + aheadMs - seasonMs,
      toMs: toMs + aheadMs + seasonMs,
    }
    return readProfile(client, request, signal, this.#scales)
  }

  #judge(error: unknown): void {
    if (!(error instanceof MeterError)) return
    const verdicts: Readonly<Partial<Record<string, string>>> = {
      'key-wrong': 'encryption-key-wrong',
      unauthentic: 'authentication-key-wrong',
      replay: 'replay',
    }
    const verdict = verdicts[error.code]
    if (verdict === undefined) return
    this.#context.onTrouble({ kind: 'keys-refused', verdict, reason: error.message })
  }
}

/** The registers that are wanted; undefined where those are that the meter lists. */
function planGiven({ registers }: DlmsOptions): MeterPlan | undefined {
  if (registers === undefined) return undefined
  return { registers: registers.map((obis) => ({ obis: completed(obis) })) }
}

/** The port, with everything that is read shown to the recorder. */
function tapped({ port, onBytes, progress }: Round): MeterPort {
  return {
    read: async (signal) => {
      const bytes = await port.read(signal)
      progress()
      onBytes(bytes)
      return bytes
    },
    write: async (bytes) => {
      progress()
      await port.write(bytes)
    },
  }
}

/** An OBIS code with the value group F that meters leave out. */
function completed(obis: string): string {
  return obis.includes('*') ? obis : `${obis}*255`
}
