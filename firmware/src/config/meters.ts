import { isAbsolute, join } from 'node:path'

import { SOURCES_MAX } from '../sources/source.ts'
import { METER_SECTIONS } from './meter-schema.ts'
import type { MeterConfig, MeterSectionName } from './schema.ts'
import { checkSection, isTree, type Report, type Tree } from './section.ts'

/** The name of a meter that is alone and has none. */
export const METER_NAME = 'meter'

const PARTS = (Object.keys(METER_SECTIONS) as MeterSectionName[])
  .filter((section) => section !== 'meter')
  .map((section) => ({ section, part: section.slice('meter.'.length) }))

/** Checks `[meter]`, or every `[[meter]]`. */
export function checkMeters(written: unknown, report: Report): readonly MeterConfig[] {
  const isList = Array.isArray(written)
  const tables: readonly unknown[] = isList ? written : [written ?? {}]
  if (tables.length > SOURCES_MAX) {
    report(['meter'], `expected at most ${String(SOURCES_MAX)}, found ${String(tables.length)}`)
    return []
  }
  const meters = tables.map((table, index) => {
    const path = [isList ? `meter[${String(index)}]` : 'meter']
    return checkMeter(table, path, tables.length === 1, report)
  })
  const names = new Set<string>()
  for (const [index, { name }] of meters.entries()) {
    if (names.has(name))
      report([`meter[${String(index)}]`, 'name'], `there are two named "${name}"`)
    names.add(name)
  }
  return meters
}

function checkMeter(
  written: unknown,
  path: readonly string[],
  isAlone: boolean,
  report: Report,
): MeterConfig {
  if (!isTree(written)) report(path, 'expected a section')
  const table: Tree = isTree(written) ? written : {}
  const own = checkSection('meter', table, path, report)
  const parts = PARTS.map(({ section, part }) => {
    const inner = table[part]
    const isSection = inner === undefined || isTree(inner)
    if (!isSection) report([...path, part], 'expected a section')
    return [part, checkSection(section, isTree(inner) ? inner : {}, [...path, part], report)]
  })
  const name = own.name ?? (isAlone ? METER_NAME : undefined)
  if (name === undefined) {
    report([...path, 'name'], 'missing: of several meters each needs a name; write name = "house"')
  }
  // Each value went through the schema that MeterConfig is inferred from.
  const meter = {
    ...own,
    ...Object.fromEntries(parts),
    name: name ?? path.join('.'),
  } as unknown as MeterConfig
  checkTogether(meter, path, report)
  return meter
}

/** What no single key of a meter can know. */
function checkTogether(meter: MeterConfig, path: readonly string[], report: Report): void {
  const { device, protocol, ask, s0, modbus, dlms, keys } = meter
  // A fault of the key itself is told already.
  if (typeof device !== 'string') return
  const need = (key: readonly string[], why: string): void => {
    report([...path, ...key], `missing: ${why}`)
  }
  const scheme = schemeOf(device)
  if (scheme === 'gpio' && s0.pulses === undefined) {
    need(['s0', 'pulses'], 'a pulse output needs its constant; write pulses = 1000')
  }
  if (scheme === 'gpio' && !/^gpio:\d{1,2}$/u.test(device)) {
    report([...path, 'device'], 'expected gpio:LINE with the BCM number of a pin')
  }
  if (protocol === 'modbus') {
    if (modbus.map === undefined) {
      need(['modbus', 'map'], 'write map = "eastron-sdm630", or a file of your own')
    }
    if (ask === undefined) need(['ask'], 'a Modbus meter must be asked; write ask = "10s"')
  }
  if (scheme === 'tcp') {
    if (!/^tcp:(?:.+:\d{1,5}|\/.+)$/u.test(device)) {
      report([...path, 'device'], 'expected tcp:HOST:PORT or tcp:/SOCKET')
    }
    if (protocol !== 'modbus' && protocol !== 'dlms') {
      report([...path, 'protocol'], 'expected "modbus" or "dlms" over tcp:')
    } else if (ask === undefined) need(['ask'], 'a meter over tcp: must be asked; write ask = "1m"')
  }
  if (ask !== undefined && (protocol === 'sml' || protocol === 'dsmr' || protocol === 'auto')) {
    const isAsked = scheme !== 'gpio' && scheme !== 'socket'
    if (isAsked) report([...path, 'ask'], 'only "d0", "dlms" and "modbus" can be asked')
  }
  if (protocol === 'dlms' && dlms.login === 'low' && dlms.password === undefined) {
    need(['dlms', 'password'], 'login is "low"')
  }
  if (protocol === 'dlms' && dlms.login === 'gmac') {
    if (keys.encryption === undefined) need(['keys', 'encryption'], 'dlms.login is "gmac"')
    if (keys.authentication === undefined) need(['keys', 'authentication'], 'dlms.login is "gmac"')
    if (dlms.title === undefined) need(['dlms', 'title'], 'dlms.login is "gmac"')
  }
}

/** The word before the first colon that says what a device is; '' for a serial port. */
export function schemeOf(device: string): string {
  return /^(tcp|gpio|socket|simulated|replay):/u.exec(device)?.[1] ?? ''
}

/** The same meter with every path in it starting at the root. */
export function withMeterPaths(meter: MeterConfig, folder: string): MeterConfig {
  const at = (path: string): string => (isAbsolute(path) ? path : join(folder, path))
  const scheme = schemeOf(meter.device)
  const isPath = scheme === 'replay' || scheme === 'socket'
  const device = isPath ? `${scheme}:${at(meter.device.slice(scheme.length + 1))}` : meter.device
  const { keys, d0, dlms, modbus, adapter } = meter
  const { map } = modbus
  return {
    ...meter,
    device,
    pin: meter.pin === undefined ? undefined : at(meter.pin),
    keys: {
      encryption: keys.encryption?.at(folder),
      authentication: keys.authentication?.at(folder),
      master: keys.master?.at(folder),
      signature: keys.signature?.at(folder),
    },
    adapter: { ...adapter, keys: adapter.keys?.at(folder) },
    d0: { ...d0, password: d0.password?.at(folder) },
    dlms: { ...dlms, password: dlms.password?.at(folder) },
    modbus: { ...modbus, map: map?.endsWith('.json') === true ? at(map) : map },
  }
}
