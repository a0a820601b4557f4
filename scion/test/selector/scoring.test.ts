import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { PathStats } from '../../src/selector/scoring.ts'
import {
  ANSWER_WAIT_MS_MAX,
  ANSWER_WAIT_MS_MIN,
  DOUBT_MARGIN_MS_MIN,
  PROOF_AGE_MS_MAX,
  PROOF_ANSWERS_MIN,
  UNMEASURED,
  answerWaitMs,
  isProven,
  overdueAfterMs,
  pathCost,
  silencesOf,
  withAnswer,
  withFailure,
  withSilence,
  withoutLoss,
} from '../../src/selector/scoring.ts'
import { fakePath } from '../support/fake-path.ts'

const path = fakePath([1, 2], 1e12)

/** Answers every 100 ms from `startMs` on, with the given round trips. */
function answers(samplesMs: readonly number[], startMs = 0): PathStats {
  return samplesMs.reduce<PathStats>(
    (stats, sample, index) => withAnswer(stats, startMs + 100 * index, sample),
    UNMEASURED,
  )
}

const repeated = (sampleMs: number, count: number): number[] =>
  Array.from({ length: count }, () => sampleMs)

describe('path statistics', () => {
  it('smooth the round trip as RFC 6298 does', () => {
    const stats = answers([100, 180])
    assert.equal(stats.roundTripMs, 110)
    assert.equal(stats.deviationMs, 50 + (80 - 50) / 4)
  })

  it('take over another level once three answers in a row agree on it', () => {
    const steady = answers(repeated(90, 40))
    const samples = [21, 22, 20]
    const [once, twice, thrice] = samples.map((_, index) =>
      samples.slice(0, index + 1).reduce((stats, ms) => withAnswer(stats, 9_000, ms), steady),
    )
    assert.ok((once?.roundTripMs ?? 0) > 70 && once?.shift?.count === 1)
    assert.ok((twice?.roundTripMs ?? 0) > 65 && twice?.shift?.count === 2)
    assert.equal(Math.round(thrice?.roundTripMs ?? 0), 21)
    assert.ok((thrice?.jitterMs ?? 99) < 1, 'the step itself is no jitter')
    assert.equal(thrice?.shift, undefined)
  })

  it('do not follow single answers, nor those of an unsteady path', () => {
    const outlier = withAnswer(withAnswer(answers(repeated(90, 40)), 9_000, 20), 9_100, 90)
    assert.equal(outlier.shift, undefined)
    assert.ok((outlier.roundTripMs ?? 0) > 75)
    const shaky = Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? 30 : 70))
    const after = [30, 31, 30].reduce((stats, ms) => withAnswer(stats, 9_000, ms), answers(shaky))
    assert.ok((after.roundTripMs ?? 0) > 35)
  })

  it('miss an answer early and count it against the path late', () => {
    const stats = answers(repeated(22, 60))
    const missedMs = overdueAfterMs(stats.roundTripMs ?? 0, stats.deviationMs)
    assert.equal(Math.round(missedMs), 22 + DOUBT_MARGIN_MS_MIN)
    assert.equal(answerWaitMs(stats), ANSWER_WAIT_MS_MIN)
  })

  it('take a loss back', () => {
    const lost = withSilence(answers(repeated(10, 100)), 20_000)
    assert.equal(withoutLoss(lost).loss, 0)
    assert.equal(withoutLoss(UNMEASURED).loss, 0)
  })

  it('count the loss exactly at first, then by the window', () => {
    assert.equal(withSilence(answers([10]), 100).loss, 0.5)
    let stats = answers(repeated(10, 100))
    assert.equal(stats.loss, 0)
    stats = withSilence(stats, 20_000)
    assert.equal(stats.loss, 1 / 64)
  })

  it('count a burst of losses as one silence', () => {
    const burst = [1000, 1001, 1005, 1019].reduce(withSilence, answers([10]))
    assert.equal(silencesOf(burst), 1)
    assert.equal(silencesOf(withSilence(burst, 1020)), 2)
  })

  it('do not take the loss of a packet for a sign when a later one was answered', () => {
    const stats = withSilence(withAnswer(UNMEASURED, 1000, 10), 900)
    assert.equal(silencesOf(stats), 0)
    assert.ok(stats.loss > 0)
  })

  it('do not end a silence by an answer to what was sent before it', () => {
    const silent = withSilence(withSilence(answers([10]), 1000), 1100)
    assert.equal(silencesOf(withAnswer(silent, 900, 10)), 2)
    assert.equal(silencesOf(withAnswer(silent, 1000, 10)), 0)
  })

  it('prove a path by answers in a row, until they are old or a failure comes between', () => {
    const proven = answers(repeated(10, PROOF_ANSWERS_MIN))
    const lastMs = 100 * (PROOF_ANSWERS_MIN - 1)
    assert.ok(!isProven(answers(repeated(10, PROOF_ANSWERS_MIN - 1)), lastMs))
    assert.ok(isProven(proven, lastMs + PROOF_AGE_MS_MAX))
    assert.ok(!isProven(proven, lastMs + PROOF_AGE_MS_MAX + 1))
    assert.ok(!isProven(withFailure(proven), lastMs))
    assert.ok(!isProven(withSilence(proven, 5_000), 5_000))
  })

  it('wait between bounds for an answer', () => {
    assert.equal(answerWaitMs(UNMEASURED), ANSWER_WAIT_MS_MAX)
    assert.equal(answerWaitMs(answers(repeated(5, 50))), ANSWER_WAIT_MS_MIN)
    assert.equal(answerWaitMs(answers(repeated(5_000, 50))), ANSWER_WAIT_MS_MAX)
    const wait = answerWaitMs(answers(repeated(400, 100)))
    assert.ok(wait >= 400 && wait < 420, `${wait}`)
  })

  it('cost more for time, for unsteadiness and for loss', () => {
    const steady = pathCost(path, answers(repeated(50, 40)))
    assert.ok(pathCost(path, answers(repeated(60, 40))) > steady)
    const shaky = answers(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 30 : 70)))
    assert.ok(pathCost(path, shaky) > steady + 10)
    const lossy = withSilence(answers(repeated(50, 40)), 5_000)
    assert.ok(pathCost(path, lossy) > steady + 2)
  })

  it('stay within their bounds whatever happens', () => {
    const event = fc.record({ answer: fc.boolean(), gapMs: fc.nat(5_000), sampleMs: fc.nat(3_000) })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let nowMs = 0
        let stats = UNMEASURED
        for (const { answer, gapMs, sampleMs } of events) {
          nowMs += gapMs
          stats = answer ? withAnswer(stats, nowMs, sampleMs) : withSilence(stats, nowMs)
          assert.ok(stats.loss >= 0 && stats.loss <= 1)
          assert.ok(stats.outcomes <= 64)
          assert.ok(stats.deviationMs >= 0 && stats.jitterMs >= 0)
          const cost = pathCost(path, stats)
          assert.ok(Number.isFinite(cost) && cost >= 0)
          assert.ok(!(stats.answersInRow > 0 && silencesOf(stats) > 0))
        }
      }),
    )
  })
})
