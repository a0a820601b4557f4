import { API_ROOT, LIVE_EVENT_TYPES } from '@s3mp/web/api'
import { DEMO_DEEDS, DEMO_SWITCHES, openApiDocument, path, type Address } from '@s3mp/web/openapi'

const scope = 'open'
const NETWORK = `${API_ROOT}/network`

/** The addresses that only the demonstration has. */
export const DEMO_ADDRESSES = {
  network: {
    method: 'GET',
    path: NETWORK,
    scope,
    summary: 'The map, its links, and the paths between meter and head-end',
    answer: 'Network',
  },
  policy: {
    method: 'GET',
    path: `${NETWORK}/policy`,
    scope,
    summary: 'The policy in force, and what it makes of each path',
    answer: 'Policy',
  },
  choosePolicy: {
    method: 'POST',
    path: `${NETWORK}/policy`,
    scope,
    summary: 'Puts another policy in force, at once',
    answer: 'Policy',
    body: 'PolicyChoice',
    refusals: [400],
  },
  switchLink: {
    method: 'POST',
    path: `${NETWORK}/links/:id`,
    scope,
    summary: 'Cuts or mends a link',
    answer: 'Link',
    body: 'LinkChange',
    parameters: [path('id', 'The link’s id')],
    refusals: [400, 404],
  },
  journey: {
    method: 'GET',
    path: `${API_ROOT}/journey`,
    scope,
    summary: 'The way of the latest reading that was acknowledged; 404 before the first',
    answer: 'Journey',
    refusals: [404],
  },
  demo: {
    method: 'GET',
    path: `${API_ROOT}/demo`,
    scope,
    summary: 'The state of the switches',
    answer: 'Demo',
  },
  switchDemo: {
    method: 'POST',
    path: `${API_ROOT}/demo/switches/:name`,
    scope,
    summary: 'Switches something; which switches there are depends on the meter',
    answer: 'Demo',
    body: 'SwitchChange',
    parameters: [path('name', 'What is switched', { type: 'string', enum: DEMO_SWITCHES })],
    refusals: [400, 404],
  },
  deed: {
    method: 'POST',
    path: `${API_ROOT}/demo/deeds/:name`,
    scope,
    summary: 'Forges a reading, or repeats one, and tells what the head-end made of it',
    answer: 'DeedAnswer',
    body: 'Nothing',
    parameters: [path('name', 'What is done', { type: 'string', enum: DEMO_DEEDS })],
    refusals: [400, 404],
  },
} as const satisfies Readonly<Record<string, Address>>

/** The description of everything that the demonstration answers: the head-end's addresses and its own. */
export function demoDocument(
  version: string,
  headend: readonly Address[],
): Readonly<Record<string, unknown>> {
  const about = {
    title: 'S3MP demonstration',
    version,
    description: 'For programs on this machine; nobody has to log in.',
    securitySchemes: {},
    security: () => [],
  }
  const all = headend.map((address) =>
    address.events === undefined ? address : { ...address, events: LIVE_EVENT_TYPES },
  )
  return openApiDocument(about, [...all, ...Object.values(DEMO_ADDRESSES)])
}
