import { decodePublicKeyFile, EnvelopeError, fingerprintOf, toHex } from '@s3mp/envelope'
import {
  API_ROOT,
  DEVICE_SORTS,
  DEVICE_TROUBLES,
  REASON_CHARS_MAX,
  type Confirmation,
  type DevicesAnswer,
  type DeviceState,
} from '@s3mp/web/api'
import { bodies, limit, query } from '@s3mp/web/openapi'
import type { Actor } from '../access/actor.ts'
import type { SqliteStore } from '../store/store.ts'
import { deviceOf, idText, PARAMETERS, type ApiOptions } from './parts.ts'
import { badRequest, Question } from './requests.ts'
import { bodyOf, type Routes } from './routes.ts'

/** Devices in one answer. */
export const DEVICES_PAGE_MAX = 100
/** How far into a list a window may begin. */
export const OFFSET_MAX = 1_000_000
/** Characters that are searched for. */
export const QUERY_CHARS_MAX = 100

const STATES: readonly DeviceState[] = ['active', 'quarantined', 'revoked']

/** The fleet: what there is of devices, and what is done to them. */
export function addDeviceRoutes(routes: Routes, options: ApiOptions): void {
  addLists(routes, options)
  addEnrolment(routes, options)
  addStates(routes, options)
}

function addLists(routes: Routes, { store, views, clock }: ApiOptions): void {
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/devices`,
      scope: 'devices:read',
      summary: 'A window of devices in the order asked for, or page by page by name',
      answer: 'Devices',
      parameters: [
        query('query', 'Part of a name, serial number, meter’s number or id'),
        query('state', 'Only of this state', { type: 'string', enum: STATES }),
        query('trouble', 'Only with this trouble', { type: 'string', enum: DEVICE_TROUBLES }),
        query('sort', 'What to order by', { type: 'string', enum: DEVICE_SORTS }),
        query('order', 'Which way round', { type: 'string', enum: ['up', 'down'] }),
        query('offset', 'Where the window begins', {
          type: 'integer',
          minimum: 0,
          maximum: OFFSET_MAX,
        }),
        query('after', '`next` of the page before, for pages by name'),
        limit(DEVICES_PAGE_MAX),
      ],
      refusals: [400],
    },
    (context) => {
      const question = new Question(context.req.url)
      const nowMs = clock.nowMs()
      const isWindow = ['sort', 'offset', 'state', 'trouble', 'order'].some(
        (name) => question.text(name) !== undefined,
      )
      const { rows, total, next } = isWindow
        ? windowOf(store, question, nowMs)
        : pageOf(store, question)
      const answer: DevicesAnswer = {
        devices: rows.map((row) => views.device(row, nowMs)),
        total,
        counts: store.fleet.counts(nowMs),
        ...(next !== undefined && { next }),
      }
      return context.json(answer)
    },
  )
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/devices/:device`,
      scope: 'devices:read',
      summary: 'One device',
      answer: 'Device',
      parameters: [PARAMETERS.device],
      refusals: [400, 404],
    },
    (context) =>
      context.json(views.device(deviceOf(store, context.req.param('device')), clock.nowMs())),
  )
}

interface Found {
  readonly rows: readonly ReturnType<typeof deviceOf>[]
  readonly total: number
  readonly next?: string
}

function windowOf(store: SqliteStore, question: Question, nowMs: number): Found {
  const text = searched(question)
  const { devices, total } = store.fleet.window(
    {
      query: text === '' ? undefined : text,
      state: question.choice('state', STATES),
      trouble: question.choice('trouble', DEVICE_TROUBLES),
      sort: question.choice('sort', DEVICE_SORTS) ?? 'alarms',
      order: question.choice('order', ['up', 'down'] as const),
      offset: question.integer('offset', 0, OFFSET_MAX, 0),
      limit: question.integer('limit', 1, DEVICES_PAGE_MAX, DEVICES_PAGE_MAX),
    },
    nowMs,
  )
  const rows = devices
    .map((row) => store.registry.deviceOfRow(row))
    .filter((row) => row !== undefined)
  return { rows, total }
}

function pageOf(store: SqliteStore, question: Question): Found {
  const count = question.integer('limit', 1, DEVICES_PAGE_MAX, DEVICES_PAGE_MAX)
  const text = searched(question)
  const rows = store.registry.devices({ after: question.id('after'), query: text, limit: count })
  const last = rows.length === count ? rows.at(-1) : undefined
  return {
    rows,
    total: store.registry.deviceCount(text),
    ...(last !== undefined && { next: idText(last) }),
  }
}

function searched(question: Question): string | undefined {
  const text = question.text('query')
  if (text !== undefined && text.length > QUERY_CHARS_MAX) {
    throw badRequest(`query: expected at most ${QUERY_CHARS_MAX} characters`)
  }
  return text
}

function addEnrolment(routes: Routes, { store, clock, confirmations, enroll }: ApiOptions): void {
  routes.add(
    {
      method: 'POST',
      path: `${API_ROOT}/devices/confirmation`,
      scope: 'devices:admin',
      summary: 'What a card says, to be compared with the label, and the token to enrol it with',
      answer: 'Confirmation',
      body: 'EnrolmentPreview',
      refusals: [400],
    },
    async (context, actor) => {
      const { publicKey } = await bodyOf(context, bodies.enrolmentPreview)
      const key = keyOf(publicKey)
      const known = store.registry.device(key.ueid)
      const id = toHex(key.ueid)
      const answer: Confirmation = {
        ...confirmations.give(enrolmentWords(actor, id, known?.state), clock.nowMs()),
        device: id,
        fingerprint: fingerprintOf(key),
        ...(known !== undefined && { name: known.name, state: known.state }),
      }
      return context.json(answer)
    },
  )
  routes.add(
    {
      method: 'POST',
      path: `${API_ROOT}/devices`,
      scope: 'devices:admin',
      summary: 'Takes a meter on',
      answer: 'Device',
      body: 'Enrolment',
      refusals: [400, 409],
    },
    async (context, actor) => {
      const { name, serial, publicKey, reason, confirm } = await bodyOf(context, bodies.enrolment)
      const { ueid } = keyOf(publicKey)
      const words = enrolmentWords(actor, toHex(ueid), store.registry.device(ueid)?.state)
      confirmations.check(confirm, words, clock.nowMs())
      return context.json(enroll(publicKey, { name, serial, deed: { who: actor.who, reason } }))
    },
  )
}

function addStates(routes: Routes, { store, clock, confirmations, setState }: ApiOptions): void {
  routes.add(
    {
      method: 'POST',
      path: `${API_ROOT}/devices/:device/confirmation`,
      scope: 'devices:write',
      summary: 'What is about to be done to a device, and the token to do it with',
      answer: 'Confirmation',
      body: 'ConfirmationRequest',
      parameters: [PARAMETERS.device],
      refusals: [400, 404],
    },
    async (context, actor) => {
      const row = deviceOf(store, context.req.param('device'))
      const { state } = await bodyOf(context, bodies.confirmationRequest)
      const answer: Confirmation = {
        ...confirmations.give([actor.key, idText(row), row.state, state], clock.nowMs()),
        device: idText(row),
        fingerprint: fingerprintOf(row),
        name: row.name,
        state: row.state,
      }
      return context.json(answer)
    },
  )
  routes.add(
    {
      method: 'POST',
      path: `${API_ROOT}/devices/:device/state`,
      scope: 'devices:write',
      summary: 'Quarantines, releases or (with devices:admin) revokes a device, which is final',
      answer: 'Device',
      body: 'StateChange',
      parameters: [PARAMETERS.device],
      refusals: [400, 404, 409],
    },
    async (context, actor) => {
      const row = deviceOf(store, context.req.param('device'))
      const { state, reason, confirm } = await bodyOf(context, bodies.stateChange)
      if (state === 'revoked' && !actor.scopes.has('devices:admin')) {
        return context.json(
          { error: { code: 'not_allowed', message: 'scope: expected devices:admin' } },
          403,
        )
      }
      if (reason.trim() === '' || reason.length > REASON_CHARS_MAX) {
        throw badRequest(`reason: expected 1 to ${REASON_CHARS_MAX} characters`)
      }
      confirmations.check(confirm, [actor.key, idText(row), row.state, state], clock.nowMs())
      return context.json(setState(row.ueid, state, { who: actor.who, reason }))
    },
  )
}

function enrolmentWords(actor: Actor, id: string, state: string | undefined): readonly string[] {
  return [actor.key, id, state ?? 'unknown', 'enrol']
}

function keyOf(card: string): ReturnType<typeof decodePublicKeyFile> {
  try {
    return decodePublicKeyFile(card)
  } catch (cause) {
    if (!(cause instanceof EnvelopeError)) throw cause
    throw badRequest(`publicKey: expected a device’s card: ${cause.message}`)
  }
}
