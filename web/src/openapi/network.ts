import { z } from 'zod'
import {
  FAILOVERS_MAX,
  PATH_REASONS,
  PATH_STATES,
  POLICY_CHARS_MAX,
  type Failover,
  type LinkChange,
  type NetworkAnswer,
  type NetworkLink,
  type PolicyAnswer,
  type PolicyChoice,
} from '../api.ts'

/* The map, its links and paths, and the policy that chooses among them. */

const ia = z.string().regex(/^\d{1,5}-[0-9a-f:]+$/)
const pathId = z.string().regex(/^[0-9a-f]{16}$/)
const timeMs = z.int().min(0)
const share = z.number().min(0).max(100)
const duration = z.number().min(0)
const end = z.strictObject({ ia, interface: z.int().min(0).max(65_535) })
const reason = z.enum(PATH_REASONS)

/** One link. */
export const networkLink: z.ZodType<NetworkLink> = z.strictObject({
  id: z.string(),
  a: end,
  b: end,
  kind: z.enum(['core', 'parent', 'peer']).exactOptional(),
  up: z.boolean(),
  switchable: z.boolean(),
  latencyMs: duration.exactOptional(),
  jitterMs: duration.exactOptional(),
  lossPercent: share.exactOptional(),
})

const failover: z.ZodType<Failover> = z.strictObject({
  atMs: timeMs,
  from: pathId.exactOptional(),
  to: pathId.exactOptional(),
  cause: reason,
  gapMs: duration.exactOptional(),
})

/** The map and the paths. */
export const networkAnswer: z.ZodType<NetworkAnswer> = z.strictObject({
  atMs: timeMs,
  source: ia,
  destination: ia,
  ases: z.array(
    z.strictObject({
      ia,
      isd: z.int().min(0).max(65_535),
      core: z.boolean().exactOptional(),
      name: z.string().exactOptional(),
      hosts: z.array(z.enum(['meter', 'headend'])),
    }),
  ),
  links: z.array(networkLink),
  paths: z.array(
    z.strictObject({
      id: pathId,
      interfaces: z.array(end),
      links: z.array(z.string()),
      state: z.enum(PATH_STATES),
      reason,
      roundTripMs: duration.exactOptional(),
      jitterMs: duration.exactOptional(),
      lossPercent: share.exactOptional(),
      mtu: z.int().min(0),
      expiresMs: timeMs,
    }),
  ),
  active: pathId.optional(),
  failovers: z.array(failover).max(FAILOVERS_MAX),
})

/** Body that cuts or mends a link. */
export const linkChange: z.ZodType<LinkChange> = z.strictObject({ up: z.boolean() })

const text = z.string().max(POLICY_CHARS_MAX)

/** Body that changes the policy. */
export const policyChoice: z.ZodType<PolicyChoice> = z.union([
  z.strictObject({ kind: z.literal('named'), name: text }),
  z.strictObject({ kind: z.literal('acl'), text }),
  z.strictObject({ kind: z.literal('sequence'), text }),
])

/** The policy in force and what it makes of each path. */
export const policyAnswer: z.ZodType<PolicyAnswer> = z.strictObject({
  choice: z.union([
    policyChoice,
    z.strictObject({ kind: z.literal('configured'), name: z.string() }),
  ]),
  named: z.array(z.string()),
  rulings: z.array(
    z.strictObject({
      path: pathId,
      allowed: z.boolean(),
      by: z.enum(['none', 'acl', 'sequence', 'jurisdiction', 'requirement']),
      rule: z.string().exactOptional(),
      preference: z.int().min(1).exactOptional(),
    }),
  ),
})
