import { processOutput } from './cli/output.ts'
import { runProgram } from './cli/program.ts'

const NODE_MAJOR_MIN = 24

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  processOutput.note(
    `s3mp-headend: needs Node ${NODE_MAJOR_MIN} or newer, found ${process.versions.node}; run 'npm ci' in the project's folder, which brings it (ERR_S3MP_NODE)`,
  )
  process.exit(1)
}

// Whoever reads the output may have seen enough, as in s3mp headend export ID | head: no error.
process.stdout.on('error', () => {
  process.exit()
})

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.once(name, () => {
    stop.abort()
  })
}
process.exitCode = await runProgram(process.argv.slice(2), processOutput, stop.signal)
