/** @file Machine and program of a session, for W&B's overview of a run. */
import { randomUUID } from 'node:crypto'
import { cpus, hostname, release, totalmem, type } from 'node:os'
import { version } from '../../../package.json'
import type { Environment } from './records'

export function environment(): Environment {
  const cores = cpus()
  return {
    os: `${type()}-${release()}-${process.arch}`,
    program: `wgsam ${version}`,
    args: process.argv.slice(2),
    host: hostname(),
    executable: process.execPath,
    startedAt: Date.now(),
    cores: cores.length,
    cpu: cores[0]?.model.trim() ?? '',
    memoryBytes: totalmem(),
    writer: randomUUID(),
  }
}

/** The same as the content of wandb-metadata.json. */
export const metadata = ({ os, program, args, host, executable, startedAt, cores, cpu, memoryBytes }: Environment) => ({
  os,
  program,
  args,
  host,
  executable,
  node: process.version,
  startedAt: new Date(startedAt).toISOString(),
  cpu_count: cores,
  cpu_count_logical: cores,
  cpu: { count: cores, model: cpu },
  memory: { total: memoryBytes },
})
