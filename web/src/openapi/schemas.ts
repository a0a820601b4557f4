import { z } from 'zod'
import type { LiveEvent } from '../api.ts'
import * as access from './access.ts'
import * as answers from './answers.ts'
import * as bodies from './bodies.ts'
import * as demo from './demo.ts'
import * as household from './household.ts'
import * as network from './network.ts'

/** Every schema by the name that documents call it. */
export const SCHEMAS = {
  ServerInfo: answers.serverInfo,
  Health: answers.healthAnswer,
  OpenApi: answers.openApi,
  Device: answers.device,
  Devices: answers.devicesAnswer,
  Reading: answers.readingView,
  Series: answers.seriesAnswer,
  Counters: answers.countersAnswer,
  Evidence: answers.evidenceAnswer,
  Event: answers.eventView,
  Events: answers.eventsAnswer,
  Error: answers.apiError,
  Session: access.sessionAnswer,
  User: access.userView,
  Users: access.usersAnswer,
  Tokens: access.tokensAnswer,
  NewToken: access.newTokenAnswer,
  Audit: access.auditAnswer,
  Confirmation: access.confirmation,
  Tariff: household.tariff,
  Costs: household.costsAnswer,
  Network: network.networkAnswer,
  Link: network.networkLink,
  Policy: network.policyAnswer,
  Journey: demo.journey,
  Demo: demo.demoAnswer,
  DeedAnswer: demo.deedAnswer,
  Login: bodies.loginRequest,
  PasswordChange: bodies.passwordChange,
  NewUser: bodies.newUser,
  UserChange: bodies.userChange,
  NewTokenRequest: bodies.newToken,
  ConfirmationRequest: bodies.confirmationRequest,
  EnrolmentPreview: bodies.enrolmentPreview,
  Enrolment: bodies.enrolment,
  StateChange: bodies.stateChange,
  PolicyChoice: network.policyChoice,
  LinkChange: network.linkChange,
  SwitchChange: demo.switchChange,
  Nothing: demo.nothing,
} as const satisfies Readonly<Record<string, z.ZodType>>

/** The name of a schema. */
export type SchemaName = keyof typeof SCHEMAS

/** What the data of each live event is. */
export const EVENT_SCHEMAS: Readonly<Record<LiveEvent['type'], SchemaName>> = {
  reset: 'ServerInfo',
  reading: 'Reading',
  device: 'Device',
  event: 'Event',
  network: 'Network',
  journey: 'Journey',
  demo: 'Demo',
}
