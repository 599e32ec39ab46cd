/** @file Opens an address in the user's browser. */
import { spawn } from 'node:child_process'

/** Opens an address in the default browser. If that fails, it says so: the user has the printed address. */
export function openInBrowser(url: string): void {
  const [program, ...before] =
    process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['cmd', '/c', 'start', ''] : ['xdg-open']
  const failed = () => console.error('no browser could be opened: copy the address')
  spawn(program, [...before, url], { stdio: 'ignore', detached: true })
    .on('error', failed)
    .on('exit', (code) => code && failed())
    .unref()
}
