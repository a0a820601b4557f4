import { useState } from 'preact/hooks'
import { ClientError } from './client.ts'

/** Does something that the server may refuse: what it said last, and a way to try. */
export function useDeed(
  onRefused: () => void,
): readonly [refusal: string, act: (deed: () => Promise<void>) => void] {
  const [refusal, setRefusal] = useState('')
  const act = (deed: () => Promise<void>): void => {
    deed().then(
      () => {
        setRefusal('')
      },
      (error: unknown) => {
        setRefusal(error instanceof ClientError ? error.message : String(error))
        onRefused()
      },
    )
  }
  return [refusal, act]
}
