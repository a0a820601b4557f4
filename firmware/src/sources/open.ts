import { readFileSync, statSync } from 'node:fs'

import { parseSettings, type Clock, type SerialBackend, type SerialSettings } from '@s3mp/hal'
import {
  MeterError,
  MODBUS_MAPS,
  parseRegisterMap,
  type DecoderProtocol,
  type DlmsAuthentication,
  type RegisterMap,
} from '@s3mp/meter'

import { schemeOf } from '../config/meters.ts'
import type { MeterConfig } from '../config/schema.ts'
import {
  curveOf,
  readKeyTable,
  readPassword,
  readPrivateKey,
  type SecretSurroundings,
} from '../config/secret.ts'
import { FirmwareError, reasonOf } from '../errors.ts'
import { adapter } from './adapter.ts'
import { type Bus, serialBus, tcpBus } from './bus.ts'
import { dlms } from './dlms.ts'
import { meterKeys, type MeterKeys } from './keys.ts'
import { listening } from './listening.ts'
import { modbus } from './modbus.ts'
import { pulses } from './pulses.ts'
import { pushedOf } from './pushed.ts'
import { signOn } from './sign-on.ts'
import { pretend } from './simulated.ts'
import type { SourceSpec } from './source.ts'
import { tcpPlace } from './tcp-port.ts'

/** Bytes of a file with a register map. */
export const MAP_FILE_BYTES_MAX = 262_144

/** What opening sources needs. Nothing native is loaded before something asks for it. */
export interface OpenOptions extends SecretSurroundings {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly randomBytes: (bytes: number) => Uint8Array
}

/**
 * The sources that the configured meters stand for. Meters that are asked on the same port share it.
 *
 * @throws FirmwareError `source` for one that cannot be, `identity` for a key that cannot be read.
 */
export async function openSources(
  meters: readonly MeterConfig[],
  options: OpenOptions,
): Promise<readonly SourceSpec[]> {
  const opener = new Opener(options)
  const specs: SourceSpec[] = []
  for (const meter of meters) specs.push(await opener.open(meter))
  return specs
}

class Opener {
  readonly #options: OpenOptions
  readonly #buses = new Map<string, Bus>()
  #serial: SerialBackend | undefined

  constructor(options: OpenOptions) {
    this.#options = options
  }

  async open(meter: MeterConfig): Promise<SourceSpec> {
    const scheme = schemeOf(meter.device)
    if (scheme === 'simulated' || scheme === 'replay') return this.#pretended(meter)
    if (scheme === 'gpio') return this.#pulses(meter)
    if (scheme === 'socket') return this.#adapted(meter)
    if (meter.ask === undefined) return this.#listening(meter)
    return this.#asked(meter, meter.ask)
  }

  async #pretended(meter: MeterConfig): Promise<SourceSpec> {
    const { name, device, silence } = meter
    const settings = settingsOf(meter)
    const protocol = listenedProtocol(meter)
    const keys = this.#keys(meter)
    const pushed = pushedOf(meter)
    const head = await pretend({ ...this.#options, device, settings, protocol, keys, ...pushed })
    const heard = { ...head, name, protocol, keys, ...pushed }
    return listening({ ...heard, silenceMs: silence, isSimulated: true })
  }

  async #listening(meter: MeterConfig): Promise<SourceSpec> {
    const { name, device, silence } = meter
    return listening({
      name,
      serial: await this.#serialBackend(),
      path: device,
      settings: settingsOf(meter),
      protocol: listenedProtocol(meter),
      keys: this.#keys(meter),
      ...pushedOf(meter),
      silenceMs: silence,
      isSimulated: false,
    })
  }

  async #asked(meter: MeterConfig, askMs: number): Promise<SourceSpec> {
    const { name, device, protocol, d0 } = meter
    const base = { name, device, askMs, isSimulated: false, settings: settingsOf(meter) }
    const bus = await this.#bus(meter)
    if (protocol === 'modbus') {
      const { map = '', unit, serial } = meter.modbus
      const transport = bus.canSwitch ? 'rtu' : 'tcp'
      const number = serial === undefined ? {} : { serial }
      return modbus({ ...base, bus, map: mapOf(name, map), unit, transport, ...number })
    }
    if (protocol === 'dlms') return this.#client(meter, { ...base, bus })
    const { address, wake_up: wakeUp, parity, profile, password } = d0
    const word =
      password === undefined
        ? undefined
        : readPassword(`meter ${name}: d0.password`, password, this.#options)
    return signOn({
      ...base,
      bus,
      wakeUp,
      software7E1: parity === 'software',
      ...(address === undefined ? {} : { address }),
      ...(profile === undefined ? {} : { profile }),
      ...(word === undefined ? {} : { password: new TextDecoder('latin1').decode(word) }),
    })
  }

  #client(
    meter: MeterConfig,
    base: Omit<Parameters<typeof dlms>[0], 'link' | 'authentication' | 'keys' | 'randomBytes'>,
  ): SourceSpec {
    const { client, server, physical, title, registers, profile } = meter.dlms
    const at = physical === undefined ? {} : { physical }
    const keys = this.#keys(meter)
    const authentication = this.#login(meter, keys)
    const suite = suiteOf(meter, keys, authentication)
    return dlms({
      ...base,
      link: base.bus.canSwitch
        ? { kind: 'hdlc', client, logical: server, ...at }
        : { kind: 'wrapper', client, server },
      authentication,
      signOn: meter.dlms.sign_on,
      keys,
      suite,
      randomBytes: this.#options.randomBytes,
      ...(title === undefined ? {} : { title: Uint8Array.from(Buffer.from(title, 'hex')) }),
      ...(registers === undefined ? {} : { registers }),
      ...(profile === undefined ? {} : { profile }),
    })
  }

  /** How we prove who we are to a meter that is asked. */
  #login(meter: MeterConfig, { signatureKey }: MeterKeys): DlmsAuthentication {
    const { name, keys, dlms: asked } = meter
    const { login, password } = asked
    if (login === 'low') {
      const none = new Uint8Array(0)
      if (password === undefined) return { kind: 'low', password: none }
      const what = `meter ${name}: dlms.password`
      return { kind: 'low', password: readPassword(what, password, this.#options) }
    }
    if (login !== 'ecdsa') return { kind: login }
    const what = `meter ${name}: keys.login`
    // The configuration was refused where one of the two was missing.
    if (keys.login === undefined || signatureKey === undefined) {
      throw new FirmwareError('identity', `${what}: expected it and keys.signature, found none`)
    }
    const privateKey = readPrivateKey(what, keys.login, this.#options)
    return { kind: 'ecdsa', privateKey, meterKey: signatureKey }
  }

  async #pulses({ name, device, s0 }: MeterConfig): Promise<SourceSpec> {
    const { linuxGpio } = await import('@s3mp/hal/linux')
    const { start } = s0
    return pulses({
      name,
      gpio: linuxGpio(),
      line: Number(device.slice('gpio:'.length)),
      activeLow: s0.active_low,
      pulsesPerUnit: s0.pulses ?? 1000,
      medium: s0.medium,
      device: s0.serial ?? name,
      bounceMs: s0.bounce,
      isSimulated: false,
      ...(start === undefined ? {} : { start }),
    })
  }

  #adapted(meter: MeterConfig): SourceSpec {
    const { name, device, silence } = meter
    const { devices, keys } = meter.adapter
    const own = this.#keys(meter)
    const dlmsKeys = {
      ...(own.key === undefined ? {} : { encryptionKey: own.key }),
      ...(own.authenticationKey === undefined ? {} : { authenticationKey: own.authenticationKey }),
    }
    return adapter({
      name,
      path: device.slice('socket:'.length),
      silenceMs: silence,
      isSimulated: false,
      ...(devices === undefined ? {} : { devices }),
      keys: {
        dlms: dlmsKeys,
        lists: meter.lists,
        ...(keys === undefined
          ? {}
          : { wmbusKeys: readKeyTable(`meter ${name}: adapter.keys`, keys, this.#options) }),
      },
    })
  }

  /** The line of a meter that is asked, shared with all others that name the same. */
  async #bus(meter: MeterConfig): Promise<Bus> {
    const { device } = meter
    const known = this.#buses.get(device)
    if (known !== undefined) return known
    const bus = device.startsWith('tcp:')
      ? tcpBus(tcpPlace(device.slice('tcp:'.length)))
      : serialBus(await this.#serialBackend(), device, settingsOf(meter))
    this.#buses.set(device, bus)
    return bus
  }

  async #serialBackend(): Promise<SerialBackend> {
    if (this.#serial === undefined) {
      const { linuxSerial } = await import('@s3mp/hal/linux')
      this.#serial = linuxSerial()
    }
    return this.#serial
  }

  #keys(meter: MeterConfig): MeterKeys {
    return meterKeys(meter, this.#options)
  }
}

/**
 * The security suite of an association under keys.
 *
 * @throws FirmwareError `identity` for keys that are not those of the suite.
 */
function suiteOf(
  { name, dlms: { suite } }: MeterConfig,
  { key }: MeterKeys,
  authentication: DlmsAuthentication,
): 0 | 1 | 2 {
  const isLong = key?.length === 32
  const isSigned = authentication.kind === 'ecdsa'
  const own = suite ?? (isLong ? 2 : isSigned ? 1 : 0)
  const wrong = (what: string, expected: string, found: string): never => {
    const place = `meter ${name}: keys.${what}`
    throw new FirmwareError('identity', `${place}: expected ${expected} in suite ${String(own)}, found ${found}`) // prettier-ignore
  }
  if (key !== undefined && isLong !== (own === 2)) {
    wrong('encryption', `${own === 2 ? '32' : '16'} bytes`, String(key.length))
  }
  const curve = own === 2 ? 'P-384' : 'P-256'
  if (isSigned) {
    const { privateKey, meterKey } = authentication
    if (curveOf(privateKey) !== curve) wrong('login', curve, curveOf(privateKey) ?? 'none')
    if (curveOf(meterKey) !== curve) wrong('signature', curve, curveOf(meterKey) ?? 'none')
  }
  return own
}

function settingsOf({ baud, frame }: MeterConfig): SerialSettings {
  return parseSettings(`${String(baud)} ${frame}`)
}

function listenedProtocol({ protocol, name }: MeterConfig): DecoderProtocol {
  if (protocol !== 'modbus') return protocol
  throw new FirmwareError('source', `meter ${name}: a Modbus meter never speaks unasked`)
}

/** A register map by its name, or out of a file. */
function mapOf(name: string, map: string): RegisterMap {
  const known = MODBUS_MAPS.get(map)
  if (known !== undefined) return known
  const fail = (why: string, cause?: unknown): never => {
    throw new FirmwareError('source', `meter ${name}: modbus.map: ${why}`, { cause })
  }
  if (!map.endsWith('.json')) {
    return fail(`expected a file or one of ${[...MODBUS_MAPS.keys()].join(', ')}, found ${map}`)
  }
  try {
    if (statSync(map).size > MAP_FILE_BYTES_MAX) return fail(`${map}: expected a smaller file`)
    return parseRegisterMap(JSON.parse(readFileSync(map, 'utf8')))
  } catch (error) {
    if (error instanceof FirmwareError) throw error
    const why = error instanceof MeterError ? error.message : reasonOf(error)
    return fail(`${map}: ${why}`, error)
  }
}
