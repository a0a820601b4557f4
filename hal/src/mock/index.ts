/**
 * Twins of the hardware for tests and demos: real implementations, one object per test.
 *
 * @packageDocumentation
 */
export * from './gpio.ts'
export * from './i2c.ts'
export * from './peer.ts'
export * from './replay.ts'
export * from './serial.ts'
export * from './virtual-clock.ts'
