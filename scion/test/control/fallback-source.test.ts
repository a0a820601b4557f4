import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import type { SourceCandidate } from '../../src/control/fallback-source.ts'
import { FALLBACK_SOURCES_MAX, FallbackPathSource } from '../../src/control/fallback-source.ts'
import { ScionError } from '../../src/errors.ts'
import { pathInside } from '../../src/path/file.ts'
import type { LocalAs, PathSource } from '../../src/path/source.ts'

const HERE = parseIsdAs('1-ff00:0:111')
const THERE = parseIsdAs('1-ff00:0:112')

function localOf(isdAs = HERE): LocalAs {
  return { isdAs, core: false, mtu: 1400, borderRouters: new Map() }
}

/** A source that answers, or fails, as the test says. */
class Scripted implements SourceCandidate {
  readonly name: string
  isThere = true
  answer: 'paths' | 'none' | 'error' = 'paths'
  opened = 0
  asked = 0
  closed = 0
  local = localOf()

  constructor(name: string) {
    this.name = name
  }

  readonly open = (): Promise<PathSource> => {
    this.opened += 1
    if (!this.isThere) return Promise.reject(new ScionError('ERR_SCION_IO', 'nobody there'))
    return Promise.resolve({
      local: this.local,
      paths: () => {
        this.asked += 1
        if (this.answer === 'error') {
          return Promise.reject(new ScionError('ERR_SCION_CONTROL', 'no answer'))
        }
        return Promise.resolve(this.answer === 'none' ? [] : [pathInside(this.local)])
      },
      close: () => {
        this.closed += 1
        return Promise.resolve()
      },
    })
  }
}

describe('several sources of paths', () => {
  it('ask the next one only when the one before fails or knows no path, and tell why', async () => {
    const [first, second] = [new Scripted('first'), new Scripted('second')]
    const told: string[] = []
    const source = await FallbackPathSource.open([first, second], ({ name, reason }) => {
      told.push(`${name}: ${reason}`)
    })
    assert.equal((await source.paths(THERE)).length, 1)
    assert.deepEqual([first.asked, second.opened], [1, 0])
    first.answer = 'error'
    assert.equal((await source.paths(THERE)).length, 1)
    assert.deepEqual(told, ['first: no answer'])
    first.answer = 'none'
    assert.equal((await source.paths(THERE)).length, 1)
    second.answer = 'none'
    assert.deepEqual(await source.paths(THERE), [])
    await source.close()
    assert.deepEqual([first.closed, second.closed], [1, 1])
    await assert.rejects(source.paths(THERE), ScionError)
  })

  it('take one along that comes later, and the reasons of all that fail', async () => {
    const [first, second] = [new Scripted('first'), new Scripted('second')]
    first.isThere = false
    const source = await FallbackPathSource.open([first, second])
    second.answer = 'error'
    await assert.rejects(source.paths(THERE), {
      code: 'ERR_SCION_CONTROL',
      message: 'no path to 1-ff00:0:112: first: nobody there; second: no answer',
    })
    first.isThere = true
    assert.equal((await source.paths(THERE)).length, 1)
    await source.close()
  })

  it('know the routers that the first open one knows now', async () => {
    const [first, second] = [new Scripted('first'), new Scripted('second')]
    first.isThere = false
    const source = await FallbackPathSource.open([first, second])
    assert.equal(source.local, second.local)
    first.isThere = true
    first.local = { ...localOf(), mtu: 1300 }
    await source.paths(THERE)
    assert.equal(source.local, first.local)
    await source.close()
  })

  it('cannot be opened when none of them can, or when they are of several ASes', async () => {
    const [first, second] = [new Scripted('first'), new Scripted('second')]
    first.isThere = false
    second.isThere = false
    await assert.rejects(FallbackPathSource.open([first, second]), {
      code: 'ERR_SCION_CONFIG',
      message: 'no source of paths: first: nobody there; second: nobody there',
    })
    second.isThere = true
    const source = await FallbackPathSource.open([first, second])
    second.answer = 'error'
    first.isThere = true
    first.local = localOf(THERE)
    await assert.rejects(source.paths(THERE), /one of 1-ff00:0:111, found 1-ff00:0:112/)
    assert.equal(first.closed, 1)
    await assert.rejects(FallbackPathSource.open([]), ScionError)
    const many = Array.from({ length: FALLBACK_SOURCES_MAX + 1 }, () => new Scripted('one'))
    await assert.rejects(FallbackPathSource.open(many), ScionError)
  })
})
