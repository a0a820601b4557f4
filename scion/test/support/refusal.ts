import assert from 'node:assert/strict'
import type { ScionErrorCode } from '../../src/errors.ts'
import { ScionError } from '../../src/errors.ts'

/** Asserts that `run` throws a ScionError, with the given code if there is one. */
export function refuses(run: () => unknown, code?: ScionErrorCode): void {
  let result: unknown
  try {
    result = run()
  } catch (error) {
    assert.ok(error instanceof ScionError, `not a ScionError: ${String(error)}`)
    if (code !== undefined) assert.equal(error.code, code, error.message)
    return
  }
  assert.fail(`accepted: ${JSON.stringify(result, printable)}`)
}

/** Runs what may fail; anything but a value or a ScionError fails the test. */
export function valueOrRefusal<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof ScionError) return undefined
    throw error
  }
}

function printable(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
