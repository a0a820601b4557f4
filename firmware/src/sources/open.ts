import { parseSettings, type Clock, type SerialBackend } from '@s3mp/hal'
import type { DecoderProtocol } from '@s3mp/meter'

import { schemeOf } from '../config/meters.ts'
import type { MeterConfig } from '../config/schema.ts'
import { readKey, type SecretSurroundings } from '../config/secret.ts'
import { FirmwareError } from '../errors.ts'
import { listening } from './listening.ts'
import type { MeterKeys } from './keys.ts'
import { pretend } from './simulated.ts'
import type { SourceSpec } from './source.ts'

/** What opening sources needs. Nothing native is loaded before something asks for it. */
export interface OpenOptions extends SecretSurroundings {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

/** Lengths of keys: AES-128, and AES-256 of security suite 2. */
const KEY_BYTES = [16, 32] as const

/**
 * The sources that the configured meters stand for.
 *
 * @throws FirmwareError `source` for one that cannot be, `identity` for a key that cannot be read.
 */
export async function openSources(
  meters: readonly MeterConfig[],
  options: OpenOptions,
): Promise<readonly SourceSpec[]> {
  return Promise.all(meters.map((meter) => openOne(meter, options)))
}

async function openOne(meter: MeterConfig, options: OpenOptions): Promise<SourceSpec> {
  const { name, device, silence } = meter
  const settings = parseSettings(`${String(meter.baud)} ${meter.frame}`)
  const protocol = listenedProtocol(meter)
  const keys = readKeys(meter, options)
  const scheme = schemeOf(device)
  if (scheme === 'simulated' || scheme === 'replay') {
    const head = await pretend({ ...options, device, settings, protocol })
    return listening({ ...head, name, protocol, keys, silenceMs: silence, isSimulated: true })
  }
  const serial = await linux()
  return listening({
    name,
    serial,
    path: device,
    settings,
    protocol,
    keys,
    silenceMs: silence,
    isSimulated: false,
  })
}

async function linux(): Promise<SerialBackend> {
  const { linuxSerial } = await import('@s3mp/hal/linux')
  return linuxSerial()
}

function readKeys({ name, keys }: MeterConfig, surroundings: SecretSurroundings): MeterKeys {
  const { encryption, authentication } = keys
  const read = (what: 'encryption' | 'authentication'): Uint8Array | undefined => {
    const reference = what === 'encryption' ? encryption : authentication
    if (reference === undefined) return undefined
    return readKey(`meter ${name}: keys.${what}`, reference, KEY_BYTES, surroundings)
  }
  const [key, authenticationKey] = [read('encryption'), read('authentication')]
  return {
    ...(key === undefined ? {} : { key }),
    ...(authenticationKey === undefined ? {} : { authenticationKey }),
  }
}

function listenedProtocol({ protocol, name }: MeterConfig): DecoderProtocol {
  if (protocol !== 'modbus') return protocol
  throw new FirmwareError('source', `meter ${name}: a Modbus meter never speaks unasked`)
}
