import {
  ROLES,
  SCOPES,
  type AuditAnswer,
  type Confirmation,
  type NewTokenAnswer,
  type SessionAnswer,
  type TokensAnswer,
  type TokenView,
  type UsersAnswer,
  type UserView,
} from '../api.ts'
import { z } from 'zod'

/* Answers about who may ask and who did what; held to the pages' types as the others are. */

const id = z.string().regex(/^[0-9a-f]{66}$/)
const timeMs = z.int().min(0)
const role = z.enum(ROLES)
const scopes = z.array(z.enum(SCOPES))

/** Who the server takes the asker for. */
export const sessionAnswer: z.ZodType<SessionAnswer> = z.strictObject({
  access: z.enum(['open', 'password', 'code']),
  scopes,
  user: z.strictObject({ name: z.string(), role }).exactOptional(),
  expiresMs: timeMs.exactOptional(),
})

/** Somebody who may log in. */
export const userView: z.ZodType<UserView> = z.strictObject({
  name: z.string(),
  role,
  disabled: z.boolean(),
  createdMs: timeMs,
  lastLoginMs: timeMs.exactOptional(),
})

/** All of them. */
export const usersAnswer: z.ZodType<UsersAnswer> = z.strictObject({ users: z.array(userView) })

const token = {
  id: z.string().regex(/^[0-9a-f]{16}$/),
  name: z.string(),
  scopes,
  createdMs: timeMs,
  createdBy: z.string(),
  expiresMs: timeMs,
  lastUsedMs: timeMs.exactOptional(),
}
const tokenView: z.ZodType<TokenView> = z.strictObject(token)

/** All programs' ways in, without their secrets. */
export const tokensAnswer: z.ZodType<TokensAnswer> = z.strictObject({ tokens: z.array(tokenView) })

/** A new one, with its secret. */
export const newTokenAnswer: z.ZodType<NewTokenAnswer> = z.strictObject({
  ...token,
  secret: z.string(),
})

/** Lines of the audit log. */
export const auditAnswer: z.ZodType<AuditAnswer> = z.strictObject({
  intact: z.boolean(),
  lines: z.array(
    z.strictObject({
      id: z.string(),
      atMs: timeMs,
      who: z.string(),
      action: z.string(),
      subject: z.string(),
      device: id.exactOptional(),
      reason: z.string().exactOptional(),
    }),
  ),
  next: z.string().exactOptional(),
})

/** What is about to be done, and the token to do it with. */
export const confirmation: z.ZodType<Confirmation> = z.strictObject({
  confirm: z.string(),
  expiresMs: timeMs,
  device: id,
  fingerprint: z.string(),
  name: z.string().exactOptional(),
  state: z.enum(['active', 'quarantined', 'revoked']).exactOptional(),
})
