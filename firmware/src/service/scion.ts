import { systemClock } from '@s3mp/hal'
import { FilePathSource, nodeUnderlay, parseAddress, parseEndpoint, ScionError } from '@s3mp/scion'

import type { Config } from '../config/load.ts'
import { FirmwareError, reasonOf } from '../errors.ts'
import { openScionTransport, type ScionTransport } from '../transport/scion.ts'
import { systemRandom } from './system.ts'

/** The SCION host that the configuration describes. @throws FirmwareError `config` */
export async function openScion(config: Config): Promise<ScionTransport> {
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
