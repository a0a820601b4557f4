import { readAcl, readSequence } from '@s3mp/firmware'
import type { ScionTransport } from '@s3mp/firmware'
import { ScionError } from '@s3mp/scion'
import type { FlowPolicy } from '@s3mp/scion'
import type { PolicyAnswer, PolicyChoice } from '@s3mp/web/api'
import { pathId } from './network-view.ts'

/** The policies of the demonstration that have a name; each shows another kind of rule. */
const NAMED = new Map<string, () => FlowPolicy | undefined>([
  ['any', () => undefined],
  ['shortest', () => ordered('hops_asc')],
  ['lowest-latency', () => ordered('meta_latency_asc')],
  ['avoid-north-backbone', () => readAcl('- 1-ff00:0:110, +')],
  ['avoid-south-backbone', () => readAcl('- 1-ff00:0:120, +')],
  ['without-cores', () => readSequence('1-ff00:0:111 1-ff00:0:112 2-ff00:0:212 2-ff00:0:211')],
  // Leaves no path: the head-end is in ISD 2. What is not allowed is not sent.
  ['stay-in-isd-1', () => readAcl('+ 1, -')],
])

/** The policy that the person at the page has chosen, and what becomes of each path under it. */
export class PolicyDesk {
  readonly #transport: ScionTransport
  readonly #onChange: (answer: PolicyAnswer) => void
  #choice: PolicyChoice = { kind: 'named', name: 'any' }

  constructor(transport: ScionTransport, onChange: (answer: PolicyAnswer) => void) {
    this.#transport = transport
    this.#onChange = onChange
  }

  /** What is in force now. */
  answer(): PolicyAnswer {
    const rulings = [...this.#transport.rulings()].map(([fingerprint, ruling]) => ({
      path: pathId(fingerprint),
      ...ruling,
    }))
    return { choice: this.#choice, named: [...NAMED.keys()], rulings }
  }

  /**
   * Puts another policy in force; packets under way are not touched.
   *
   * @throws ScionError `ERR_SCION_CONFIG` for a text that is no policy and a name that is none
   */
  choose(choice: PolicyChoice): PolicyAnswer {
    this.#transport.setPolicy(policyOf(choice))
    this.#choice = choice
    const answer = this.answer()
    this.#onChange(answer)
    return answer
  }
}

function policyOf(choice: PolicyChoice): FlowPolicy | undefined {
  if (choice.kind === 'acl') return readAcl(choice.text)
  if (choice.kind === 'sequence') return readSequence(choice.text)
  const make = NAMED.get(choice.name)
  if (make !== undefined) return make()
  const names = [...NAMED.keys()].join(', ')
  throw new ScionError('ERR_SCION_CONFIG', `name: one of ${names}, found another`)
}

function ordered(ordering: 'hops_asc' | 'meta_latency_asc'): FlowPolicy {
  return { name: ordering, rules: {}, ordering: [ordering] }
}
