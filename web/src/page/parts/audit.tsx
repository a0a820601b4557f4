import type { VNode } from 'preact'
import type { AuditLine } from '../../api.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'
import { wordFor } from '../texts/texts.ts'
import { Ago } from './time.tsx'

/** A longer subject, such as a device's id, nobody reads to the end. */
const LONG_CHARS = 40

/** Characters of it that are shown. */
const SHORT_CHARS = 12

/** Who did what, newest first; `brief` where every line is about the same. */
export function AuditLines(props: { lines: readonly AuditLine[]; brief?: boolean }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  return (
    <ol class="events audit">
      {props.lines.map((line) => (
        <li key={line.id}>
          <span class="event-mark">{line.who}</span>
          <span>
            {wordFor(t.fleet.deeds, codeOf(line)) ?? line.action}{' '}
            {!props.brief && <Subject line={line} />}
            {line.reason !== undefined && <small>{line.reason}</small>}
          </span>
          <small>
            <Ago timeMs={line.atMs} />
          </small>
        </li>
      ))}
    </ol>
  )
}

/** Who changes herself is told as such: beside her name hers would read oddly. */
function codeOf({ action, subject, who }: AuditLine): string {
  return action === 'user.changed' && subject === who ? `${action}.self` : action
}

/** Whom or what it was done to, where that is somebody else. */
function Subject({ line }: { line: AuditLine }): VNode | null {
  const { device, subject, who } = line
  if (subject === who) return null
  const text = subject.length > LONG_CHARS ? `${subject.slice(0, SHORT_CHARS)}…` : subject
  return <>{device === undefined ? <b>{text}</b> : <a href={`#/household/${device}`}>{text}</a>} </>
}
