/**
 * The hardware of a meter as small, fallible interfaces: serial port, pins, I2C bus, clock.
 *
 * Real hardware is in `@s3mp/hal/linux`, its twins for tests and demos in `@s3mp/hal/mock`.
 *
 * @packageDocumentation
 */
export * from './clock.ts'
export * from './errors.ts'
export * from './gpio.ts'
export * from './i2c.ts'
export { ReceiveBuffer } from './receive-buffer.ts'
export * from './reopening.ts'
export * from './serial.ts'
