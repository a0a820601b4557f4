import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'mocha'
import { ROOT } from '../support/source.ts'

interface Figure {
  readonly what: string
  readonly value: number
  readonly unit: string
}

describe('the benchmarks', function () {
  this.timeout(120_000)

  it('print figures beside peers, for people and as JSON', () => {
    const run = (...words: readonly string[]): string =>
      execFileSync(process.execPath, ['--conditions=@s3mp/source', 'bench/run.ts', ...words], {
        cwd: ROOT,
        encoding: 'utf8',
      })
    const { scion = [] } = JSON.parse(run('--json', 'scion.')) as Record<string, readonly Figure[]>
    assert.ok(scion.length > 5)
    for (const { what, value } of scion) assert.ok(Number.isFinite(value) && value > 0, what)
    assert.match(run('text.'), /8-byte chunks/)
  })
})
