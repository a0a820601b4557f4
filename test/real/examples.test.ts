import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'mocha'
import type { Testnet } from '../../scripts/testnet/network.ts'
import { packScion } from '../support/packed.ts'
import { startReference } from '../support/reference.ts'
import { ROOT } from '../support/source.ts'

const [FROM, TO] = ['1-ff00:0:111', '1-ff00:0:112']
const LINE_MS_MAX = 10_000

/** What a stranger does who installs the package and follows its README, step by step. */
describe('the package in a fresh folder, beside a network of the reference', function () {
  this.timeout(120_000)
  let work = ''
  let home = ''
  let net: Testnet
  const running: ChildProcess[] = []

  before(async function () {
    this.timeout(400_000)
    net = await startReference(this, 'diamond', 46)
    work = mkdtempSync(join(tmpdir(), 's3mp-examples-'))
    ;({ home } = packScion(work))
    await net.waitForPaths(FROM, TO, 4)
    await net.waitForPaths(TO, FROM, 4)
  })

  after(async function () {
    this.timeout(30_000)
    for (const child of running) child.kill()
    await (net as Testnet | undefined)?.stop()
    if (work !== '') rmSync(work, { recursive: true, force: true })
  })

  const example = (name: string): string => join('node_modules/@s3mp/scion/examples', name)

  function run(program: string, ...words: string[]): Promise<{ status: number; out: string }> {
    return new Promise((resolve) => {
      execFile(program, words, { cwd: home }, (error, out, err) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ status, out: out + err })
      })
    })
  }

  /** Starts an example that goes on; its lines come one by one. */
  function start(
    name: string,
    ...words: string[]
  ): { child: ChildProcess; line: (expected: RegExp) => Promise<string> } {
    // prettier-ignore
    const child = spawn(process.execPath, [example(name), ...words], { cwd: home })
    running.push(child)
    const lines: string[] = []
    const reader = createInterface({ input: child.stdout })
    reader.on('line', (text) => lines.push(text))
    const line = async (expected: RegExp): Promise<string> => {
      const signal = AbortSignal.timeout(LINE_MS_MAX)
      for (;;) {
        const found = lines.find((text) => expected.test(text))
        if (found !== undefined) return found
        await once(reader, 'line', { signal })
      }
    }
    return { child, line }
  }

  it('does what the README says, line for line, with addresses that are here', async () => {
    const { host } = net.addresses(FROM)
    const readme = readFileSync(join(home, 'node_modules/@s3mp/scion/README.md'), 'utf8')
    const [, block = ''] = /```sh\n([^`]*)```/.exec(readme) ?? []
    const [install, ...lines] = block.trim().split('\n')
    assert.equal(install, 'npm install @s3mp/scion', 'done before, from the tarball')
    const outcomes = new Map<string, string>()
    for (const line of lines) {
      const words = line
        .replace('1-ff00:0:112,192.0.2.7', `${TO},${net.addresses(TO).host}`)
        .replace('/etc/scion', net.configDir(FROM))
        .split(' ')
      assert.deepEqual(words.slice(0, 2), ['npx', 's3mp-scion'])
      // The host's own address is one of many on a loopback; elsewhere it goes without saying.
      const rest = [...words.slice(2), '--local', host]
      const { status, out } = await run('node_modules/.bin/s3mp-scion', ...rest)
      assert.equal(status, 0, `${line}\n${out}`)
      outcomes.set(words[2] ?? '', out)
    }
    assert.match(outcomes.get('ping') ?? '', /3 packets transmitted, 3 received, 0% packet loss/)
    assert.equal(outcomes.get('showpaths')?.match(/Status: alive/g)?.length, 4)
    assert.match(outcomes.get('traceroute') ?? '', /IfID=/)
  })

  it('lists paths with a policy', async () => {
    const words = [example('paths.js'), net.configDir(FROM), TO]
    const { out } = await run(process.execPath, ...words, '- 1-ff00:0:120, +')
    assert.equal(out.match(/^in /gm)?.length, 1, out)
    assert.equal(out.match(/^out .*the access list says "- 1-ff00:0:120/gm)?.length, 3, out)
  })

  it('pings over every path', async () => {
    const { host } = net.addresses(FROM)
    const target = `${TO},${net.addresses(TO).host}`
    const words = [example('ping.js'), net.configDir(FROM), host, target]
    const { status, out } = await run(process.execPath, ...words)
    assert.equal(status, 0, out)
    assert.equal(out.match(/ms$/gm)?.length, 4, out)
  })

  it('sends a text and gets it back', async () => {
    const own = `[${TO},${net.addresses(TO).host}]:31301`
    const server = start('echo-server.js', net.configDir(TO), own)
    await server.line(/^listening on/)
    const { host } = net.addresses(FROM)
    const words = [example('send.js'), net.configDir(FROM), host, own, 'good morning']
    const { status, out } = await run(process.execPath, ...words)
    assert.equal(status, 0, out)
    assert.match(out, /^good morning \(over 1-ff00:0:111#0,/)
    assert.match(await server.line(/bytes from/), /^12 bytes from \[1-ff00:0:111,/)
  })

  it('chats', async () => {
    const ends = [FROM, TO].map((isdAs) => `[${isdAs},${net.addresses(isdAs).host}]:31302`)
    const [one = '', two = ''] = ends
    const alice = start('chat.js', net.configDir(FROM), one, two)
    const bob = start('chat.js', net.configDir(TO), two, one)
    await Promise.all([alice.line(/^chatting/), bob.line(/^chatting/)])
    alice.child.stdin?.write('is anybody there?\n')
    assert.equal(await bob.line(/^</), '< is anybody there?')
    bob.child.stdin?.write('yes\n')
    assert.equal(await alice.line(/^</), '< yes')
    for (const { child } of [alice, bob]) {
      child.stdin?.end()
      if (child.exitCode === null) await once(child, 'exit')
      assert.equal(child.exitCode, 0)
    }
  })

  it('has no example that is not run here, and names all of them in the README', () => {
    const own = readFileSync(join(ROOT, 'test/real/examples.test.ts'), 'utf8')
    const readme = readFileSync(join(ROOT, 'scion/README.md'), 'utf8')
    for (const name of readdirSync(join(ROOT, 'scion/examples'))) {
      if (name === 'host.js') continue
      assert.ok(own.includes(`'${name}'`) && readme.includes(name), name)
    }
  })
})
