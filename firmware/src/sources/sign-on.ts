import {
  createDecoder,
  Handshake,
  profileReadings,
  type HandshakeOptions,
  type Reading,
} from '@s3mp/meter'

import { AskingSource, type Round } from './asking.ts'
import type { Bus } from './bus.ts'
import { captureMs } from './intake.ts'
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
  const { address, wakeUp, software7E1 } = options
  const handshake: HandshakeOptions = {
    ...(address === undefined ? {} : { address }),
    ...(wakeUp === undefined ? {} : { wakeUp }),
    ...(software7E1 === undefined ? {} : { software7E1 }),
  }
  await hush(round.port, context.clock, round.signal)
  const end = await talk(new Handshake(handshake), {
    ...round,
    clock: context.clock,
    decoder: () => createDecoder('d0'),
    onReading: (reading) => {
      tell(reading, context, round)
    },
  })
  return end.kind === 'failed' ? end.reason : undefined
}

/** The reading, and before it what the meter remembers of a time when nobody asked. */
function tell(reading: Reading, context: SourceContext, round: Round): void {
  const since = context.newestMs()
  const nowMs = context.clock.nowMs()
  if (since !== undefined) {
    for (const past of profileReadings(reading)) {
      const timeMs = captureMs(past.meterTime, nowMs)
      if (timeMs !== undefined && timeMs > since && timeMs < nowMs) {
        round.onReading(past, { timeMs, isBackfill: true })
      }
    }
  }
  round.onReading(reading)
}
