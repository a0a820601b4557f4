import { setTimeout as sleep } from 'node:timers/promises'
import { runTool } from './tools/run.ts'

// Whoever reads the output may have seen enough: no error.
process.stdout.on('error', () => {
  process.exit()
})

const interrupted = new AbortController()
process.once('SIGINT', () => {
  interrupted.abort(new Error('interrupted'))
})

process.exitCode = await runTool(
  process.argv.slice(2),
  {
    clock: {
      nowMs: () => Math.floor(performance.timeOrigin + performance.now()),
      monotonicMs: () => performance.now(),
      sleep: async (ms, signal) => {
        await sleep(ms, undefined, signal === undefined ? {} : { signal })
      },
    },
    random: () => crypto.getRandomValues(new Uint32Array(1)).reduce((_, one) => one / 2 ** 32, 0),
    environment: process.env,
    write: (text) => process.stdout.write(text),
    signal: interrupted.signal,
  },
  (text) => process.stderr.write(text),
)
