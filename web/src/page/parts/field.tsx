import type { TargetedEvent, VNode } from 'preact'

/** What a browser should know of a field. */
export interface FieldAttributes {
  readonly name?: string
  readonly isSecret?: boolean
  readonly type?: 'time'
  readonly autocomplete?: 'username' | 'current-password' | 'new-password' | 'one-time-code' | 'off'
  readonly inputMode?: 'decimal' | 'numeric'
  readonly pattern?: string
}

/** A labelled place to type in; `rows` makes it a larger one. */
export function TextField(props: {
  label: string
  value: string
  set: (value: string) => void
  rows?: number
  input?: FieldAttributes
  max?: number
  optional?: boolean
  /** What is asked of it, told beside it. */
  hint?: string
}): VNode {
  const shared = {
    autocapitalize: 'off' as const,
    required: props.optional !== true,
    maxLength: props.max ?? 256,
    value: props.value,
    onInput: (event: TargetedEvent<HTMLInputElement | HTMLTextAreaElement>) => {
      props.set(event.currentTarget.value)
    },
  }
  return (
    <label class="field">
      <span>
        {props.label} {props.hint !== undefined && <small>{props.hint}</small>}
      </span>
      {field(props, shared)}
    </label>
  )
}

function field(
  { rows, input = {} }: { rows?: number; input?: FieldAttributes },
  shared: object,
): VNode {
  if (rows !== undefined) return <textarea rows={rows} spellcheck={false} {...shared} />
  const { isSecret = false, ...rest } = input
  // The two are different elements to the compiler.
  return isSecret ? (
    <input type="password" {...rest} {...shared} />
  ) : (
    <input {...rest} {...shared} />
  )
}
