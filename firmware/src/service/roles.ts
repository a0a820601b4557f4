import { nodeUnderlay, FilePathSource, parseAddress, parseEndpoint, ScionError } from '@s3mp/scion'
import { systemClock } from '@s3mp/hal'

import { createMeter, type Meter } from '../app.ts'
import type { MeterEnd, UplinkEnd } from '../channel/channel.ts'
import type { Config } from '../config/load.ts'
import { FirmwareError, reasonOf } from '../errors.ts'
import { loadIdentity, loadStorageKey, loadTrust } from '../identity.ts'
import type { Log } from '../log.ts'
import { openSource } from '../source.ts'
import { Spool } from '../spool/spool.ts'
import { openScionTransport } from '../transport/scion.ts'
import type { Transport } from '../transport/transport.ts'
import { UdpTransport } from '../transport/udp.ts'
import { createUplink, type Uplink } from '../uplink.ts'
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

/** Builds the uplink role from its configuration and the real network. */
export async function openUplink(config: Config, channel: UplinkEnd, log: Log): Promise<Uplink> {
  return createUplink({ channel, transport: await openTransport(config), clock: systemClock, log })
}

async function openTransport(config: Config): Promise<Transport> {
  const { transport } = config.uplink
  if (transport === 'udp') {
    const { remote } = config['uplink.udp']
    if (remote === undefined) throw new FirmwareError('config', 'uplink.udp.remote: missing')
    return new UdpTransport({ remote, monotonicMs: () => systemClock.monotonicMs() })
  }
  const { local, port, remote, paths, alarm_paths: alarmPaths } = config['uplink.scion']
  if (local === undefined || remote === undefined || paths === undefined) {
    throw new FirmwareError('config', 'uplink.scion: expected local, remote and paths')
  }
  try {
    return await openScionTransport({
      source: await FilePathSource.open(paths),
      local: parseAddress(local),
      port,
      remote: parseEndpoint(remote),
      underlay: nodeUnderlay,
      clock: systemClock,
      random: systemRandom,
      alarmPaths,
    })
  } catch (error) {
    if (!(error instanceof ScionError)) throw error
    const message = `${config.file}: uplink.scion: ${reasonOf(error)}`
    throw new FirmwareError('config', message, { cause: error })
  }
}
