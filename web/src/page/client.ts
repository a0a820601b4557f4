import { API_ROOT } from '../api.ts'
import type {
  ApiError,
  AuditAnswer,
  Confirmation,
  CostsAnswer,
  CountersAnswer,
  DeedAnswer,
  DemoAnswer,
  DemoDeed,
  DemoSwitch,
  Device,
  DevicesAnswer,
  DevicesQuestion,
  DeviceState,
  Enrolment,
  EventsAnswer,
  EvidenceAnswer,
  Journey,
  LoginRequest,
  NetworkAnswer,
  NetworkLink,
  NewToken,
  NewTokenAnswer,
  NewUser,
  PasswordChange,
  PolicyAnswer,
  PolicyChoice,
  ReadingView,
  SeriesAnswer,
  ServerInfo,
  SessionAnswer,
  StateChange,
  Tariff,
  TokensAnswer,
  UserChange,
  UsersAnswer,
  UserView,
} from '../api.ts'

/** A refusal of the server, or its absence (status 0). */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly status: number
  readonly code: string
  /** Seconds to wait, where the server says so. */
  readonly retryAfterS: number | undefined

  constructor(
    status: number,
    code: string,
    message: string,
    options?: ErrorOptions & { readonly retryAfterS?: number },
  ) {
    super(message, options)
    this.status = status
    this.code = code
    this.retryAfterS = options?.retryAfterS
  }
}

let onRefusal: (error: ClientError) => void = () => undefined

/** Hears of every refusal; the session's end is noticed by it. */
export function listenForRefusals(listener: (error: ClientError) => void): void {
  onRefusal = listener
}

/** How long the page waits for an answer before it says so. */
const ANSWER_MS = 10_000

/** Asks the server; the answer is of its own origin and of our own making, so its shape is trusted. */
async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response
  try {
    response = await fetch(`${API_ROOT}${path}`, {
      signal: AbortSignal.timeout(ANSWER_MS),
      ...init,
    })
  } catch (error) {
    throw new ClientError(0, 'unreachable', 'the server does not answer', { cause: error })
  }
  const body: unknown = await response.json().catch(() => undefined)
  if (!response.ok) {
    const refusal = (body as Partial<ApiError> | undefined)?.error
    const wait = Number(response.headers.get('retry-after') ?? Number.NaN)
    const error = new ClientError(
      response.status,
      refusal?.code ?? `http_${response.status}`,
      refusal?.message ?? response.statusText,
      Number.isFinite(wait) ? { retryAfterS: wait } : undefined,
    )
    onRefusal(error)
    throw error
  }
  return body as T
}

/** A change: JSON from the own origin, which is what the server asks of whatever changes something. */
function send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body: unknown = {}): Promise<T> {
  const headers = { 'content-type': 'application/json' }
  return ask(path, { method, headers, body: JSON.stringify(body) })
}

function post<T>(path: string, body: unknown): Promise<T> {
  return send('POST', path, body)
}

/** A question's parameters, encoded. */
function query(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) search.set(name, String(value))
  }
  return `?${search.toString()}`
}

/** Where the readings of a time can be had as CSV. */
export function csvAddress(id: string, fromMs: number, toMs: number, head = 0): string {
  // Spreadsheets read numbers as their reader's language writes them.
  const decimal = (1.5).toLocaleString().includes(',') ? 'comma' : 'point'
  const times = { fromMs: Math.round(fromMs), toMs: Math.round(toMs) }
  const parameters = query({ ...times, head, decimal })
  return `${API_ROOT}/devices/${id}/readings.csv${parameters}`
}

/** Which curve is asked for. */
export interface SeriesQuestion {
  readonly register: string
  readonly fromMs: number
  readonly toMs: number
  readonly points: number
  readonly stream?: string
  readonly head?: number
}

/** Every question that the page asks; the answers' meaning is in `api.ts`. */
export const client = {
  server: (): Promise<ServerInfo> => ask('/server'),
  session: (): Promise<SessionAnswer> => ask('/session'),
  logIn: (request: LoginRequest): Promise<SessionAnswer> => post('/session', request),
  logOut: (): Promise<SessionAnswer> => send('DELETE', '/session'),
  changePassword: (change: PasswordChange): Promise<SessionAnswer> =>
    post('/session/password', change),
  users: (): Promise<UsersAnswer> => ask('/users'),
  addUser: (user: NewUser): Promise<UserView> => post('/users', user),
  changeUser: (name: string, change: UserChange): Promise<UserView> =>
    post(`/users/${encodeURIComponent(name)}`, change),
  tokens: (): Promise<TokensAnswer> => ask('/tokens'),
  addToken: (token: NewToken): Promise<NewTokenAnswer> => post('/tokens', token),
  dropToken: (id: string): Promise<TokensAnswer> => send('DELETE', `/tokens/${id}`),
  devices: (question: DevicesQuestion = {}): Promise<DevicesAnswer> =>
    ask(`/devices${query({ ...question })}`),
  confirmState: (id: string, state: DeviceState): Promise<Confirmation> =>
    post(`/devices/${id}/confirmation`, { state }),
  changeState: (id: string, change: StateChange): Promise<Device> =>
    post(`/devices/${id}/state`, change),
  confirmEnrolment: (publicKey: string): Promise<Confirmation> =>
    post('/devices/confirmation', { publicKey }),
  enrol: (enrolment: Enrolment): Promise<Device> => post('/devices', enrolment),
  audit: (question: { device?: string; before?: string; limit?: number }): Promise<AuditAnswer> =>
    ask(`/audit${query(question)}`),
  tariff: (id: string): Promise<Tariff> => ask(`/devices/${id}/tariff`),
  setTariff: (id: string, tariff: Tariff): Promise<Tariff> =>
    send('PUT', `/devices/${id}/tariff`, tariff),
  costs: (id: string, edgesMs: readonly number[], head?: number): Promise<CostsAnswer> =>
    ask(`/devices/${id}/costs${query({ edges: edgesMs.join(','), head })}`),
  latest: (id: string, head: number): Promise<ReadingView> =>
    ask(`/devices/${id}/latest${query({ head })}`),
  device: (id: string): Promise<Device> => ask(`/devices/${id}`),
  series: (id: string, question: SeriesQuestion): Promise<SeriesAnswer> =>
    ask(`/devices/${id}/series${query({ ...question })}`),
  counters: (
    id: string,
    register: string,
    edgesMs: readonly number[],
    head?: number,
  ): Promise<CountersAnswer> =>
    ask(`/devices/${id}/counters${query({ register, edges: edgesMs.join(','), head })}`),
  evidence: (id: string, stream: string, seq: number): Promise<EvidenceAnswer> =>
    ask(`/devices/${id}/evidence/${encodeURIComponent(stream)}/${seq}`),
  events: (question: { device?: string; before?: string; limit?: number }): Promise<EventsAnswer> =>
    ask(`/events${query(question)}`),
  network: (): Promise<NetworkAnswer> => ask('/network'),
  journey: (): Promise<Journey> => ask('/journey'),
  demo: (): Promise<DemoAnswer> => ask('/demo'),
  switchLink: (id: string, up: boolean): Promise<NetworkLink> =>
    post(`/network/links/${encodeURIComponent(id)}`, { up }),
  switchDemo: (name: DemoSwitch, on: boolean): Promise<DemoAnswer> =>
    post(`/demo/switches/${name}`, { on }),
  policy: (): Promise<PolicyAnswer> => ask('/network/policy'),
  setPolicy: (choice: PolicyChoice): Promise<PolicyAnswer> => post('/network/policy', choice),
  deed: (name: DemoDeed): Promise<DeedAnswer> => post(`/demo/deeds/${name}`, {}),
}
