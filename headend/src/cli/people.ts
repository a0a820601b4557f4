import { ROLES, SCOPES, type Role, type UserChange } from '@s3mp/web/api'
import type { Command } from 'commander'
import {
  addToken,
  addUser,
  changeUser,
  dropToken,
  tokenView,
  userView,
  type Desk,
} from '../access/admin.ts'
import { systemClock } from '../clock.ts'
import { HeadendError } from '../errors.ts'
import { systemRandom } from '../headend.ts'
import type { SqliteStore } from '../store/store.ts'
import { harmless, type Output } from './output.ts'
import { askPassword } from './password.ts'
import { commandLine, configOf, openStore } from './place.ts'

interface Common {
  readonly config?: string
  readonly json?: true
}

/** Scopes that a program can have. */
const TOKEN_SCOPES = SCOPES.filter((one) => one !== 'access:admin')

const CONFIG = ['-c, --config <file>', 'the configuration'] as const
const STDIN = ['--password-stdin', 'read the password from standard input, one line'] as const

/** Adds `user` and `token`. */
export function addPeopleCommands(program: Command, output: Output): void {
  addUserCommands(program.command('user').description('who may log in to the page'), output)
  addTokenCommands(program.command('token').description('ways in for programs'), output)
}

function addUserCommands(user: Command, output: Output): void {
  user
    .command('add')
    .description('let somebody in; asks for a password')
    .argument('<name>', 'small letters and digits')
    .option(...CONFIG)
    .option('--role <role>', ROLES.join(', '), 'viewer')
    .option(...STDIN)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  s3mp headend user add anna --role administrator')
    .action(async (name: string, options: Common & { role: string; passwordStdin?: true }) => {
      const role = roleOf(options.role)
      const password = await askPassword(output, options.passwordStdin === true)
      await atDesk(options, async (desk) => {
        const added = await addUser(desk, { name, role, password })
        output.line(options.json ? JSON.stringify(added) : `${added.name}  ${added.role}`)
      })
    })
  user
    .command('list')
    .description('list who may log in')
    .option(...CONFIG)
    .option('--json', 'one JSON object a line')
    .action((options: Common) =>
      atDesk(options, ({ store }) => {
        for (const user of store.people.users()) {
          output.line(options.json ? JSON.stringify(userView(user)) : describeUser(user))
        }
      }),
    )
  addChange(user, output, 'disable', 'let somebody in no more', () => ({ disabled: true }))
  addChange(user, output, 'enable', 'let somebody in again', () => ({ disabled: false }))
  addChange(user, output, 'role', `give a role: ${ROLES.join(', ')}`, (role) => ({
    role: roleOf(role ?? ''),
  }))
  user
    .command('password')
    .description('set somebody’s password; her sessions end')
    .argument('<name>')
    .option(...CONFIG)
    .option(...STDIN)
    .action(async (name: string, options: Common & { passwordStdin?: true }) => {
      const password = await askPassword(output, options.passwordStdin === true)
      await atDesk(options, async (desk) => {
        await changeUser(desk, name, { password })
        output.line(`${name} has a new password`)
      })
    })
}

function addChange(
  user: Command,
  output: Output,
  name: string,
  description: string,
  change: (word: string | undefined) => UserChange,
): void {
  const command = user.command(name).description(description).argument('<name>')
  if (name === 'role') command.argument('<role>')
  command.option(...CONFIG).action(async (who: string, word: string | Common, rest: Common) => {
    const [role, options] = typeof word === 'string' ? [word, rest] : [undefined, word]
    await atDesk(options, async (desk) => {
      const { name: changed, role: now, disabled } = await changeUser(desk, who, change(role))
      output.line(`${changed}  ${now}${disabled ? '  disabled' : ''}`)
    })
  })
}

function addTokenCommands(token: Command, output: Output): void {
  token
    .command('add')
    .description('give a program a way in; the secret is printed once')
    .argument('<name>', 'what it is for')
    .requiredOption('--scopes <list>', TOKEN_SCOPES.join(','))
    .option('--days <number>', 'how long it is good', '90')
    .option(...CONFIG)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  s3mp headend token add prometheus --scopes metrics:read')
    .action((name: string, options: Common & { scopes: string; days: string }) =>
      atDesk(options, (desk) => {
        const named = options.scopes.split(',')
        const unknown = named.find((one) => !SCOPES.some((scope) => scope === one))
        if (unknown !== undefined) {
          const message = `--scopes: expected some of ${TOKEN_SCOPES.join(',')}, found '${unknown}'`
          throw new HeadendError('ERR_HEADEND_REQUEST', message)
        }
        const scopes = SCOPES.filter((scope) => named.includes(scope))
        const made = addToken(desk, { name, scopes, days: Number(options.days) })
        output.line(options.json ? JSON.stringify(made) : made.secret)
        if (!options.json) output.note('Keep it now: it is shown this once.')
      }),
    )
  token
    .command('list')
    .description('list the tokens, without their secrets')
    .option(...CONFIG)
    .option('--json', 'one JSON object a line')
    .action((options: Common) =>
      atDesk(options, ({ store }) => {
        for (const token of store.people.tokens()) {
          const { id, name, scopes, expiresMs } = token
          const until = new Date(expiresMs).toISOString()
          const line = `${id}  ${harmless(name)}  ${scopes.join(',')}  until ${until}`
          output.line(options.json ? JSON.stringify(tokenView(token)) : line)
        }
      }),
    )
  token
    .command('remove')
    .description('take a token away, at once')
    .argument('<id>')
    .option(...CONFIG)
    .action((id: string, options: Common) =>
      atDesk(options, (desk) => {
        dropToken(desk, id)
        output.line(`token ${id} is good for nothing any more`)
      }),
    )
}

function describeUser(user: {
  readonly name: string
  readonly role: Role
  readonly disabled: boolean
  readonly loginMs: number | undefined
}): string {
  const { name, role, disabled, loginMs } = user
  const seen = loginMs === undefined ? 'never' : new Date(loginMs).toISOString()
  return `${name}  ${role}${disabled ? '  disabled' : ''}  last log-in ${seen}`
}

function roleOf(word: string): Role {
  const role = ROLES.find((one) => one === word)
  if (role !== undefined) return role
  const message = `role: expected one of ${ROLES.join(', ')}, found '${harmless(word)}'`
  throw new HeadendError('ERR_HEADEND_REQUEST', message)
}

async function atDesk(
  options: Common,
  work: (desk: Desk & { readonly store: SqliteStore }) => void | Promise<void>,
): Promise<void> {
  const store = openStore(configOf(options))
  try {
    await work({ store, random: systemRandom, nowMs: systemClock.nowMs(), who: commandLine() })
  } finally {
    store.close()
  }
}
