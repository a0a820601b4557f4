import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, describe, it } from 'mocha'
import { whyNoPrograms } from '../../scripts/testnet/programs.ts'
import { skip } from '../support/outside.ts'
import { referenceVersion } from '../support/reference.ts'
import { ROOT } from '../support/source.ts'

const SLOT = '49'
const LINE_MS_MAX = 60_000

/** What somebody does who has no SCION network at hand: starts one, and copies the line that it prints. */
describe('npm run testnet', function () {
  this.timeout(120_000)
  let net: ChildProcess | undefined

  after(async function () {
    this.timeout(30_000)
    if (net?.exitCode !== null) return
    net.kill()
    await once(net, 'exit')
  })

  it('starts a network and prints a ping that is answered', async function () {
    const excuse = whyNoPrograms(referenceVersion)
    if (excuse !== undefined) skip(this, excuse)
    const words = ['--conditions=@s3mp/source', 'scripts/testnet/main.ts', 'diamond']
    const flags = ['--slot', SLOT, '--version', referenceVersion]
    const started = spawn(process.execPath, [...words, ...flags], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    net = started
    const lines = createInterface({ input: started.stdout })
    const signal = AbortSignal.timeout(LINE_MS_MAX)
    const ping = await new Promise<string>((resolve, reject) => {
      lines.on('line', (line) => {
        if (line.includes('npx s3mp-scion ping')) resolve(line.trim())
      })
      lines.on('close', () => {
        reject(new Error('the network ended'))
      })
      signal.addEventListener('abort', () => {
        reject(new Error('no line with a ping'))
      })
    })
    const answer = await new Promise<string>((resolve) => {
      execFile('sh', ['-c', ping], { cwd: ROOT }, (error, out, err) => {
        resolve(`${out}${err}${error?.message ?? ''}`)
      })
    })
    assert.match(answer, /3 packets transmitted, 3 received, 0% packet loss/)
    started.stdin.write('quit\n')
    const [code] = (await once(started, 'exit')) as [number | null]
    assert.equal(code, 0)
  })
})
