import assert from 'node:assert/strict'

import { describe, it } from 'mocha'

import { createLog, LOG_BURST_MAX, LOG_PERIOD_MS, LOG_TEXT_MAX } from '../src/log.ts'

function recorder(options: { priorities?: boolean; level?: 'debug' | 'warn' } = {}): {
  lines: string[]
  now: { ms: number }
  log: ReturnType<typeof createLog>
} {
  const lines: string[] = []
  const now = { ms: 0 }
  const write = (line: string): void => {
    lines.push(line)
  }
  return { lines, now, log: createLog({ write, monotonicMs: () => now.ms, ...options }) }
}

describe('the log', () => {
  it('writes one line an event, with the priority that the journal reads', () => {
    const { lines, log } = recorder({ priorities: true })
    log.warn('spool.full', { bytes: 12, droppedObjects: 3n, stream: 'live' })
    log.error('head.lost')
    assert.deepEqual(lines, ['<4>spool.full bytes=12 droppedObjects=3 stream=live', '<3>head.lost'])
  })

  it('shows sixteen bytes and never a seventeenth', () => {
    const { lines, log } = recorder()
    log.info('a', { short: new Uint8Array(16).fill(0xab), long: new Uint8Array(17).fill(0xcd) })
    assert.equal(lines[0], `a short=${'ab'.repeat(16)} long=(17 bytes)`)
  })

  it('hides whatever is named like a secret', () => {
    const { lines, log } = recorder()
    log.info('a', { privateKey: 'hunter2', epochSecret: 'x', pin: 1234, mapping: 'shown' })
    assert.equal(lines[0], 'a privateKey=(hidden) epochSecret=(hidden) pin=(hidden) mapping=shown')
  })

  it('keeps hostile text on one line and within its length', () => {
    const { lines, log } = recorder()
    log.info('a', { device: 'x\n<0>panic forged=1', long: 'y'.repeat(10_000) })
    assert.equal(lines.length, 1)
    assert.doesNotMatch(lines[0] ?? '', /\n/u)
    assert.ok((lines[0] ?? '').length < LOG_TEXT_MAX + 100)
  })

  it('counts what floods instead of printing it, and says the count later', () => {
    const { lines, now, log } = recorder()
    for (let i = 0; i < 1000; i += 1) log.warn('telegram.discarded', { bytes: i })
    assert.equal(lines.length, LOG_BURST_MAX)
    log.info('other.event')
    assert.equal(lines.length, LOG_BURST_MAX + 1)
    now.ms = LOG_PERIOD_MS
    log.warn('telegram.discarded', { bytes: 1 })
    assert.equal(
      lines.at(-1),
      `telegram.discarded bytes=1 repeated=${String(1000 - LOG_BURST_MAX)}`,
    )
  })

  it('leaves out what is below its level', () => {
    const { lines, log } = recorder({ level: 'warn' })
    log.debug('a')
    log.info('b')
    log.warn('c')
    assert.deepEqual(lines, ['c'])
  })
})
