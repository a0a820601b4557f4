import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { Command, Option } from 'commander'
import { before, describe, it } from 'mocha'

import { completionScript, SHELLS } from '../../src/reference/completion.ts'
import { manualPage } from '../../src/reference/manual.ts'
import { outlineOf, type CommandOutline } from '../../src/reference/outline.ts'

function sample(): Command {
  const program = new Command('s3mp')
  program
    .command('decode')
    .description("what a meter's telegram says")
    .argument('<file>')
    .addOption(new Option('-p, --protocol <name>', 'protocol').choices(['auto', 'sml']))
    .addOption(new Option('--secret').hideHelp())
    .option('--json', 'one line: a telegram')
  program.command('run').description('read and send').option('-c, --config <file>', 'configuration')
  return program
}

describe('the outline of the command line', () => {
  it('has every command with its flags, but the hidden ones, and the programs next door', () => {
    const outline = outlineOf(sample())
    assert.deepEqual(
      outline.map(({ name }) => name),
      ['decode', 'headend', 'run', 'scion'],
    )
    const flags = outline.filter(({ name }) => name === 'decode').flatMap((one) => one.flags)
    assert.deepEqual(
      flags.map(({ names, choices }) => [...names, ...choices]),
      [['-p', '--protocol', 'auto', 'sml'], ['--json'], ['-h', '--help']],
    )
  })
})

describe('completion for bash', () => {
  let script: string

  before(() => {
    script = completionScript('bash', outlineOf(sample()))
  })

  function complete(...words: readonly string[]): readonly string[] {
    const list = words.map((word) => `'${word}'`).join(' ')
    const ask = `COMP_WORDS=(s3mp ${list}); COMP_CWORD=${String(words.length)}; _s3mp; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr } = spawnSync('bash', ['-c', `${script}\n${ask}`], { encoding: 'utf8' })
    assert.equal(stderr, '')
    return stdout.split('\n').filter((line) => line !== '')
  }

  it('completes commands, flags and the words of a flag', function () {
    if (spawnSync('bash', ['--version']).status !== 0) this.skip()
    assert.deepEqual(complete('d'), ['decode'])
    assert.deepEqual(complete(''), ['decode', 'headend', 'run', 'scion'])
    assert.deepEqual(complete('decode', '--j'), ['--json'])
    assert.deepEqual(complete('decode', '-p', 's'), ['sml'])
    assert.deepEqual(complete('run', '--c'), ['--config'])
    assert.deepEqual(complete('run', '--config', ''), ['-c', '--config', '-h', '--help'])
  })
})

describe('completion for any shell', () => {
  it('speaks of every command and survives quotes in what it quotes', () => {
    for (const shell of SHELLS) {
      const script = completionScript(shell, outlineOf(sample()))
      for (const { name } of outlineOf(sample()))
        assert.ok(script.includes(name), `${shell} ${name}`)
      assert.equal((script.match(/'/gu) ?? []).length % 2, 0, `${shell}: an odd quote`)
    }
  })
})

describe('the manual page', () => {
  const commands: readonly CommandOutline[] = outlineOf(sample())
  const page = manualPage({ version: '1.2.3', description: '.a meter' }, commands)

  it('shows every command and flag, in roff that means text only', () => {
    assert.match(page, /^\.TH S3MP 1/u)
    assert.match(page, /\.SS s3mp decode/u)
    assert.match(page, /\\-\\-protocol <name>/u)
    assert.match(page, /s3mp \\- \\&\.a meter/u)
    for (const line of page.split('\n').filter((one) => one.startsWith('.'))) {
      assert.match(line, /^\.(TH|SH|SS|TP|B)( |$)/u)
    }
  })
})
