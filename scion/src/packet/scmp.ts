import type { IsdAs } from '../addr/isd-as.ts'

/** Numbers of the SCMP message types (SCMP specification); those below 128 report errors. */
export const SCMP_TYPE = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  parameterProblem: 4,
  externalInterfaceDown: 5,
  internalConnectivityDown: 6,
  echoRequest: 128,
  echoReply: 129,
  tracerouteRequest: 130,
  tracerouteReply: 131,
} as const

/** From here on a type number asks or answers; below, it reports an error. */
export const SCMP_FIRST_INFORMATION = 128

/** Codes of "destination unreachable". */
export const UNREACHABLE_CODE = {
  noRoute: 0,
  adminDeny: 1,
  beyondScope: 2,
  addressUnreachable: 3,
  portUnreachable: 4,
  sourcePolicy: 5,
  rejectRoute: 6,
} as const

/** Codes of "parameter problem". */
export const PARAMETER_CODE = {
  erroneousHeaderField: 0,
  unknownNextHeader: 1,
  invalidCommonHeader: 16,
  unknownVersion: 17,
  flowIdRequired: 18,
  invalidPacketSize: 19,
  unknownPathType: 20,
  unknownAddressFormat: 21,
  invalidAddressHeader: 32,
  invalidSourceAddress: 33,
  invalidDestinationAddress: 34,
  nonLocalDelivery: 35,
  invalidPath: 48,
  unknownHopIngress: 49,
  unknownHopEgress: 50,
  invalidHopMac: 51,
  pathExpired: 52,
  invalidSegmentChange: 53,
  invalidExtensionHeader: 64,
  unknownHopByHopOption: 65,
  unknownEndToEndOption: 66,
} as const

interface ScmpBase {
  /** Finer reason; 0 where the type has none. */
  readonly code: number
}

interface ScmpErrorBase extends ScmpBase {
  /** As much of the packet that caused the error as the sender of the error saw fit to return. */
  readonly quote: Uint8Array
}

/** The packet cannot be delivered; see {@link UNREACHABLE_CODE}. */
export interface ScmpDestinationUnreachable extends ScmpErrorBase {
  readonly type: 'destination-unreachable'
}

/** The packet is larger than the next link carries. */
export interface ScmpPacketTooBig extends ScmpErrorBase {
  readonly type: 'packet-too-big'
  /** Largest packet for that link, in bytes. */
  readonly mtu: number
}

/** A field of the packet is wrong; see {@link PARAMETER_CODE}. */
export interface ScmpParameterProblem extends ScmpErrorBase {
  readonly type: 'parameter-problem'
  /** Offset of the wrong field in the quoted packet. */
  readonly pointer: number
}

/** The link to a neighbouring AS is down. */
export interface ScmpExternalInterfaceDown extends ScmpErrorBase {
  readonly type: 'external-interface-down'
  readonly isdAs: IsdAs
  readonly interfaceId: number
}

/** The way through an AS, from one of its interfaces to another, is down. */
export interface ScmpInternalConnectivityDown extends ScmpErrorBase {
  readonly type: 'internal-connectivity-down'
  readonly isdAs: IsdAs
  readonly ingressId: number
  readonly egressId: number
}

/** An error of a type that this package does not know: four bytes of its own, then the quote. */
export interface ScmpUnknownError extends ScmpErrorBase {
  readonly type: 'unknown-error'
  readonly typeNumber: number
  /** The four bytes before the quote. */
  readonly word: number
}

/** A question "are you there", or its answer, which returns the data. */
export interface ScmpEcho extends ScmpBase {
  readonly type: 'echo-request' | 'echo-reply'
  /** The port of the asking socket: the last router delivers the answer there. */
  readonly identifier: number
  readonly sequence: number
  readonly data: Uint8Array
}

/** A question to the router whose alert flag is set, or its answer with its name. */
export interface ScmpTraceroute extends ScmpBase {
  readonly type: 'traceroute-request' | 'traceroute-reply'
  /** The port of the asking socket. */
  readonly identifier: number
  readonly sequence: number
  /** AS of the answering router; 0 in a request. */
  readonly isdAs: IsdAs
  /** The probed interface; 0 in a request. */
  readonly interfaceId: number
  /** Empty by the specification, returned as it came. */
  readonly data: Uint8Array
}

/** An informational message of a type that this package does not know. */
export interface ScmpUnknownInformation extends ScmpBase {
  readonly type: 'unknown-information'
  readonly typeNumber: number
  readonly data: Uint8Array
}

/** A report that a packet failed. */
export type ScmpError =
  | ScmpDestinationUnreachable
  | ScmpPacketTooBig
  | ScmpParameterProblem
  | ScmpExternalInterfaceDown
  | ScmpInternalConnectivityDown
  | ScmpUnknownError

/** A question or an answer. */
export type ScmpInformation = ScmpEcho | ScmpTraceroute | ScmpUnknownInformation

/** A message of the SCION Control Message Protocol. */
export type ScmpMessage = ScmpError | ScmpInformation

const TYPE_NAMES: Readonly<Record<number, string>> = {
  1: 'DestinationUnreachable',
  2: 'PacketTooBig',
  4: 'ParameterProblem',
  5: 'ExternalInterfaceDown',
  6: 'InternalConnectivityDown',
  128: 'EchoRequest',
  129: 'EchoReply',
  130: 'TracerouteRequest',
  131: 'TracerouteReply',
}

const CODE_NAMES: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  1: {
    0: 'NoRoute',
    1: 'AdminDeny',
    2: 'BeyondScopeOfSourceAddr',
    3: 'AddressUnreachable',
    4: 'PortUnreachable',
    5: 'SourceAddressFailedPolicy',
    6: 'RejectRouteToDest',
  },
  4: {
    0: 'ErroneousHeaderField',
    1: 'UnknownNextHdrType',
    16: 'InvalidCommonHeader',
    17: 'UnknownSCIONVersion',
    18: 'FlowIDRequired',
    19: 'InvalidPacketSize',
    20: 'UnknownPathType',
    21: 'UnknownAddressFormat',
    32: 'InvalidAddressHeader',
    33: 'InvalidSourceAddress',
    34: 'InvalidDestinationAddress',
    35: 'NonLocalDelivery',
    48: 'InvalidPath',
    49: 'UnknownHopFieldIngressInterface',
    50: 'UnknownHopFieldEgressInterface',
    51: 'InvalidHopFieldMAC',
    52: 'PathExpired',
    53: 'InvalidSegmentChange',
    64: 'InvalidExtensionHeader',
    65: 'UnknownHopByHopOption',
    66: 'UnknownEndToEndOption',
  },
}

/** Whether a message reports an error, which must never be answered with another error. */
export function isScmpError(message: ScmpMessage): message is ScmpError {
  return 'quote' in message
}

/** The type number of a message. */
export function scmpTypeNumber(message: ScmpMessage): number {
  switch (message.type) {
    case 'destination-unreachable':
      return SCMP_TYPE.destinationUnreachable
    case 'packet-too-big':
      return SCMP_TYPE.packetTooBig
    case 'parameter-problem':
      return SCMP_TYPE.parameterProblem
    case 'external-interface-down':
      return SCMP_TYPE.externalInterfaceDown
    case 'internal-connectivity-down':
      return SCMP_TYPE.internalConnectivityDown
    case 'echo-request':
      return SCMP_TYPE.echoRequest
    case 'echo-reply':
      return SCMP_TYPE.echoReply
    case 'traceroute-request':
      return SCMP_TYPE.tracerouteRequest
    case 'traceroute-reply':
      return SCMP_TYPE.tracerouteReply
    case 'unknown-error':
    case 'unknown-information':
      return message.typeNumber
  }
}

/** Type and code in words, as the reference tools print them: `ParameterProblem(PathExpired)`. */
export function scmpName(type: number, code: number): string {
  const name = TYPE_NAMES[type]
  if (name === undefined) return `${type}(${code})`
  const codes = CODE_NAMES[type]
  if (codes === undefined) return code === 0 ? name : `${name}(Code: ${code})`
  return `${name}(${codes[code] ?? `Code: ${code}`})`
}
