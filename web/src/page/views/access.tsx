import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { AuditAnswer, TokenView, UserView } from '../../api.ts'
import { accessStore } from '../access.ts'
import { client, ClientError } from '../client.ts'
import { useDeed } from '../deed.ts'
import { wordAccessRefusal } from '../logic/refusals.ts'
import { AuditLines } from '../parts/audit.tsx'
import { Ago } from '../parts/time.tsx'
import { NewTokenDialog } from '../parts/token-dialog.tsx'
import { NewUserDialog, UserDialog } from '../parts/user-dialog.tsx'
import { serverNowMs } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'

/** What was done, asked for at once. */
const LINES = 30

/** What the view shows; a part is absent until it has come. */
interface Known {
  readonly users?: readonly UserView[]
  readonly tokens?: readonly TokenView[]
  readonly audit?: AuditAnswer
  /** Why it could not be asked for. */
  readonly refusal?: string
}

/** People who may log in, programs with a way in of their own, and who did what: for administrators. */
export function AccessView(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [known, setKnown] = useState<Known>({})
  const [round, setRound] = useState(0)
  const again = (): void => {
    setRound((count) => count + 1)
  }
  useEffect(() => {
    const load = async (): Promise<Known> => {
      const [{ users }, { tokens }, audit] = await Promise.all([
        client.users(),
        client.tokens(),
        client.audit({ limit: LINES }),
      ])
      return { users, tokens, audit }
    }
    load().then(setKnown, (error: unknown) => {
      const isOurs = error instanceof ClientError
      const refusal = isOurs ? wordAccessRefusal(error, wordsStore.get()) : String(error)
      setKnown((before) => ({ ...before, refusal }))
    })
  }, [round])
  return (
    <div class="view access-view">
      <h1>{t.views.access}</h1>
      {known.refusal !== undefined && (
        <p class="refusal" role="alert">
          {known.refusal}
        </p>
      )}
      <Users users={known.users} changed={again} />
      <Tokens tokens={known.tokens} changed={again} />
      <section class="card" aria-labelledby="audit-title">
        <header class="card-head">
          <h2 id="audit-title">{t.fleet.audit}</h2>
          {known.audit?.intact === false && <p class="refusal">{t.access.notIntact}</p>}
        </header>
        <AuditLines lines={known.audit?.lines ?? []} />
      </section>
    </div>
  )
}

function Users(props: { users: readonly UserView[] | undefined; changed: () => void }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [opened, setOpened] = useState<UserView>()
  const [adding, setAdding] = useState(false)
  const close = (): void => {
    setOpened(undefined)
    setAdding(false)
    props.changed()
  }
  return (
    <section class="card" aria-labelledby="users-title">
      <header class="card-head">
        <h2 id="users-title">{t.access.users}</h2>
        <p>{t.access.usersHelp}</p>
        <button
          type="button"
          class="button"
          onClick={() => {
            setAdding(true)
          }}
        >
          {t.access.addUser}
        </button>
      </header>
      <div class="scroll" role="group" aria-label={t.access.users} tabIndex={0}>
        <table class="people">
          <thead>
            <tr>
              <th scope="col">{t.login.name}</th>
              <th scope="col">{t.access.role}</th>
              <th scope="col" class="wide">
                {t.access.lastHere}
              </th>
              <th scope="col" class="wide">
                {t.access.since}
              </th>
              <th scope="col">
                <span class="unseen">{t.access.change}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {(props.users ?? []).map((user) => (
              <UserRow key={user.name} user={user} open={setOpened} />
            ))}
          </tbody>
        </table>
      </div>
      {opened !== undefined && <UserDialog user={opened} close={close} />}
      {adding && <NewUserDialog close={close} />}
    </section>
  )
}

function UserRow(props: { user: UserView; open: (user: UserView) => void }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const self = useStore(accessStore, (access) => access.session?.user?.name)
  const { user } = props
  return (
    <tr class={user.disabled ? 'down' : ''}>
      <th scope="row">
        <b>{user.name}</b>
        {user.name === self && <small>{t.access.you}</small>}
      </th>
      <td>
        <span class={`state ${user.disabled ? 'down' : 'active'}`}>
          {user.disabled ? t.access.disabled : t.login.roles[user.role]}
        </span>
      </td>
      <td class="wide">
        {user.lastLoginMs === undefined ? t.fleet.never : <Ago timeMs={user.lastLoginMs} />}
      </td>
      <td class="wide">{f.date(user.createdMs)}</td>
      <td class="number">
        <button
          type="button"
          class="quiet labelled"
          aria-label={`${t.access.change}: ${user.name}`}
          onClick={() => {
            props.open(user)
          }}
        >
          {t.access.change}
        </button>
      </td>
    </tr>
  )
}

function Tokens(props: { tokens: readonly TokenView[] | undefined; changed: () => void }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [adding, setAdding] = useState(false)
  const { tokens } = props
  return (
    <section class="card" aria-labelledby="tokens-title">
      <header class="card-head">
        <h2 id="tokens-title">{t.access.tokens}</h2>
        <p>{t.access.tokensHelp}</p>
        <button
          type="button"
          class="button"
          onClick={() => {
            setAdding(true)
          }}
        >
          {t.access.addToken}
        </button>
      </header>
      {tokens?.length === 0 ? (
        <p class="quietly">{t.access.noTokens}</p>
      ) : (
        <ul class="tokens">
          {(tokens ?? []).map((token) => (
            <Token key={token.id} token={token} changed={props.changed} />
          ))}
        </ul>
      )}
      {adding && (
        <NewTokenDialog
          close={() => {
            setAdding(false)
            props.changed()
          }}
        />
      )}
    </section>
  )
}

function Token(props: { token: TokenView; changed: () => void }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { token } = props
  const [asked, setAsked] = useState(false)
  const [refusal, act] = useDeed(() => undefined, wordAccessRefusal)
  const isOver = token.expiresMs <= serverNowMs()
  const made = { name: token.createdBy, date: f.date(token.createdMs) }
  const until = fill(isOver ? t.access.expired : t.access.until, { date: f.date(token.expiresMs) })
  return (
    <li>
      <div class="token-head">
        <b>{token.name}</b>
        <span>
          {token.lastUsedMs === undefined ? (
            t.access.neverUsed
          ) : (
            <Ago timeMs={token.lastUsedMs} text={t.access.used} />
          )}
        </span>
        <button
          type="button"
          class="quiet labelled"
          aria-expanded={asked}
          aria-label={`${t.access.revoke}: ${token.name}`}
          onClick={() => {
            setAsked(!asked)
          }}
        >
          {t.access.revoke}
        </button>
      </div>
      <p class="scopes">
        {token.scopes.map((scope) => (
          <code key={scope}>{scope}</code>
        ))}
      </p>
      <p>
        <small class={isOver ? 'refusal' : ''}>{until}</small>{' '}
        <small>{fill(t.access.made, made)}</small>
      </p>
      {asked && (
        <form
          class="confirm"
          onSubmit={(event) => {
            event.preventDefault()
            act(async () => {
              await client.dropToken(token.id)
              props.changed()
            })
          }}
        >
          <p>{fill(t.access.revokeWarning, { name: token.name })}</p>
          <p class="refusal" role="alert">
            {refusal}
          </p>
          <button type="submit" class="button danger">
            {fill(t.fleet.confirm, { deed: t.access.revoke })}
          </button>
        </form>
      )}
    </li>
  )
}
