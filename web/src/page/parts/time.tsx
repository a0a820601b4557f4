import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { serverNowMs } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'

/** The server's time, a second at a time, for as long as somebody looks. */
export function useNow(): number {
  const [nowMs, setNowMs] = useState(serverNowMs)
  useEffect(() => {
    const look = (): void => {
      setNowMs(serverNowMs())
    }
    look()
    const timer = setInterval(look, 1000)
    return () => {
      clearInterval(timer)
    }
  }, [])
  return nowMs
}

/** How long ago something was, kept right while it is looked at; `text` frames it ("read {text}"). */
export function Ago(props: { timeMs: number; text?: string }): VNode {
  const { f } = useStore(wordsStore, (words) => words)
  const nowMs = useNow()
  // Two clocks never agree to the millisecond: what was read cannot be in the future.
  const shown = f.relative(Math.min(props.timeMs, nowMs), nowMs)
  return (
    <time dateTime={new Date(props.timeMs).toISOString()} title={f.dateTime(props.timeMs)}>
      {props.text === undefined ? shown : fill(props.text, { text: shown })}
    </time>
  )
}
