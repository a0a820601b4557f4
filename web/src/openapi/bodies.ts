import {
  LOGIN_CHARS_MAX,
  REASON_CHARS_MAX,
  ROLES,
  SCOPES,
  type ConfirmationRequest,
  type Enrolment,
  type EnrolmentPreview,
  type LoginRequest,
  type NewToken,
  type NewUser,
  type PasswordChange,
  type StateChange,
  type UserChange,
} from '../api.ts'
import { z } from 'zod'

/* Bodies of requests, as the API takes them; what is more than this is refused. */

const secret = z.string().min(1).max(LOGIN_CHARS_MAX)
const name = z.string().min(1).max(LOGIN_CHARS_MAX)
const role = z.enum(ROLES)
const state = z.enum(['active', 'quarantined', 'revoked'])
const reason = z.string().min(1).max(REASON_CHARS_MAX)
const confirm = z.string().min(1).max(100)
const card = z.string().min(1).max(16_384)

/** Body of `POST /session`; the code is for a meter's own page. */
export const loginRequest: z.ZodType<LoginRequest> = z.union([
  z.strictObject({ name, password: secret }),
  z.strictObject({ code: secret }),
])

/** Body of `POST /session/password`. */
export const passwordChange: z.ZodType<PasswordChange> = z.strictObject({
  current: secret,
  next: z.string().max(LOGIN_CHARS_MAX),
})

/** Body of `POST /users`. */
export const newUser: z.ZodType<NewUser> = z.strictObject({
  name,
  role,
  password: z.string().max(LOGIN_CHARS_MAX),
})

/** Body of `POST /users/{name}`. */
export const userChange: z.ZodType<UserChange> = z.strictObject({
  role: role.exactOptional(),
  disabled: z.boolean().exactOptional(),
  password: z.string().max(LOGIN_CHARS_MAX).exactOptional(),
})

/** Body of `POST /tokens`. */
export const newToken: z.ZodType<NewToken> = z.strictObject({
  name,
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
  days: z.int().min(1).max(366),
})

/** Body of `POST /devices/{device}/confirmation`. */
export const confirmationRequest: z.ZodType<ConfirmationRequest> = z.strictObject({ state })

/** Body of `POST /devices/confirmation`. */
export const enrolmentPreview: z.ZodType<EnrolmentPreview> = z.strictObject({ publicKey: card })

/** Body of `POST /devices/{device}/state`. */
export const stateChange: z.ZodType<StateChange> = z.strictObject({ state, reason, confirm })

/** Body of `POST /devices`. */
export const enrolment: z.ZodType<Enrolment> = z.strictObject({
  name,
  serial: z.string().min(1).max(100).exactOptional(),
  publicKey: card,
  reason,
  confirm,
})
