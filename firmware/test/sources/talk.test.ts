import assert from 'node:assert/strict'

import { HalError, type SerialPort } from '@s3mp/hal'
import { VirtualClock } from '@s3mp/hal/mock'
import { createDecoder, parseIdentification, type Conversation } from '@s3mp/meter'
import { describe, it } from 'mocha'

import { talk, TALK_MS_MAX, type TalkEnd } from '../../src/sources/talk.ts'

/** A line on which something is said every 10 ms, for ever. */
function chatter(clock: VirtualClock): SerialPort {
  return {
    read: async (signal?: AbortSignal) => {
      await clock.sleep(10, signal).catch(() => {
        throw new HalError('timeout', 'aborted')
      })
      return Uint8Array.of(0x55)
    },
    write: () => Promise.resolve(),
    drain: () => Promise.resolve(),
    reconfigure: () => Promise.resolve(),
    setBreak: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

describe('a conversation', () => {
  for (const kind of ['listen', 'readout'] as const) {
    it(`ends with a meter that talks for ever, in a ${kind}`, async () => {
      const clock = new VirtualClock()
      const identification = parseIdentification('/SIM5METER')
      assert.ok(identification !== undefined)
      const patient: Conversation = {
        start: () =>
          kind === 'listen'
            ? [{ kind: 'listen', silenceMs: 1500 }]
            : [
                { kind: 'readout', ahead: new Uint8Array(0), identification, baudRate: 300 },
                { kind: 'listen', silenceMs: 1500 },
              ],
        receive: () => [],
        silence: () => [],
      }
      let end: TalkEnd | undefined
      void talk(patient, {
        port: chatter(clock),
        clock,
        signal: new AbortController().signal,
        canSwitch: true,
        decoder: () => createDecoder('d0'),
        onBytes: () => undefined,
        onReading: () => undefined,
        onDiscarded: () => undefined,
        onRefused: () => undefined,
        progress: () => undefined,
      }).then((found) => {
        end = found
      })
      await clock.advance(TALK_MS_MAX + 5000)
      assert.deepEqual(end, { kind: 'failed', reason: 'endless' })
    }).timeout(20_000)
  }
})
