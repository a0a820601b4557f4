import type { ProtoField } from '../control/protobuf.ts'
import { ProtoWriter, fieldsOf } from '../control/protobuf.ts'
import { ScionError } from '../errors.ts'
import type { GeoCoordinates, LinkType } from '../path/path.ts'
import type { StaticInfo } from './segment.ts'

/** Most interfaces that one AS may speak of in one statement. */
export const STATIC_INFO_INTERFACES_MAX = 4096
/** Longest note of an AS, in bytes. */
export const STATIC_INFO_NOTE_BYTES_MAX = 4096

const LINK_TYPES: readonly LinkType[] = ['unset', 'direct', 'multi-hop', 'open-net']

/** Reads the static info out of a PathSegmentExtensions message; undefined where there is none. */
export function readStaticInfo(extensions: Uint8Array): StaticInfo | undefined {
  for (const field of fieldsOf(extensions, 'PathSegmentExtensions')) {
    if (field.number === 1) return readInfo(field)
  }
  return undefined
}

function readInfo(message: ProtoField): StaticInfo {
  const latency = { intra: new Map<number, number>(), inter: new Map<number, number>() }
  const bandwidth = { intra: new Map<number, number>(), inter: new Map<number, number>() }
  const geo = new Map<number, GeoCoordinates>()
  const linkTypes = new Map<number, LinkType>()
  const internalHops = new Map<number, number>()
  let note = ''
  for (const field of message.fields('StaticInfoExtension')) {
    switch (field.number) {
      case 1:
        readPair(field, latency, 0xffff_ffff)
        break
      case 2:
        readPair(field, bandwidth, Number.MAX_SAFE_INTEGER)
        break
      case 3:
        addEntry(geo, field, readGeo, { latitude: 0, longitude: 0, address: '' })
        break
      case 4:
        addEntry(linkTypes, field, (value) => LINK_TYPES[value.i32()] ?? 'unset', 'unset')
        break
      case 5:
        addEntry(internalHops, field, (value) => value.uint(0xffff_ffff), 0)
        break
      case 6:
        note = field.string()
        break
    }
  }
  if (note.length > STATIC_INFO_NOTE_BYTES_MAX) throw tooMany('note', STATIC_INFO_NOTE_BYTES_MAX)
  return {
    latencyIntraMicros: latency.intra,
    latencyInterMicros: latency.inter,
    bandwidthIntraKbps: bandwidth.intra,
    bandwidthInterKbps: bandwidth.inter,
    geo,
    linkTypes,
    internalHops,
    note,
  }
}

function readPair(
  message: ProtoField,
  into: { readonly intra: Map<number, number>; readonly inter: Map<number, number> },
  ceiling: number,
): void {
  for (const field of message.fields('StaticInfoExtension.pair')) {
    const map = field.number === 1 ? into.intra : field.number === 2 ? into.inter : undefined
    if (map !== undefined) addEntry(map, field, (value) => value.uint(ceiling), 0)
  }
}

function readGeo(message: ProtoField): GeoCoordinates {
  let latitude = 0
  let longitude = 0
  let address = ''
  for (const field of message.fields('GeoCoordinates')) {
    if (field.number === 1) latitude = field.float()
    if (field.number === 2) longitude = field.float()
    if (field.number === 3) address = field.string()
  }
  return { latitude, longitude, address }
}

/** Adds one entry of a `map<uint64, …>` field; `absent` is the value that proto3 leaves out. */
function addEntry<T>(
  map: Map<number, T>,
  entry: ProtoField,
  read: (value: ProtoField) => T,
  absent: T,
): void {
  let id = 0
  let value = absent
  for (const field of entry.fields('StaticInfoExtension.entry')) {
    if (field.number === 1) id = field.uint(0xffff)
    if (field.number === 2) value = read(field)
  }
  if (map.size >= STATIC_INFO_INTERFACES_MAX) throw tooMany('map', STATIC_INFO_INTERFACES_MAX)
  map.set(id, value)
}

/** Writes the fields of a StaticInfoExtension message. */
export function writeStaticInfo(writer: ProtoWriter, info: StaticInfo): void {
  const number = (id: number) => (one: ProtoWriter, value: number) => one.varint(id, value)
  writer.message(1, (latency) => {
    writeMap(latency, 1, info.latencyIntraMicros, number(2))
    writeMap(latency, 2, info.latencyInterMicros, number(2))
  })
  writer.message(2, (bandwidth) => {
    writeMap(bandwidth, 1, info.bandwidthIntraKbps, number(2))
    writeMap(bandwidth, 2, info.bandwidthInterKbps, number(2))
  })
  writeMap(writer, 3, info.geo, (one, { latitude, longitude, address }) =>
    one.message(2, (geo) => geo.float(1, latitude).float(2, longitude).string(3, address)),
  )
  writeMap(writer, 4, info.linkTypes, (one, type) => one.varint(2, LINK_TYPES.indexOf(type)))
  writeMap(writer, 5, info.internalHops, number(2))
  writer.string(6, info.note)
}

function writeMap<T>(
  writer: ProtoWriter,
  field: number,
  map: ReadonlyMap<number, T>,
  write: (entry: ProtoWriter, value: T) => unknown,
): void {
  for (const [id, value] of map) {
    const entry = new ProtoWriter().varint(1, id)
    write(entry, value)
    writer.bytes(field, entry.finish())
  }
}

function tooMany(what: string, limit: number): ScionError {
  return new ScionError('ERR_SCION_TOO_LARGE', `StaticInfoExtension.${what}: at most ${limit}`)
}
