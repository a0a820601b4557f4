import { ScionError } from '../errors.ts'
import type { PolicyDestination } from './jpan.ts'
import { parseJpanPolicies } from './jpan.ts'
import type { FlowPolicy } from './scitra.ts'
import { parseScitraPolicies } from './scitra.ts'

/** Whom a policy document is asked about. */
export interface PolicyEnds {
  readonly source: PolicyDestination
  readonly destination: PolicyDestination
}

/**
 * The policy that a document has for a flow by UDP. The document is in one of two formats, told apart
 * by what is in it: JPAN's has `destinations`, that of scion-cpp's Scitra `matchers` or `policies`.
 * Throws `ERR_SCION_CONFIG` that names the field.
 */
export function parsePolicyDocument(text: string, { source, destination }: PolicyEnds): FlowPolicy {
  const keys = keysOf(text)
  const isJpan = keys.includes('destinations')
  if (!isJpan && !keys.includes('matchers') && !keys.includes('policies')) {
    const expected = 'destinations and filters (JPAN), or matchers and policies (Scitra)'
    throw new ScionError('ERR_SCION_CONFIG', `policy document: expected ${expected}, found neither`)
  }
  if (isJpan) return parseJpanPolicies(text).policyFor(destination)
  return parseScitraPolicies(text).policyFor({ source, destination, protocol: 'udp' })
}

/** The keys of the document; none where it is not one, which its parser then says better. */
function keysOf(text: string): readonly string[] {
  try {
    const document: unknown = JSON.parse(text)
    return typeof document === 'object' && document !== null ? Object.keys(document) : []
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ScionError('ERR_SCION_CONFIG', `policy document: expected JSON, ${reason}`, { cause })
  }
}
