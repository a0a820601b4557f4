import {
  createDecoder,
  Handshake,
  profileReadings,
  profileSpan,
  RegisterSession,
  type HandshakeOptions,
  type Reading,
} from '@s3mp/meter'

import { Arrears, BACKFILL_PARTS_MAX, type Span } from './arrears.ts'
import { AskingSource, type Round } from './asking.ts'
import type { Bus } from './bus.ts'
import { zoneOf, type WallZone } from './capture-time.ts'
import type { SourceContext, SourceSpec } from './source.ts'
import { hush, talk } from './talk.ts'

/** A meter that is signed on to (IEC 62056-21). */
export interface SignOnOptions {
  readonly name: string
  /** The port, for people. */
  readonly device: string
  readonly bus: Bus
  readonly askMs: number
  readonly isSimulated: boolean
  readonly address?: string
  /** It sleeps, and lives on a battery. */
  readonly wakeUp?: boolean
  /** Seven bits and parity are made here, for ports that cannot. */
  readonly software7E1?: boolean
  /** Code of the load profile that outages are made up for from. */
  readonly profile?: string
  /** For reading registers, where the meter wants one. */
  readonly password?: string
}

/** The source of a meter that tells its registers when it is signed on to. */
export function signOn(options: SignOnOptions): SourceSpec {
  const { name, device, bus, askMs, isSimulated, wakeUp = false } = options
  const base = { name, kind: 'sign-on', isSimulated, askMs } as const
  return {
    ...base,
    device,
    create: (context) => {
      const arrears = new Arrears(name, askMs, context)
      return new AskingSource(
        {
          ...base,
          bus,
          isSpared: wakeUp,
          ask: (round) => ask(options, context, arrears, round),
        },
        context,
      )
    },
  }
}

async function ask(
  options: SignOnOptions,
  context: SourceContext,
  arrears: Arrears,
  round: Round,
): Promise<string | undefined> {
  const heard: { zone: WallZone | undefined; readonly rows: Reading[] } = {
    zone: undefined,
    rows: [],
  }
  await hush(round.port, context.clock, round.signal)
  const end = await talk(new Handshake(greeting(options)), {
    ...round,
    clock: context.clock,
    decoder: () => createDecoder('d0'),
    onReading: (reading) => {
      heard.zone = zoneOf(reading.meterTime, context.clock.nowMs())
      heard.rows.push(...profileReadings(reading))
      arrears.heard()
      round.onReading(reading)
    },
  })
  if (end.kind === 'failed') return end.reason
  await makeUp(options, context, arrears, heard, round)
  return undefined
}

/** Makes up for outages: from what the readout itself has of them, then from the load profile. */
async function makeUp(
  options: SignOnOptions,
  context: SourceContext,
  arrears: Arrears,
  { zone, rows }: { readonly zone: WallZone | undefined; readonly rows: readonly Reading[] },
  round: Round,
): Promise<void> {
  const { profile } = options
  for (let part = 0; part < BACKFILL_PARTS_MAX; part += 1) {
    const span = arrears.next()
    if (span === undefined) return
    if (!(await arrears.tell(rows, span, zone, round.onReading))) return
    if (profile !== undefined) {
      const found = await fetch(options, profile, span, zone, context, round)
      if (typeof found === 'string') {
        if (arrears.fail()) round.onRefused(`profile ${profile}`, found)
        return
      }
      if (!(await arrears.tell(found, span, zone, round.onReading))) return
    }
    arrears.settle(span.toMs)
  }
}

/** Signs on once more, for a part of the load profile. Answers its rows, or why there are none. */
async function fetch(
  options: SignOnOptions,
  profile: string,
  { fromMs, toMs }: Span,
  zone: WallZone | undefined,
  { clock }: SourceContext,
  round: Round,
): Promise<readonly Reading[] | string> {
  const { password, software7E1 = false } = options
  const door = await talk(new Handshake({ ...greeting(options), purpose: 'registers' }), {
    ...round,
    clock,
  })
  const rows: Reading[] = []
  if (door.kind !== 'session') {
    const reason = door.kind === 'failed' ? door.reason : 'no session'
    // A meter that answers and lets nobody in will not do so for the next part either.
    if (door.kind === 'failed') return reason
    round.onRefused(`profile ${profile}`, reason)
    return rows
  }
  const aheadMs = zone?.aheadMs ?? 0
  const session = new RegisterSession({
    identification: door.identification,
    requests: [{ command: 'R5', code: profile, argument: profileSpan(fromMs + aheadMs, toMs + aheadMs) }], // prettier-ignore
    software7E1,
    ...(password === undefined ? {} : { password }),
  })
  const end = await talk(session, {
    ...round,
    clock,
    onReading: (reading) => {
      rows.push(...profileReadings(reading))
    },
  })
  if (end.kind !== 'failed') return rows
  if (end.reason !== 'refused') return end.reason
  round.onRefused(`profile ${profile}`, end.reason)
  return rows
}

function greeting({ address, wakeUp, software7E1 }: SignOnOptions): HandshakeOptions {
  return {
    ...(address === undefined ? {} : { address }),
    ...(wakeUp === undefined ? {} : { wakeUp }),
    ...(software7E1 === undefined ? {} : { software7E1 }),
  }
}
