import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  acknowledges,
  decodeHeadendCard,
  encodePublicKeyFile,
  toHex,
  verifyPrekey,
  verifyPlatform,
} from '@s3mp/envelope'
import { verifyExport } from '@s3mp/envelope/verify'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Output } from '../src/cli/output.ts'
import { runProgram } from '../src/cli/program.ts'
import { systemClock } from '../src/clock.ts'
import { eventBody, readingBody, schemaBody, sealBody, TestMeter } from './support/world.ts'

const LAUNCHER = join(import.meta.dirname, '../bin/s3mp-headend')

class Collected implements Output {
  readonly lines: string[] = []
  readonly notes: string[] = []
  readonly colour = false

  line(text: string): void {
    this.lines.push(text)
  }

  note(text: string): void {
    this.notes.push(text)
  }
}

describe('s3mp headend', () => {
  let folder: string
  let config: string

  async function command(...words: readonly string[]): Promise<Collected & { code: number }> {
    const output = new Collected()
    const code = await runProgram(words, output, new AbortController().signal)
    return Object.assign(output, { code })
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 's3mp-cli-'))
    config = join(folder, 'headend.toml')
  })

  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  function cardOf(meter: TestMeter): string {
    const path = join(folder, `${toHex(meter.signer.ueid).slice(0, 12)}.json`)
    writeFileSync(path, encodePublicKeyFile(meter.signer))
    return path
  }

  it('makes keys and a configuration, once', async () => {
    const made = await command('init', '--config', config)
    assert.equal(made.code, 0, made.notes.join('\n'))
    assert.match(made.lines.join('\n'), /fingerprint [0-9a-f]{4} /)
    assert.ok(existsSync(join(folder, 'headend-data/keys/headend-key.pem')))
    const again = await command('init', '--config', config)
    assert.equal(again.code, 1)
    assert.match(again.notes.join('\n'), /never replaced \(ERR_HEADEND_STATE\)/)
  })

  it('lists, quarantines, releases and revokes, and logs who did what', async () => {
    await command('init', '-c', config)
    const [meter, other] = [new TestMeter('a'), new TestMeter('b', 'ESP256')]
    const id = toHex(meter.signer.ueid)
    assert.equal((await command('enroll', '-c', config, cardOf(meter), '--name', 'Flat 1')).code, 0)
    assert.equal((await command('enroll', '-c', config, cardOf(meter), cardOf(other))).code, 0)
    const listed = await command('devices', '-c', config, '--json')
    const devices = listed.lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      devices
        .map(({ name }) => name)
        .sort()
        .at(0),
      'Flat 1',
    )
    assert.deepEqual(
      new Set(devices.map(({ algorithm }) => algorithm)),
      new Set(['Ed25519', 'ESP256']),
    )
    const short = id.slice(2, 14)
    for (const [word, state] of [
      ['quarantine', 'quarantined'],
      ['release', 'active'],
      ['revoke', 'revoked'],
    ] as const) {
      const done = await command(word, '-c', config, short, '--reason', 'test', '--json')
      assert.equal((JSON.parse(done.lines[0] ?? '{}') as { state: string }).state, state)
    }
    const back = await command('release', '-c', config, id)
    assert.deepEqual([back.code, back.notes[0]?.includes('that is final')], [1, true])
    const audit = await command('audit', '-c', config, '--json')
    const deeds = audit.lines.map((line) => (JSON.parse(line) as { deed: string }).deed)
    assert.ok(audit.lines.every((line) => line.includes('"who":"command-line:')))
    const verified = await command('audit', '-c', config, '--verify')
    assert.match(verified.lines.join('\n'), /^whole: 6 lines, the last has the hash [0-9a-f]{64}$/)
    assert.deepEqual(deeds, [
      'headend.created',
      'device.enrolled',
      'device.enrolled',
      'device.quarantined',
      'device.released',
      'device.revoked',
    ])
  })

  it('lets people and programs in, and says who', async () => {
    await command('init', '-c', config)
    const asked = await command('user', 'add', 'anna', '-c', config, '--role', 'administrator')
    assert.match(asked.notes.join('\n'), /no terminal.*--password-stdin.*ERR_HEADEND_PASSWORD/)
    const add = async (name: string, role: string, password: string): Promise<number> => {
      const words = ['user', 'add', name, '-c', config, '--role', role, '--password-stdin']
      const child = spawn(LAUNCHER, words, { stdio: ['pipe', 'ignore', 'ignore'] })
      child.stdin.end(`${password}\n`)
      const [code] = (await once(child, 'exit')) as [number]
      return code
    }
    assert.deepEqual(
      await Promise.all([
        add('anna', 'administrator', 'a long enough secret'),
        add('ben', 'viewer', 'short'),
      ]),
      [0, 1],
    )
    const last = await command('user', 'disable', 'anna', '-c', config)
    assert.match(last.notes.join('\n'), /last administrator.*ERR_HEADEND_STATE/)
    const listed = await command('user', 'list', '-c', config, '--json')
    assert.deepEqual(
      listed.lines.map((line) => (JSON.parse(line) as { name: string }).name),
      ['anna'],
    )
    assert.ok(!listed.lines.join('').includes('argon2'), 'not even the hash is shown')
    const token = await command('token', 'add', 'x', '-c', config, '--scopes', 'metrics:read')
    assert.match(token.lines.join('\n'), /^s3mp_[0-9a-f]{16}_[\w-]{43}$/)
    const [line = ''] = (await command('token', 'list', '-c', config)).lines
    assert.match(line, /^[0-9a-f]{16} {2}x {2}metrics:read {2}until /)
    assert.equal((await command('token', 'remove', line.slice(0, 16), '-c', config)).code, 0)
    for (const scopes of ['access:admin', 'everything', '']) {
      assert.equal(
        (await command('token', 'add', 'y', '-c', config, '--scopes', scopes)).code,
        1,
        scopes,
      )
    }
  }).timeout(20_000)

  it('answers a mistake with one sentence, a code and an exit status', async () => {
    await command('init', '-c', config)
    for (const [words, code, pattern] of [
      [['devcies'], 2, /devcies.*Did you mean devices.*ERR_HEADEND_USAGE/],
      [['devices', '--jsn'], 2, /unknown option/],
      [['enroll', '-c', config, '/nowhere'], 1, /cannot be read.*ERR_HEADEND_ENROL/],
      [['enroll', '-c', config, 'a', 'b', '--name', 'x'], 2, /for one file only/],
      [['devices', '-c', '/nowhere.toml'], 1, /s3mp headend init.*ERR_HEADEND_CONFIG/],
      [['revoke', '-c', config, 'abc'], 1, /8 hex digits.*ERR_HEADEND_NOT_FOUND/],
      [['revoke', '-c', config, '0123456789'], 1, /found none/],
      [['export', '-c', config, 'ffffffffff'], 1, /ERR_HEADEND_NOT_FOUND/],
      [['run', '-c', config, '--port', 'x'], 2, /--port: expected a number.*ERR_HEADEND_USAGE/],
    ] as const) {
      const result = await command(...words)
      assert.equal(result.code, code, words.join(' '))
      assert.match(result.notes.join('\n'), pattern)
      assert.deepEqual(result.lines, [])
    }
    assert.equal((await command('--help')).code, 0)
    assert.equal((await command('--version')).code, 0)
  })

  it('copies all that it has into a folder, for its owner only, and never over another', async () => {
    await command('init', '-c', config)
    const meter = new TestMeter('a')
    await command('enroll', '-c', config, cardOf(meter), '--name', 'Flat 1')
    const before = (await command('card', '-c', config)).lines
    const copy = join(folder, 'copy')
    const made = await command('backup', copy, '-c', config, '--json')
    assert.equal(made.code, 0, made.notes.join('\n'))
    assert.equal((JSON.parse(made.lines[0] ?? '') as { keys: number }).keys, 2)
    for (const [name, mode] of [
      ['.', 0o700],
      ['store.sqlite', 0o600],
      ['keys', 0o700],
      ['keys/headend-key.pem', 0o600],
    ] as const) {
      assert.equal(statSync(join(copy, name)).mode & 0o777, mode, name)
    }
    const again = await command('backup', copy, '-c', config)
    assert.equal(again.code, 1)
    assert.match(again.notes.join('\n'), /never overwrites another \(ERR_HEADEND_STATE\)/)

    // What happens after it is not in it; put back, it is the head-end of then.
    await command('enroll', '-c', config, cardOf(new TestMeter('b')))
    rmSync(join(folder, 'headend-data'), { recursive: true })
    renameSync(copy, join(folder, 'headend-data'))
    const { lines } = await command('devices', '-c', config)
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /Flat 1/)
    assert.deepEqual((await command('card', '-c', config)).lines, before)
    assert.equal((await command('audit', '-c', config, '--verify')).code, 0)
  })

  it('runs from its launcher, stores, acknowledges, exports what verifies, ends on SIGTERM', async function () {
    this.timeout(30_000)
    await command('init', '-c', config)
    const text = readFileSync(config, 'utf8')
    writeFileSync(config, text.replace('8470', '0'))
    const meter = new TestMeter('c')
    const id = toHex(meter.signer.ueid)
    await command('enroll', '-c', config, cardOf(meter))
    const made = await command(
      ...['token', 'add', 'test', '-c', config, '--scopes', 'readings:read,metrics:read'],
    )
    assert.equal(made.code, 0, made.notes.join('\n'))
    const card = decodeHeadendCard((await command('card', '-c', config)).lines.join('\n'))

    // Through a link, as npm and a package would have it.
    const link = join(folder, 's3mp-headend')
    symlinkSync(LAUNCHER, link)
    const child = spawn(link, ['--config', config, '--port', '0', '--json'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = once(child, 'exit')
    const [said] = (await once(child.stdout, 'data')) as [Uint8Array]
    const where = JSON.parse(new TextDecoder().decode(said)) as {
      page: string
      listening: string[]
    }
    const port = Number(where.listening[0]?.split(':')[1])

    const second = await command('run', '-c', config, '--port', '0')
    assert.match(second.notes.join('\n'), /another head-end is running/)

    const socket = createSocket('udp4')
    const prekey = verifyPrekey(
      card.prekeys[0] ?? new Uint8Array(),
      card.key,
      { suites: [1] },
      verifyPlatform,
    )
    const to = card.key.ueid
    const nowMs = systemClock.nowMs()
    const datagrams = [await meter.openEpoch(prekey, nowMs)]
    datagrams.push((await meter.next(1, schemaBody(nowMs), to)).datagram)
    for (let i = 0; i < 5; i++) {
      datagrams.push((await meter.next(1, readingBody(nowMs + i, [1n, BigInt(i)]), to)).datagram)
    }
    datagrams.push((await meter.next(3, readingBody(nowMs, [1n, 1n], 'fast'), to)).datagram)
    datagrams.push((await meter.next(3, sealBody(meter, 3, nowMs, 1), to)).datagram)
    datagrams.push((await meter.next(8, eventBody(nowMs, 10), to)).datagram)
    const stored = new Promise<void>((resolve) => {
      socket.on('message', (bytes) => {
        const ack = meter.openAck(bytes).ack.streams.find(({ stream }) => stream === 8)
        if (ack !== undefined && acknowledges(ack, 1)) resolve()
      })
    })
    for (const datagram of datagrams) {
      socket.send(datagram, port, '127.0.0.1')
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    await stored

    const page = await fetch(where.page)
    assert.equal(page.status, 200, 'the page itself is for everybody: it asks for the log-in')
    assert.match(await page.text(), /<html/)
    const closed = await fetch(`${where.page}api/v1/devices/${id}/latest`)
    assert.equal(closed.status, 401)
    const authorization = `Bearer ${made.lines[0] ?? ''}`
    const latest = await fetch(`${where.page}api/v1/devices/${id}/latest`, {
      headers: { authorization },
    })
    assert.equal(((await latest.json()) as { proof: string }).proof, 'sealed')

    const file = join(folder, 'records.jsonl')
    assert.equal((await command('export', '-c', config, id, '-o', file)).code, 0)
    assert.equal(
      (await command('export', '-c', config, id, '-o', file)).code,
      1,
      'never overwrites',
    )
    const { algorithm, publicKey } = meter.signer
    const report = await verifyExport(readFileSync(file, 'utf8').split('\n'), {
      key: { algorithm, publicKey },
    })
    assert.deepEqual(report.problems, [])
    assert.ok(report.ok)
    assert.equal(report.records, 9)

    // A revocation by another process counts from the next datagram on.
    assert.equal((await command('revoke', '-c', config, id)).code, 0)
    const late = await meter.next(1, readingBody(nowMs, [1n, 1n]), to)
    socket.send(late.datagram, port, '127.0.0.1')
    const refused = async (): Promise<boolean> =>
      (await (await fetch(`${where.page}metrics`, { headers: { authorization } })).text()).includes(
        'refused_total{reason="revoked"} 1',
      )
    while (!(await refused())) await new Promise((resolve) => setTimeout(resolve, 20))
    socket.close()

    child.kill('SIGTERM')
    const [code] = (await ended) as [number | null]
    assert.equal(code, 0)
  })
})
