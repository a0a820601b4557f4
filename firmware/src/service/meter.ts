import { systemClock } from '@s3mp/hal'

import { createMeter, type Meter } from '../app.ts'
import type { MeterEnd } from '../channel/channel.ts'
import type { Config } from '../config/load.ts'
import { loadIdentity, loadStorageKey, loadTrust } from '../identity.ts'
import type { Log } from '../log.ts'
import { openSource } from '../source.ts'
import { Spool } from '../spool/spool.ts'
import { runningProgramHash, systemRandom, systemRandomBytes } from './system.ts'

/** Builds the meter role from its configuration and the real things. */
export async function openMeter(config: Config, channel: MeterEnd, log: Log): Promise<Meter> {
  const { meter, state, streams, headend } = config
  const clock = systemClock
  const { signer } = loadIdentity(state.folder)
  const trust = loadTrust(headend.card, state.folder)
  const source = await openSource({ ...meter, clock, random: systemRandom })
  return createMeter({
    clock,
    random: systemRandom,
    randomBytes: systemRandomBytes,
    serial: source.serial,
    head: {
      path: source.path,
      settings: source.settings,
      protocol: meter.protocol,
      silenceMs: meter.silence,
      isSimulated: source.isSimulated,
    },
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
  })
}
