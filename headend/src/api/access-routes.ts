import {
  API_ROOT,
  type AuditAnswer,
  type AuditLine,
  type TokensAnswer,
  type UsersAnswer,
} from '@s3mp/web/api'
import { bodies, limit, path, query } from '@s3mp/web/openapi'
import type { Context } from 'hono'
import { addToken, addUser, changeUser, dropToken, tokenView, userView } from '../access/admin.ts'
import type { AuditRow } from '../store/events.ts'
import { type ApiOptions } from './parts.ts'
import { Question } from './requests.ts'
import { bodyOf, type Routes } from './routes.ts'

/** Lines of the audit log in one answer. */
export const AUDIT_PAGE_MAX = 200

/** Sessions, users, tokens and the audit log. */
export function addAccessRoutes(routes: Routes, options: ApiOptions): void {
  addSession(routes, options)
  addUsers(routes, options)
  addTokens(routes, options)
  addAudit(routes, options)
}

function withCookie(context: Context, answer: object, cookie: string): Response {
  context.header('set-cookie', cookie)
  return context.json(answer)
}

function addSession(routes: Routes, { access }: ApiOptions): void {
  const path = `${API_ROOT}/session`
  const answer = 'Session'
  routes.add(
    { method: 'GET', path, scope: 'open', summary: 'Who the server takes the asker for', answer },
    (context, actor) => context.json(access.describe(actor)),
  )
  routes.add(
    {
      method: 'POST',
      path,
      scope: 'open',
      summary: 'Logs in; sets an HttpOnly cookie',
      answer,
      body: 'Login',
      refusals: [400, 401, 403, 409, 415, 429, 503],
    },
    async (context) => {
      const done = await access.login(context.req.raw, await bodyOf(context, bodies.loginRequest))
      return done instanceof Response ? done : withCookie(context, done.answer, done.cookie)
    },
  )
  routes.add(
    { method: 'DELETE', path, scope: 'open', summary: 'Logs out', answer, refusals: [403] },
    (context, actor) => withCookie(context, access.describe(undefined), access.logout(actor)),
  )
  routes.add(
    {
      method: 'POST',
      path: `${path}/password`,
      scope: 'devices:read',
      summary: 'Changes one’s own password; one’s other sessions end',
      answer,
      body: 'PasswordChange',
      refusals: [400, 429, 503],
    },
    async (context, actor) => {
      const change = await bodyOf(context, bodies.passwordChange)
      const done = await access.changePassword(context.req.raw, actor, change)
      return done instanceof Response ? done : withCookie(context, access.describe(actor), done)
    },
  )
}

function addUsers(routes: Routes, { access, store }: ApiOptions): void {
  const scope = 'access:admin'
  routes.add(
    { method: 'GET', path: `${API_ROOT}/users`, scope, summary: 'Users', answer: 'Users' },
    (context) => {
      const answer: UsersAnswer = { users: store.people.users().map(userView) }
      return context.json(answer)
    },
  )
  routes.add(
    {
      method: 'POST',
      path: `${API_ROOT}/users`,
      scope,
      summary: 'Lets somebody in',
      answer: 'User',
      body: 'NewUser',
      refusals: [400, 409, 503],
    },
    async (context, { who }) =>
      context.json(await addUser(access.desk(who), await bodyOf(context, bodies.newUser))),
  )
  routes.add(
    {
      method: 'POST',
      path: `${API_ROOT}/users/:name`,
      scope,
      summary: 'Changes a user’s role or password, disables or enables her; her sessions end',
      answer: 'User',
      body: 'UserChange',
      parameters: [path('name', 'The user’s name')],
      refusals: [400, 404, 409, 503],
    },
    async (context, { who }) => {
      const change = await bodyOf(context, bodies.userChange)
      const user = await changeUser(access.desk(who), context.req.param('name') ?? '', change)
      access.recheckStreams()
      return context.json(user)
    },
  )
}

function addTokens(routes: Routes, { access, store }: ApiOptions): void {
  const scope = 'access:admin'
  routes.add(
    { method: 'GET', path: `${API_ROOT}/tokens`, scope, summary: 'Tokens', answer: 'Tokens' },
    (context) => {
      const answer: TokensAnswer = { tokens: store.people.tokens().map(tokenView) }
      return context.json(answer)
    },
  )
  routes.add(
    {
      method: 'POST',
      path: `${API_ROOT}/tokens`,
      scope,
      summary: 'Gives a program a way in; the secret is said once',
      answer: 'NewToken',
      body: 'NewTokenRequest',
      refusals: [400, 409],
    },
    async (context, { who, scopes }) =>
      context.json(addToken(access.desk(who), await bodyOf(context, bodies.newToken), scopes)),
  )
  routes.add(
    {
      method: 'DELETE',
      path: `${API_ROOT}/tokens/:id`,
      scope,
      summary: 'Takes a token away at once',
      answer: 'Tokens',
      parameters: [path('id', 'The token’s id')],
      refusals: [404],
    },
    (context, { who }) => {
      dropToken(access.desk(who), context.req.param('id') ?? '')
      access.recheckStreams()
      const answer: TokensAnswer = { tokens: store.people.tokens().map(tokenView) }
      return context.json(answer)
    },
  )
}

function addAudit(routes: Routes, { store }: ApiOptions): void {
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/audit`,
      scope: 'audit:read',
      summary: 'Who did what, newest first',
      answer: 'Audit',
      parameters: [
        query('device', 'Only what was done to this device'),
        query('before', '`next` of the page before'),
        limit(AUDIT_PAGE_MAX),
      ],
      refusals: [400],
    },
    (context) => {
      const question = new Question(context.req.url)
      const count = question.integer('limit', 1, AUDIT_PAGE_MAX, AUDIT_PAGE_MAX)
      const before = question.integer('before', 1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
      const subject = question.id('device') && question.text('device')
      const { lines, intact } = store.auditLines({ subject, before, limit: count })
      const last = lines.length === count ? lines.at(-1) : undefined
      const answer: AuditAnswer = {
        intact,
        lines: lines.map(auditLine),
        ...(last !== undefined && { next: String(last.row) }),
      }
      return context.json(answer)
    },
  )
}

function auditLine({ row, atMs, who, deed, subject, details }: AuditRow): AuditLine {
  return {
    id: String(row),
    atMs,
    who,
    action: deed,
    subject,
    ...(/^[0-9a-f]{66}$/.test(subject) && { device: subject }),
    ...(typeof details.reason === 'string' && { reason: details.reason }),
  }
}
