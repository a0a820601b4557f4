import { readFile, readdir, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { SerialPortInfo } from '../serial.ts'
import { SERIAL_PORTS_MAX } from '../serial.ts'

/** Where the kernel's view and the device nodes are; a test puts a made tree in their place. */
export interface PortRoots {
  readonly sys: string
  readonly dev: string
}

const SYSTEM_ROOTS: PortRoots = { sys: '/sys', dev: '/dev' }

/** Directories between a tty and the USB device it belongs to: interface, device, and to spare. */
const USB_PARENTS_MAX = 6

/** Bytes of a sysfs attribute that are kept; real ones are shorter. */
const ATTRIBUTE_CHARACTERS_MAX = 128

/** Numbers that makers give to every piece: most CP2102 carry 0001. They tell nothing apart. */
const SHARED_SERIAL_NUMBERS: ReadonlySet<string> = new Set(['0001', '00000000'])

/** Directories with names for ports, the best first. `by-id` is only as good as a serial number. */
const NAME_FOLDERS = ['s3mp', 'serial/by-id', 'serial/by-path', '.'] as const

async function entries(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch {
    return []
  }
}

async function attribute(folder: string, name: string): Promise<string | undefined> {
  try {
    const text = await readFile(join(folder, name), 'utf8')
    return text.trim().slice(0, ATTRIBUTE_CHARACTERS_MAX)
  } catch {
    return undefined
  }
}

async function target(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch {
    return undefined
  }
}

/** Real ports have a device below them; the kernel lists 8250 slots without a chip as type 0. */
async function hardwareOf(sys: string, name: string): Promise<string | undefined> {
  const tty = join(sys, 'class/tty', name)
  if ((await attribute(tty, 'type')) === '0') return undefined
  return target(join(tty, 'device'))
}

type UsbFacts = Omit<SerialPortInfo, 'path' | 'device' | 'aliases'>

async function usbFacts(hardware: string): Promise<UsbFacts> {
  let folder = hardware
  for (let step = 0; step < USB_PARENTS_MAX; step++, folder = dirname(folder)) {
    const vendorId = await attribute(folder, 'idVendor')
    if (vendorId === undefined) continue
    const facts = {
      vendorId,
      productId: await attribute(folder, 'idProduct'),
      serialNumber: await attribute(folder, 'serial'),
      manufacturer: await attribute(folder, 'manufacturer'),
      product: await attribute(folder, 'product'),
    }
    return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
  }
  return {}
}

/** Names by the device they lead to, in the order of NAME_FOLDERS. */
async function namesByDevice(dev: string): Promise<Map<string, string[]>> {
  const names = new Map<string, string[]>()
  for (const folder of NAME_FOLDERS) {
    const all = await entries(join(dev, folder))
    for (const name of folder === '.' ? all.filter((entry) => /^serial\d+$/.test(entry)) : all) {
      const path = join(dev, folder, name)
      const device = await target(path)
      if (device === undefined) continue
      names.set(device, [...(names.get(device) ?? []), path])
    }
  }
  return names
}

/**
 * The serial ports of this machine, by names that stay.
 *
 * A device with a serial number is named by it (`/dev/serial/by-id`). One without, such as most
 * CH340 heads, is named by the socket it sits in (`by-path`), because two of them share one id and
 * the last one plugged in would get it. A udev rule's own name under `/dev/s3mp` beats both.
 */
export async function listPorts(roots: PortRoots = SYSTEM_ROOTS): Promise<SerialPortInfo[]> {
  const names = await namesByDevice(roots.dev)
  const ports: SerialPortInfo[] = []
  for (const name of await entries(join(roots.sys, 'class/tty'))) {
    const hardware = await hardwareOf(roots.sys, name)
    const device = join(roots.dev, name)
    if (hardware === undefined || (await target(device)) === undefined) continue
    const facts = await usbFacts(hardware)
    const known = names.get(device) ?? []
    const isTold =
      facts.serialNumber !== undefined && !SHARED_SERIAL_NUMBERS.has(facts.serialNumber)
    const trusted = isTold ? known : known.filter((path) => !path.includes('/by-id/'))
    const path = trusted[0] ?? device
    const aliases = [...known, device].filter((alias) => alias !== path)
    ports.push({ path, device, aliases, ...facts })
    if (ports.length === SERIAL_PORTS_MAX) break
  }
  return ports.sort((a, b) => (a.path < b.path ? -1 : 1))
}
