import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it } from 'mocha'
import { SIMD_MODULE } from '../../scion/src/packet/simd-sum.ts'
import { need } from '../support/outside.ts'

const SOURCE = resolve(import.meta.dirname, '../../scion/src/packet/simd-sum.ts')

describe('the WebAssembly module that sums packets', () => {
  it('is, byte for byte, what an assembler makes of the text beside it', function () {
    const assembler = need(this, 'wat2wasm', 'wabt')
    const [, text] = /```wat\n([^]*?)```/.exec(readFileSync(SOURCE, 'utf8')) ?? []
    assert.ok(text)
    const folder = mkdtempSync(join(tmpdir(), 's3mp-wat-'))
    try {
      const [input, output] = [join(folder, 'sum.wat'), join(folder, 'sum.wasm')]
      writeFileSync(input, text.replaceAll(/^ \* ?/gm, ''))
      execFileSync(assembler, [input, '-o', output])
      assert.deepEqual(new Uint8Array(readFileSync(output)), SIMD_MODULE)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
