import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { ListDraft } from '@s3mp/meter'
import { after, describe, it } from 'mocha'

import { listBlock, readLists, withList } from '../../src/config/list-block.ts'
import { ConfigError, parseConfig } from '../../src/config/load.ts'
import { replaceConfig } from '../../src/config/replace.ts'
import { FirmwareError } from '../../src/errors.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'

const REST = '[uplink]\ntransport = "udp"\n# ours\n[uplink.udp]\nremote = "127.0.0.1:7400"\n'
const FILE = '/etc/s3mp/meter.toml'
const DRAFT: ListDraft = {
  types: 'sui',
  places: ['device', '1-0:1.8.0 Wh', '1-0:16.7.0 W'],
  remarks: ['"SIM1"', '90 %: grows', '90 %: place 1'],
}
const ONE = '[meter]\ndevice = "/dev/a"\n'

function lists(toml: string): ReturnType<typeof parseConfig>['meters'][number]['lists'] {
  return parseConfig(toml + REST, FILE).meters[0]?.lists ?? []
}

function refusal(toml: string): string {
  try {
    lists(toml)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message
  }
  return assert.fail('was accepted')
}

describe('[[meter.list]] in the configuration', () => {
  after(removeFolders)

  it('says what stands where, once or several times, for one meter or each of several', () => {
    assert.deepEqual(lists(ONE), [])
    const one = '[meter.list]\nplaces = ["1-0:1.8.0 Wh"]\n'
    assert.deepEqual(lists(ONE + one), [{ places: ['1-0:1.8.0 Wh'] }])
    const again = '[[meter.list]]\ntypes = "uu"\nplaces = ["1-0:1.8.0", "1-0:2.8.0"]\n'
    assert.equal(lists(ONE + one.replace('[meter.list]', '[[meter.list]]') + again).length, 2)
    const { meters } = parseConfig(
      `[[meter]]\nname = "a"\ndevice = "/dev/a"\n${again}[[meter]]\nname = "b"\ndevice = "/dev/b"\n${REST}`,
      FILE,
    )
    assert.deepEqual(
      meters.map((meter) => meter.lists.length),
      [1, 0],
    )
  })

  it('is refused with its line, place, what was expected and what was found', () => {
    const list = (places: string): string => `${ONE}[meter.list]\nplaces = ${places}\n`
    assert.match(
      refusal(list('["skip", "1-0:1.8.0 W"]')),
      /meter\.toml:4: meter\.list\.places: place 1: expected Wh for 1-0:1\.8\.0\*255, found W/u,
    )
    assert.match(refusal(list('["1-0:1.8.0", "1-0:1.8.0"]')), /place 1: expected another/u)
    assert.match(refusal(list('["skip"]')), /expected a register/u)
    assert.match(refusal(list('[]')), /expected a list of 1 to 64 texts/u)
    assert.match(refusal(`${ONE}[meter.list]\ntypes = "u"\n`), /list\.places: missing/u)
    assert.match(refusal(`${ONE}list = 5\n`), /meter\.list: expected a section/u)
    const same = '[[meter.list]]\nplaces = ["1-0:1.8.0"]\n'
    assert.match(refusal(ONE + same + same), /expected 0 and 1 to differ/u)
    const second =
      '[[meter]]\nname = "a"\ndevice = "/dev/a"\n[[meter]]\nname = "b"\ndevice = "/dev/b"\n' +
      `${same}[[meter.list]]\nplaces = ["x"]\n`
    assert.match(refusal(second), /toml:10: meter\[1\]\.list\[1\]\.places: place 0/u)
    const asked = '[meter]\ndevice = "/dev/a"\nprotocol = "dlms"\nask = "1m"\n'
    assert.match(refusal(asked + same), /meter\.list: expected a meter that pushes/u)
  })

  it('is written behind its meter, everything else stays', () => {
    const text = `# mine\n${ONE}baud = 2400 # slow\n\n[meter.keys]\n${REST}`
    const after = withList(text, FILE, DRAFT)
    assert.ok(
      after.startsWith(`# mine\n${ONE}baud = 2400 # slow\n\n[meter.keys]\n[[meter.list]]\n`),
    )
    assert.ok(after.endsWith(REST))
    assert.deepEqual(parseConfig(after, FILE).meters[0]?.lists, [
      { types: 'sui', places: DRAFT.places },
    ])
    // The same types again take its place, others come beside it.
    const turned = { ...DRAFT, places: DRAFT.places.with(2, '1-0:16.7.0 -1 W') }
    const replaced = withList(after, FILE, turned)
    assert.deepEqual(parseConfig(replaced, FILE).meters[0]?.lists[0]?.places, turned.places)
    const other = { ...DRAFT, types: 'suu' }
    const both = withList(replaced.replace('[[meter.list]]', '[meter.list]'), FILE, other)
    assert.deepEqual(
      parseConfig(both, FILE).meters[0]?.lists.map(({ types }) => types),
      ['sui', 'suu'],
    )
  })

  it('is written behind the meter that is named', () => {
    const text = `[[meter]]\nname = "a"\ndevice = "/dev/a"\n[[meter]]\nname = 'b'\ndevice = "/dev/b"\n${REST}`
    const { meters } = parseConfig(withList(text, FILE, DRAFT, 'a'), FILE)
    assert.deepEqual(
      meters.map((meter) => meter.lists.length),
      [1, 0],
    )
    assert.equal(parseConfig(withList(text, FILE, DRAFT, 'b'), FILE).meters[1]?.lists.length, 1)
    const isConfig = (error: unknown): boolean =>
      error instanceof FirmwareError && error.code === 'config'
    for (const name of [undefined, 'c']) {
      assert.throws(() => withList(text, FILE, DRAFT, name), isConfig)
    }
    assert.throws(() => withList(REST, FILE, DRAFT), isConfig)
  })

  it('is read from a configuration or from a file of its own', () => {
    const folder = freshFolder()
    const file = join(folder, 'list.toml')
    writeFileSync(file, listBlock(DRAFT))
    assert.deepEqual(readLists(file), [{ types: 'sui', places: DRAFT.places }])
    const block = listBlock(DRAFT)
    const two = `[[meter]]\nname = "a"\n${block}\n[[meter]]\nname = "b"\n${block}\n`
    writeFileSync(file, two)
    assert.equal(readLists(file, 'b').length, 1)
    assert.throws(() => readLists(file), /name one with --meter/u)
    assert.throws(() => readLists(file, 'c'), /of "c", found none/u)
    writeFileSync(file, '[meter.list]\nplaces = ["1-0:1.8.0 V"]')
    assert.throws(() => readLists(file), /list\.toml:2: meter\.list\.places: place 0/u)
    assert.throws(() => readLists(join(folder, 'none')), /ENOENT/u)
  })

  it('leaves what was there for the same eyes only', () => {
    const file = join(freshFolder(), 'meter.toml')
    writeFileSync(file, 'before', { mode: 0o600 })
    chmodSync(file, 0o600)
    replaceConfig(file, 'after')
    assert.equal(readFileSync(`${file}.bak`, 'utf8'), 'before')
    assert.equal(readFileSync(file, 'utf8'), 'after')
    assert.equal(statSync(`${file}.bak`).mode & 0o777, 0o600)
  })
})
