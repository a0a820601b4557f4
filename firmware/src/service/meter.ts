import { join } from 'node:path'

import { systemClock } from '@s3mp/hal'

import { createMeter, type Meter } from '../app.ts'
import type { MeterEnd } from '../channel/channel.ts'
import type { Config } from '../config/load.ts'
import { openDurableMap } from '../durable-map.ts'
import { loadIdentity, loadStorageKey, loadTrust } from '../identity.ts'
import type { Log } from '../log.ts'
import type { MeterPage } from '../page/meter-page.ts'
import { openSources } from '../sources/open.ts'
import { Spool } from '../spool/spool.ts'
import type { TamperInput } from '../tamper.ts'
import { openMeterPage } from './page.ts'
import { rtcOf } from './rtc.ts'
import { runningProgramHash, systemRandom, systemRandomBytes } from './system.ts'
import { tapsOf } from './taps.ts'

/** A meter, and its side of the page where that is served. */
export interface OpenMeter {
  readonly meter: Meter
  readonly page: MeterPage | undefined
}

/** Builds the meter role from its configuration and the real things. */
export async function openMeter(config: Config, channel: MeterEnd, log: Log): Promise<OpenMeter> {
  const { meters, state, streams, headend } = config
  const clock = systemClock
  const { signer } = loadIdentity(state.folder)
  const trust = loadTrust(headend.card, state.folder)
  const sources = await openSources(meters, {
    clock,
    random: systemRandom,
    randomBytes: systemRandomBytes,
    configFile: config.file,
    credentials: process.env.CREDENTIALS_DIRECTORY,
  })
  const tamper = await openTamper(config)
  const page = await openMeterPage(config, log, () => meter.status())
  const meter = createMeter({
    clock,
    random: systemRandom,
    randomBytes: systemRandomBytes,
    sources,
    tap: tapsOf(config, clock, log),
    rtcMs: rtcOf(clock),
    ...(tamper === undefined ? {} : { tamper }),
    openMap: (name) => openDurableMap(join(state.folder, `meter.${name}`)),
    streams: {
      billingMs: streams.billing,
      minuteMs: streams.minute,
      isLive: streams.live,
      sealEvery: streams.seal_every,
      sealAfterMs: streams.seal_after,
      heartbeatMs: streams.heartbeat,
    },
    signer,
    trust,
    openSpool: () =>
      Spool.open({
        folder: state.folder,
        bytesMax: state.bytes,
        objectsMax: state.rows,
        nowMs: clock.nowMs(),
      }),
    channel,
    storageKey: loadStorageKey(state.folder, systemRandomBytes),
    firmwareHash: runningProgramHash(),
    log,
    ...(page === undefined ? {} : { onTrace: page.trace.bind(page) }),
  })
  return { meter, page }
}

/** The switch in the case, where one is configured. */
async function openTamper({ tamper }: Config): Promise<TamperInput | undefined> {
  if (tamper.line === undefined) return undefined
  const { linuxGpio } = await import('@s3mp/hal/linux')
  return { gpio: linuxGpio(), line: tamper.line, activeLow: tamper.active_low }
}
