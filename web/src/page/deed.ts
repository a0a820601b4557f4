import { useState } from 'preact/hooks'
import { ClientError } from './client.ts'
import { wordsStore } from './texts/index.ts'
import type { Words } from './texts/index.ts'

/**
 * Does something that the server may refuse: what it said last, a way to try, and a way to refuse it
 * oneself. `word` puts a refusal into the reader's words; the server's own are shown where it is left out.
 */
export function useDeed(
  onRefused: () => void,
  word: (error: ClientError, words: Words) => string = ({ message }) => message,
): readonly [
  refusal: string,
  act: (deed: () => Promise<void>) => void,
  refuse: (why: string) => void,
] {
  const [refusal, setRefusal] = useState('')
  const act = (deed: () => Promise<void>): void => {
    deed().then(
      () => {
        setRefusal('')
      },
      (error: unknown) => {
        setRefusal(error instanceof ClientError ? word(error, wordsStore.get()) : String(error))
        onRefused()
      },
    )
  }
  return [refusal, act, setRefusal]
}
