import { formatIsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { ToolArguments } from './arguments.ts'
import { HELP, parseArguments } from './arguments.ts'
import { toJson, toYaml } from './output.ts'
import { ping } from './ping.ts'
import type { ToolWorld } from './session.ts'
import { localAddress, openSource } from './session.ts'
import { showPaths } from './showpaths.ts'
import { traceroute } from './traceroute.ts'

/** Exit statuses, those of the reference's tools. */
export const EXIT = { done: 0, no: 1, other: 2 } as const

/**
 * Runs a tool and returns its exit status: 0 done, 1 no path or no answer, 2 anything else. Errors
 * are one sentence on `complain`, with their code.
 */
export async function runTool(
  words: readonly string[],
  world: ToolWorld,
  complain: (text: string) => void,
): Promise<number> {
  try {
    const tool = parseArguments(words)
    if (tool === 'help') {
      world.write(HELP)
      return EXIT.done
    }
    return await run(tool, world)
  } catch (error) {
    if (!(error instanceof ScionError)) throw error
    complain(`s3mp-scion: ${error.message} (${error.code})\n`)
    return error.code === 'ERR_SCION_NO_PATH' ? EXIT.no : EXIT.other
  }
}

async function run(tool: ToolArguments, world: ToolWorld): Promise<number> {
  switch (tool.tool) {
    case 'address':
      return await address(tool, world)
    case 'showpaths':
      return await showPaths(tool, world)
    case 'ping':
      return await ping(tool, world)
    case 'traceroute':
      return await traceroute(tool, world)
  }
}

async function address(tool: ToolArguments, world: ToolWorld): Promise<number> {
  const source = await openSource(tool, world)
  try {
    const ip = await localAddress(tool, source, world)
    const isdAs = formatIsdAs(source.local.isdAs)
    const text = `${isdAs},${ip}`
    const write = tool.format === 'json' ? toJson : toYaml
    const structured = { addresses: [{ isd_as: isdAs, ip, address: text }] }
    world.write(tool.format === 'human' ? `${text}\n` : write(structured))
    return EXIT.done
  } finally {
    await source.close()
  }
}
