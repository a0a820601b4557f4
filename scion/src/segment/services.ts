import type { UnderlayAddress } from '../addr/underlay.ts'
import { formatUnderlay, parseUnderlay } from '../addr/underlay.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import type { ProtoField } from '../control/protobuf.ts'
import type { ProtoWriter } from '../control/protobuf.ts'
import { fieldsOf } from '../control/protobuf.ts'
import { ScionError } from '../errors.ts'
import type { ServiceAddresses } from '../path/path.ts'

/** Addresses of one kind of service that one AS may name. */
export const SERVICE_ADDRESSES_MAX = 32

/** The version of the discovery extension that is written. */
const VERSION = 1

/**
 * Reads the discovery extension out of a PathSegmentExtensions message: the services that an AS names
 * in the beacons that it sends on. Undefined where there are none. Addresses that are none are left
 * out: what one AS says about its services must not take its paths away.
 */
export function readServices(extensions: Uint8Array): ServiceAddresses | undefined {
  for (const field of fieldsOf(extensions, 'PathSegmentExtensions')) {
    if (field.number === 3) return readServiceLists(field, 2, 3)
  }
  return undefined
}

/** Reads two lists of addresses out of a message; undefined where both are empty. */
export function readServiceLists(
  message: ProtoField,
  controlField: number,
  discoveryField: number,
): ServiceAddresses | undefined {
  const controlServices: UnderlayAddress[] = []
  const discoveryServices: UnderlayAddress[] = []
  for (const field of message.fields('DiscoveryExtension')) {
    if (field.number === controlField) readAddress(field, controlServices)
    if (field.number === discoveryField) readAddress(field, discoveryServices)
  }
  const isEmpty = controlServices.length === 0 && discoveryServices.length === 0
  return isEmpty ? undefined : { controlServices, discoveryServices }
}

function readAddress(field: ProtoField, list: UnderlayAddress[]): void {
  if (list.length === SERVICE_ADDRESSES_MAX) return
  try {
    list.push(parseUnderlay(field.string()))
  } catch (error) {
    if (!(error instanceof ScionError)) throw error
  }
}

/** Writes a discovery extension. */
export function writeServices(writer: ProtoWriter, services: ServiceAddresses): void {
  writer.varint(1, VERSION)
  for (const one of services.controlServices) writer.string(2, formatUnderlay(one))
  for (const one of services.discoveryServices) writer.string(3, formatUnderlay(one))
}

/** What the ASes of a path say about their services; an AS that says it twice is united. */
export function collectServices(
  entries: readonly { readonly isdAs: IsdAs; readonly services?: ServiceAddresses }[],
): ReadonlyMap<IsdAs, ServiceAddresses> | undefined {
  const found = new Map<IsdAs, ServiceAddresses>()
  for (const { isdAs, services } of entries) {
    if (services === undefined) continue
    const known = found.get(isdAs)
    found.set(isdAs, known === undefined ? services : united(known, services))
  }
  return found.size === 0 ? undefined : found
}

function united(a: ServiceAddresses, b: ServiceAddresses): ServiceAddresses {
  const both = (one: readonly UnderlayAddress[], two: readonly UnderlayAddress[]) => [
    ...new Map([...one, ...two].map((address) => [formatUnderlay(address), address])).values(),
  ]
  return {
    controlServices: both(a.controlServices, b.controlServices),
    discoveryServices: both(a.discoveryServices, b.discoveryServices),
  }
}
