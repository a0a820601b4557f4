import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { ScionError } from '../../src/errors.ts'
import { FilePathSource, PATH_FILE_BYTES_MAX, writePathFile } from '../../src/path/file.ts'
import type { PathFileContent } from '../../src/path/file-format.ts'
import { formatPathFile, parsePathFile, parsePortRange } from '../../src/path/file-format.ts'
import { pathFingerprint } from '../../src/path/fingerprint.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, vectors } from '../support/vectors.ts'

const raw = vectors<{ path: { raw: string } }>('fields.json').path.raw
const local = {
  isdAs: parseIsdAs('1-ff00:0:111'),
  core: false,
  mtu: 1400,
  dispatchedPorts: { min: 31000, max: 32767 },
  borderRouters: new Map([
    [41, { host: '127.0.2.1', port: 30042 }],
    [42, { host: 'fd00::1', port: 30042 }],
  ]),
}
const destination = parseIsdAs('1-ff00:0:112')
const interfaces = [
  { isdAs: local.isdAs, id: 41 },
  { isdAs: parseIsdAs('1-ff00:0:110'), id: 1 },
  { isdAs: parseIsdAs('1-ff00:0:110'), id: 2 },
  { isdAs: destination, id: 1 },
]
const content: PathFileContent = {
  local,
  paths: [
    {
      source: local.isdAs,
      destination,
      dataplane: { type: 1, bytes: bytes(raw) },
      nextHop: { host: '127.0.2.1', port: 30042 },
      interfaces,
      mtu: 1400,
      expiryMs: 256_000 + 64 * 337_500,
      fingerprint: pathFingerprint(interfaces),
      metadata: {
        latenciesMs: [1.5, undefined, 0],
        bandwidthsKbps: [undefined, 1000, 20],
        geo: [
          undefined,
          { latitude: 47.4, longitude: 8.5, address: 'Zürich' },
          undefined,
          undefined,
        ],
        linkTypes: ['direct', 'unset'],
        internalHops: [3],
        notes: ['', 'a note', ''],
      },
    },
  ],
}

interface Document {
  version: number
  local: Record<string, unknown>
  paths: [Record<string, unknown>]
}

/** The good file with one thing changed. */
function broken(change: (document: Document) => void): string {
  const document = JSON.parse(formatPathFile(content)) as Document
  change(document)
  return JSON.stringify(document)
}

describe('path file', () => {
  it('gives back what was written, with expiry and fingerprint worked out again', () => {
    assert.deepEqual(parsePathFile(formatPathFile(content), 'paths.json'), content)
  })

  const mistakes: [string, (document: Document) => void, RegExp][] = [
    ['a version from the future', (d) => (d.version = 2), /version: integer 1 … 1, found 2/],
    ['a misspelt member', (d) => (d.local.mtü = 1), /local: only isdAs.*found "mtü"/],
    ['an address that is none', (d) => (d.local.isdAs = 'x'), /local\.isdAs: isdAs: ISD-AS/],
    ['a port range that is none', (d) => (d.local.dispatchedPorts = '9-1'), /dispatchedPorts/],
    ['an interface zero', (d) => (d.local.borderRouters = { 0: '1.2.3.4:5' }), /borderRouters/],
    ['a router without port', (d) => (d.local.borderRouters = { 1: '1.2.3.4' }), /IP:port/],
    ['an MTU as text', (d) => (d.paths[0].mtu = '1400'), /paths\[0\]\.mtu: integer 1/],
    ['an empty path', (d) => (d.paths[0].dataplane = ''), /dataplane: 4-byte words/],
    ['a cut path', (d) => (d.paths[0].dataplane = raw.slice(0, 40)), /path\.length/],
    ['a path type without expiry', (d) => (d.paths[0].type = 9), /path\.type/],
    ['an odd interface list', (d) => (d.paths[0].interfaces = ['1-1#1']), /interfaces: pairs/],
    ['an interface that is none', (d) => (d.paths[0].interfaces = ['1-1#0']), /ISD-AS#number/],
    ['a destination elsewhere', (d) => (d.paths[0].destination = '1-5'), /interfaces: pairs/],
    ['no next hop', (d) => delete d.paths[0].nextHop, /nextHop: text, found nothing/],
    ['metadata of another length', (d) => (d.paths[0].metadata = { notes: [] }), /metadata/],
    ['paths that are no list', (d) => (d.paths = {} as never), /paths: array/],
  ]
  for (const [name, change, message] of mistakes) {
    it(`refuses ${name} and says where`, () => {
      assert.throws(
        () => parsePathFile(broken(change), 'paths.json'),
        (error) => {
          assert.ok(error instanceof ScionError && error.code === 'ERR_SCION_CONFIG')
          assert.match(error.message, /^paths\.json/)
          assert.match(error.message, message)
          return true
        },
      )
    })
  }

  it('throws nothing but ScionError on arbitrary text and arbitrary JSON', () => {
    refuses(() => parsePathFile('{', 'x'), 'ERR_SCION_CONFIG')
    fc.assert(
      fc.property(fc.json(), fc.nat(5), (text, member) => {
        valueOrRefusal(() => parsePathFile(text, 'x'))
        const changed = broken((document) => {
          const [path] = document.paths
          const key = Object.keys(path)[member]
          if (key !== undefined) path[key] = JSON.parse(text)
        })
        valueOrRefusal(() => parsePathFile(changed, 'x'))
      }),
    )
  })

  it('reads port ranges in every form of a topology file', () => {
    assert.deepEqual(parsePortRange('31000-32767'), { min: 31000, max: 32767 })
    assert.deepEqual(parsePortRange('all'), { min: 1, max: 65535 })
    assert.equal(parsePortRange('-'), undefined)
    for (const text of ['1', '0-5', '5-4', '1-65536', 'a-b']) {
      refuses(() => parsePortRange(text), 'ERR_SCION_ADDRESS')
    }
  })
})

describe('FilePathSource', () => {
  let folder: string
  let file: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scion-paths-'))
    file = join(folder, 'paths.json')
    await writePathFile(file, content)
  })

  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  it('answers with the paths to a destination, with none, and with the path inside', async () => {
    const source = await FilePathSource.open(file)
    assert.deepEqual(source.local, local)
    assert.deepEqual(await source.paths(destination), content.paths)
    assert.deepEqual(await source.paths(parseIsdAs('2-1')), [])
    const [inside, ...others] = await source.paths(local.isdAs)
    assert.equal(inside?.dataplane.bytes.length, 0)
    assert.equal(inside.mtu, 1400)
    assert.equal(others.length, 0)
  })

  it('reads the file again when it changed, and leaves paths handed out alone', async () => {
    const source = await FilePathSource.open(file)
    const before = await source.paths(destination)
    await writePathFile(file, { local, paths: [] })
    assert.deepEqual(await source.paths(destination), [])
    assert.deepEqual(before, content.paths)
    await writePathFile(file, content)
    assert.equal((await source.paths(destination)).length, 1)
  })

  it('fails while the file is wrong, gone or of another AS, and recovers', async () => {
    const source = await FilePathSource.open(file)
    await writeFile(file, '{')
    await assert.rejects(source.paths(destination), { code: 'ERR_SCION_CONFIG' })
    await rm(file)
    await assert.rejects(source.paths(destination), { code: 'ERR_SCION_IO' })
    const elsewhere = { local: { ...local, isdAs: destination }, paths: [] }
    await writePathFile(file, elsewhere)
    await assert.rejects(source.paths(destination), { code: 'ERR_SCION_CONFIG' })
    await writePathFile(file, content)
    assert.equal((await source.paths(destination)).length, 1)
  })

  it('refuses a file beyond its limit unread, and one that is not there', async () => {
    await writeFile(file, ' '.repeat(PATH_FILE_BYTES_MAX + 1))
    await assert.rejects(FilePathSource.open(file), { code: 'ERR_SCION_CONFIG' })
    await assert.rejects(FilePathSource.open(join(folder, 'none')), { code: 'ERR_SCION_IO' })
    await assert.rejects(writePathFile(join(folder, 'no/where'), content), { code: 'ERR_SCION_IO' })
  })

  it('ends with its owner and with the signal of a question', async () => {
    const source = await FilePathSource.open(file)
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(source.paths(destination, { signal }), /enough/)
    await source.close()
    await source.close()
    await assert.rejects(source.paths(destination), { code: 'ERR_SCION_CLOSED' })
  })
})
