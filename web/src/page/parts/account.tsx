import type { VNode } from 'preact'
import { accessStore, logOut } from '../access.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'

/** Who is logged in, as what, and the way out. */
export function Account(): VNode | null {
  const { t } = useStore(wordsStore, (words) => words)
  const access = useStore(accessStore, (value) => value)
  const user = access.session?.user
  if (access.state !== 'in' || user === undefined) return null
  return (
    <span class="account">
      <span>
        {user.name} <small>{t.login.roles[user.role]}</small>
      </span>
      <button type="button" class="quiet labelled" onClick={() => void logOut()}>
        {t.login.leave}
      </button>
    </span>
  )
}
