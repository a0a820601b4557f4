import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { asOf, formatAs, isdOf, parseIsdAs } from '../../src/addr/isd-as.ts'
import type { Path } from '../../src/path/path.ts'
import { Acl, formatAclEntry, parseAclEntry } from '../../src/policy/acl.ts'
import type { PathHop } from '../../src/policy/hop.ts'
import { formatSequence, pathHops } from '../../src/policy/hop.ts'
import { matchesDestination, parseDestination, parseJpanPolicies } from '../../src/policy/jpan.ts'
import { formatHopPredicate, matchesHop, parseHopPredicate } from '../../src/policy/predicate.ts'
import type { NamedRules, PathRules } from '../../src/policy/rules.ts'
import { applyRules, resolveRules } from '../../src/policy/rules.ts'
import { applyFlowPolicy, parseScitraPolicies } from '../../src/policy/scitra.ts'
import { Sequence } from '../../src/policy/sequence.ts'
import { interfaceOf, makePath, NOW_MS } from '../support/paths.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { vectors } from '../support/vectors.ts'

interface PolicyText {
  readonly acl?: string[]
  readonly sequence?: string | null
  readonly options?: { weight: number; policy: PolicyText }[]
  readonly extends?: string[]
  readonly name?: string
}

interface Evaluation {
  readonly name: string
  readonly src: string
  readonly dst: string
  readonly wantCount: number
  readonly keep: number[]
}

interface Destination {
  readonly ia: string
  readonly host: string
  readonly port: number
}

interface Vectors {
  readonly paths: Record<string, string[][]>
  readonly hopPredicate: {
    readonly cases: readonly {
      name: string
      text: string
      want: 'error' | { isd: number; as: string; ifIds: string[]; canonical: string }
    }[]
  }
  readonly acl: {
    readonly entryText: { text: string; want: 'error' | { action: string; rule: string | null } }[]
    readonly entryToText: { entry: string; want: string }
    readonly documents: { name: string; acl: string[]; want: string }[]
    readonly evaluate: (Evaluation & { acl: string[] })[]
  }
  readonly sequence: {
    readonly parse: { text: string; want: 'error' | 'ok' }[]
    readonly evaluate: (Evaluation & { sequence: string | null })[]
  }
  readonly policy: {
    readonly options: (Evaluation & { policy: PolicyText })[]
    readonly extends: {
      name: string
      policy: PolicyText
      extended: PolicyText[]
      want: PolicyText | string
    }[]
    readonly localIsdAs: {
      pathsOf: string[]
      cases: { name: string; allowed: string[]; wantCount: number }[]
    }
    readonly remoteIsdAs: {
      pathsOf: string[]
      cases: { name: string; rules: { isdAs: string; reject?: boolean }[]; wantCount: number }[]
    }
  }
  readonly otherImplementations: {
    readonly cppHopPredicate: {
      predicate: string
      cases: { ia: string; ingress: number; egress: number; want: boolean }[]
    }[]
    readonly cppSequence: { path: string; cases: { sequence: string; want: boolean }[] }
    readonly rustSequence: {
      cases: { name: string; sequence: string; ases: string[]; want: boolean }[]
    }
    readonly jpan: {
      documents: Record<string, string>
      valid: string[]
      invalid: Record<string, string>
      pathMetadata: { mtu: number; bandwidth: number; validitySeconds: number; latency: number }
      evaluate: {
        name: string
        document: string
        interfaces: string[]
        destination: Destination
        want: 'accept' | 'deny'
      }[]
      destinationPatterns: { pattern: string; destination: Destination; want: string }[]
    }
  }
}

const golden = vectors<Vectors>('policy.json')

function pathsBetween(key: string): readonly Path[] {
  const [source = '', destination = ''] = key.split('>')
  return (golden.paths[key] ?? assert.fail(`no paths ${key}`)).map((list) =>
    makePath(parseIsdAs(source), parseIsdAs(destination), list.map(interfaceOf)),
  )
}

/** Some of the reference's cases build lists that its own parser refuses: what stands behind the default. */
function reachable(lines: readonly string[]): Acl {
  const last = lines.findIndex((line) => /^[+-]( 0(-0#0)?)?$/.test(line))
  return Acl.parse(lines.slice(0, last + 1))
}

function rulesOf(text: PolicyText): PathRules {
  return {
    ...(text.acl === undefined ? {} : { acl: reachable(text.acl) }),
    ...((text.sequence ?? '') === '' ? {} : { sequence: Sequence.parse(text.sequence ?? '') }),
    ...(text.options === undefined
      ? {}
      : {
          options: text.options.map(({ weight, policy }) => ({ weight, rules: rulesOf(policy) })),
        }),
  }
}

function checkEvaluation(one: Evaluation, rules: PathRules): void {
  const paths = pathsBetween(`${one.src}>${one.dst}`)
  const { kept, refused } = applyRules(rules, paths, NOW_MS)
  assert.deepEqual(
    kept.map((path) => paths.indexOf(path)),
    one.keep,
  )
  assert.equal(kept.length, one.wantCount)
  assert.equal(kept.length + refused.length, paths.length)
  for (const { reason } of refused) assert.notEqual(reason, '')
}

describe('hop predicates', () => {
  for (const { name, text, want } of golden.hopPredicate.cases) {
    it(`reads the reference's case "${name}": ${text}`, () => {
      if (want === 'error') {
        refuses(() => parseHopPredicate(text), 'ERR_SCION_CONFIG')
        return
      }
      const predicate = parseHopPredicate(text)
      assert.equal(isdOf(predicate.isdAs), want.isd)
      assert.equal(formatAs(asOf(predicate.isdAs)), want.as)
      assert.deepEqual(predicate.interfaces.map(String), want.ifIds)
      assert.equal(formatHopPredicate(predicate), want.canonical)
    })
  }

  for (const { predicate, cases } of golden.otherImplementations.cppHopPredicate) {
    it(`match whole hops as scion-cpp does: ${predicate}`, () => {
      for (const { ia, ingress, egress, want } of cases) {
        const hop = { isdAs: parseIsdAs(ia), ingress, egress }
        assert.equal(
          matchesHop(parseHopPredicate(predicate), hop),
          want,
          `${ia} ${ingress} ${egress}`,
        )
      }
    })
  }
})

describe('access control lists', () => {
  for (const { text, want } of golden.acl.entryText) {
    it(`read the entry "${text}"`, () => {
      if (want === 'error') {
        refuses(() => parseAclEntry(text), 'ERR_SCION_CONFIG')
        return
      }
      const entry = parseAclEntry(text)
      assert.equal(entry.allow, want.action === 'allow')
      const rule = entry.predicate === undefined ? null : formatHopPredicate(entry.predicate)
      assert.equal(rule, want.rule)
    })
  }

  it('write an entry as the reference does', () => {
    const { want } = golden.acl.entryToText
    assert.equal(formatAclEntry({ allow: true, predicate: parseHopPredicate('0') }), want)
  })

  for (const { name, acl, want } of golden.acl.documents) {
    it(`hold the list to its form: ${name}`, () => {
      if (want === 'ok') assert.deepEqual(Acl.parse(acl).entries.length, acl.length)
      else refuses(() => Acl.parse(acl), 'ERR_SCION_CONFIG')
    })
  }

  for (const one of golden.acl.evaluate) {
    it(`keep the paths that the reference keeps: ${one.name}`, () => {
      checkEvaluation(one, { acl: reachable(one.acl) })
    })
  }
})

describe('sequences', () => {
  for (const { text, want } of golden.sequence.parse) {
    it(`${want === 'ok' ? 'read' : 'refuse'} "${text}"`, () => {
      if (want === 'ok') Sequence.parse(text)
      else refuses(() => Sequence.parse(text), 'ERR_SCION_CONFIG')
    })
  }

  for (const [index, one] of golden.sequence.evaluate.entries()) {
    it(`keep the paths that the reference keeps, ${index + 1}: ${one.name}`, () => {
      checkEvaluation(one, rulesOf({ sequence: one.sequence }))
    })
  }

  it('match as scion-cpp does', () => {
    const { path, cases } = golden.otherImplementations.cppSequence
    const hops = path.split(' ').map((text): PathHop => {
      const [as = '', ids = ''] = text.split('#')
      const [ingress = 0, egress = 0] = ids.split(',').map(Number)
      return { isdAs: parseIsdAs(as), ingress, egress }
    })
    for (const { sequence, want } of cases) {
      assert.equal(Sequence.parse(sequence).matches(hops), want, sequence)
    }
  })

  for (const { name, sequence, ases, want } of golden.otherImplementations.rustSequence.cases) {
    it(`match as scion-sdk does: ${name}, ${ases.join(' ')}`, () => {
      const hops = ases.map((as) => ({ isdAs: parseIsdAs(as), ingress: 0, egress: 0 }))
      assert.equal(Sequence.parse(sequence).matches(hops), want)
    })
  }

  it('do bounded work where a backtracking matcher would take for ever', () => {
    const hops = Array.from({ length: 64 }, () => ({
      isdAs: parseIsdAs('1-1'),
      ingress: 0,
      egress: 0,
    }))
    const sequence = Sequence.parse(`${'(0* 0*)* '.repeat(60)}2`)
    assert.equal(sequence.matches(hops), false)
  })

  it('refuse what is too long, too deep or unfinished', () => {
    refuses(() => Sequence.parse('0 '.repeat(4096)), 'ERR_SCION_CONFIG')
    refuses(() => Sequence.parse(`${'('.repeat(64)}0${')'.repeat(64)}`), 'ERR_SCION_CONFIG')
    for (const text of ['', '(0', '0)', '|', '0 |', '?', '0 ??', '1-ff00:0:110#', '()', '+ 0']) {
      refuses(() => Sequence.parse(text), 'ERR_SCION_CONFIG')
    }
  })

  it('throw nothing but ScionError on any text', () => {
    const piece = fc.constantFrom(
      '0',
      '1-2#3,4',
      '(',
      ')',
      '|',
      '?',
      '*',
      '+',
      ' ',
      '1-ff00:0:1',
      'x',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
        const sequence = valueOrRefusal(() => Sequence.parse(pieces.join('')))
        sequence?.matches([{ isdAs: parseIsdAs('1-2'), ingress: 3, egress: 4 }])
      }),
    )
  })

  it('match the very text that a path is printed as', () => {
    for (const path of Object.keys(golden.paths).flatMap(pathsBetween)) {
      const text = formatSequence(path.interfaces)
      if (text !== '') assert.ok(Sequence.parse(text).matches(pathHops(path.interfaces)), text)
    }
  })
})

describe('policies', () => {
  for (const one of golden.policy.options) {
    it(`choose among options as the reference does: ${one.name}`, () => {
      checkEvaluation(one, rulesOf(one.policy))
    })
  }

  for (const { name, policy, extended, want } of golden.policy.extends) {
    it(`inherit as the reference does: ${name}`, () => {
      const named = new Map(
        extended.map((one): [string, NamedRules] => [one.name ?? '', namedRules(one)]),
      )
      const resolve = (): PathRules => resolveRules(namedRules(policy), named)
      if (typeof want === 'string') refuses(resolve, 'ERR_SCION_CONFIG')
      else assert.deepEqual(jsonOf(resolve()), jsonOf(rulesOf(want)))
    })
  }

  it('refuse inheritance that leads back to itself', () => {
    const named = new Map([
      ['a', { extends: ['b'] }],
      ['b', { extends: ['a'] }],
    ])
    refuses(() => resolveRules({ extends: ['a'] }, named), 'ERR_SCION_CONFIG')
  })

  it('look at the AS where a path starts', () => {
    const { pathsOf, cases } = golden.policy.localIsdAs
    const paths = [...pathsOf.flatMap(pathsBetween), ...pathsBetween('2-ff00:0:212>2-ff00:0:212')]
    for (const { name, allowed, wantCount } of cases) {
      const { kept } = applyRules({ localIsdAses: allowed.map(parseIsdAs) }, paths, NOW_MS)
      assert.equal(kept.length, wantCount, name)
    }
  })

  it('look at the AS where a path ends', () => {
    const { pathsOf, cases } = golden.policy.remoteIsdAs
    const paths = [...pathsOf.flatMap(pathsBetween), ...pathsBetween('2-ff00:0:212>2-ff00:0:212')]
    for (const { name, rules, wantCount } of cases) {
      const remoteIsdAses = rules.map((rule) => ({ ...rule, isdAs: parseIsdAs(rule.isdAs) }))
      const { kept } = applyRules({ remoteIsdAses }, paths, NOW_MS)
      assert.equal(kept.length, wantCount, name)
    }
  })
})

function namedRules(text: PolicyText): NamedRules {
  return { ...rulesOf(text), ...(text.extends === undefined ? {} : { extends: text.extends }) }
}

function jsonOf(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

describe('policy documents of JPAN', () => {
  const { documents, valid, invalid, evaluate, destinationPatterns, pathMetadata } =
    golden.otherImplementations.jpan

  function toDestination({
    ia,
    host,
    port,
  }: Destination): Parameters<typeof matchesDestination>[1] {
    return { isdAs: parseIsdAs(ia), host, port }
  }

  for (const name of valid) {
    it(`are read: ${name}`, () => {
      parseJpanPolicies(documents[name] ?? '')
    })
  }

  for (const [name, why] of Object.entries(invalid)) {
    it(`are refused: ${why}`, () => {
      refuses(() => parseJpanPolicies(documents[name] ?? ''), 'ERR_SCION_CONFIG')
    })
  }

  for (const one of evaluate) {
    it(`decide as JPAN does: ${one.name}`, () => {
      const interfaces = one.interfaces.map(interfaceOf)
      const to = toDestination(one.destination)
      const stretches = interfaces.length - 1
      const path: Path = {
        ...makePath(interfaces[0]?.isdAs ?? to.isdAs, to.isdAs, interfaces),
        mtu: pathMetadata.mtu,
        expiryMs: NOW_MS + pathMetadata.validitySeconds * 1000,
        metadata: {
          latenciesMs: Array<number>(stretches).fill(pathMetadata.latency),
          bandwidthsKbps: Array<number>(stretches).fill(pathMetadata.bandwidth),
          geo: [],
          linkTypes: [],
          internalHops: [],
          notes: [],
        },
      }
      const { rules } = parseJpanPolicies(documents[one.document] ?? '').policyFor(to)
      const { kept } = applyRules(rules, [path], NOW_MS)
      assert.equal(kept.length === 1 ? 'accept' : 'deny', one.want)
    })
  }

  it('match destinations as JPAN does', () => {
    for (const { pattern, destination, want } of destinationPatterns) {
      const found = matchesDestination(parseDestination(pattern), toDestination(destination))
      assert.equal(found ? 'matches' : 'does not match', want, pattern)
    }
  })

  it('try destinations in the order of the text, numbers too', () => {
    const text = `{ "destinations": { "2-ff00:0:1": "b", "2": "a", "0": "a" },
      "filters": { "a": { "acl": ["+"] }, "b": { "acl": ["-"] } } }`
    const policies = parseJpanPolicies(text)
    assert.equal(policies.policyFor({ isdAs: parseIsdAs('2-ff00:0:1') }).name, 'b')
    assert.equal(policies.policyFor({ isdAs: parseIsdAs('2-ff00:0:2') }).name, 'a')
  })

  it('refuse a typing error by name', () => {
    const text = `{ "destinations": { "0": "a" }, "filters": { "a": { "min_mtv": 1 } } }`
    assert.throws(() => parseJpanPolicies(text), /min_mtv/)
    refuses(() => parseJpanPolicies('{'), 'ERR_SCION_CONFIG')
    refuses(() => parseJpanPolicies('[]'), 'ERR_SCION_CONFIG')
  })
})

describe('policy documents of Scitra', () => {
  const text = JSON.stringify({
    matchers: [
      { destination: '[1-ff00:0:110,10.0.0.1]:22', protocol: 'udp', policy: 'strict' },
      { destination: '2', policy: 'wide' },
      {
        destination: '[3-ff00:0:1,fd00::1]:80',
        source: '1-64512',
        traffic_class: 5,
        policy: 'wide',
      },
    ],
    policies: {
      wide: { acl: ['+'], ordering: ['hops_desc'] },
      strict: {
        extends: 'wide',
        failover: 'wide',
        sequence: '9-9',
        requirements: { min_mtu: 1300, max_meta_lat: 10, min_meta_bw: 5 },
      },
    },
  })
  const policies = parseScitraPolicies(text)
  const flow = (destination: string, more = {}): string =>
    policies.policyFor({ destination: parseDestination(destination), ...more }).name

  it('choose by every clause of a matcher', () => {
    assert.equal(flow('1-ff00:0:110,10.0.0.1:22', { protocol: 'udp' }), 'strict')
    assert.equal(flow('1-ff00:0:110,10.0.0.1:22', { protocol: 'tcp' }), 'default')
    assert.equal(flow('1-ff00:0:110,10.0.0.1:23', { protocol: 'udp' }), 'default')
    assert.equal(flow('2-ff00:0:210,10.0.0.1:1'), 'wide')
    const source = parseDestination('1-64512,10.0.0.9')
    assert.equal(flow('3-ff00:0:1,[fd00::1]:80', { source, trafficClass: 5 }), 'wide')
    assert.equal(flow('3-ff00:0:1,[fd00::1]:80', { source, trafficClass: 4 }), 'default')
  })

  it('inherit, order, and fail over when nothing is left', () => {
    const strict = policies.policyFor({
      destination: parseDestination('1-ff00:0:110,10.0.0.1:22'),
      protocol: 'udp',
    })
    assert.deepEqual(strict.ordering, ['hops_desc'])
    const paths = pathsBetween('1-ff00:0:110>2-ff00:0:220')
    const { kept } = applyFlowPolicy(strict, paths, NOW_MS, () => 0)
    assert.equal(kept.length, paths.length)
    const lengths = kept.map((path) => path.interfaces.length)
    assert.deepEqual(
      lengths,
      [...lengths].sort((a, b) => b - a),
    )
  })

  it('refuse a base that does not stand before, an unknown order, a stray key', () => {
    for (const bad of [
      { policies: { a: { extends: 'b' }, b: {} } },
      { policies: { a: { ordering: ['fastest'] } } },
      { policies: { a: { acls: [] } } },
      { matchers: [{ policy: 'missing' }] },
      { matchers: [{ policy: 'default', protocol: 'icmp' }] },
    ]) {
      refuses(() => parseScitraPolicies(JSON.stringify(bad)), 'ERR_SCION_CONFIG')
    }
  })
})
