import { HalError } from './errors.ts'

/** Bytes one operation moves; a secure element's longest command is 155. */
export const I2C_OPERATION_BYTES_MAX = 256

/** Operations one transaction holds. */
export const I2C_OPERATIONS_MAX = 16

/** Transactions that may wait for the bus. */
export const I2C_QUEUE_MAX = 32

/** One step of a transaction: bytes to the device, or a number of bytes from it. */
export type I2cOperation = { readonly write: Uint8Array } | { readonly read: number }

/**
 * An I2C bus: real-time clock, secure element.
 *
 * Contract (each clause is a test in `test/contract/i2c.ts`, run against every backend):
 * 1. Addresses are 7 bits, right-aligned, 0x00…0x7f: a DS3231 is 0x68, not 0xd0.
 * 2. `transaction` carries out its operations in order and resolves with the bytes of its reads, in
 *    order; each array has the length asked for and belongs to the caller. No other transaction of
 *    this bus gets between them. Whether operations are joined by a repeated start or by stop and
 *    start is the backend's choice.
 * 3. A device that is not there rejects with `no-acknowledge`; the rest of the transaction is not
 *    carried out, and the bus stays usable.
 * 4. An address, length or count outside the limits rejects with `unsupported` before anything moves
 *    on the wire; more than I2C_QUEUE_MAX waiting transactions: `busy`.
 * 5. `close` waits for the transaction under way and may be called twice; what waits and what comes
 *    after it rejects with `closed`.
 */
export interface I2cBus {
  transaction(address: number, operations: readonly I2cOperation[]): Promise<readonly Uint8Array[]>
  close(): Promise<void>
}

/** The buses of one board; `open` of a bus that is not there rejects with `not-found`. */
export interface I2cBackend {
  open(bus: number): Promise<I2cBus>
}

/** Throws `unsupported` for a transaction outside the limits of clause 4. */
export function checkTransaction(address: number, operations: readonly I2cOperation[]): void {
  const fail = (message: string): never => {
    throw new HalError('unsupported', message)
  }
  if (!Number.isInteger(address) || address < 0 || address > 0x7f) {
    fail(`address: expected 0x00…0x7f, found ${address}`)
  }
  if (operations.length === 0 || operations.length > I2C_OPERATIONS_MAX) {
    fail(`operations: expected 1…${I2C_OPERATIONS_MAX}, found ${operations.length}`)
  }
  for (const operation of operations) {
    const length = 'write' in operation ? operation.write.length : operation.read
    if (!Number.isInteger(length) || length < 1 || length > I2C_OPERATION_BYTES_MAX) {
      fail(`operation length: expected 1…${I2C_OPERATION_BYTES_MAX} bytes, found ${length}`)
    }
  }
}
