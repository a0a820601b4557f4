import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'mocha'
import { MODBUS_MAPS, parseRegisterMap } from '../../src/index.ts'

const PAGE = readFileSync(new URL('../../../docs/meters/modbus.md', import.meta.url), 'utf8')

describe('the page about Modbus', () => {
  it('names every map with its models and its source', () => {
    const rows = PAGE.split('\n')
      .filter((line) => /^\| `[a-z0-9-]+` +\| [A-Z]/.test(line))
      .map((line) => line.split('|').map((cell) => cell.trim()))
    assert.deepEqual(
      rows.map(([, id, maker, models, source]) => [id, maker, models, source]),
      [...MODBUS_MAPS.values()].map(({ id, maker, models, source }) => [
        `\`${id}\``,
        maker,
        models.join(', '),
        source,
      ]),
    )
  })

  it('shows a map of its own that is accepted', () => {
    const [, json = ''] = /```json\n([^]*?)```/.exec(PAGE) ?? []
    assert.equal(parseRegisterMap(JSON.parse(json)).entries.length, 2)
  })
})
