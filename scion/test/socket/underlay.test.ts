import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'mocha'
import type { UnderlayAddress } from '../../src/addr/underlay.ts'
import { nodeUnderlay } from '../../src/socket/node-underlay.ts'
import type { Underlay, UnderlayFactory } from '../../src/socket/underlay.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { VirtualUnderlay } from '../../src/testing/virtual-underlay.ts'

interface Kind {
  readonly name: string
  readonly factory: UnderlayFactory
  /** Lets a datagram that was sent arrive. */
  readonly settle: () => Promise<void>
}

const clock = new VirtualClock()
const kinds: readonly Kind[] = [
  {
    name: 'nodeUnderlay',
    factory: nodeUnderlay,
    settle: () => new Promise((resolve) => setTimeout(resolve, 30)),
  },
  { name: 'VirtualUnderlay', factory: new VirtualUnderlay(clock), settle: () => clock.advance(10) },
]

for (const { name, factory, settle } of kinds) {
  describe(`${name} keeps the contract of an underlay`, () => {
    const open: Underlay[] = []
    const heard: { bytes: Uint8Array; from: UnderlayAddress }[] = []
    const bind = async (port = 0): Promise<Underlay> => {
      const underlay = await factory.bind(
        { host: '127.0.0.1', port },
        {
          datagram: (bytes, from) => heard.push({ bytes, from }),
          error: (error) => {
            throw error
          },
        },
      )
      open.push(underlay)
      return underlay
    }

    afterEach(async () => {
      await Promise.all(open.splice(0).map((one) => one.close()))
      heard.length = 0
    })

    it('names the port that it was given', async () => {
      const { local } = await bind()
      assert.equal(local.host, '127.0.0.1')
      assert.ok(local.port > 0)
    })

    it('hands datagrams over with their source', async () => {
      const [a, b] = [await bind(), await bind()]
      await a.send(Uint8Array.of(1, 2, 3), b.local)
      await settle()
      assert.deepEqual(heard, [{ bytes: Uint8Array.of(1, 2, 3), from: a.local }])
    })

    it('refuses a port that is taken', async () => {
      const { local } = await bind()
      await assert.rejects(bind(local.port), { code: 'ERR_SCION_IO' })
    })

    it('lets a datagram to nobody vanish', async () => {
      const a = await bind()
      await a.send(Uint8Array.of(1), { host: '127.0.0.1', port: 9 })
      await settle()
    })

    it('rejects a port that cannot be', async () => {
      const a = await bind()
      const to = { host: '127.0.0.1', port: 65_536 }
      await assert.rejects(a.send(Uint8Array.of(1), to), { code: 'ERR_SCION_IO' })
    })

    it('says nothing more after close, which may come twice', async () => {
      const [a, b] = [await bind(), await bind()]
      await b.close()
      await b.close()
      await a.send(Uint8Array.of(1), b.local)
      await settle()
      assert.deepEqual(heard, [])
      await assert.rejects(b.send(Uint8Array.of(1), a.local), { code: 'ERR_SCION_CLOSED' })
    })
  })
}

describe('nodeUnderlay', () => {
  it('binds nothing but a concrete address', async () => {
    const listener = { datagram: () => undefined, error: () => undefined }
    for (const host of ['0.0.0.0', '::', 'localhost', '']) {
      await assert.rejects(nodeUnderlay.bind({ host, port: 0 }, listener), {
        code: 'ERR_SCION_CONFIG',
      })
    }
  })

  it('never asks a name server', async () => {
    const listener = { datagram: () => undefined, error: () => undefined }
    const underlay = await nodeUnderlay.bind({ host: '127.0.0.1', port: 0 }, listener)
    const to = { host: 'localhost', port: 9 }
    await assert.rejects(underlay.send(Uint8Array.of(1), to), { code: 'ERR_SCION_IO' })
    await underlay.close()
  })
})
