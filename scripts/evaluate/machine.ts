import { cpus, loadavg, release, totalmem } from 'node:os'

/** The machine that measured, in one sentence of the report. */
export function describeMachine(): string {
  const [cpu] = cpus()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const processors = `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}`
  const load = loadavg()[0]?.toFixed(1) ?? 'unknown'
  return `${processors}, ${memory}, Linux ${release()}, Node.js ${process.version}; load average before the start ${load}`
}
