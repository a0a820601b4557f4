import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import { ROLES } from '../../api.ts'
import type { Role, UserChange, UserView } from '../../api.ts'
import { client } from '../client.ts'
import { useDeed } from '../deed.ts'
import { wordAccessRefusal } from '../logic/refusals.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { Dialog } from './dialog.tsx'
import { TextField } from './field.tsx'
import { NewPassword } from './password-dialog.tsx'

/** Characters of a user's name. */
const NAME_CHARS = 32

/** Lets somebody in: a name, a role, and a first password to be handed over. */
export function NewUserDialog(props: { close: () => void }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [password, setPassword] = useState('')
  const [refusal, act] = useDeed(() => undefined, wordAccessRefusal)
  return (
    <Dialog title={t.access.addUser} close={props.close}>
      <form
        class="own-policy"
        onSubmit={(event) => {
          event.preventDefault()
          act(async () => {
            await client.addUser({ name: name.trim(), role, password })
            props.close()
          })
        }}
      >
        <TextField
          label={t.login.name}
          value={name}
          set={setName}
          max={NAME_CHARS}
          hint={t.access.nameRule}
          input={{ name: 'user', autocomplete: 'off' }}
        />
        <RoleField role={role} set={setRole} />
        <NewPassword label={t.access.firstPassword} value={password} set={setPassword} />
        <p class="refusal" role="alert">
          {refusal}
        </p>
        <button type="submit" class="button main">
          {t.access.addUser}
        </button>
      </form>
    </Dialog>
  )
}

function RoleField(props: { role: Role; set: (role: Role) => void }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  return (
    <fieldset class="choices">
      <legend>{t.access.role}</legend>
      {ROLES.map((role) => (
        <label key={role}>
          <input
            type="radio"
            name="role"
            value={role}
            checked={role === props.role}
            onChange={() => {
              props.set(role)
            }}
          />
          <span>
            {t.login.roles[role]} <small>{t.access.may[role]}</small>
          </span>
        </label>
      ))}
    </fieldset>
  )
}

/** What can be done to a user; each ends her sessions, and so each is asked twice. */
type Deed = 'role' | 'password' | 'disable' | 'enable'

/** One user: her role, a new password for her, whether she may log in. */
export function UserDialog(props: { user: UserView; close: () => void }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { user } = props
  const [asked, setAsked] = useState<Deed>()
  const last = user.lastLoginMs
  const deeds: readonly Deed[] = ['role', 'password', user.disabled ? 'enable' : 'disable']
  return (
    <Dialog title={user.name} close={props.close}>
      <p class="quietly">
        {t.login.roles[user.role]}
        {user.disabled && `, ${t.access.disabled}`}.{' '}
        {last === undefined ? t.access.neverIn : fill(t.access.lastIn, { time: f.dateTime(last) })}
      </p>
      <div class="action-buttons">
        {deeds.map((deed) => (
          <button
            key={deed}
            type="button"
            class={`button ${deed === 'disable' ? 'danger' : ''}`}
            aria-expanded={asked === deed}
            onClick={() => {
              setAsked(asked === deed ? undefined : deed)
            }}
          >
            {t.access.deeds[deed]}
          </button>
        ))}
      </div>
      {asked !== undefined && <ConfirmDeed key={asked} {...props} deed={asked} />}
    </Dialog>
  )
}

/** What a deed would do, what it needs, and the button that does it. */
function ConfirmDeed(props: { user: UserView; deed: Deed; close: () => void }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const { user, deed, close } = props
  const [role, setRole] = useState(user.role)
  const [password, setPassword] = useState('')
  const [refusal, act] = useDeed(() => undefined, wordAccessRefusal)
  const changes: Readonly<Record<Deed, UserChange>> = {
    role: { role },
    password: { password },
    disable: { disabled: true },
    enable: { disabled: false },
  }
  return (
    <form
      class={`confirm ${deed === 'disable' ? '' : 'mild'}`}
      onSubmit={(event) => {
        event.preventDefault()
        act(async () => {
          await client.changeUser(user.name, changes[deed])
          close()
        })
      }}
    >
      {deed === 'role' && <RoleField role={role} set={setRole} />}
      {deed === 'password' && (
        <NewPassword label={t.access.next} value={password} set={setPassword} />
      )}
      <p>{fill(t.access.warnings[deed], { name: user.name })}</p>
      <p class="refusal" role="alert">
        {refusal}
      </p>
      <button
        type="submit"
        class={`button ${deed === 'disable' ? 'danger' : 'main'}`}
        disabled={deed === 'role' && role === user.role}
      >
        {fill(t.fleet.confirm, { deed: t.access.deeds[deed] })}
      </button>
    </form>
  )
}
