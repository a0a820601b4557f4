/**
 * The meter: reads, registers, chains, signs, seals, stores, delivers; and the uplink that carries.
 *
 * Everything takes its surroundings as parameters, so that the whole system runs in one process
 * under virtual time.
 *
 * @packageDocumentation
 */
export { createMeter } from './app.ts'
export type { Meter, MeterOptions, MeterStatus } from './app.ts'
export type { ChannelEnd, MeterEnd, UplinkEnd } from './channel/channel.ts'
export { memoryChannel } from './channel/memory.ts'
export type { MemoryChannel } from './channel/memory.ts'
export type { PathStatus } from './channel/message.ts'
export { connectToUplink, listenForMeter } from './channel/socket.ts'
export type { HeadendTrust } from './epochs.ts'
export { FirmwareError } from './errors.ts'
export type { FirmwareErrorCode } from './errors.ts'
export type { LinkQuality } from './link-quality.ts'
export { createLog, silentLog } from './log.ts'
export type { Log, LogFields, LogLevel } from './log.ts'
export { openDurableMap, volatileMap } from './durable-map.ts'
export type { DurableMap } from './durable-map.ts'
export { listening } from './sources/listening.ts'
export type { ListeningOptions } from './sources/listening.ts'
export type { SourceSpec, SourceStatus } from './sources/source.ts'
export { Spool } from './spool/spool.ts'
export type { SpoolOptions, SpoolStats } from './spool/spool.ts'
export { STREAM, streamOf } from './streams.ts'
export type { ReadingStream, StreamName } from './streams.ts'
export type { TamperInput } from './tamper.ts'
export type { OnTrace, TraceEvent } from './trace.ts'
export type { Arrival, Departure, SendHints, Transport } from './transport/transport.ts'
export { OwnerPolicy, readAcl, readPolicy, readSequence } from './transport/policy.ts'
export type { PathRuling } from './transport/policy.ts'
export { openScionTransport, ScionTransport } from './transport/scion.ts'
export { UdpTransport } from './transport/udp.ts'
export { createUplink } from './uplink.ts'
export type { Uplink, UplinkOptions, UplinkStatus } from './uplink.ts'
