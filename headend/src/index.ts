/**
 * The other end of the line: receives sealed objects, verifies them, stores them durably, answers,
 * and tells people and programs over HTTP what is known.
 *
 * @packageDocumentation
 */
export { systemClock } from './clock.ts'
export type { Clock, RandomBytes } from './clock.ts'
export type { PrekeyPolicy } from './config.ts'
export { HeadendError } from './errors.ts'
export type { HeadendErrorCode } from './errors.ts'
export { createHeadend, enrollDevice, Headend, systemRandom } from './headend.ts'
export type { HeadendOptions } from './headend.ts'
export { MemorySecrets, SecretFolder } from './keys/files.ts'
export type { SecretFiles } from './keys/files.ts'
export { Keyring } from './keys/keyring.ts'
export type { Rotation } from './keys/keyring.ts'
export { createLog, silentLog } from './log.ts'
export type { Log, LogFields } from './log.ts'
export { Receiver } from './receive/receiver.ts'
export type { ReceiverOptions } from './receive/receiver.ts'
export { REFUSALS } from './receive/refusals.ts'
export type { Counts, Refusal } from './receive/refusals.ts'
export type { Committed, Entry, Outcome } from './store/records.ts'
export { SqliteStore } from './store/store.ts'
export type { DeviceRow, DeviceState, EventRow } from './store/types.ts'
export type { Arrival, Transport } from './transport/transport.ts'
export { ScionTransport } from './transport/scion.ts'
export type { ScionTransportOptions } from './transport/scion.ts'
export { UdpTransport } from './transport/udp.ts'
