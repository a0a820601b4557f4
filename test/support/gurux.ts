import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

const FOLDER = resolve(import.meta.dirname, '../../run/gurux')
const ARTIFACTS = ['org.gurux:gurux.dlms:4.0.47', 'org.gurux:gurux.common:1.0.17']
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'
const PATIENCE_MS = 100_000

/**
 * The class path of Gurux's DLMS library for Java, which Maven (`maven`, a full path) brings on
 * first use. Nothing of it is part of this project.
 */
export function guruxClassPath(maven: string): string {
  const jars = (): readonly string[] =>
    existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.jar')) : []
  if (jars().length < ARTIFACTS.length) {
    mkdirSync(FOLDER, { recursive: true })
    for (const artifact of ARTIFACTS) {
      const words = ['-q', '-B', COPY, `-Dartifact=${artifact}`, `-DoutputDirectory=${FOLDER}`]
      execFileSync(maven, words, { stdio: 'ignore', timeout: PATIENCE_MS })
    }
  }
  return jars()
    .map((name) => join(FOLDER, name))
    .join(':')
}
