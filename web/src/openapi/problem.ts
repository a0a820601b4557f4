import type { z } from 'zod'

/** What is wrong with a body, in the words of every refusal: `field: expected, found`. */
export function problemOf({ issues }: z.ZodError): string {
  const [issue] = issues
  const field = issue === undefined || issue.path.length === 0 ? 'body' : issue.path.join('.')
  const reason = issue?.message.replace(/^Invalid input: /, '') ?? 'is wrong'
  return `${field}: ${reason.replace(/, received /, ', found ')}`
}
