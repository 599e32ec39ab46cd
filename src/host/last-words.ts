/**
 * @file A message that is left behind if this process is killed. No program can act on SIGKILL, so a small shell process waits beside it:
 * it reads the messages as they change, and when its input ends without the process having taken the last one back, writes that into
 * a file and prints it. What is printed may be lost with the launcher that would have to forward it; the file is not.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

/** Reads lines until the end. The last one, unless it is empty, goes into file $1, which is complete as soon as it exists, and to stderr. */
const SCRIPT = `text=
while IFS= read -r line; do text=$line; done
[ -n "$text" ] || exit
{ printf '%s\\n' "$text" > "$1.$$.part" && mv -f "$1.$$.part" "$1"; } 2> /dev/null
printf '\\n%s\\n' "$text" >&2`

export class LastWords {
  private readonly waiting: ChildProcess | null

  /** @param file receives the message; one that an earlier process has left is deleted */
  constructor(file: string) {
    rmSync(file, { force: true })
    // a launcher that ends a job kills process groups: the shell is in none of them
    this.waiting =
      process.platform === 'win32'
        ? null
        : spawn('/bin/sh', ['-c', SCRIPT, 'sh', file], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] })
    // without a shell there is no message
    this.waiting?.on('error', () => {})
    this.waiting?.stdin!.on('error', () => {})
    this.waiting?.unref()
  }

  /** Replaces the message by this one, of one line. */
  set(text: string): void {
    this.waiting?.stdin!.write(`${text.replaceAll('\n', ' ')}\n`)
  }

  /** Takes the message back. Resolves when nothing can be written any more. */
  async dispose(): Promise<void> {
    const { waiting } = this
    if (!waiting || waiting.exitCode !== null || waiting.pid === undefined) return
    waiting.ref()
    const ended = new Promise((resolve) => waiting.once('exit', resolve).once('error', resolve))
    waiting.stdin!.end('\n')
    await ended
  }
}
