import { createSocket } from 'node:dgram'
import { isIP } from 'node:net'
import { randomInt } from 'node:crypto'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import type { DnsRecord } from './dns-message.ts'
import { DNS_TYPE, decodeDnsResponse, encodeDnsQuestion } from './dns-message.ts'
import { DNS_HINTS_MAX } from './dns.ts'

/** How long answers to a multicast question are gathered, in milliseconds. */
export const MDNS_WAIT_MS = 1000
/** Records that are remembered of all answers together. */
export const MDNS_RECORDS_MAX = 512
/** Where multicast DNS is spoken (RFC 6762 §3). */
export const MDNS_ADDRESS: UnderlayAddress = { host: '224.0.0.251', port: 5353 }

const SERVICE = '_sciondiscovery._tcp.local'

/** How to ask. */
export interface MdnsOptions {
  /** Where to ask; tests ask a responder on loopback. */
  readonly target?: UnderlayAddress
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

/**
 * Looks for discovery servers on the own link by multicast DNS: instances of
 * `_sciondiscovery._tcp.local` (RFC 6763), their SRV records and addresses. One question from a port
 * of its own, answered to it alone (a one-shot query, RFC 6762 §5.1): nothing privileged, nothing
 * announced. Whoever is on the link may answer, so what is found is a place to ask and nothing more.
 *
 * Resolves with nothing where multicast is not to be had; rejects only when `signal` aborts.
 */
export async function mdnsHints(options: MdnsOptions = {}): Promise<readonly UnderlayAddress[]> {
  const { signal, target = MDNS_ADDRESS, waitMs = MDNS_WAIT_MS } = options
  signal?.throwIfAborted()
  const socket = createSocket('udp4')
  const records: DnsRecord[] = []
  const asked = new Set<string>()
  const ask = (name: string, type: number): void => {
    const key = `${name} ${type}`
    if (asked.has(key) || asked.size >= DNS_HINTS_MAX) return
    asked.add(key)
    const question = encodeDnsQuestion(randomInt(0x10000), name, type)
    socket.send(question, target.port, target.host, () => undefined)
  }
  socket.on('error', () => undefined)
  socket.on('message', (message: Uint8Array) => {
    for (const record of readRecords(message)) {
      if (records.length < MDNS_RECORDS_MAX) records.push(record)
    }
    for (const { name, type } of missing(records)) ask(name, type)
  })
  try {
    await new Promise<void>((resolve) => {
      socket.bind(0, () => {
        ask(SERVICE, DNS_TYPE.ptr)
        resolve()
      })
      socket.once('error', () => {
        resolve()
      })
    })
    await pause(waitMs, signal)
  } finally {
    socket.close()
  }
  return serversIn(records)
}

function readRecords(message: Uint8Array): readonly DnsRecord[] {
  try {
    return decodeDnsResponse(message)
  } catch (error) {
    if (error instanceof ScionError) return []
    throw error
  }
}

/** What the records name, but do not hold: responders add it as a rule, not always. */
function missing(records: readonly DnsRecord[]): readonly { name: string; type: number }[] {
  const instances = instancesIn(records)
  const services = records.filter((one) => one.type === 'srv')
  const known = new Set(services.map(({ name }) => name))
  const addressed = new Set(
    records.filter((one) => one.type === 'a' || one.type === 'aaaa').map(({ name }) => name),
  )
  return [
    ...instances.filter((name) => !known.has(name)).map((name) => ({ name, type: DNS_TYPE.srv })),
    ...services
      .filter(({ name, target }) => instances.includes(name) && !addressed.has(target))
      .map(({ target }) => ({ name: target, type: DNS_TYPE.a })),
  ]
}

function instancesIn(records: readonly DnsRecord[]): readonly string[] {
  return records.flatMap((one) => (one.type === 'ptr' && one.name === SERVICE ? [one.target] : []))
}

/** The addresses of all instances, those of the best priority first. */
export function serversIn(records: readonly DnsRecord[]): readonly UnderlayAddress[] {
  const instances = new Set(instancesIn(records))
  const found = new Map<string, UnderlayAddress>()
  const services = records.filter((one) => one.type === 'srv')
  for (const { name, port, target } of services.toSorted((a, b) => a.priority - b.priority)) {
    if (!instances.has(name) || port === 0) continue
    for (const one of records) {
      if ((one.type !== 'a' && one.type !== 'aaaa') || one.name !== target) continue
      if (isIP(one.address) === 0 || found.size >= DNS_HINTS_MAX) continue
      found.set(`${one.address} ${port}`, { host: one.address, port })
    }
  }
  return [...found.values()]
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
