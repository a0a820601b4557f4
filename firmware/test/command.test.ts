import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import {
  createPrekey,
  decodePublicKeyFile,
  encodeHeadendCard,
  exportHeaderLine,
  exportLine,
  SoftwareSigner,
} from '@s3mp/envelope'
import { after, describe, it } from 'mocha'

import { parseConfig } from '../src/config/load.ts'
import { starterConfig } from '../src/config/starter.ts'
import { freshFolder, removeFolders } from './support/folder.ts'
import { seededBytes, World } from './support/world.ts'

const S3MP = fileURLToPath(new URL('../bin/s3mp', import.meta.url))

interface Result {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function s3mp(words: readonly string[], cwd = freshFolder(), input = ''): Result {
  return spawnSync(S3MP, words, { cwd, input, encoding: 'utf8' })
}

async function writeCard(file: string, name: string): Promise<void> {
  const signer = SoftwareSigner.generate('Ed25519', seededBytes(name))
  const notBeforeMs = Date.UTC(2026, 0, 1)
  const { prekey } = await createPrekey({
    signer,
    suite: 1,
    notBeforeMs,
    notAfterMs: notBeforeMs + 86_400_000,
    policyVersion: 1,
    random: seededBytes(`${name} prekey`),
  })
  const card = { name, key: signer, prekeys: [prekey.object], addresses: { udp: '192.0.2.1:7400' } }
  writeFileSync(file, encodeHeadendCard(card))
}

describe('the s3mp command', function () {
  this.timeout(60_000)
  after(removeFolders)

  it('answers wrong usage with 2 and a sentence', () => {
    for (const words of [['frobnicate'], ['run', '--confg', 'x'], ['config']]) {
      const { status, stderr } = s3mp(words)
      assert.equal(status, 2, words.join(' '))
      assert.ok(stderr.length > 10)
    }
    const { stderr } = s3mp(['statsu'])
    assert.equal(stderr, "s3mp: unknown command 'statsu' (Did you mean status?) (ERR_S3MP_USAGE)\n")
  })

  it('takes the configuration of the folder one stands in, and needs no folder that it may not enter', () => {
    const folder = freshFolder()
    writeFileSync(join(folder, 'meter.toml'), starterConfig('meter.toml'))
    assert.equal(s3mp(['config', 'check'], folder).stdout, 'meter.toml: right\n')
    assert.match(s3mp(['config', 'check'], freshFolder()).stderr, /^s3mp: \/etc\/s3mp\/meter\.toml/)
    // As after sudo -u: the folder one stands in is somebody else's.
    const script = `cd ${folder} && chmod 0 . && { ${S3MP} --version; status=$?; chmod 700 ${folder}; exit $status; }`
    assert.match(spawnSync('sh', ['-c', script], { encoding: 'utf8' }).stdout, /^\d/)
  })

  it('prints a configuration that it finds right itself, and says on which line one is wrong', () => {
    const folder = freshFolder()
    const printed = s3mp(['config', '--print-default']).stdout.replace('"scion"', '"udp"')
    writeFileSync(join(folder, 'a.toml'), printed.replace('# remote = "192', 'remote = "192'))
    assert.equal(s3mp(['config', 'check', 'a.toml'], folder).stdout, 'a.toml: right\n')
    const json = s3mp(['config', 'check', 'a.toml', '--json'], folder).stdout
    assert.equal((JSON.parse(json) as { streams: { billing: number } }).streams.billing, 900_000)
    writeFileSync(join(folder, 'b.toml'), '[meter]\ndevise = "x"\n')
    const { status, stderr } = s3mp(['config', 'check', 'b.toml'], folder)
    assert.equal(status, 1)
    assert.match(stderr, /b\.toml:2: meter\.devise: unknown key "devise"; did you mean "device"\?/u)
    assert.match(stderr, /\(ERR_S3MP_CONFIG\)\n$/u)
  })

  it('makes a key once, keeps it from others, and prints its public part', () => {
    const folder = freshFolder()
    const first = s3mp(['keygen', '--state', 'state', '--json'], folder)
    assert.equal(first.status, 0)
    const key = join(folder, 'state/device.key')
    assert.equal(statSync(key).mode & 0o777, 0o600)
    const before = readFileSync(key)
    const second = s3mp(['keygen', '--state', 'state'], folder)
    assert.equal(second.status, 1)
    assert.match(second.stderr, /this device has a key.*\(ERR_S3MP_EXISTS\)/u)
    assert.deepEqual(readFileSync(key), before)
    const { stdout } = s3mp(['enroll', '--state', 'state'], folder)
    assert.equal(decodePublicKeyFile(stdout).algorithm, 'Ed25519')
    assert.ok(!stdout.includes('PRIVATE') && !first.stdout.includes('PRIVATE'))
  })

  it("takes a head-end's card in, and another's only when told to", async () => {
    const folder = freshFolder()
    await writeCard(join(folder, 'a.card'), 'A')
    await writeCard(join(folder, 'b.card'), 'B')
    const words = ['enroll', '--state', '.', '--card']
    assert.match(s3mp([...words, 'a.card'], folder).stdout, /This meter now seals for it/u)
    assert.match(s3mp([...words, 'a.card'], folder).stdout, /renewed/u)
    const other = s3mp([...words, 'b.card'], folder)
    assert.equal(other.status, 1)
    assert.match(other.stderr, /belongs to A .*--replace/u)
    assert.equal(s3mp([...words, 'b.card', '--replace'], folder).status, 0)
    const text = readFileSync(join(folder, 'a.card'), 'utf8')
    writeFileSync(join(folder, 'c.card'), text.replace(/"prekeys": \[\s*"../u, '$&ff'))
    assert.equal(s3mp([...words, 'c.card'], folder).status, 1)
  })

  it('says in one sentence what a meter lacks before it can run', async () => {
    const folder = freshFolder()
    const toml =
      '[meter]\ndevice = "simulated:household"\n[state]\nfolder = "."\n[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:9"\n[control]\nsocket = "off"\n'
    writeFileSync(join(folder, 'm.toml'), toml)
    assert.doesNotThrow(() => parseConfig(toml, 'm.toml'))
    assert.match(
      s3mp(['run', '-c', 'm.toml'], folder).stderr,
      /device\.key: is not there; make one: s3mp keygen/u,
    )
    s3mp(['keygen', '-c', 'm.toml'], folder)
    assert.match(
      s3mp(['run', '-c', 'm.toml'], folder).stderr,
      /headend\.card: is not there; the head-end prints it .*: s3mp enroll --card FILE/u,
    )
    await writeCard(join(folder, 'headend.card'), 'A')
    writeFileSync(join(folder, 'm.toml'), toml.replace('household', 'castle'))
    assert.match(s3mp(['run', '-c', 'm.toml'], folder).stderr, /expected simulated:household/u)
    writeFileSync(join(folder, 'm.toml'), toml.replace('simulated:household', 'replay:m.toml'))
    assert.match(
      s3mp(['run', '-c', 'm.toml'], folder).stderr,
      /expected telegrams of a meter, found none/u,
    )
    assert.match(s3mp(['status', '-c', 'm.toml'], folder).stderr, /control\.socket is "off"/u)
  })

  it('verifies an export in words and by its exit status, and finds what was changed', async () => {
    const world = await World.open()
    await world.startAndMeet()
    await world.pass(30_000)
    await world.stop()
    const folder = freshFolder()
    const recipientId = world.headEnd.signer.ueid
    const lines = world
      .traced('stored')
      .filter(({ stream }) => stream === 3)
      .map(({ record, object }) => exportLine({ kind: record.kind, object }))
    const text = [exportHeaderLine({ key: world.signer, recipientId }), ...lines].join('\n')
    writeFileSync(join(folder, 'r.jsonl'), text)
    const { publicKeyToPem } = await import('@s3mp/envelope')
    writeFileSync(join(folder, 'k.pem'), publicKeyToPem(world.signer))
    const good = s3mp(['verify', 'r.jsonl', '--key', 'k.pem'], folder)
    assert.equal(good.status, 0, good.stderr)
    assert.match(good.stdout, /Proven\.\n$/u)
    const piped = s3mp(['verify', '-', '--key', 'k.pem', '--json'], folder, text)
    assert.equal((JSON.parse(piped.stdout) as { ok: boolean }).ok, true)
    const seal = lines.findLastIndex((line) => line.includes('"kind":"seal"'))
    writeFileSync(
      join(folder, 'r.jsonl'),
      text
        .split('\n')
        .slice(0, seal + 1)
        .join('\n'),
    )
    const open = s3mp(['verify', 'r.jsonl', '--key', 'k.pem'], folder)
    assert.equal(open.status, 1)
    assert.match(open.stdout, /Not proven: nothing is wrong, but no signature covers \d+ of/u)
    writeFileSync(
      join(folder, 'r.jsonl'),
      [...text.split('\n').slice(0, 4), ...text.split('\n').slice(5)].join('\n'),
    )
    const bad = s3mp(['verify', 'r.jsonl', '--key', 'k.pem'], folder)
    assert.equal(bad.status, 1)
    assert.match(bad.stdout, /chain-gap[^]*Not proven\.\n$/u)
    writeFileSync(join(folder, 'r.jsonl'), 'x'.repeat(100_000))
    assert.match(
      s3mp(['verify', 'r.jsonl', '--key', 'k.pem'], folder).stderr,
      /at most 65536 characters/u,
    )
  })
})
