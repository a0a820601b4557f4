import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { before, describe, it } from 'mocha'
import { CORPUS, scoreCorpus } from '../scripts/scoreboard.ts'
import type { Score } from '../scripts/scoreboard/score.ts'
import { formatRows, tabulate } from '../scripts/scoreboard/score.ts'

describe('the scoreboard over captured telegrams', function () {
  this.timeout(60_000)
  let scores: readonly Score[]

  before(function () {
    if (!existsSync(CORPUS)) {
      console.log(`      skipped: no captured telegrams in ${CORPUS}`)
      this.skip()
    }
    scores = scoreCorpus(CORPUS)
  })

  it('has a reading for every telegram whose checksums hold, and none for the others', () => {
    const wrong = scores.filter((score) => score.readings !== score.telegrams)
    assert.deepEqual(
      wrong.map(({ file }) => file),
      [],
    )
  })

  it('finds no value that differs from what was expected', () => {
    assert.deepEqual(
      scores.flatMap(({ differences }) => differences),
      [],
    )
  })

  it('compares values of most files, so that agreeing means something', () => {
    const silent = scores.filter(({ readings, compared }) => readings > 0 && compared === 0)
    assert.ok(silent.length * 10 < scores.length, silent.map(({ file }) => file).join('\n'))
  })

  it('adds up to a table with a total a protocol', () => {
    const rows = tabulate(scores)
    const total = rows.find(({ protocol, vendor }) => protocol === 'sml' && vendor === 'all')
    assert.equal(total?.files, scores.filter(({ protocol }) => protocol === 'sml').length)
    assert.equal(formatRows(rows).split('\n').length, rows.length + 1)
  })
})
