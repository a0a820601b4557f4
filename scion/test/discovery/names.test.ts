import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { after, before, describe, it } from 'mocha'
import { formatAddress } from '../../src/addr/endpoint.ts'
import { HOSTS_BYTES_MAX, parseHosts, resolveHost } from '../../src/discovery/names.ts'

describe('resolveHost', () => {
  let folder = ''
  let hosts = ''
  const asked: string[] = []
  const resolver = {
    resolveTxt: (name: string): Promise<readonly (readonly string[])[]> => {
      asked.push(name)
      if (name === 'broken.example') return Promise.reject(new Error('queryTxt ENOTFOUND'))
      if (name === 'other.example') return Promise.resolve([['v=spf1 -all'], ['scion=nonsense']])
      return Promise.resolve([['v=spf1'], ['scion=1-ff00:0:112,', '[2001:db8::7]']])
    },
  }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'scion-hosts-'))
    hosts = join(folder, 'hosts')
    writeFileSync(
      hosts,
      [
        '# remarks',
        '127.0.0.1 localhost',
        '1-ff00:0:111,[192.0.2.1]\tmeter Meter.example # the one in the cellar',
        '1-ff00:0:111,192.0.2.99 meter',
        '2-ff00:0:211,2001:db8::1 headend',
        'not,an-address nobody',
      ].join('\n'),
    )
  })
  after(() => {
    rmSync(folder, { recursive: true })
  })

  const resolve = async (text: string, files: readonly string[] = [hosts]): Promise<string> =>
    formatAddress(await resolveHost(text, { resolver, hostsFiles: files }))

  it('leaves addresses as they are, and asks nobody', async () => {
    assert.equal(await resolve('1-ff00:0:110,192.0.2.3'), '1-ff00:0:110,192.0.2.3')
    await assert.rejects(resolve('1-ff00:0:110,'), { code: 'ERR_SCION_ADDRESS' })
    await assert.rejects(resolve('no name'), { code: 'ERR_SCION_ADDRESS' })
    assert.deepEqual(asked, [])
  })

  it('takes the first line of a hosts file, whatever the case of the name', async () => {
    assert.equal(await resolve('METER'), '1-ff00:0:111,192.0.2.1')
    assert.equal(await resolve('meter.example'), '1-ff00:0:111,192.0.2.1')
    assert.equal(await resolve('headend', ['/nonexistent', hosts]), '2-ff00:0:211,2001:db8::1')
    assert.deepEqual(asked, [])
  })

  it('takes a TXT record of the DNS where no file has the name', async () => {
    assert.equal(await resolve('headend.example.'), '1-ff00:0:112,2001:db8::7')
    assert.deepEqual(asked, ['headend.example'])
  })

  it('gives the reason of each where nobody knows the name', async () => {
    await assert.rejects(resolve('other.example', ['/nonexistent']), {
      code: 'ERR_SCION_ADDRESS',
      message:
        /^other\.example: a SCION address, found \/nonexistent: ENOENT.*; TXT other\.example: no record scion=/,
    })
    await assert.rejects(
      resolve('broken.example'),
      /hosts: not there; TXT broken\.example: queryTxt/,
    )
  })

  it('reads no file without end', async () => {
    const large = join(folder, 'large')
    writeFileSync(large, '#'.repeat(HOSTS_BYTES_MAX + 1))
    await assert.rejects(resolve('other.example', [large]), /large: at most 1048576 bytes/)
  })

  it('finds nothing but addresses in arbitrary text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const address of parseHosts(text).values()) assert.match(formatAddress(address), /,/)
      }),
    )
  })
})
