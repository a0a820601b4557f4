import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { packScion } from './support/packed.ts'
import { ROOT } from './support/source.ts'

/** A program of a stranger who has nothing but the package. */
const PROGRAM = `
import { setTimeout as sleep } from 'node:timers/promises'
import { formatEndpoint, nodeUnderlay, openScionSocket, parseAddress } from '@s3mp/scion'
import { demoTopology, openNetwork, seededRandom } from '@s3mp/scion/testing'

const clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
}
const options = { clock, random: seededRandom(1), underlay: nodeUnderlay, endhostPort: 30497 }
const network = await openNetwork(demoTopology(), options)
const [meter, headend] = ['1-ff00:0:111', '2-ff00:0:211'].map((isdAs) => network.host(isdAs))
const [a, b] = [await meter.openSocket(), await headend.openSocket()]
const [path] = await meter.source.paths(b.local.isdAs)
await a.send(b.local, new TextEncoder().encode('hello'), path)
const { from, payload, reply } = await b.receive()
await b.send(from, payload, reply)
const { payload: answer } = await a.receive()
console.log(new TextDecoder().decode(answer), typeof openScionSocket, parseAddress('1-1,::1').host.type)
await a.close()
await b.close()
await network.close()
`

const TYPES = `
import type { Path, PathSource } from '@s3mp/scion'
import { findNetwork, parseIsdAs } from '@s3mp/scion'
import { VirtualClock, seededRandom } from '@s3mp/scion/testing'
const source: PathSource = (
  await findNetwork([{ daemon: '127.0.0.1:30255' }], { clock: new VirtualClock(), random: seededRandom(1) })
).source
export const paths: readonly Path[] = await source.paths(parseIsdAs('1-ff00:0:110'))
`

describe('the package @s3mp/scion', function () {
  this.timeout(120_000)
  let work = ''
  let staged = ''
  let home = ''

  const run = (cwd: string, program: string, ...words: string[]): string =>
    execFileSync(program, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const tsc = join(ROOT, 'node_modules/.bin/tsc')

  before(() => {
    work = mkdtempSync(join(tmpdir(), 's3mp-package-'))
    ;({ staged, home } = packScion(work))
  })

  after(() => {
    rmSync(work, { recursive: true })
  })

  it('brings no other package along', () => {
    assert.deepEqual(
      readdirSync(join(home, 'node_modules')).filter((name) => !name.startsWith('.')),
      ['@s3mp'],
    )
  })

  it('is used from plain JavaScript: a datagram there and back over routers', () => {
    writeFileSync(join(home, 'program.js'), PROGRAM)
    assert.equal(run(home, process.execPath, 'program.js'), 'hello function ipv6\n')
  })

  it('gives its types to a stranger’s TypeScript', () => {
    writeFileSync(join(home, 'program.ts'), TYPES)
    const strict = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2024']
    const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')]
    run(home, tsc, ...strict, ...types, '--ignoreConfig', 'program.ts')
  })

  it('has tools that run where it is installed', () => {
    const tool = join(home, 'node_modules/.bin/s3mp-scion')
    assert.match(run(home, tool, '--help'), /^Usage: s3mp scion TOOL/)
  })

  it('has nothing that publint objects to', async () => {
    const { messages, pkg } = await publint({ pkgDir: staged, strict: true })
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg)),
      [],
    )
  })
})
