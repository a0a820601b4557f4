import assert from 'node:assert/strict'
import { EnvelopeError, type EnvelopeReason } from '@s3mp/envelope'

/** Asserts that a call is refused with this reason, or with any reason of ours. */
export function refuses(call: () => unknown, code?: EnvelopeReason): void {
  assert.throws(call, (error) => isRefusal(error, code))
}

/** The same for a promise. */
export async function rejects(promise: Promise<unknown>, code?: EnvelopeReason): Promise<void> {
  await assert.rejects(promise, (error) => isRefusal(error, code))
}

function isRefusal(error: unknown, code?: EnvelopeReason): boolean {
  assert.ok(error instanceof EnvelopeError, `not our error: ${String(error)}`)
  if (code !== undefined) assert.equal(error.code, code, error.message)
  return true
}
