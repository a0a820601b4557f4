import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './source.ts'

/** Every page there is, from the project's root. */
export function docsPages(): readonly string[] {
  return [
    ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
    ...['scion/README.md'].filter((name) => existsSync(join(ROOT, name))),
  ]
}

/** A command line that a page tells its reader to type. */
export interface Documented {
  readonly page: string
  /** Without the comment behind it. */
  readonly line: string
}

/** The lines of a page's shell blocks; continued lines are joined, comments and prompts left out. */
export function shellLines(page: string): readonly Documented[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return [...text.matchAll(/^( *)```(?:sh|bash)\n([^]*?)^\1```/gm)].flatMap(([, , body = '']) =>
    body
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .map((line) => line.replace(/(^|\s)#\s.*$/, '').trim())
      .filter((line) => line !== '')
      .map((line) => ({ page, line })),
  )
}

/** Every `s3mp …` that a page shows, in blocks and within sentences, as words. */
export function s3mpCommands(page: string): readonly (readonly string[])[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(
    /^( *)```[^]*?^\1```|<!--[^]*?-->/gm,
    '',
  )
  const inline = [...text.matchAll(/`([^`\n]+(?:\n[^`\n]+)?)`/g)].map(([, code = '']) => code)
  return [...shellLines(page).map(({ line }) => line), ...inline].flatMap((line) => {
    const words = line.replace(/^(?:sudo(?: -u \S+)? )?(?:npx )?/, '').split(/\s+/)
    const [program, ...rest] = words
    if (program === 's3mp') return [rest]
    return program === 's3mp-headend' ? [['headend', ...rest]] : []
  })
}
