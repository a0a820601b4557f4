import { statusView } from '../status/view.ts'
import type { Finding } from './checks.ts'

/** Quality below which a head sits badly, as the share of whole telegrams. */
const QUALITY_MIN = 0.95

/** What a running meter says of its heads, and of its way to the head-end. */
export function runningFindings(status: unknown): {
  readonly heard: Finding
  readonly delivered: Finding
} {
  const { heads, isUplinkThere, isConfirmed, waiting, forbidden } = statusView(status)
  const bad = heads.filter(({ quality }) => quality === undefined || quality < QUALITY_MIN)
  const words = heads.map(({ name, telegrams, quality }) => {
    const percent = quality === undefined ? 'nothing yet' : `${String(Math.round(quality * 100))} %`
    return `${name}: ${String(telegrams)} telegrams, recently ${percent} whole`
  })
  const heard: Finding = {
    check: 'head',
    verdict: bad.length === 0 ? 'ok' : 'problem',
    text: `the running meter hears ${words.join('; ')}`,
    ...(bad.length === 0
      ? {}
      : { remedy: 'move the head: systemctl stop s3mp-meter, then s3mp align' }),
  }
  const delivered: Finding = isConfirmed
    ? { check: 'reached', verdict: 'ok', text: `the head-end answers, ${String(waiting)} wait` }
    : {
        check: 'reached',
        verdict: 'problem',
        text: forbidden ?? (isUplinkThere ? 'the head-end has not answered' : 'there is no uplink'),
        remedy: isUplinkThere
          ? 'is this device enrolled there (s3mp headend enroll), and is its address right in [uplink]?'
          : 'systemctl start s3mp-uplink',
      }
  return { heard, delivered }
}
