/** @file The cache folder, which holds downloaded models, the software adapter and tuning results. */
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'

/** WGSAM_CACHE, or else the folder `wgsam` in the system's usual place for caches. It may not exist yet. */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  home = homedir(),
): string {
  if (env.WGSAM_CACHE) return resolve(env.WGSAM_CACHE)
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return join(env.XDG_CACHE_HOME, 'wgsam')
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'wgsam', 'Cache')
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'wgsam')
  return join(home, '.cache', 'wgsam')
}
