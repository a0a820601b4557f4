import type { IsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { DecodedHeader } from '../packet/header.ts'
import { decodeHeader, pathOffset } from '../packet/header.ts'
import { PARAMETER_CODE, UNREACHABLE_CODE } from '../packet/scmp.ts'
import type { ScmpError } from '../packet/scmp.ts'
import { PathCursor } from '../path/cursor.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import { expTimeToMs } from '../path/expiry.ts'
import type { HopField, InfoField } from '../path/fields.ts'
import { HOP_FIELD_BYTES, INFO_FIELD_BYTES } from '../path/fields.ts'
import type { HopMac } from '../path/mac.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { PortRange } from '../path/source.ts'
import { PATH_META_BYTES } from '../path/standard.ts'
import { deliver } from './delivery.ts'
import { forwardOneHop } from './one-hop-router.ts'
import type { RouterAnswers } from './router-answers.ts'
import { isPeeringHop } from './router-answers.ts'
import type { LinkRole } from './topology.ts'

/** An interface of the router's AS. */
export interface RouterInterface {
  /** What the neighbour is to this AS. */
  readonly role: LinkRole
  readonly neighbour: IsdAs
  /** Internal address of the router that has it, where that is another one of this AS. */
  readonly sibling?: UnderlayAddress
  /** Largest packet over the link, in bytes. */
  readonly mtu: number
}

/** What a border router knows of its AS. */
export interface RouterConfig {
  readonly isdAs: IsdAs
  readonly hopMac: HopMac
  /** All interfaces of the AS, those of sibling routers too. */
  readonly interfaces: ReadonlyMap<number, RouterInterface>
  /** Ports that packets are delivered to directly; others go to {@link endhostPort}. */
  readonly dispatchedPorts?: PortRange
  /** Where what has no port of its own goes; 30041 outside of tests. */
  readonly endhostPort: number
  /** Hosts behind service addresses, by service number. */
  readonly services: ReadonlyMap<number, UnderlayAddress>
  /** Whether the router believes that an interface works. */
  readonly isUp: (interfaceId: number) => boolean
  /** Wall clock. */
  readonly nowMs: () => number
  readonly answers: RouterAnswers
}

/** Where a packet came in: over a link to another AS, or from inside, from this address. */
export type Ingress = { readonly link: number } | { readonly inside: UnderlayAddress }

/** What a router does with a packet. `bytes` is the packet as it leaves. */
export type Verdict =
  | { readonly action: 'forward'; readonly link: number; readonly bytes: Uint8Array }
  | { readonly action: 'inside'; readonly to: UnderlayAddress; readonly bytes: Uint8Array }
  /** Goes back where the packet came from. */
  | { readonly action: 'answer'; readonly bytes: Uint8Array; readonly reason: string }
  | { readonly action: 'drop'; readonly reason: string }

/** Ends the processing of a packet early. */
class Refusal extends Error {
  readonly verdict: Verdict

  constructor(verdict: Verdict) {
    super()
    this.verdict = verdict
  }
}

/**
 * A border router: verifies and advances what passes through one AS.
 *
 * It does what the open-source reference router does, in its order, with its answers, so that its
 * acceptance scenarios hold byte for byte: hop field expiry and MACs, interfaces and link types,
 * SegID updates, router alerts, delivery by port. BFD is left to the link model of the network.
 */
export class BorderRouter {
  readonly #config: RouterConfig

  constructor(config: RouterConfig) {
    this.#config = config
  }

  /** Takes a packet that came in; changes `bytes` in place, which become the router's. */
  process(bytes: Uint8Array, ingress: Ingress): Verdict {
    try {
      const header = decodeHeader(bytes)
      if (header.path.type === PATH_TYPE.oneHop) {
        return forwardOneHop(this.#config, bytes, header, ingress)
      }
      if (header.path.type !== PATH_TYPE.scion) return drop(`path type ${header.path.type}`)
      return new Passage(this.#config, bytes, header, ingress).run()
    } catch (error) {
      if (error instanceof Refusal) return error.verdict
      if (error instanceof ScionError) return drop(error.message)
      throw error
    }
  }
}

/** One packet on its way through one router. */
class Passage {
  readonly #config: RouterConfig
  readonly #bytes: Uint8Array
  readonly #header: DecodedHeader
  readonly #ingress: Ingress
  /** Number of the interface that the packet came in by; 0 from inside. */
  readonly #ingressId: number
  readonly #cursor: PathCursor
  readonly #pathAt: number
  readonly #peering: boolean
  #crossed = false

  constructor(config: RouterConfig, bytes: Uint8Array, header: DecodedHeader, ingress: Ingress) {
    this.#config = config
    this.#bytes = bytes
    this.#header = header
    this.#ingress = ingress
    this.#ingressId = 'link' in ingress ? ingress.link : 0
    this.#pathAt = pathOffset(bytes)
    this.#cursor = new PathCursor(header.path.bytes)
    this.#peering = isPeeringHop(this.#cursor)
  }

  run(): Verdict {
    this.#checkShape()
    this.#checkExpiry()
    this.#checkIngress()
    if (this.#header.headerBytes + this.#header.payloadBytes !== this.#bytes.length) {
      this.#problem(PARAMETER_CODE.invalidPacketSize, 0)
    }
    this.#checkTransitSource()
    this.#checkAses()
    if (this.#ingressId !== 0 && !this.#info.consDir && !this.#peering) {
      this.#cursor.updateSegmentId()
    }
    this.#checkMac()
    if (this.#ingressId !== 0) this.#alert(this.#info.consDir ? 'ingress' : 'egress', this.#ingressId) // prettier-ignore
    if (this.#header.destination.isdAs === this.#config.isdAs) return this.#deliver()
    this.#crossOver()
    return this.#leave()
  }

  get #info(): InfoField {
    return this.#cursor.infoField()
  }

  get #hop(): HopField {
    return this.#cursor.hopField()
  }

  #checkShape(): void {
    if (!this.#cursor.isConsistent) throw new Refusal(drop('CurrHF is not within CurrINF'))
    if (this.#cursor.segmentLengths.includes(1) && !this.#info.peering) {
      throw new Refusal(drop('a segment of one hop without peering'))
    }
  }

  #checkExpiry(): void {
    const expiryMs = this.#info.timestamp * 1000 + expTimeToMs(this.#hop.expTime)
    if (expiryMs < this.#config.nowMs()) this.#problem(PARAMETER_CODE.pathExpired, this.#hopAt)
  }

  #checkIngress(): void {
    const { consDir } = this.#info
    const expected = consDir ? this.#hop.consIngress : this.#hop.consEgress
    if (this.#ingressId === 0 || this.#ingressId === expected) return
    this.#problem(
      consDir ? PARAMETER_CODE.unknownHopIngress : PARAMETER_CODE.unknownHopEgress,
      this.#hopAt,
    )
  }

  /** What another router of this AS passes on must come from the router of its ingress. */
  #checkTransitSource(): void {
    if (!('inside' in this.#ingress) || this.#cursor.currHf === 0) return
    const sibling = this.#config.interfaces.get(this.#enteredBy())?.sibling
    if (sibling?.host !== this.#ingress.inside.host) {
      throw new Refusal(drop('transit packet from a host'))
    }
  }

  #checkAses(): void {
    const { source, destination } = this.#header
    const isLocal = destination.isdAs === this.#config.isdAs
    const wrongSource =
      this.#ingressId === 0
        ? this.#cursor.currHf === 0 && source.isdAs !== this.#config.isdAs
        : source.isdAs === this.#config.isdAs
    if (wrongSource) this.#problem(PARAMETER_CODE.invalidSourceAddress, SOURCE_AT)
    const wrongDestination = this.#ingressId === 0 ? isLocal : isLocal !== this.#cursor.isLastHop
    if (wrongDestination) this.#problem(PARAMETER_CODE.invalidDestinationAddress, DESTINATION_AT)
  }

  #checkMac(): void {
    if (!this.#config.hopMac.verify(this.#info, this.#hop)) {
      this.#problem(PARAMETER_CODE.invalidHopMac, this.#hopAt)
    }
  }

  /** A traceroute request whose alert flag is set for this interface is answered, not passed on. */
  #alert(side: 'ingress' | 'egress', interfaceId: number): void {
    const raised = side === 'ingress' ? this.#hop.ingressAlert : this.#hop.egressAlert
    if (!raised) return
    this.#cursor.setAlert(side, false)
    const bytes = this.#config.answers.traceroute(this.#bytes, this.#ingressId !== 0, interfaceId)
    throw new Refusal(
      bytes === undefined
        ? drop('router alert without a traceroute request')
        : { action: 'answer', bytes, reason: 'traceroute' },
    )
  }

  #deliver(): Verdict {
    const to = deliver(this.#config, this.#bytes, this.#header)
    if (to === 'unreachable') {
      this.#refuse({
        type: 'destination-unreachable',
        code: UNREACHABLE_CODE.noRoute,
        quote: this.#bytes,
      })
    }
    if (to === 'invalid') this.#problem(PARAMETER_CODE.invalidDestinationAddress, DESTINATION_AT)
    return to === undefined ? drop('nobody to deliver to') : { action: 'inside', to, bytes: this.#bytes } // prettier-ignore
  }

  /** Two segments that meet in this AS: the packet goes on with the next one. */
  #crossOver(): void {
    if (!this.#cursor.isCrossover || this.#peering) return
    this.#cursor.increment()
    this.#crossed = true
    this.#checkExpiry()
    this.#checkMac()
  }

  #leave(): Verdict {
    const { consDir } = this.#info
    const egressId = consDir ? this.#hop.consEgress : this.#hop.consIngress
    const egress = this.#config.interfaces.get(egressId)
    const unknown = consDir ? PARAMETER_CODE.unknownHopEgress : PARAMETER_CODE.unknownHopIngress
    if (egress === undefined) return this.#problem(unknown, this.#hopAt)
    const own = egress.sibling === undefined
    // A host has to send to the router that owns the interface.
    if (this.#ingressId === 0 && !own) return this.#problem(unknown, this.#hopAt)
    this.#checkRoles(egress.role)
    if (own) this.#alert(consDir ? 'egress' : 'ingress', egressId)
    this.#checkUp(egressId, own)
    if (!own) return { action: 'inside', to: egress.sibling ?? NOWHERE, bytes: this.#bytes }
    if (this.#bytes.length > egress.mtu) {
      this.#refuse({ type: 'packet-too-big', code: 0, mtu: egress.mtu, quote: this.#bytes })
    }
    if (consDir && !this.#peering) this.#cursor.updateSegmentId()
    this.#cursor.increment()
    return { action: 'forward', link: egressId, bytes: this.#bytes }
  }

  /** Traffic may only flow between links that somebody pays for: no valleys, no detours. */
  #checkRoles(egress: LinkRole): void {
    const ingress = this.#config.interfaces.get(this.#ingressId)?.role
    const pair = `${ingress ?? 'inside'}>${egress}`
    if (this.#crossed) {
      if (CROSSOVER_ROLES.has(pair)) return
      const at = this.#pathAt + PATH_META_BYTES + INFO_FIELD_BYTES * this.#cursor.currInf
      this.#problem(PARAMETER_CODE.invalidSegmentChange, at)
    }
    if (this.#ingressId === 0 || SEGMENT_ROLES.has(pair)) return
    this.#problem(PARAMETER_CODE.invalidPath, this.#hopAt)
  }

  #checkUp(egressId: number, own: boolean): void {
    if (this.#config.isUp(egressId)) return
    const { isdAs } = this.#config
    const quote = this.#bytes
    if (own) {
      this.#refuse({
        type: 'external-interface-down',
        code: 0,
        isdAs,
        interfaceId: egressId,
        quote,
      })
    }
    const ingressId = this.#ingressId
    this.#refuse({ type: 'internal-connectivity-down', code: 0, isdAs, ingressId, egressId, quote })
  }

  /** The interface by which the packet entered this AS, by what the path says. */
  #enteredBy(): number {
    const back = !this.#peering && this.#cursor.isAfterCrossover ? 1 : 0
    const info = this.#cursor.infoField(this.#cursor.currInf - back)
    const hop = this.#cursor.hopField(this.#cursor.currHf - back)
    return info.consDir ? hop.consIngress : hop.consEgress
  }

  get #hopAt(): number {
    const infos = INFO_FIELD_BYTES * this.#cursor.infoCount
    return this.#pathAt + PATH_META_BYTES + infos + HOP_FIELD_BYTES * this.#cursor.currHf
  }

  #problem(code: number, pointer: number): never {
    return this.#refuse({ type: 'parameter-problem', code, pointer, quote: this.#bytes })
  }

  #refuse(error: ScmpError): never {
    const bytes = this.#config.answers.error(this.#bytes, this.#ingressId !== 0, error)
    const reason = `${error.type} ${error.code}`
    throw new Refusal(bytes === undefined ? drop(reason) : { action: 'answer', bytes, reason })
  }
}

/** Offsets of the two ISD-AS in the packet, for the pointer of an error. */
const DESTINATION_AT = 12
const SOURCE_AT = 20
const NOWHERE: UnderlayAddress = { host: '0.0.0.0', port: 0 }

const SEGMENT_ROLES = new Set([
  'core>core',
  'child>parent',
  'parent>child',
  'child>peer',
  'peer>child',
])
const CROSSOVER_ROLES = new Set(['core>child', 'child>core', 'child>child'])

function drop(reason: string): Verdict {
  return { action: 'drop', reason }
}
