import { isAbsolute, join } from 'node:path'

import { SOURCES_MAX } from '../sources/source.ts'
import { checkLists } from './lists.ts'
import { METER_SECTIONS } from './meter-schema.ts'
import type { MeterConfig, MeterSectionName } from './schema.ts'
import { checkSection, isTree, type Report, type Tree } from './section.ts'

/** The name of a meter that is alone and has none. */
export const METER_NAME = 'meter'

/** Sections of a meter that stand there once; its lists may be several. */
const PARTS = (Object.keys(METER_SECTIONS) as MeterSectionName[])
  .filter((section) => section !== 'meter' && section !== 'meter.list')
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
    lists: checkLists(table.list, path, report),
    name: name ?? path.join('.'),
  } as unknown as MeterConfig
  checkTogether(meter, path, report)
  return meter
}

/** What no single key of a meter can know. */
function checkTogether(meter: MeterConfig, path: readonly string[], report: Report): void {
  const { device, protocol, ask, s0, modbus, dlms, keys, lists } = meter
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
  const isPushed = (protocol === 'dlms' || protocol === 'auto') && ask === undefined
  if (lists.length > 0 && !isPushed) {
    report([...path, 'list'], 'expected a meter that pushes: protocol "dlms" or "auto" without ask')
  }
  if (protocol === 'dlms' && dlms.login === 'low' && dlms.password === undefined) {
    need(['dlms', 'password'], 'login is "low"')
  }
  if (protocol === 'dlms' && (dlms.login === 'gmac' || dlms.login === 'ecdsa')) {
    const why = `dlms.login is "${dlms.login}"`
    const more = dlms.login === 'ecdsa' ? (['login', 'signature'] as const) : []
    for (const key of ['encryption', 'authentication', ...more] as const) {
      if (keys[key] === undefined) need(['keys', key], why)
    }
    if (dlms.title === undefined) need(['dlms', 'title'], why)
    if (dlms.login === 'ecdsa' && dlms.suite === 0) {
      report([...path, 'dlms', 'suite'], `expected 1 or 2: ${why}`)
    }
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
      agreement: keys.agreement?.at(folder),
      meter_agreement: keys.meter_agreement?.at(folder),
      login: keys.login?.at(folder),
    },
    adapter: { ...adapter, keys: adapter.keys?.at(folder) },
    d0: { ...d0, password: d0.password?.at(folder) },
    dlms: { ...dlms, password: dlms.password?.at(folder) },
    modbus: { ...modbus, map: map?.endsWith('.json') === true ? at(map) : map },
  }
}
