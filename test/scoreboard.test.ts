import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import { CORPUS, scoreCorpus } from '../scripts/scoreboard.ts'
import type { Json } from '../scripts/scoreboard/corpus.ts'
import { modelsOf } from '../scripts/scoreboard/corpus.ts'
import type { Score } from '../scripts/scoreboard/score.ts'
import { formatRows, markdownTable, tabulate } from '../scripts/scoreboard/score.ts'
import { scoreText } from '../scripts/scoreboard/text.ts'
import { ROOT } from './support/source.ts'

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

  it('is the table of meters in the docs', () => {
    const page = readFileSync(join(ROOT, 'docs/meters/README.md'), 'utf8')
    const cells = (text: string): readonly string[] =>
      text
        .split('\n')
        .filter((line) => /^\| *(?:d0|dlms|dsmr|sml) /.test(line))
        .map(squeezed)
    assert.deepEqual(cells(page), cells(markdownTable(scores, modelsOf(CORPUS))))
  })

  it('adds up to a table with a total a protocol', () => {
    const rows = tabulate(scores)
    const total = rows.find(({ protocol, vendor }) => protocol === 'sml' && vendor === 'all')
    assert.equal(total?.files, scores.filter(({ protocol }) => protocol === 'sml').length)
    assert.equal(formatRows(rows).split('\n').length, rows.length + 1)
  })
})

/** A line of a table without the blanks that align it. */
function squeezed(line: string): string {
  return line.replace(/ +/g, ' ')
}

describe('the scoring of text telegrams', () => {
  const score = (data: string, entries: readonly Json[]): Score =>
    scoreText({
      name: 'made by hand',
      kind: 'd0',
      vendor: 'none',
      bytes: new Uint8Array(Buffer.from(`/SIM5A\r\n${data}`)),
      facts: {},
      others: new Map([['expected-lines.json', { entries }]]),
    })
  const DATA = '1.8.0(0001.50*kWh)\r\nC.1.0(77)\r\n!\r\n'

  it('agrees with what stands there', () => {
    const good = score(DATA, [
      ['1.8.0', ['0001.50*kWh']],
      ['C.1.0', ['77']],
    ])
    assert.deepEqual([good.readings, good.compared, good.differences], [1, 2, []])
  })

  it('sees another value, another code, a missing and a surplus reading', () => {
    assert.equal(score(DATA, [['1.8.0', ['0001.51*kWh']]]).differences.length, 1)
    assert.equal(score(DATA, [['1.8.0', ['0001.50*Wh']]]).differences.length, 1)
    assert.equal(score(DATA, [['1.8.1', ['0001.50*kWh']]]).differences.length, 1)
    assert.equal(score(DATA, [['C.1.0', ['7']]]).differences.length, 1)
    assert.equal(score('nothing!', [['C.1.0', ['7']]]).differences.length, 1)
    assert.equal(score(DATA, []).differences.length, 1)
  })
})
