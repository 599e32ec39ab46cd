/**
 * @file A message that is printed if this process is killed. No program can act on SIGKILL, so a small shell process waits beside it: it
 * reads the messages as they change, and prints the last one when its input ends without the process having taken it back.
 */
import { type ChildProcess, spawn } from 'node:child_process'

/** Reads lines until the end, and prints the last one unless it is empty. */
const SCRIPT = 'text=; while IFS= read -r line; do text=$line; done; [ -z "$text" ] || printf "\\n%s\\n" "$text" >&2'

export class LastWords {
  private readonly waiting: ChildProcess | null

  constructor() {
    // a launcher that ends a job kills process groups: the shell is in none of them
    this.waiting =
      process.platform === 'win32'
        ? null
        : spawn('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] })
    // without a shell there is no message
    this.waiting?.on('error', () => {})
    this.waiting?.stdin!.on('error', () => {})
    this.waiting?.unref()
  }

  /** Replaces the message by this one, of one line. */
  set(text: string): void {
    this.waiting?.stdin!.write(`${text.replaceAll('\n', ' ')}\n`)
  }

  /** Takes the message back. Resolves when nothing can be printed any more. */
  async dispose(): Promise<void> {
    const { waiting } = this
    if (!waiting || waiting.exitCode !== null || waiting.pid === undefined) return
    waiting.ref()
    const ended = new Promise((resolve) => waiting.once('exit', resolve).once('error', resolve))
    waiting.stdin!.end('\n')
    await ended
  }
}
