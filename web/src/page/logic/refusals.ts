import type { ClientError } from '../client.ts'
import { fill } from '../texts/fill.ts'
import type { Words } from '../texts/index.ts'

/** Why a password will not do, as the server's code has it. */
const PASSWORD_PROBLEM = /too-short|too-long|too-plain/

/** What a server's refusal of something about people and programs means, in the reader's words. */
export function wordAccessRefusal(
  error: Pick<ClientError, 'code' | 'message' | 'retryAfterS'>,
  { t, f }: Words,
): string {
  // prettier-ignore
  const { code, message } = error
  switch (code) {
    case 'wrong_credentials':
      return t.access.wrongCurrent
    case 'bad_password':
      return t.access.problems[problemIn(message)]
    case 'too_many_attempts':
      return fill(t.login.tooMany, { span: f.span((error.retryAfterS ?? 60) * 1000) })
    case 'conflict':
      return message.includes('last administrator') ? t.access.last : t.access.taken
    case 'unreachable':
      return t.login.unreachable
    case 'bad_request':
      return message.startsWith('name: ') ? t.access.badName : message
    default:
      return message
  }
}

function problemIn(message: string): 'too-short' | 'too-long' | 'too-plain' {
  const [found] = PASSWORD_PROBLEM.exec(message) ?? []
  return found === 'too-long' || found === 'too-plain' ? found : 'too-short'
}
