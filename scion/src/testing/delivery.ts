import { formatHost, isUnspecified, SERVICE_MULTICAST } from '../addr/host.ts'
import { ScionError } from '../errors.ts'
import type { DecodedHeader } from '../packet/header.ts'
import { skipExtensions } from '../packet/extensions.ts'
import { PROTOCOL } from '../packet/protocol.ts'
import { decodeQuote } from '../packet/quote.ts'
import { decodeScmpMessage } from '../packet/scmp-codec.ts'
import { isScmpError } from '../packet/scmp.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { u16At } from '../reader.ts'
import type { RouterConfig } from './router.ts'

/** What delivery goes by. */
export type DeliveryConfig = Pick<RouterConfig, 'services' | 'dispatchedPorts' | 'endhostPort'>

/**
 * Where the last router hands a packet over (underlay specification, "last-hop delivery"): UDP and
 * TCP at their destination port; SCMP answers at their identifier; SCMP errors at the port that sent
 * what they quote; questions and everything else at the endhost port. Undefined where an error
 * quotes nothing that leads to a socket; `unreachable` for a service that is not there; `invalid`
 * for an address that nobody can have.
 */
export function deliver(
  config: DeliveryConfig,
  bytes: Uint8Array,
  header: DecodedHeader,
): UnderlayAddress | 'unreachable' | 'invalid' | undefined {
  const { host } = header.destination
  if (host.type === 'service') {
    return config.services.get(host.service & ~SERVICE_MULTICAST) ?? 'unreachable'
  }
  if (host.type === 'opaque' || isUnspecified(host)) return 'invalid'
  const port = underlayPort(config, bytes, header)
  return port === undefined ? undefined : { host: formatHost(host), port }
}

function underlayPort(
  config: DeliveryConfig,
  bytes: Uint8Array,
  header: DecodedHeader,
): number | undefined {
  const upper = skipExtensions(bytes, header.headerBytes, bytes.length, header.nextHeader)
  const port = upperPort(config, upper.protocol, bytes.subarray(upper.at))
  if (port === undefined || port === config.endhostPort) return port
  const range = config.dispatchedPorts
  const direct = range !== undefined && port >= range.min && port <= range.max
  return direct ? port : config.endhostPort
}

function upperPort(
  config: DeliveryConfig,
  protocol: number,
  upper: Uint8Array,
): number | undefined {
  if (protocol === PROTOCOL.udp || protocol === PROTOCOL.tcp) {
    return upper.length >= 4 ? u16At(upper, 2) : undefined
  }
  return protocol === PROTOCOL.scmp ? scmpPort(config, upper) : config.endhostPort
}

function scmpPort(config: DeliveryConfig, upper: Uint8Array): number | undefined {
  const message = decodeScmpMessage(upper)
  if (isScmpError(message)) return quotedPort(message.quote)
  const isReply = message.type === 'echo-reply' || message.type === 'traceroute-reply'
  return isReply ? message.identifier : config.endhostPort
}

function quotedPort(quote: Uint8Array): number | undefined {
  try {
    const { upper } = decodeQuote(quote)
    if (upper?.type === 'udp') return upper.sourcePort
    return upper?.request?.identifier
  } catch (error) {
    if (error instanceof ScionError) return undefined
    throw error
  }
}
