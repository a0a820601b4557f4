import {
  createDecoder,
  Handshake,
  profileReadings,
  profileSpan,
  RegisterSession,
  type HandshakeOptions,
  type Reading,
} from '@s3mp/meter'

import { AskingSource, type Round } from './asking.ts'
import type { Bus } from './bus.ts'
import { captureMs, zoneOf, type WallZone } from './capture-time.ts'
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
    create: (context) =>
      new AskingSource(
        {
          ...base,
          bus,
          isSpared: wakeUp,
          ask: (round) => ask(options, context, round),
        },
        context,
      ),
  }
}

async function ask(
  options: SignOnOptions,
  context: SourceContext,
  round: Round,
): Promise<string | undefined> {
  const since = context.newestMs()
  const heard: { zone: WallZone | undefined } = { zone: undefined }
  await hush(round.port, context.clock, round.signal)
  const end = await talk(new Handshake(greeting(options)), {
    ...round,
    clock: context.clock,
    decoder: () => createDecoder('d0'),
    onReading: (reading) => {
      heard.zone = zoneOf(reading.meterTime, context.clock.nowMs())
      tellPast(profileReadings(reading), since, heard.zone, context, round)
      round.onReading(reading)
    },
  })
  if (end.kind === 'failed') return end.reason
  const { profile, askMs } = options
  const nowMs = context.clock.nowMs()
  const isMissed = since !== undefined && nowMs - since > askMs * MISSED_ROUNDS_MIN
  if (profile !== undefined && isMissed) await fetch(options, profile, since, heard.zone, context, round) // prettier-ignore
  return undefined
}

/** Signs on once more, for the load profile of the time when nobody asked. */
async function fetch(
  options: SignOnOptions,
  profile: string,
  since: number,
  zone: WallZone | undefined,
  context: SourceContext,
  round: Round,
): Promise<void> {
  const { clock } = context
  const { password, software7E1 = false } = options
  const door = await talk(new Handshake({ ...greeting(options), purpose: 'registers' }), {
    ...round,
    clock,
  })
  if (door.kind !== 'session') {
    round.onRefused(`profile ${profile}`, door.kind === 'failed' ? door.reason : 'no session')
    return
  }
  const aheadMs = zone?.aheadMs ?? 0
  const span = profileSpan(since + aheadMs, clock.nowMs() + aheadMs)
  const session = new RegisterSession({
    identification: door.identification,
    requests: [{ command: 'R5', code: profile, argument: span }],
    software7E1,
    ...(password === undefined ? {} : { password }),
  })
  const end = await talk(session, {
    ...round,
    clock,
    onReading: (reading) => {
      tellPast(profileReadings(reading), since, zone, context, round)
    },
  })
  if (end.kind === 'failed') round.onRefused(`profile ${profile}`, end.reason)
}

/** What the meter remembers of a time when nobody asked; what is known already is left out. */
function tellPast(
  rows: readonly Reading[],
  since: number | undefined,
  zone: WallZone | undefined,
  { clock }: SourceContext,
  round: Round,
): void {
  if (since === undefined) return
  const nowMs = clock.nowMs()
  for (const past of rows) {
    const timeMs = captureMs(past.meterTime, zone)
    if (timeMs === undefined || timeMs <= since || timeMs > nowMs) continue
    round.onReading(past, { timeMs, isBackfill: true })
  }
}

function greeting({ address, wakeUp, software7E1 }: SignOnOptions): HandshakeOptions {
  return {
    ...(address === undefined ? {} : { address }),
    ...(wakeUp === undefined ? {} : { wakeUp }),
    ...(software7E1 === undefined ? {} : { software7E1 }),
  }
}

/** Intervals without a reading that make an outage. */
const MISSED_ROUNDS_MIN = 1.5
