import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { createLog, forPerson } from '../src/log.ts'

describe('createLog', () => {
  it('writes one JSON line an event, with the journal priority in front', () => {
    const lines: string[] = []
    const log = createLog('info', (line) => lines.push(line))
    log.warn('store.full', { bytes: 12n, path: '/var' })
    log.debug('not.shown')
    assert.deepEqual(lines, [
      '<4>{"level":"warn","bytes":"12","path":"/var","event":"store.full"}\n',
    ])
  })

  it('says the same to a person without braces, and nothing that moves a cursor', () => {
    const lines: string[] = []
    const log = createLog('info', (line) => lines.push(forPerson(line)))
    log.warn('store.full', { bytes: 12n, path: '/var', name: 'a b\u009b2J' })
    assert.deepEqual(lines, ['warn: store.full bytes=12 path=/var name="a b\ufffd2J"\n'])
  })

  it('cannot print a key, even by mistake', () => {
    const lines: string[] = []
    const log = createLog('debug', (line) => lines.push(line))
    log.error('oops', { key: new Uint8Array(32).fill(0xab) })
    assert.ok(!(lines[0] ?? '').includes('ab'.repeat(17)))
    assert.match(lines[0] ?? '', /^<3>.*\(32 bytes\)/)
  })

  it('keeps hostile text on one line and short', () => {
    const lines: string[] = []
    createLog('debug', (line) => lines.push(line)).info('name', {
      name: `a\n${'x'.repeat(10_000)}`,
    })
    assert.equal(lines.join('').split('\n').length, 2)
    assert.ok((lines[0] ?? '').length < 400)
  })
})
