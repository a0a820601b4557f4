import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import fc from 'fast-check'
import { after, describe, it } from 'mocha'

import {
  DURABLE_BYTES_MAX,
  DURABLE_ENTRIES_MAX,
  openDurableMap,
  volatileMap,
} from '../src/durable-map.ts'
import { FirmwareError } from '../src/errors.ts'
import { freshFolder, removeFolders } from './support/folder.ts'

describe('a durable map', () => {
  after(removeFolders)

  it('gives back what was set last, after every end', () => {
    const file = join(freshFolder(), 'map')
    const map = openDurableMap(file)
    map.set('a', '1', false)
    map.set('b', 'tab\tline\nand ü%', true)
    map.set('a', '2', false)
    // Not closed: as if the process had been killed.
    const again = openDurableMap(file)
    assert.equal(again.get('a'), '2')
    assert.equal(again.get('b'), 'tab\tline\nand ü%')
    assert.equal(again.get('c'), undefined)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    again.close()
    again.close()
  })

  it('passes over a torn line and goes on with what is whole', () => {
    const file = join(freshFolder(), 'map')
    const map = openDurableMap(file)
    map.set('pulses', '41', true)
    map.set('pulses', '42', true)
    map.close()
    const whole = readFileSync(file)
    for (let length = whole.length - 1; length > whole.length / 2; length -= 1) {
      writeFileSync(file, whole)
      truncateSync(file, length)
      const torn = openDurableMap(file)
      assert.equal(torn.get('pulses'), '41')
      torn.set('pulses', '43', true)
      torn.close()
      const again = openDurableMap(file)
      assert.equal(again.get('pulses'), '43')
      again.close()
    }
  })

  it('believes no line with a wrong bit in it', () => {
    const file = join(freshFolder(), 'map')
    const map = openDurableMap(file)
    map.set('n', '10', true)
    map.set('n', '11', true)
    map.close()
    const whole = readFileSync(file)
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const changed = Uint8Array.from(whole)
        changed[at] = (changed[at] ?? 0) ^ (1 << bit)
        writeFileSync(file, changed)
        const read = openDurableMap(file)
        const value = read.get('n')
        read.close()
        assert.ok(value === undefined || value === '10' || value === '11', value)
      }),
      { numRuns: 60 },
    )
  })

  it('stays small whatever is counted, and refuses names beyond its room', () => {
    const file = join(freshFolder(), 'map')
    const map = openDurableMap(file)
    for (let count = 0; count < 20_000; count += 1) map.set('pulses', String(count), false)
    assert.ok(statSync(file).size <= DURABLE_BYTES_MAX)
    map.close()
    const again = openDurableMap(file)
    assert.equal(again.get('pulses'), '19999')
    again.close()
    for (const full of [openDurableMap(join(freshFolder(), 'map')), volatileMap()]) {
      for (let count = 0; count < DURABLE_ENTRIES_MAX; count += 1)
        full.set(String(count), '', false)
      const isSpool = (error: unknown): boolean =>
        error instanceof FirmwareError && error.code === 'spool'
      assert.throws(() => {
        full.set('one more', '', false)
      }, isSpool)
      assert.throws(() => {
        full.set('1', 'x'.repeat(1000), false)
      }, isSpool)
      full.set('1', 'known', false)
      assert.equal(full.get('1'), 'known')
      full.close()
    }
  })

  it('sets a foreign file right without losing what it can read', () => {
    const file = join(freshFolder(), 'map')
    const map = openDurableMap(file)
    map.set('a', '1', true)
    map.close()
    appendFileSync(file, 'not ours\n\x00\xff\n')
    const again = openDurableMap(file)
    assert.deepEqual(again.entries(), [['a', '1']])
    again.close()
    assert.equal(readFileSync(file, 'utf8').split('\n').length, 2)
  })

  it('has every count that a process told of before it was killed', async () => {
    const file = join(freshFolder(), 'map')
    const writer = fileURLToPath(new URL('support/map-writer.ts', import.meta.url))
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(process.execPath, ['--conditions=@s3mp/source', writer, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let told = ''
      child.stdout.on('data', (chunk: Uint8Array) => {
        told += Buffer.from(chunk).toString('latin1')
        if (told.length > 2000 * (round + 1)) child.kill('SIGKILL')
      })
      await once(child, 'close')
      const last = Number(told.trimEnd().split('\n').slice(0, -1).at(-1))
      const map = openDurableMap(file)
      const kept = Number(map.get('count'))
      map.close()
      assert.ok(kept >= last && last > 0, `told ${String(last)}, kept ${String(kept)}`)
    }
  }).timeout(15_000)
})
