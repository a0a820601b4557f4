import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { parseHost } from '../../src/addr/host.ts'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { AesMac } from '../../src/crypto/cmac.ts'
import { forwardingKey, HopMac } from '../../src/path/mac.ts'
import type { UnderlayAddress } from '../../src/path/path.ts'
import { BorderRouter } from '../../src/testing/router.ts'
import type { RouterInterface, Verdict } from '../../src/testing/router.ts'
import { RouterAnswers } from '../../src/testing/router-answers.ts'
import { ScmpAuthentication } from '../../src/testing/scmp-authentication.ts'

interface Scenario {
  readonly name: string
  readonly description: string
  readonly interface: number
  readonly from: string
  readonly packet: string
  readonly want:
    'drop' | { readonly interface: number; readonly to: string; readonly packet: string }
}

interface Link {
  readonly type: 'parent' | 'child' | 'peer'
  readonly ia: string
  readonly addr?: string
}

interface Vectors {
  readonly nowMs: number
  readonly router: {
    readonly isdAs: string
    readonly internalAddress: string
    readonly localHost: string
    readonly interfaces: Readonly<Record<string, Link>>
    readonly siblings: Readonly<Record<string, Link>>
    readonly services: { readonly CS: string }
    readonly masterKeyBase64: string
  }
  readonly drkey: string
  readonly cases: readonly Scenario[]
}

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/border-router.json', import.meta.url), 'utf8'),
) as Vectors

/** BFD keeps links alive between routers; the link model of the test network does that instead. */
const LEFT_OUT = ['ExternalBFD', 'InternalBFD']

function underlay(text: string): UnderlayAddress {
  const [host = '', port = ''] = text.split(':')
  return { host, port: Number(port) }
}

function acceptanceRouter(): BorderRouter {
  const { router, nowMs, drkey } = vectors
  const isdAs = parseIsdAs(router.isdAs)
  const interfaces = new Map<number, RouterInterface>()
  for (const [id, link] of Object.entries({ ...router.interfaces, ...router.siblings })) {
    interfaces.set(Number(id), {
      role: link.type,
      neighbour: parseIsdAs(link.ia),
      mtu: 9000,
      ...(link.addr === undefined ? {} : { sibling: underlay(link.addr) }),
    })
  }
  const key = new AesMac(Buffer.from(drkey, 'hex'))
  const authentication = new ScmpAuthentication({ key, nowMs: () => nowMs })
  return new BorderRouter({
    isdAs,
    hopMac: new HopMac(forwardingKey(Buffer.from(router.masterKeyBase64, 'base64'))),
    interfaces,
    dispatchedPorts: { min: 1024, max: 65535 },
    endhostPort: 30041,
    services: new Map([[2, underlay(router.services.CS)]]),
    isUp: () => true,
    nowMs: () => nowMs,
    answers: new RouterAnswers(isdAs, parseHost(router.localHost), authentication),
  })
}

function process(scenario: Scenario): Verdict {
  const packet = Uint8Array.from(Buffer.from(scenario.packet, 'hex'))
  return acceptanceRouter().process(
    packet,
    scenario.interface === 0 ? { inside: underlay(scenario.from) } : { link: scenario.interface },
  )
}

function shown(verdict: Verdict, scenario: Scenario): unknown {
  if (verdict.action === 'drop') return 'drop'
  const packet = Buffer.from(verdict.bytes).toString('hex')
  switch (verdict.action) {
    case 'forward':
      return { interface: verdict.link, packet }
    case 'inside':
      return { interface: 0, to: `${verdict.to.host}:${verdict.to.port}`, packet }
    case 'answer':
      return { interface: scenario.interface, to: scenario.from, packet }
  }
}

describe('BorderRouter', () => {
  for (const scenario of vectors.cases) {
    if (LEFT_OUT.includes(scenario.name)) continue
    it(`${scenario.name}: ${scenario.description}`, () => {
      const found = shown(process(scenario), scenario)
      const { want } = scenario
      // On a link the address follows from the interface.
      const { to, ...onLink } = want === 'drop' ? { to: '' } : want
      const isLink = want !== 'drop' && want.interface !== 0 && typeof found === 'object'
      const hasAddress = isLink && found !== null && 'to' in found
      assert.deepEqual(found, want === 'drop' ? want : isLink && !hasAddress ? onLink : { ...onLink, to }) // prettier-ignore
    })
  }

  it('drops a one-hop path that is cut short', () => {
    const scenario = vectors.cases.find(({ packet }) => packet.slice(16, 18) === '02')
    assert.ok(scenario)
    const bytes = Uint8Array.from(Buffer.from(scenario.packet, 'hex'))
    // Four bytes less of header: the second hop field is not all there.
    bytes[5] = (bytes[5] ?? 0) - 1
    for (const side of [{ link: 131 }, { inside: underlay('192.168.0.14:30004') }]) {
      assert.equal(acceptanceRouter().process(bytes.slice(), side).action, 'drop')
    }
  })

  it('takes any bytes on any side and throws nothing', () => {
    const router = acceptanceRouter()
    const whole = vectors.cases.map(({ packet }) => Uint8Array.from(Buffer.from(packet, 'hex')))
    const sides = [{ link: 131 }, { link: 999 }, { inside: underlay('192.168.0.14:30004') }]
    const change = fc.record({ at: fc.nat(200), value: fc.nat(255) })
    fc.assert(
      fc.property(
        fc.constantFrom(...whole),
        fc.array(change, { maxLength: 6 }),
        fc.option(fc.nat(200), { nil: undefined }),
        fc.constantFrom(...sides),
        (packet, changes, cut, side) => {
          const bytes = packet.slice(0, cut)
          for (const { at, value } of changes) if (at < bytes.length) bytes[at] = value
          router.process(bytes, side)
        },
      ),
      { numRuns: 3_000 },
    )
  })
})
