import type { DecodedHeader } from '../packet/header.ts'
import { pathOffset } from '../packet/header.ts'
import { expTimeToMs } from '../path/expiry.ts'
import { HOP_FIELD_BYTES, INFO_FIELD_BYTES, writeHopField } from '../path/fields.ts'
import { nextSegmentId } from '../path/mac.ts'
import { decodeOneHopPath } from '../path/one-hop.ts'
import { putU16 } from '../writer.ts'
import { deliver } from './delivery.ts'
import type { Ingress, RouterConfig, Verdict } from './router.ts'

/**
 * What a router does with a one-hop path: on the way out it checks the first hop field and chains
 * the SegID; on the way in it makes the second hop field itself.
 */
export function forwardOneHop(
  config: RouterConfig,
  bytes: Uint8Array,
  header: DecodedHeader,
  ingress: Ingress,
): Verdict {
  const path = bytes.subarray(pathOffset(bytes), header.headerBytes)
  const { info, first } = decodeOneHopPath(path)
  if (!info.consDir) return drop('one-hop path against construction direction')
  if ('inside' in ingress) {
    const egress = config.interfaces.get(first.consEgress)
    if (egress === undefined || egress.sibling !== undefined) return drop('one-hop path: egress')
    if (header.source.isdAs !== config.isdAs) return drop('one-hop path: source AS')
    if (header.destination.isdAs !== egress.neighbour) return drop('one-hop path: destination AS')
    if (info.timestamp * 1000 + expTimeToMs(first.expTime) < config.nowMs()) {
      return drop('one-hop path: expired')
    }
    if (!config.hopMac.verify(info, first)) return drop('one-hop path: MAC')
    putU16(path, 2, nextSegmentId(info.segmentId, first.mac))
    return { action: 'forward', link: first.consEgress, bytes }
  }
  const neighbour = config.interfaces.get(ingress.link)?.neighbour
  if (header.source.isdAs !== neighbour) return drop('one-hop path: source AS')
  if (header.destination.isdAs !== config.isdAs) return drop('one-hop path: destination AS')
  const fields = { expTime: first.expTime, consIngress: ingress.link, consEgress: 0 }
  const mac = config.hopMac.compute(info.segmentId, info.timestamp, fields)
  writeHopField(path, INFO_FIELD_BYTES + HOP_FIELD_BYTES, { ingressAlert: false, egressAlert: false, ...fields, mac }) // prettier-ignore
  const to = deliver(config, bytes, header)
  if (to === undefined || typeof to === 'string') return drop('one-hop path: nobody to deliver to')
  return { action: 'inside', to, bytes }
}

function drop(reason: string): Verdict {
  return { action: 'drop', reason }
}
