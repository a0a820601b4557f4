import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { POLICY_CHARS_MAX } from '../../api.ts'
import type { NetworkAnswer, PathRuling, PolicyAnswer, PolicyChoice } from '../../api.ts'
import { client, ClientError } from '../client.ts'
import { pathName } from '../logic/paths.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { wordFor } from '../texts/texts.ts'

/** When a server that did not answer is asked again. */
const AGAIN_MS = 3000

/** What an own policy begins with. */
const FIRST_TEXT = { acl: '- 1-ff00:0:120\n+', sequence: '0* 1-ff00:0:110 0*' } as const

/** Which paths the owner allows: chosen by name or typed, in force at once. */
export function PolicyCard(props: { network: NetworkAnswer }): VNode | null {
  const { t } = useStore(wordsStore, (words) => words)
  const [policy, setPolicy] = useState<PolicyAnswer>()
  const [refusal, setRefusal] = useState('')
  // Another policy makes another set of paths that are refused.
  const paths = props.network.paths.map(({ id, state }) => id + String(state === 'refused')).join()
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let gone = false
    const ask = (): void => {
      client.policy().then(
        (answer) => {
          if (!gone) setPolicy(answer)
        },
        (error: unknown) => {
          // A server without policies says so; any other silence passes.
          const isNone = error instanceof ClientError && error.status === 404
          if (!gone && !isNone) timer = setTimeout(ask, AGAIN_MS)
        },
      )
    }
    ask()
    return () => {
      gone = true
      clearTimeout(timer)
    }
  }, [paths])
  if (policy === undefined) return null
  const choose = async (choice: PolicyChoice): Promise<void> => {
    try {
      setPolicy(await client.setPolicy(choice))
      setRefusal('')
    } catch (error) {
      setRefusal(error instanceof ClientError ? error.message : String(error))
    }
  }
  return (
    <section class="card policy" aria-labelledby="policy-title">
      <h2 id="policy-title">{t.policy.title}</h2>
      {policy.choice.kind === 'configured' ? (
        <p class="quietly">
          {policy.choice.name === ''
            ? t.policy.unset
            : fill(t.policy.configured, { name: policy.choice.name })}
        </p>
      ) : (
        <Choices policy={policy} choice={policy.choice} choose={choose} />
      )}
      <p class="refusal" role="alert">
        {refusal !== '' && fill(t.policy.refused, { reason: refusal })}
      </p>
      <Rulings rulings={policy.rulings} network={props.network} />
    </section>
  )
}

/** What the reader may choose from. */
function Choices(props: {
  policy: PolicyAnswer
  choice: PolicyChoice
  choose: (choice: PolicyChoice) => Promise<void>
}): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const { policy, choice, choose } = props
  return (
    <>
      <p class="quietly">{t.policy.help}</p>
      <fieldset class="choices">
        <legend class="unseen">{t.policy.title}</legend>
        {policy.named.map((name) => (
          <label key={name}>
            <input
              type="radio"
              name="policy"
              checked={choice.kind === 'named' && choice.name === name}
              onChange={() => void choose({ kind: 'named', name })}
            />
            {wordFor(t.policy.named, name) ?? name}
          </label>
        ))}
      </fieldset>
      <OwnPolicy choice={choice} choose={choose} />
    </>
  )
}

/** An access list or a sequence, as network people write them. */
function OwnPolicy(props: {
  choice: PolicyChoice
  choose: (choice: PolicyChoice) => Promise<void>
}): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const { choice } = props
  const own = choice.kind === 'named' ? undefined : choice
  const [kind, setKind] = useState<'acl' | 'sequence'>(own?.kind ?? 'acl')
  const [text, setText] = useState(own?.text ?? FIRST_TEXT.acl)
  return (
    <details open={own !== undefined}>
      <summary>{t.policy.own}</summary>
      <form
        class="own-policy"
        onSubmit={(event) => {
          event.preventDefault()
          void props.choose({ kind, text })
        }}
      >
        <div class="segments" role="group" aria-label={t.policy.own}>
          {(['acl', 'sequence'] as const).map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={each === kind}
              onClick={() => {
                setKind(each)
                setText(FIRST_TEXT[each])
              }}
            >
              {t.policy.kinds[each]}
            </button>
          ))}
        </div>
        <label>
          <span class="quietly">{t.policy.hints[kind]}</span>
          <textarea
            rows={3}
            maxLength={POLICY_CHARS_MAX}
            spellcheck={false}
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value)
            }}
          />
        </label>
        <button type="submit" class="button">
          {t.policy.apply}
        </button>
      </form>
    </details>
  )
}

/** What the policy makes of each path, and which rule did. */
function Rulings(props: { rulings: readonly PathRuling[]; network: NetworkAnswer }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const allowed = props.rulings.filter((ruling) => ruling.allowed).length
  return (
    <details>
      <summary>{fill(t.policy.count, { allowed, total: props.rulings.length })}</summary>
      <ul class="rulings">
        {props.rulings.map((ruling) => (
          <li key={ruling.path} class={ruling.allowed ? 'in' : 'out'}>
            <b>{pathName(props.network, ruling.path, t)}</b>
            <span>{ruling.allowed ? t.policy.allowed : t.policy.by[ruling.by]}</span>
            {ruling.rule !== undefined && <code>{ruling.rule}</code>}
          </li>
        ))}
      </ul>
    </details>
  )
}
