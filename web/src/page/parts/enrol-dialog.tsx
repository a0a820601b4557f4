import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { Confirmation } from '../../api.ts'
import { client } from '../client.ts'
import { useDeed } from '../deed.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'
import { Confirm } from './device-dialog.tsx'
import { Dialog } from './dialog.tsx'
import { TextField } from './field.tsx'

/** Characters of a public key file; a longer one is none. */
export const KEY_FILE_CHARS_MAX = 4096

/** Takes a meter in: its name, its public key, and a look at the key's fingerprint. */
export function EnrolDialog(props: { close: () => void }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [name, setName] = useState('')
  const [publicKey, setPublicKey] = useState('')
  const [confirmation, setConfirmation] = useState<Confirmation>()
  const [refusal, act] = useDeed(() => {
    setConfirmation(undefined)
  })
  // Another key needs another look.
  const take = (text: string): void => {
    setPublicKey(text)
    setConfirmation(undefined)
  }
  return (
    <Dialog title={t.fleet.enrol} close={props.close}>
      <form
        class="own-policy"
        onSubmit={(event) => {
          event.preventDefault()
          act(async () => {
            setConfirmation(await client.confirmEnrolment(publicKey))
          })
        }}
      >
        <TextField label={t.fleet.name} value={name} set={setName} max={100} />
        <TextField
          label={t.fleet.key}
          value={publicKey}
          set={take}
          rows={5}
          max={KEY_FILE_CHARS_MAX}
        />
        <label class="field">
          {t.fleet.keyFile}
          <input
            type="file"
            onChange={(event) => {
              const [file] = event.currentTarget.files ?? []
              void file?.slice(0, KEY_FILE_CHARS_MAX).text().then(take)
            }}
          />
        </label>
        <p class="refusal" role="alert">
          {refusal}
        </p>
        <button type="submit" class="button">
          {t.fleet.next}
        </button>
      </form>
      {confirmation !== undefined && (
        <Confirm
          warning={t.fleet.enrolWarning}
          deed={t.fleet.enrol}
          confirmation={confirmation}
          confirm={(reason) => {
            act(async () => {
              await client.enrol({ name, publicKey, reason, confirm: confirmation.confirm })
              props.close()
            })
          }}
        />
      )}
    </Dialog>
  )
}
