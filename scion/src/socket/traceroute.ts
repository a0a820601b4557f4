import { ScionError } from '../errors.ts'
import type { DataplanePath } from '../path/dataplane.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import { HOP_FLAG } from '../path/fields.ts'
import { decodeStandardPath, hopOffset, pathMeta } from '../path/standard.ts'
import { byteAt } from '../reader.ts'

/**
 * The same path with the router alert raised at one of its interfaces, so that the router there
 * answers a traceroute request itself. Interfaces count in travel order from 0, as in
 * `Path.interfaces`; an even one is left, an odd one entered.
 */
export function withAlert(path: DataplanePath, interfaceIndex: number): DataplanePath {
  if (path.type !== PATH_TYPE.scion) {
    throw new ScionError('ERR_SCION_PATH', `path.type: SCION (1), found ${path.type}`)
  }
  const place = hopsByAs(path.bytes)[Math.ceil(interfaceIndex / 2)]
  const entering = interfaceIndex % 2 === 1
  const hop = entering ? place?.first : place?.last
  if (place === undefined || hop === undefined) {
    throw new ScionError('ERR_SCION_PATH', `interface: one of the path, found ${interfaceIndex}`)
  }
  const bytes = path.bytes.slice()
  const at = hopOffset(pathMeta(bytes), hop.index)
  const flag = entering === hop.consDir ? HOP_FLAG.ingressAlert : HOP_FLAG.egressAlert
  bytes[at] = byteAt(bytes, at) | flag
  return { type: path.type, bytes }
}

interface Hop {
  readonly index: number
  readonly consDir: boolean
}

/** The first and the last hop field of each AS on the path: two where segments meet, else one. */
function hopsByAs(bytes: Uint8Array): readonly { readonly first: Hop; readonly last: Hop }[] {
  const ases: { first: Hop; last: Hop }[] = []
  let index = 0
  for (const [segment, { info, hops }] of decodeStandardPath(bytes).segments.entries()) {
    for (const position of hops.keys()) {
      const hop = { index, consDir: info.consDir }
      const previous = ases.at(-1)
      // At a peering link the segments end in two different ASes.
      const meets = segment > 0 && position === 0 && !info.peering
      if (meets && previous !== undefined) previous.last = hop
      else ases.push({ first: hop, last: hop })
      index += 1
    }
  }
  return ases
}
