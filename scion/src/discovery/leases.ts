import { readFile, readdir, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { DISCOVERY_PORT } from './server.ts'

/** Largest lease file that is read, in bytes. */
export const LEASE_BYTES_MAX = 1024 * 1024
/** Lease files that are looked at. */
export const LEASE_FILES_MAX = 64
/** Discovery servers taken from one lease. */
export const LEASE_SERVERS_MAX = 16

/** The Private Enterprise Number under which DHCP names discovery servers (bootstrapping design). */
const ENTERPRISE = 55_324
const OPTION = { wwwServers: 72, vendorIdentifying: 125, pad: 0, end: 255 } as const
const VENDOR = { address: 1, port: 2 } as const
/** Where the options of a DHCP packet begin (RFC 2131 §3), after the magic cookie. */
const OPTIONS_OFFSET = 240
const COOKIE = 0x6382_5363

/** Where DHCP clients keep their leases, and how to read them. */
export const LEASE_FOLDERS: readonly LeaseFolder[] = [
  { folder: '/var/lib/dhcp', form: 'dhclient' },
  { folder: '/var/lib/NetworkManager', form: 'dhclient' },
  { folder: '/var/lib/dhcpcd', form: 'packet' },
  { folder: '/var/lib/dhcpcd5', form: 'packet' },
]

/** A folder of lease files. */
export interface LeaseFolder {
  readonly folder: string
  /** `dhclient`: the text of ISC's client; `packet`: the server's last packet, as dhcpcd keeps it. */
  readonly form: 'dhclient' | 'packet'
}

/**
 * Discovery servers that a DHCP server has named to this host: by the vendor option of the
 * bootstrapping design, else by option 72. Read from the files of the host's own DHCP client, which
 * has to ask for these options; no packet is sent. What cannot be read is passed over.
 */
export async function leaseHints(
  folders: readonly LeaseFolder[] = LEASE_FOLDERS,
): Promise<readonly UnderlayAddress[]> {
  const found = new Map<string, UnderlayAddress>()
  let files = 0
  for (const { folder, form } of folders) {
    const names = await readdir(folder).catch(() => [])
    for (const name of names.filter((one) => /\.leases?$/.test(one)).sort()) {
      if (++files > LEASE_FILES_MAX) return [...found.values()]
      const bytes = await readLease(join(folder, name))
      const servers =
        form === 'packet' ? readDhcpPacket(bytes) : readDhclientLeases(new TextDecoder().decode(bytes)) // prettier-ignore
      for (const one of servers) found.set(`${one.host} ${one.port}`, one)
    }
  }
  return [...found.values()]
}

async function readLease(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    return size > LEASE_BYTES_MAX ? new Uint8Array(0) : await readFile(path)
  } catch {
    // Another program's file: it may be gone, or not for our eyes.
    return new Uint8Array(0)
  }
}

/** Discovery servers of the newest lease in a file of ISC's `dhclient`. */
export function readDhclientLeases(text: string): readonly UnderlayAddress[] {
  const newest = text.split(/^lease\s*\{/m).at(-1) ?? ''
  const vendor = /^\s*option\s+(?:vivso|unknown-125)\s+(.+);$/m.exec(newest)?.[1]
  const servers = vendor === undefined ? [] : readVendorOption(readHexText(vendor))
  if (servers.length > 0) return servers
  const www = /^\s*option\s+www-server\s+([0-9., ]+);$/m.exec(newest)?.[1] ?? ''
  return www
    .split(',')
    .map((one) => one.trim())
    .filter((host) => isIP(host) === 4)
    .slice(0, LEASE_SERVERS_MAX)
    .map((host) => ({ host, port: DISCOVERY_PORT }))
}

/** Bytes as dhclient writes them, `0:0:d8:1c:6:…`; none where the text is anything else. */
function readHexText(text: string): Uint8Array {
  const parts = text.trim().split(':')
  if (!parts.every((part) => /^[0-9a-f]{1,2}$/i.test(part))) return new Uint8Array(0)
  return Uint8Array.from(parts.map((part) => Number.parseInt(part, 16)))
}

/** Discovery servers in a DHCP packet; none where it is no such packet. */
export function readDhcpPacket(packet: Uint8Array): readonly UnderlayAddress[] {
  if (packet.length < OPTIONS_OFFSET) return []
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  if (view.getUint32(OPTIONS_OFFSET - 4) !== COOKIE) return []
  const options = readOptions(packet.subarray(OPTIONS_OFFSET))
  const servers = readVendorOption(options.get(OPTION.vendorIdentifying) ?? new Uint8Array(0))
  if (servers.length > 0) return servers
  return addressesIn(options.get(OPTION.wwwServers) ?? new Uint8Array(0), DISCOVERY_PORT)
}

/** Options by code; several of one code are one long option (RFC 3396). */
function readOptions(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const options = new Map<number, Uint8Array>()
  for (let at = 0; at < bytes.length;) {
    const code = bytes[at] ?? OPTION.end
    if (code === OPTION.end) break
    if (code === OPTION.pad) {
      at += 1
      continue
    }
    const length = bytes[at + 1] ?? 0
    const data = bytes.subarray(at + 2, at + 2 + length)
    if (data.length < length) break
    options.set(code, Uint8Array.from([...(options.get(code) ?? []), ...data]))
    at += 2 + length
  }
  return options
}

/** The discovery server in a vendor-identifying option (RFC 3925 §4): address, and perhaps port. */
function readVendorOption(bytes: Uint8Array): readonly UnderlayAddress[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + 5 <= bytes.length;) {
    const [enterprise, length] = [view.getUint32(at), view.getUint8(at + 4)]
    const data = bytes.subarray(at + 5, at + 5 + length)
    if (data.length < length) return []
    if (enterprise === ENTERPRISE) {
      const options = readOptions(data)
      const port = options.get(VENDOR.port)
      const number = port?.length === 2 ? (port[0] ?? 0) * 256 + (port[1] ?? 0) : DISCOVERY_PORT
      return number === 0
        ? []
        : addressesIn(options.get(VENDOR.address) ?? new Uint8Array(0), number)
    }
    at += 5 + length
  }
  return []
}

function addressesIn(bytes: Uint8Array, port: number): readonly UnderlayAddress[] {
  const count = Math.min(LEASE_SERVERS_MAX, Math.floor(bytes.length / 4))
  return Array.from({ length: count }, (_, index) => {
    const host = [...bytes.subarray(4 * index, 4 * index + 4)].join('.')
    return { host, port }
  })
}
