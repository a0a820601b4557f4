/**
 * A SCION end-host stack for Node.js.
 *
 * @packageDocumentation
 */
export { ScionError } from './errors.ts'
export type { ScionErrorCode } from './errors.ts'

export type { IsdAs, SpellingOptions } from './addr/isd-as.ts'
export {
  asOf,
  formatAs,
  formatIsdAs,
  formatIsdAsFile,
  isWildcard,
  isdAs,
  isdAsOf,
  isdOf,
  matchesIsdAs,
  parseAs,
  parseIsd,
  parseIsdAs,
  parseIsdAsFile,
  wildcardOf,
} from './addr/isd-as.ts'
export type { HostAddress, Ipv4Host, Ipv6Host, OpaqueHost, ServiceHost } from './addr/host.ts'
export {
  SERVICE,
  SERVICE_MULTICAST,
  formatHost,
  formatService,
  ipHost,
  isUnspecified,
  parseHost,
  parseIp,
  parseService,
  sameHost,
  serviceHost,
} from './addr/host.ts'
export type { ScionAddress, ScionEndpoint } from './addr/endpoint.ts'
export {
  formatAddress,
  formatEndpoint,
  parseAddress,
  parseEndpoint,
  sameAddress,
  sameEndpoint,
} from './addr/endpoint.ts'
export type { UnderlayAddress } from './addr/underlay.ts'
export { formatUnderlay, parseUnderlay } from './addr/underlay.ts'

export type { DataplanePath } from './path/dataplane.ts'
export { EMPTY_PATH, PATH_TYPE, sameDataplanePath } from './path/dataplane.ts'
export type { HopField, InfoField } from './path/fields.ts'
export type { PathMeta, PathSegmentFields, StandardPath } from './path/standard.ts'
export { decodeStandardPath, encodeStandardPath, pathMeta } from './path/standard.ts'
export type { OneHopPath } from './path/one-hop.ts'
export { decodeOneHopPath, encodeOneHopPath, oneHopToStandard } from './path/one-hop.ts'
export type { EpicPath } from './path/epic.ts'
export { decodeEpicPath, encodeEpicPath } from './path/epic.ts'
export { replyPath, reverseStandardPath } from './path/reverse.ts'
export { PathCursor } from './path/cursor.ts'
export type { MacFields } from './path/mac.ts'
export { HopMac, forwardingKey, nextSegmentId } from './path/mac.ts'
export { EXP_TIME_UNIT_MS, expTimeToMs, msToExpTime, pathExpiryMs } from './path/expiry.ts'
export type {
  EpicAuthenticators,
  GeoCoordinates,
  LinkType,
  Path,
  PathInterface,
  PathMetadata,
  ServiceAddresses,
} from './path/path.ts'
export { statedLatencyMs } from './path/path.ts'
export { formatInterface, parseInterface } from './path/interface-text.ts'
export { pathFingerprint, withoutDuplicates } from './path/fingerprint.ts'
export type { LocalAs, PathQuery, PathSource, PortRange } from './path/source.ts'
export type { PathFileContent } from './path/file-format.ts'
export { formatPathFile, parsePathFile } from './path/file-format.ts'
export { FilePathSource, pathInside, writePathFile } from './path/file.ts'

export { PACKET_BYTES_MAX, PROTOCOL } from './packet/protocol.ts'
export type { DecodedHeader, PackedAddress, PacketHeader } from './packet/header.ts'
export { decodeHeader, packAddress } from './packet/header.ts'
export type { DecodedExtension, ExtensionOption } from './packet/extensions.ts'
export { OPTION, decodeExtension, encodeExtension } from './packet/extensions.ts'
export { upperLayerChecksum } from './packet/checksum.ts'
export type { Packet, PacketFields } from './packet/packet.ts'
export { decodePacket, encodePacket, verifyChecksum } from './packet/packet.ts'
export { PacketView } from './packet/view.ts'
export type { UdpDatagram } from './packet/udp.ts'
export { UdpTemplate, decodeUdp, encodeUdpPacket } from './packet/udp.ts'
export type {
  ScmpDestinationUnreachable,
  ScmpEcho,
  ScmpError,
  ScmpExternalInterfaceDown,
  ScmpInformation,
  ScmpInternalConnectivityDown,
  ScmpMessage,
  ScmpPacketTooBig,
  ScmpParameterProblem,
  ScmpTraceroute,
  ScmpUnknownError,
  ScmpUnknownInformation,
} from './packet/scmp.ts'
export {
  PARAMETER_CODE,
  SCMP_TYPE,
  UNREACHABLE_CODE,
  isScmpError,
  scmpName,
  scmpTypeNumber,
} from './packet/scmp.ts'
export {
  decodeScmp,
  decodeScmpMessage,
  encodeScmpMessage,
  encodeScmpPacket,
} from './packet/scmp-codec.ts'
export type { Quote, QuotedUpper } from './packet/quote.ts'
export { decodeQuote } from './packet/quote.ts'

export type {
  AsEntry,
  PathSegment,
  PeerEntry,
  SegmentHop,
  SegmentType,
  StaticInfo,
} from './segment/segment.ts'
export { segmentExpiryMs, segmentName } from './segment/segment.ts'
export type { SegmentSets } from './segment/graph.ts'
export type { CombinedPath } from './segment/combinator.ts'
export { combineSegments, withNextHop } from './segment/combinator.ts'
export type { SignedEntry, SignedSegment, VerificationKeyId } from './segment/codec.ts'
export { decodeKeyId, decodeSegment, encodeSegment } from './segment/codec.ts'

export type { Certificate, Name, Validity } from './trust/certificate.ts'
export { parseCertificate } from './trust/certificate.ts'
export type { CertificateType } from './trust/rules.ts'
export { certificateType, checkCertificate } from './trust/rules.ts'
export type { CertificateChain } from './trust/chain.ts'
export { chainOf, parsePemCertificates, verifyChain } from './trust/chain.ts'
export type { SignedTrc, Trc, TrcId } from './trust/trc.ts'
export { formatTrcId, parseTrc, parseTrcId } from './trust/trc.ts'
export type { TrcUpdate } from './trust/trc-update.ts'
export { verifyBaseTrc, verifyTrcUpdate } from './trust/trc-update.ts'
export type { KeepOptions, KeptTrcs } from './trust/keep.ts'
export { keepTrcs, trcFileName, withKeptTrcs } from './trust/keep.ts'
export type { TrustMaterial, TrustOptions } from './trust/store.ts'
export { TrustStore } from './trust/store.ts'

export type { RpcCall, RpcTransport } from './control/rpc.ts'
export type { ConnectOptions } from './control/connect.ts'
export { ConnectTransport } from './control/connect.ts'
export { GrpcTransport } from './control/grpc.ts'
export { ControlServices } from './control/services.ts'
export type { FoundSegments, SegmentLookup } from './control/segment-lookup.ts'
export { ControlLookup } from './control/segment-lookup.ts'
export type { HttpServer } from './control/http-server.ts'
export { parseServerUrl } from './control/http-server.ts'
export type { EndhostOptions } from './control/endhost-api.ts'
export {
  ENDHOST_AS_MTU,
  ENDHOST_PORTS,
  EndhostApis,
  SEGMENT_PAGES_MAX,
  UNDERLAYS_AGE_MS_MAX,
} from './control/endhost-api.ts'
export type { TopologyFile } from './control/topology.ts'
export { parseTopology, readTopology, readTrcs } from './control/topology.ts'
export { DAEMON_ADDRESS, DaemonPathSource } from './control/daemon.ts'
export type { ControlPathSourceOptions, LookupReport } from './control/path-source.ts'
export { ControlPathSource } from './control/path-source.ts'
export type {
  ControlOptions,
  DaemonOptions,
  PathSourceOptions,
  StandaloneOptions,
} from './control/open.ts'
export { openDaemon, openPathSource, openStandalone } from './control/open.ts'

export type { Clock, Random } from './clock.ts'
export { OBSERVERS_MAX, Observers } from './observers.ts'

export type { Underlay, UnderlayFactory, UnderlayListener } from './socket/underlay.ts'
export { nodeUnderlay, UNDERLAY_BUFFER_BYTES_MAX } from './socket/node-underlay.ts'
export { ENDHOST_PORT, SAFE_PACKET_BYTES, routeBack } from './socket/route.ts'
export type { Route } from './socket/route.ts'
export {
  ScionSocket,
  UNPROVEN_ERRORS_PER_SECOND_MAX,
  openScionSocket,
} from './socket/scion-socket.ts'
export { ECHO_ANSWERS_PER_SECOND_MAX } from './socket/answering.ts'
export {
  OUTSIDE_ANSWER_MS_MAX,
  OUTSIDE_CHECK_MS_MAX,
  OUTSIDE_DOUBT_MS_MIN,
  OUTSIDE_IDLE_MS_MAX,
  OUTSIDE_REST_MS_MAX,
} from './socket/outside.ts'
export { PORT_TRIES_MAX } from './socket/options.ts'
export type { ScionSocketOptions } from './socket/options.ts'
export type {
  ScionDatagram,
  SocketCounters,
  SocketEvent,
  TracerouteAnswer,
} from './socket/events.ts'
export { openEchoResponder } from './socket/echo-responder.ts'
export { QUESTIONS_MAX } from './socket/questions.ts'
export type { AskOptions } from './socket/questions.ts'
export {
  RECEIVERS_MAX,
  RECEIVE_QUEUE_BYTES_MAX,
  RECEIVE_QUEUE_MAX,
} from './socket/receive-queue.ts'
export { SENT_PACKETS_MAX, SENT_PACKET_AGE_MS_MAX } from './socket/sent-packets.ts'

export { formatSequence, pathHops } from './policy/hop.ts'
export type { PathHop } from './policy/hop.ts'
export { PREDICATE_CHARS_MAX, formatHopPredicate, parseHopPredicate } from './policy/predicate.ts'
export type { HopPredicate } from './policy/predicate.ts'
export { ACL_ENTRIES_MAX, Acl, formatAclEntry, parseAclEntry } from './policy/acl.ts'
export type { AclEntry } from './policy/acl.ts'
export { SEQUENCE_CHARS_MAX, SEQUENCE_DEPTH_MAX, Sequence } from './policy/sequence.ts'
export {
  PATH_ORDERINGS,
  orderPaths,
  parseOrdering,
  rankingOf,
  statedBandwidthKbps,
  unmetRequirement,
} from './policy/requirements.ts'
export type { PathOrdering, Requirements } from './policy/requirements.ts'
export { POLICY_DEPTH_MAX, applyRules, resolveRules } from './policy/rules.ts'
export type { Filtered, NamedRules, PathRules, PolicyOption, RemoteRule } from './policy/rules.ts'
export { leavesJurisdiction } from './policy/jurisdiction.ts'
export type { Jurisdiction } from './policy/jurisdiction.ts'
export { POLICY_DOCUMENT_CHARS_MAX } from './policy/json.ts'
export { parsePolicyDocument } from './policy/document.ts'
export type { PolicyEnds } from './policy/document.ts'
export { parseJpanPolicies } from './policy/jpan.ts'
export type { DestinationPolicies, PolicyDestination, SelectedPolicy } from './policy/jpan.ts'
export { applyFlowPolicy, parseScitraPolicies } from './policy/scitra.ts'
export type { Flow, FlowPolicy } from './policy/scitra.ts'

export {
  HEDGES_PER_SECOND_MAX,
  PROBES_AT_ONCE_MAX,
  PathPilot,
  SEND_TRIES_MAX,
  openPathPilot,
} from './selector/pilot.ts'
export type { FlightOptions, PathPilotOptions, PilotCounters } from './selector/pilot.ts'
export { CARGO_BYTES_MAX, FLIGHTS_MAX, HOST_DELAY_MS_MAX } from './selector/flights.ts'
export type { Flight } from './selector/flights.ts'
export {
  FLIGHT_SILENCES_MAX,
  HINTS_PER_MINUTE_MAX,
  PathSelector,
  REPORTED_MTU_MIN,
} from './selector/selector.ts'
export { REMOTE_SILENCES_MAX } from './selector/host-watch.ts'
export { PATHS_MAX } from './selector/path-set.ts'
export type { Evidence, PathSelectorOptions } from './selector/selector.ts'
export { DEFAULT_PLAN, LIVELY_PLAN, STANDBY_MAX } from './selector/plan.ts'
export type { ProbePlan } from './selector/plan.ts'
export { anyPath } from './selector/policy.ts'
export type { PathPolicy, PathRanking } from './selector/policy.ts'
export { LOOKUP_MS_MAX, REFRESH_MS_MAX, REFRESH_MS_MIN } from './selector/refresher.ts'
export { REDUNDANCY_MAX, disjointSet } from './selector/disjoint.ts'
export { PATH_CHANNEL, pathMetrics } from './selector/metrics.ts'
export type { PathMessage } from './selector/metrics.ts'
export { linksOf } from './selector/keys.ts'
export type { PathLink } from './selector/keys.ts'
export type {
  FailureCause,
  PathEvent,
  PathReason,
  PathReport,
  PathState,
} from './selector/report.ts'

export { DRKEY_PROTOCOL, HostKeyDeriver, asHostKey, hostAsKey } from './drkey/derive.ts'
export { level1Key, secretValue } from './drkey/derive.ts'
export type { DrkeyEpoch } from './drkey/derive.ts'
export {
  ACCEPTANCE_WINDOW_MS,
  EPOCH_GRACE_MS,
  epochOfTimestamp,
  relativeTimestamp,
} from './drkey/epoch.ts'
export { authenticatorOf, fillAuthenticator, verifyAuthenticator } from './spao/authenticate.ts'
export {
  SPAO_ALGORITHM,
  authenticatorOption,
  decodeAuthenticator,
  decodeSpi,
  encodeAuthenticator,
  encodeSpi,
} from './spao/option.ts'
export type { DrkeySpi, PacketAuthenticator } from './spao/option.ts'
export { SEEN_AUTHENTICATORS_MAX, SeenAuthenticators } from './spao/seen.ts'

export {
  STUN_TRANSACTION_BYTES,
  decodeBindingResponse,
  encodeBindingRequest,
  isStun,
  transactionIdOf,
} from './stun/message.ts'
export { BINDINGS_MAX, BINDING_RETRY_MS } from './socket/bindings.ts'
export type { OutsideAddress } from './socket/bindings.ts'
export { AES_KEY_BYTES, AesMac } from './crypto/cmac.ts'
export {
  DRKEY_AHEAD_MS_MAX,
  DRKEY_EPOCHS_MAX,
  DRKEY_PEERS_MAX,
  DRKEY_RETRY_MS_MIN,
  DRKEY_STRANGERS_MAX,
  DrkeyAuthentication,
} from './spao/authentication.ts'
export type { AuthenticationOptions } from './spao/authentication.ts'
export type { DrkeyQuery, DrkeySource, EpochKey } from './drkey/source.ts'
export { controlDrkeys, daemonDrkeys } from './control/drkey.ts'
export type { SourceCandidate, SourceFailure } from './control/fallback-source.ts'
export { FALLBACK_SOURCES_MAX, FallbackPathSource } from './control/fallback-source.ts'
export type { DrkeyOptions, OpenDrkeys } from './control/open-drkeys.ts'
export { openDrkeys } from './control/open-drkeys.ts'

export type { EndhostGroups, EndhostSourceOptions } from './discovery/endhost.ts'
export { discoverEndhostApis, openEndhostApis } from './discovery/endhost.ts'
export { findNetwork, NETWORK_PLACES_MAX } from './discovery/find.ts'
export type { FindOptions, FoundNetwork, NetworkPlace, PlaceFailure } from './discovery/find.ts'
export { hintsHere } from './discovery/here.ts'
export type { HereHint, HereOptions } from './discovery/here.ts'
export {
  LEASE_FOLDERS,
  leaseHints,
  readDhclientLeases,
  readDhcpPacket,
} from './discovery/leases.ts'
export type { LeaseFolder } from './discovery/leases.ts'
export { MDNS_WAIT_MS, mdnsHints } from './discovery/mdns.ts'
export type { MdnsOptions } from './discovery/mdns.ts'
export { HOSTS_FILE, parseHosts, resolveHost } from './discovery/names.ts'
export type { NameOptions } from './discovery/names.ts'
export { DNS_HINTS_MAX, DNS_QUESTIONS_MAX, dnsHints } from './discovery/dns.ts'
export type { DnsHints, DnsOptions, DnsResolver } from './discovery/dns.ts'
export type { NaptrAnswer, SrvAnswer } from './discovery/dns.ts'
export {
  DISCOVERY_LIST_BYTES_MAX,
  DISCOVERY_MS_MAX,
  DISCOVERY_PORT,
  DISCOVERY_TRCS_MAX,
  askDiscoveryServer,
} from './discovery/server.ts'
export type { DiscoveredAs, DiscoveryQuery } from './discovery/server.ts'
