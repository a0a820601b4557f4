import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseIsdAs } from '../addr/isd-as.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { parseUnderlay } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import { Json } from '../json.ts'
import { parsePortRange } from '../path/file-format.ts'
import type { LocalAs } from '../path/source.ts'
import type { SignedTrc } from '../trust/trc.ts'
import { TRC_BYTES_MAX, parseTrc } from '../trust/trc.ts'

/** What a host reads from the topology file of its AS. */
export interface TopologyFile {
  readonly local: LocalAs
  /** Control services by their names in the file. */
  readonly controlServices: readonly UnderlayAddress[]
}

/** Largest topology file that is read, in bytes. */
export const TOPOLOGY_BYTES_MAX = 4 * 1024 * 1024
/** Most control services, routers, or interfaces of one router in a topology file. */
export const TOPOLOGY_MEMBERS_MAX = 4096
/** Most TRC files in a folder of certificates. */
export const TRC_FILES_MAX = 1024

/**
 * Reads the topology file of an AS (`topology.json` of the reference implementation). Only what a
 * host needs is looked at, and that strictly; the rest is for routers and services. `name` begins
 * the error messages.
 */
export function parseTopology(text: string, name: string): TopologyFile {
  const file = Json.parse(text, name, 'ERR_SCION_CONFIG')
  const attributes = file.get('attributes')
  const ports = file.get('dispatched_ports')
  const dispatchedPorts = ports.exists ? ports.parsed(parsePortRange) : undefined
  const services = file.get('control_service')
  const list = services.exists ? services.entries(TOPOLOGY_MEMBERS_MAX) : []
  return {
    local: {
      isdAs: file.get('isd_as').parsed(parseIsdAs),
      core: attributes.exists && attributes.array(16).some((one) => one.string() === 'core'),
      mtu: file.get('mtu').integer(1, 0xffff),
      ...(dispatchedPorts === undefined ? {} : { dispatchedPorts }),
      borderRouters: readRouters(file.get('border_routers')),
    },
    controlServices: list.map(([, service]) => service.get('addr').parsed(parseUnderlay)),
  }
}

function readRouters(routers: Json): ReadonlyMap<number, UnderlayAddress> {
  const byInterface = new Map<number, UnderlayAddress>()
  if (!routers.exists) return byInterface
  for (const [, router] of routers.entries(TOPOLOGY_MEMBERS_MAX)) {
    const address = router.get('internal_addr').parsed(parseUnderlay)
    for (const [id, link] of router.get('interfaces').entries(TOPOLOGY_MEMBERS_MAX)) {
      const number = /^[1-9][0-9]{0,4}$/.test(id) ? Number(id) : NaN
      if (!(number <= 0xffff)) throw link.wrong('an interface number as key', id)
      if (byInterface.has(number)) throw link.wrong('every interface once', id)
      byInterface.set(number, address)
    }
  }
  return byInterface
}

/** Reads a topology file from disk. */
export async function readTopology(path: string): Promise<TopologyFile> {
  const bytes = await readLimited(path, TOPOLOGY_BYTES_MAX)
  return parseTopology(new TextDecoder().decode(bytes), path)
}

/**
 * Reads all `*.trc` files of a folder; none when the folder does not exist. One that is broken is an
 * error, unless `onBroken` is given: it then hears of it, and the others are read.
 */
export async function readTrcs(
  folder: string,
  onBroken?: (error: ScionError) => void,
): Promise<readonly SignedTrc[]> {
  let names: readonly string[]
  try {
    names = await readdir(folder)
  } catch {
    return []
  }
  const files = names.filter((name) => name.endsWith('.trc')).sort()
  const broken = (error: unknown): void => {
    if (onBroken === undefined || !(error instanceof ScionError)) throw error
    onBroken(error)
  }
  if (files.length > TRC_FILES_MAX) {
    broken(new ScionError('ERR_SCION_CONFIG', `${folder}: at most ${TRC_FILES_MAX} TRCs`))
  }
  const trcs: SignedTrc[] = []
  for (const name of files.slice(0, TRC_FILES_MAX)) {
    try {
      trcs.push(await readTrc(join(folder, name)))
    } catch (error) {
      broken(error)
    }
  }
  return trcs
}

async function readTrc(path: string): Promise<SignedTrc> {
  const bytes = await readLimited(path, TRC_BYTES_MAX)
  try {
    return parseTrc(bytes)
  } catch (cause) {
    if (!(cause instanceof ScionError)) throw cause
    throw new ScionError('ERR_SCION_CONFIG', `${path}: ${cause.message}`, { cause })
  }
}

async function readLimited(path: string, limit: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > limit) {
      throw new ScionError('ERR_SCION_CONFIG', `${path}: at most ${limit} bytes, found ${size}`)
    }
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof ScionError) throw cause
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ScionError('ERR_SCION_IO', `${path}: ${isMissing ? 'is not there' : reason}`, {
      cause,
    })
  }
}
