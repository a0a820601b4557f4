import type { LoginRequest, Scope, SessionAnswer } from '../api.ts'
import { client, ClientError } from './client.ts'
import { createStore, useStore } from './store.ts'

/** How the reader stands with the server: not asked yet, let in, or to log in (again). */
export interface Access {
  readonly state: 'unknown' | 'in' | 'out'
  readonly session?: SessionAnswer
  /** True where a session ended while the page was open. */
  readonly expired: boolean
}

/** Who the server takes the reader for. */
export const accessStore = createStore<Access>({ state: 'unknown', expired: false })

/** Asks who the server takes this reader for; true where it lets her in. */
export async function askAccess(): Promise<boolean> {
  const session = await client.session()
  const isIn = session.access === 'open' || session.user !== undefined
  const expired = !isIn && (accessStore.get().state === 'in' || accessStore.get().expired)
  accessStore.set({ state: isIn ? 'in' : 'out', session, expired })
  return isIn
}

/** Logs in. @throws ClientError as the server refuses. */
export async function logIn(request: LoginRequest): Promise<void> {
  const session = await client.logIn(request)
  accessStore.set({ state: 'in', session, expired: false })
}

/** Logs out; what the page knew is forgotten with it. */
export async function logOut(): Promise<void> {
  const session = await client.logOut()
  accessStore.set({ state: 'out', session, expired: false })
}

/** Takes note of a refusal: 401 means that the session has ended. */
export function noteRefusal(error: unknown): void {
  const access = accessStore.get()
  if (!(error instanceof ClientError) || error.code !== 'not_logged_in') return
  if (access.state === 'in') accessStore.set({ ...access, state: 'out', expired: true })
}

/** Whether the reader may do what `scope` names. What one may not do is not shown. */
export function useMay(scope: Scope): boolean {
  return useStore(accessStore, (access) => access.session?.scopes.includes(scope) === true)
}
